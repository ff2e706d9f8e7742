"""Until when requests to storage are sent: two deadlines, which the last hook before sending looks at.

- Of an operation: nothing of it is sent later than D after its first write (docs/protocol.md, 3). A frozen Lambda
  environment can thaw a waiting thread hours later, and botocore would sign its request anew. So the date that was
  signed is compared with the start of the operation.
- Of an answer: whoever waits for it gives up at a known time, so that the last try must begin well before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from moorage.domain.content import OPERATION_DEADLINE
from moorage.domain.errors import Unavailable

ATTEMPTS = 4  # at one call
LAST_TRY = timedelta(seconds=10)  # kept for the last try, and for a cold start, which a gateway counts too

_started: ContextVar[datetime | None] = ContextVar("operation_started", default=None)
_ends: ContextVar[float | None] = ContextVar("answer_ends", default=None)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds until one try is given up."""

    connect: int
    read: int


# A gateway waits 29 s: all tries at one call fit.
HURRIED = Timeouts(connect=2, read=4)
# Nobody cuts off a request that streams; parts are large, and joining thousands of them takes its time.
PATIENT = Timeouts(connect=10, read=60)


@contextmanager
def operation() -> Iterator[None]:
    """Start the clock of one operation; calls inside another operation belong to that one."""
    if _started.get() is not None:
        yield
        return
    token = _started.set(datetime.now(UTC))
    try:
        yield
    finally:
        _started.reset(token)


@contextmanager
def answering(seconds: float) -> Iterator[None]:
    """Begin no try so late that its answer would not be heard: there are `seconds` from now until nobody waits."""
    token = _ends.set(monotonic() + seconds - LAST_TRY.total_seconds())
    try:
        yield
    finally:
        _ends.reset(token)


def watch(client: Any) -> None:
    """Refuse what this botocore client would send too late."""
    client.meta.events.register_last("before-send", _refuse_late)


def _refuse_late(request: Any, **_: object) -> None:
    """Raise Unavailable when the signed date is beyond the operation's deadline, or the answer's is over."""
    ends = _ends.get()
    if ends is not None and monotonic() > ends:
        raise Unavailable("storage is slow; send the request again")
    started, signed = _started.get(), request.headers.get("X-Amz-Date")
    if started is None or signed is None:
        return
    text = signed.decode() if isinstance(signed, bytes) else signed
    if datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) > started + OPERATION_DEADLINE:
        raise Unavailable("the request took too long and was given up; nothing is half-written, send it again")
