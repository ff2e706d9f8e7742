"""From a stream of bytes to sealed parts and a tail, and from those to a blob. Memory is bounded by parts in flight."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any

from moorage.domain.digest import Digest
from moorage.domain.errors import BodyTooLarge, TooManyRequests, Unavailable, UploadInvalid
from moorage.domain.hashing import Hasher
from moorage.domain.upload import BLOB_LIMIT, Progress, Tail, fits_inline, part_size
from moorage.operations import buffers
from moorage.operations.buffers import Loan
from moorage.operations.repositories import new_ulid
from moorage.stores import keys
from moorage.stores.base import Gone, Stores

PARTS_IN_FLIGHT = 3
WAIT_SECONDS = 60  # for memory, where a thread waits
HASH_BYTES = 1024 * 1024  # at once: a thread for each of the server's reads would cost more than the hash


@dataclass(frozen=True, slots=True)
class Sealed:
    """A whole blob: its bytes when they live in a row, else the key of its object."""

    content: bytes | str
    size: int


class Assembly:
    """The bytes of one upload session, as one request adds to them.

    Not for two threads at once. Nothing is recorded here: `advance` returns what to record. `release` ends it.
    """

    def __init__(
        self,
        stores: Stores,
        session_id: str,
        progress: Progress,
        *,
        allowance: int | None = None,
        expected: int | None = None,
    ) -> None:
        """Begin; `expected` is how many bytes will be added at most, where that is known: they decide on memory."""
        self._stores = stores
        self._session_id = session_id
        self._start = progress
        self._hasher = Hasher.resume(progress.algorithm, progress.hash_state)
        self._offset = progress.offset
        self._key = progress.key
        self._multipart = progress.multipart
        self._etags: list[str] = list(progress.etags)
        self._flying: deque[Future[str]] = deque()
        self._rest: bytes | bytearray = progress.tail.data  # what fills no part yet, while there is no buffer
        self._tail_waits = progress.tail.key is not None  # the tail is an object that was not read yet
        self._filling: _Part | None = None
        self._asked: Loan | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._allowance = allowance
        self._expected = expected
        self._staged: str | None = None  # the object that `advance` made of the tail

    @property
    def offset(self) -> int:
        """How many bytes the session has."""
        return self._offset

    @property
    def added(self) -> int:
        """How many bytes this request added."""
        return self._offset - self._start.offset

    def room(self) -> Future[Any] | None:
        """Return what to wait for before bytes can be added; None when they can be."""
        if self._filling is not None:
            return None
        if len(self._flying) >= PARTS_IN_FLIGHT and not self._flying[0].done():
            return self._flying[0]
        if self._asked is None:
            self._asked = buffers.PROCESS.lend(self._next_size())
        if self._asked.waiting is not None:
            return self._asked.waiting
        self._filling, self._asked = _Part(self._asked), None
        self._filling.add(self._rest)
        self._filling.hashed = len(self._rest)
        self._rest = b""
        return None

    def add(self, data: memoryview) -> int:
        """Take the bytes that fit, and return how many that were; `work` is due when that is less than all.

        Raises BodyTooLarge beyond what a blob can have, TooManyRequests beyond what the principal may stage.
        """
        self._check(len(data))
        if self._filling is None or self._tail_waits:
            return 0
        taken = self._filling.add(data)
        if not taken and not self._is_full(self._filling):
            raise UploadInvalid("the body is longer than its Content-Length", length=self._expected)
        self._offset += taken
        return taken

    @property
    def due(self) -> bool:
        """Whether `work` has something to do before more bytes are added."""
        part = self._filling
        return part is not None and (self._tail_waits or self._is_full(part) or part.filled - part.hashed >= HASH_BYTES)

    def work(self) -> None:
        """Hash what was added, and send a part that is full in the background; blocks."""
        if self._filling is None:
            return
        self._load_tail()
        self._hash()
        if self._is_full(self._filling):
            self._seal_part()

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes; waits while enough parts are on their way."""
        view = memoryview(data)
        while view:
            while (room := self.room()) is not None:
                if not wait([room], WAIT_SECONDS).done:
                    raise Unavailable("too many uploads at once; send the request again")
            view = view[self.add(view) :]
            self.work()

    def adopt(self, data: bytes | bytearray) -> None:
        """Add the last bytes, of less than a part, without taking memory for them."""
        if self._start.tail.size:
            self.feed(data)
            return
        self._check(len(data))
        self._hasher.update(data)
        self._offset += len(data)
        self._rest = data

    def advance(self) -> Progress:
        """Wait for the parts, stage the rest as the tail, and return how far the session has come."""
        self._hash()
        etags = self._settle()
        return replace(
            self._start,
            offset=self._offset,
            hash_state=self._hasher.state(),
            key=self._key,
            multipart=self._multipart,
            etags=etags,
            tail=self._stage_tail(),
        )

    def seal(self, key: str) -> Sealed:
        """Make the blob: inline, or one object, under `key` unless it is there already."""
        self._hash()
        if not self._etags and not self._flying:
            return Sealed(self._whole(key), self._offset)
        try:
            etags = self._last_part()
        except Gone:  # a request before this one has completed it, and did not come to the link
            etags = self._start.etags
        target, multipart = self._target()
        self._stores.objects.complete(target, multipart, etags)
        return Sealed(target, self._offset)

    def digest(self, sealed: Sealed, algorithm: str) -> Digest:
        """Return the digest; bytes that were hashed with another algorithm on their way are read once more."""
        if algorithm == self._hasher.algorithm:
            self._hash()
            return self._hasher.digest()
        if isinstance(sealed.content, bytes):
            return Digest.of(sealed.content, algorithm)
        hasher = Hasher(algorithm)
        for piece in self._stores.objects.stream(sealed.content):
            hasher.update(piece)
        return hasher.digest()

    def proves(self, digest: Digest) -> bool | None:
        """Whether the bytes have this digest; None when only reading them again can tell."""
        self._hash()
        return self._hasher.digest() == digest if digest.algorithm == self._hasher.algorithm else None

    def discard(self) -> None:
        """Give up what this request staged; what was recorded before stays."""
        self._settle(quietly=True)
        if self._staged:
            self._stores.objects.delete([self._staged])
        if self._multipart and self._multipart != self._start.multipart and self._key:
            self._stores.objects.abort(self._key, self._multipart)

    def release(self) -> None:
        """Give back the memory that is held; parts in flight give theirs back when they have landed."""
        if self._asked is not None:
            self._asked.end()
        if self._filling is not None:
            self._filling.loan.end()

    def _check(self, size: int) -> None:
        if self._offset + size > BLOB_LIMIT:
            raise BodyTooLarge(f"a blob has at most {BLOB_LIMIT} bytes", limit=BLOB_LIMIT)
        if self._allowance is not None and self.added + size > self._allowance:
            raise TooManyRequests("too many bytes in unfinished uploads; finish or cancel some first", retry_after=60)

    def _number(self) -> int:
        """Return the number of the part that fills."""
        return len(self._etags) + len(self._flying) + 1

    def _is_full(self, part: "_Part") -> bool:
        return part.filled == part_size(self._number())

    def _next_size(self) -> int:
        """Return how large the next buffer must be: of a part, or of all that is still to come."""
        size = part_size(self._number())
        if self._expected is None:
            return size
        rest = self._start.tail.size if not self.added else 0
        return max(1, min(size, rest + self._expected - self.added))

    def _load_tail(self) -> None:
        tail = self._start.tail
        if self._tail_waits and tail.key and self._filling:
            self._filling.add(self._stores.objects.read(tail.key))
            self._filling.hashed = self._filling.filled
            self._tail_waits = False

    def _hash(self) -> None:
        if self._filling is not None:
            self._filling.hash(self._hasher)

    def _last_part(self) -> tuple[str, ...]:
        """Seal what is left, and return the ETags of all parts."""
        if self._tail_waits:
            key, multipart = self._target()
            self._etags.append(
                self._stores.objects.copy_part(key, multipart, len(self._etags) + 1, str(self._start.tail.key))
            )
        elif self._filling is not None and self._filling.filled:
            self._seal_part()
        elif self._rest:
            key, multipart = self._target()
            self._etags.append(self._stores.objects.put_part(key, multipart, len(self._etags) + 1, self._rest))
        return self._settle()

    def _seal_part(self) -> None:
        """Send the part that fills, in the background."""
        key, multipart = self._target()
        with suppress(Gone):  # told when all have come: if the upload was completed before, the hash alone is wanted
            self._land(PARTS_IN_FLIGHT - 1)
        part, self._filling = self._filling, None
        if part is None:
            return
        if len(self._flying) >= PARTS_IN_FLIGHT:
            part.loan.end()
            return
        number = self._number()
        self._pool = self._pool or ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="part")
        # In this request's context: its deadlines hold for the parts too.
        put = copy_context().run
        future = self._pool.submit(put, self._stores.objects.put_part, key, multipart, number, part.cut())
        future.add_done_callback(lambda _: part.loan.end())
        self._flying.append(future)

    def _target(self) -> tuple[str, str]:
        """Return the multipart upload of this session, beginning it when the first part is full."""
        if self._key is None or self._multipart is None:
            self._key = keys.blob_object(self._session_id, new_ulid(self._stores))
            self._multipart = self._stores.objects.start_multipart(self._key)
        return self._key, self._multipart

    def _land(self, still: int) -> None:
        """Wait until at most so many parts are in flight; what went wrong with one is raised here."""
        while self._flying and (len(self._flying) > still or self._flying[0].done()):
            etag = self._flying[0].result()
            self._flying.popleft()
            self._etags.append(etag)

    def _settle(self, *, quietly: bool = False) -> tuple[str, ...]:
        """Wait for every part; what went wrong with one is raised here."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=quietly)
            self._pool = None
        if quietly:
            return ()
        self._land(0)
        return tuple(self._etags)

    def _stage_tail(self) -> Tail:
        if self._tail_waits:
            return self._start.tail
        data = self._unsealed()
        if fits_inline(len(data)):
            return Tail(len(data), bytes(data))
        self._staged = keys.blob_object(self._session_id, new_ulid(self._stores))
        self._stores.objects.put(self._staged, data)
        return Tail(len(data), key=self._staged)

    def _whole(self, key: str) -> bytes | str:
        """Return a blob that is smaller than a part: in its row, as the staged tail, or as a new object."""
        if self._tail_waits and self._start.tail.key:
            return self._start.tail.key
        data = self._unsealed()
        if fits_inline(len(data)):
            return bytes(data)
        self._stores.objects.put(key, data)
        return key

    def _unsealed(self) -> bytes | bytearray:
        """Return the bytes that are in no part; nothing is added after this."""
        return self._filling.cut() if self._filling is not None else self._rest


class _Part:
    """A buffer that fills, and how much of it is hashed."""

    def __init__(self, loan: Loan) -> None:
        self.loan = loan
        self.buffer = loan.buffer
        self.filled = 0
        self.hashed = 0

    def add(self, data: bytes | bytearray | memoryview) -> int:
        """Copy what fits, and return how many bytes that were."""
        taken = min(len(data), len(self.buffer) - self.filled)
        with memoryview(self.buffer) as view:
            view[self.filled : self.filled + taken] = memoryview(data)[:taken]
        self.filled += taken
        return taken

    def hash(self, hasher: Hasher) -> None:
        """Hash what was not hashed yet."""
        with memoryview(self.buffer) as view, view[self.hashed : self.filled] as fresh:
            hasher.update(fresh)
        self.hashed = self.filled

    def cut(self) -> bytearray:
        """Return the bytes, without a copy: the buffer is cut to them."""
        del self.buffer[self.filled :]
        return self.buffer
