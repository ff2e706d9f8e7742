"""Memory for the parts of uploads: one limit for the whole process, and lent in the order of asking.

Who waits holds no bytes that others wait for, and whoever has a buffer can fill and send it without another. So
somebody always goes on, and the clients of those who wait are not read from meanwhile.
"""

from collections import deque
from concurrent.futures import Future
from threading import Lock

LIMIT = 192 * 1024 * 1024  # bytes


class Buffers:
    """Lends buffers, and keeps those that come back while others are out: fresh memory is dear, and tears the heap."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = Lock()
        self._spare: list[bytearray] = []
        self._waiting: deque[tuple[int, Future[bytearray]]] = deque()
        self.lent = 0  # bytes
        self.most = 0  # bytes that were lent at once

    def lend(self, size: int) -> "Loan":
        """Lend `size` bytes, when it is their turn; what alone is beyond the limit is lent alone."""
        future: Future[bytearray] = Future()
        with self._lock:
            self._waiting.append((size, future))
        self._lend()
        return Loan(self, size, future)

    def take_back(self, size: int, future: "Future[bytearray]") -> None:
        """Take back what was lent, or would have been."""
        if not future.cancel():
            buffer = future.result()
            with self._lock:
                self.lent -= size
                self._spare = [*self._spare, buffer] if self.lent and len(buffer) == size else []
        self._lend()

    def _lend(self) -> None:
        while (lending := self._next()) is not None:
            future, buffer = lending
            future.set_result(buffer)

    def _next(self) -> "tuple[Future[bytearray], bytearray] | None":
        """Return who waits longest and what it gets, if there is enough."""
        with self._lock:
            while self._waiting:
                size, future = self._waiting[0]
                if not future.cancelled() and self.lent and self.lent + size > self._limit:
                    return None
                self._waiting.popleft()
                if future.set_running_or_notify_cancel():
                    self.lent += size
                    self.most = max(self.most, self.lent)
                    return future, self._buffer(size)
            return None

    def _buffer(self, size: int) -> bytearray:
        """Return one that came back, or a new one; those of another size make way for it."""
        fitting = [buffer for buffer in self._spare if len(buffer) == size]
        if fitting:
            self._spare = [buffer for buffer in self._spare if buffer is not fitting[-1]]
            return fitting[-1]
        if self.lent + sum(map(len, self._spare)) > self._limit:
            self._spare = []
        return bytearray(size)


class Loan:
    """A buffer that was asked for; whoever asks ends it."""

    def __init__(self, buffers: Buffers, size: int, future: "Future[bytearray]") -> None:
        self.size = size
        self._buffers = buffers
        self._future = future
        self._ended = False

    @property
    def waiting(self) -> "Future[bytearray] | None":
        """What to wait for before there is a buffer."""
        return None if self._future.done() else self._future

    @property
    def buffer(self) -> bytearray:
        """The buffer. It may be cut, and is then not lent again."""
        return self._future.result()

    def end(self) -> None:
        """Give it back, once."""
        if not self._ended:
            self._ended = True
            self._buffers.take_back(self.size, self._future)


PROCESS = Buffers()
