"""Links to blobs, the bytes behind them, upload sessions and the bucket."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from moorage.domain.content import Edge, Link
from moorage.domain.digest import Digest
from moorage.domain.upload import Progress, UploadSession, UploadTicket


@dataclass(frozen=True, slots=True)
class Held:
    """The answer of `BytesStore.hold`: the key to use, or the DELETING row that is in the way."""

    key: str | None
    deleting_generation: str = ""
    deleting_key: str = ""


class BytesStore(Protocol):
    """`BLOB#<digest>/META`: the bytes, and which links hold them."""

    def hold(self, digest: Digest, key: str, size: int, reference: str, generation: str, now: datetime) -> Held:
        """Add a reference to LIVE bytes, or make the row with `key` (protocol 4.1.3)."""

    def replace(self, digest: Digest, held: Held, key: str, size: int, reference: str, generation: str) -> bool:
        """Put new bytes in the place of the DELETING ones that `hold` met; False on a miss (protocol 4.1.3)."""

    def share(self, digest: Digest, reference: str) -> str | None:
        """Add a reference to LIVE bytes that must be there; their key, or None (protocol 4.2.2)."""

    def release(self, digest: Digest, reference: str) -> None:
        """Take a reference out."""

    def keys_of(self, digest: Digest) -> frozenset[str]:
        """Return the keys that the row names, its own and dead ones, strongly (protocol 4.10)."""


@dataclass(frozen=True, slots=True)
class Attached:
    """The answer of `LinkStore.attach`: written, over a DELETING generation or over nothing; or `existing` is there."""

    existing: Link | None = None
    replaced_generation: str | None = None


class LinkStore(Protocol):
    """`CONTENT#<repository>#<digest>/LINK` and the edges beside it."""

    def get(self, repository_id: str, digest: Digest) -> Link | None:
        """Read a link, strongly."""

    def attach(self, link: Link) -> Attached:
        """Write a link where there is none, or a DELETING one (protocol 4.1.4)."""

    def revive(self, link: Link, lease: datetime, *, show: bool = False) -> bool:
        """Make a readable link LIVE with a new lease, if its generation is as read (protocol 4.1.4, 4.3.2).

        A hidden link is a miss, unless `show` is set: then it is shown again.
        """

    def condemn(self, link: Link) -> bool:
        """LIVE -> CONDEMNED, if generation and epoch are as read (protocol 4.7.3)."""

    def hide(self, link: Link) -> bool:
        """Hide a CONDEMNED link, if generation and epoch are as read (design 5, DELETE of a blob)."""

    def edges(self, repository_id: str, digest: Digest) -> list[Edge]:
        """Query the manifests that need this content, strongly."""

    def holders(self, digest: Digest, limit: int) -> list[str]:
        """Return ids of repositories that may have the blob: a hint from an index, never a proof."""


class UploadStore(Protocol):
    """`UPLOAD#<id>/META`."""

    def create(self, session: UploadSession) -> None:
        """Write the row of a new session."""

    def get(self, session_id: str) -> UploadSession | None:
        """Read a session, strongly."""

    def claim(
        self, ticket: UploadTicket, writer: str, now: datetime, *, digest: Digest | None = None
    ) -> UploadSession | None:
        """Become the only writer of an OPEN session and read it; None on a miss. The same writer renews.

        With a digest, a session that is CLOSING for it will do: the request that closed it may have failed.
        """

    def advance(self, session: UploadSession, progress: Progress, expires: datetime) -> bool:
        """Replace the progress and give the session back, if `session.writer` still is the writer."""

    def give_back(self, session: UploadSession) -> None:
        """Stop being the writer; nothing else changes."""

    def close(
        self, ticket: UploadTicket, digest: Digest, key: str, now: datetime, *, writer: str | None = None
    ) -> UploadSession | None:
        """OPEN or CLOSING -> CLOSING(digest) and read it (protocol 4.1.1); None on a miss, or beside another writer.

        A session that is CLOSING already keeps its key and time. No writer is left: a repeat need not wait.
        """

    def cancel(self, session: UploadSession) -> bool:
        """OPEN or CLOSING -> EXPIRED, if state and times are as read: from then on it belongs to the sweep."""

    def remove(self, session_id: str) -> None:
        """Delete the row."""

    def due(self, now: datetime, limit: int) -> list[UploadSession]:
        """Return sessions whose review is due, found by an index and read again, strongly."""

    def usage(self, principal: str) -> tuple[int, int]:
        """Return how many sessions a principal has open, and the bytes staged in them; may be half a minute old."""


class Gone(LookupError):
    """The object is not there, or the multipart upload was completed or given up."""


class ObjectStore(Protocol):
    """The bucket. Keys are unique, never overwritten by other bytes, and never a prefix of one another."""

    def put(self, key: str, data: bytes | bytearray) -> None:
        """Store a whole object."""

    def read(self, key: str) -> bytes:
        """Return a whole object, of at most a part's size or a manifest's. Raises Gone."""

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object of any size in pieces. Raises Gone."""

    def start_multipart(self, key: str) -> str:
        """Begin a multipart upload and return its id."""

    def put_part(self, key: str, multipart: str, number: int, data: bytes | bytearray) -> str:
        """Store a part and return its ETag. Raises Gone."""

    def copy_part(self, key: str, multipart: str, number: int, source: str) -> str:
        """Store an object of the bucket as a part and return its ETag. Raises Gone."""

    def complete(self, key: str, multipart: str, etags: Sequence[str]) -> None:
        """Make the object from exactly these parts; repeating it is fine (one more call, a HEAD).

        Raises UploadUnknown when it was given up, and Unavailable when another request has put another part in the
        place of one of these.
        """

    def abort(self, key: str, multipart: str) -> None:
        """Give up a multipart upload; one that has gone is fine."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; absent ones are fine."""

    def sweep(self, prefix: str, keep: frozenset[str]) -> int:
        """Abort every multipart upload and delete every object under `prefix` but `keep`; return how many."""

    def url(self, key: str, *, method: str, host: str, digest: Digest) -> str:
        """Sign a URL: arithmetic, no call. `host` is the origin that the client called, where our front stands."""
