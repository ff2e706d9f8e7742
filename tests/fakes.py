"""A clock and dice that a test holds in its hand."""

import hashlib
from datetime import UTC, datetime, timedelta

NOW = datetime(2030, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


class Clock:
    """Time stands still until a test moves it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class Dice:
    """Bytes that look random, are never the same twice, and are the same in every run."""

    def __init__(self) -> None:
        self._rolls = 0

    def __call__(self, size: int) -> bytes:
        self._rolls += 1
        return hashlib.shake_128(str(self._rolls).encode()).digest(size)
