"""Scheduled functions, invoked when the template says: no stand-in for AWS ever fires a schedule."""

import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Self

from moorage.devserver.template import Function

STOP_SECONDS = 1.0  # given to what runs when the server stops


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a function about its invocation."""

    function_name: str
    timeout: timedelta
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    memory_limit_in_mb: int = 512
    started: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        """Return an ARN as AWS makes them."""
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""
        left = self.started + self.timeout.total_seconds() - time.monotonic()
        return max(int(left * 1000), 0)


class Schedule:
    """Invokes scheduled functions in the background while it is open."""

    def __init__(self, functions: Sequence[Function]) -> None:
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(function, interval), daemon=True)
            for function in functions
            for interval in function.schedules
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Begin nothing more; what is running gets a moment to end."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    def _repeat(self, function: Function, interval: timedelta) -> None:
        """Invoke each time in a thread of its own: an invocation that fails is in the log, and the next one comes."""
        while not self._stopped.wait(interval.total_seconds()):
            invocation = threading.Thread(target=invoke, args=(function,), daemon=True)
            invocation.start()
            invocation.join()


def invoke(function: Function) -> None:
    """Call a function's handler as EventBridge does."""
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "resources": [],
        "detail": {},
    }
    import_module(f"{function.package}.app").handler(event, Context(function.package, function.timeout))
