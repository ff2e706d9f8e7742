"""The deadline of an operation: nothing of it is sent later than D after its first write (docs/protocol.md, 3).

A frozen Lambda environment can thaw a waiting thread hours later, and botocore would sign its request anew. So the last
hook before sending compares the date that was signed with the start of the operation.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from moorage.domain.content import OPERATION_DEADLINE
from moorage.domain.errors import Unavailable

_started: ContextVar[datetime | None] = ContextVar("operation_started", default=None)


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


def watch(client: Any) -> None:
    """Refuse what this botocore client would send too late."""
    client.meta.events.register_last("before-send", _refuse_late)


def _refuse_late(request: Any, **_: object) -> None:
    """Raise Unavailable when the signed date is beyond the deadline."""
    started, signed = _started.get(), request.headers.get("X-Amz-Date")
    if started is None or signed is None:
        return
    text = signed.decode() if isinstance(signed, bytes) else signed
    if datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) > started + OPERATION_DEADLINE:
        raise Unavailable("the request took too long and was given up; nothing is half-written, send it again")
