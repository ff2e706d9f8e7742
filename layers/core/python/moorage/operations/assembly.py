"""From a stream of bytes to sealed parts and a tail, and from those to a blob. Memory is bounded by parts in flight."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from moorage.domain.digest import Digest
from moorage.domain.errors import BodyTooLarge, TooManyRequests
from moorage.domain.hashing import Hasher
from moorage.domain.upload import BLOB_LIMIT, Progress, Tail, fits_inline, part_size
from moorage.operations.repositories import new_ulid
from moorage.stores import keys
from moorage.stores.base import Gone, Stores

PARTS_IN_FLIGHT = 3


@dataclass(frozen=True, slots=True)
class Sealed:
    """A whole blob: its bytes when they live in a row, else the key of its object."""

    content: bytes | str
    size: int


class Assembly:
    """The bytes of one upload session, as one request adds to them.

    Not for two threads at once. Nothing is recorded here: `advance` returns what to record.
    """

    def __init__(self, stores: Stores, session_id: str, progress: Progress, *, allowance: int | None = None) -> None:
        self._stores = stores
        self._session_id = session_id
        self._start = progress
        self._hasher = Hasher.resume(progress.algorithm, progress.hash_state)
        self._offset = progress.offset
        self._key = progress.key
        self._multipart = progress.multipart
        self._etags: list[str | Future[str]] = list(progress.etags)
        self._buffer = bytearray(progress.tail.data)
        self._tail_waits = progress.tail.key is not None  # the tail is an object that was not read yet
        self._pool: ThreadPoolExecutor | None = None
        self._allowance = allowance
        self._staged: str | None = None  # the object that `advance` made of the tail

    @property
    def offset(self) -> int:
        """How many bytes the session has."""
        return self._offset

    @property
    def added(self) -> int:
        """How many bytes this request added."""
        return self._offset - self._start.offset

    def feed(self, data: bytes | bytearray) -> None:
        """Add bytes; waits while enough parts are on their way.

        Raises BodyTooLarge beyond what a blob can have, TooManyRequests beyond what the principal may stage.
        """
        if not data:
            return
        if self._offset + len(data) > BLOB_LIMIT:
            raise BodyTooLarge(f"a blob has at most {BLOB_LIMIT} bytes", limit=BLOB_LIMIT)
        if self._allowance is not None and self.added + len(data) > self._allowance:
            raise TooManyRequests("too many bytes in unfinished uploads; finish or cancel some first", retry_after=60)
        self._load_tail()
        self._hasher.update(data)
        self._offset += len(data)
        view = memoryview(data)
        while view:
            room = part_size(len(self._etags) + 1) - len(self._buffer)
            self._buffer += view[:room]
            view = view[room:]
            if len(self._buffer) == part_size(len(self._etags) + 1):
                self._seal_part()

    def advance(self) -> Progress:
        """Wait for the parts, stage the rest as the tail, and return how far the session has come."""
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
        if not self._etags:
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
            return self._hasher.digest()
        if isinstance(sealed.content, bytes):
            return Digest.of(sealed.content, algorithm)
        hasher = Hasher(algorithm)
        for piece in self._stores.objects.stream(sealed.content):
            hasher.update(piece)
        return hasher.digest()

    def proves(self, digest: Digest) -> bool | None:
        """Whether the bytes have this digest; None when only reading them again can tell."""
        return self._hasher.digest() == digest if digest.algorithm == self._hasher.algorithm else None

    def discard(self) -> None:
        """Give up what this request staged; what was recorded before stays."""
        self._settle(quietly=True)
        if self._staged:
            self._stores.objects.delete([self._staged])
        if self._multipart and self._multipart != self._start.multipart and self._key:
            self._stores.objects.abort(self._key, self._multipart)

    def _load_tail(self) -> None:
        tail = self._start.tail
        if self._tail_waits and tail.key:
            self._buffer += self._stores.objects.read(tail.key)
            self._tail_waits = False

    def _last_part(self) -> tuple[str, ...]:
        """Seal what is left, and return the ETags of all parts."""
        if self._tail_waits:
            self._etags.append(self._copy_tail())
        elif self._buffer:
            self._seal_part()
        return self._settle()

    def _seal_part(self) -> None:
        """Send the buffer as a part, in the background."""
        key, multipart = self._target()
        self._wait_for_room()
        number, data, self._buffer = len(self._etags) + 1, self._buffer, bytearray()
        self._pool = self._pool or ThreadPoolExecutor(PARTS_IN_FLIGHT, thread_name_prefix="part")
        self._etags.append(self._pool.submit(self._stores.objects.put_part, key, multipart, number, data))

    def _copy_tail(self) -> str:
        key, multipart = self._target()
        return self._stores.objects.copy_part(key, multipart, len(self._etags) + 1, str(self._start.tail.key))

    def _target(self) -> tuple[str, str]:
        """Return the multipart upload of this session, beginning it when the first part is full."""
        if self._key is None or self._multipart is None:
            self._key = keys.blob_object(self._session_id, new_ulid(self._stores))
            self._multipart = self._stores.objects.start_multipart(self._key)
        return self._key, self._multipart

    def _wait_for_room(self) -> None:
        waiting = [etag for etag in self._etags if isinstance(etag, Future) and not etag.done()]
        if len(waiting) >= PARTS_IN_FLIGHT:
            waiting[0].result()

    def _settle(self, *, quietly: bool = False) -> tuple[str, ...]:
        """Wait for every part; what went wrong with one is raised here."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=quietly)
            self._pool = None
        if quietly:
            return ()
        etags = tuple(etag.result() if isinstance(etag, Future) else etag for etag in self._etags)
        self._etags = list(etags)
        return etags

    def _stage_tail(self) -> Tail:
        if self._tail_waits:
            return self._start.tail
        data = bytes(self._buffer)
        if fits_inline(len(data)):
            return Tail(len(data), data)
        self._staged = keys.blob_object(self._session_id, new_ulid(self._stores))
        self._stores.objects.put(self._staged, data)
        return Tail(len(data), key=self._staged)

    def _whole(self, key: str) -> bytes | str:
        """Return a blob that is smaller than a part: in its row, as the staged tail, or as a new object."""
        if self._tail_waits and self._start.tail.key:
            return self._start.tail.key
        data = bytes(self._buffer)
        if fits_inline(len(data)):
            return data
        self._stores.objects.put(key, data)
        return key
