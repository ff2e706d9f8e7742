"""What the registry asks of storage, in the words of the domain.

Every method of a store is one call to DynamoDB or S3 unless it says otherwise, and every write names what it read as
its condition (docs/protocol.md). So an operation reads as the protocol does, and a store decides nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from moorage.domain.content import Counts, Edge, Link, ManifestRecord, Page, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.identity import Guard, SigningKey, User
from moorage.domain.names import RepositoryName, Tag
from moorage.domain.repository import Repository, Sparse
from moorage.domain.upload import Progress, UploadSession, UploadTicket


class RepositoryStore(Protocol):
    """Names resolve to ids once; everything else hangs off ids."""

    def find(self, name: RepositoryName) -> Repository | None:
        """Read the name row, strongly."""

    def by_ids(self, ids: Sequence[str]) -> list[Repository]:
        """Read up to 100 repositories; those that are gone, or being deleted, are left out."""

    def create(self, repository: Repository) -> bool:
        """Write name row and record in one transaction; False when the name is taken."""

    def set_public(self, repository: Repository, *, public: bool) -> bool:
        """Change both rows in one transaction; False when the repository has gone."""

    def names(self, after: str, limit: int) -> Page[Repository]:
        """Return a page of the catalog in the order of names, after the name `after`; `last` is None at the end."""

    def counts(self, repository_id: str) -> Counts:
        """Sum the counters: one Query, strong."""


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


@dataclass(frozen=True, slots=True)
class Reading:
    """What a manifest PUT reads after it has written its edges (protocol 4.5.2)."""

    own: ManifestRecord | None
    links: Mapping[Digest, Link]
    manifests: Mapping[Digest, ManifestRecord]
    tags: Mapping[Tag, TagRecord]


@dataclass(frozen=True, slots=True)
class Commit:
    """What a manifest PUT commits in one transaction (protocol 4.5.3)."""

    record: ManifestRecord  # as it shall be; its version is one more than what was read
    own: ManifestRecord | None  # as read: the condition
    tags: tuple[Tag, ...]
    replaced: Mapping[Tag, TagRecord]  # tags as read, None missing: the condition of each
    counted: tuple[Link, ...]  # links to count with this manifest
    referrer: Mapping[str, object] | None  # the descriptor for the subject's list
    by: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Gathered:
    """A manifest, the tags that point at it, and the manifests that refer to it."""

    record: ManifestRecord | None
    tags: tuple[Tag, ...]
    referrers: tuple[Digest, ...]


class OwnRowChanged(Exception):
    """The manifest's row is not as read: start again at the edges."""


class TagRowChanged(Exception):
    """A tag is not as read: read again."""


class LinkRowChanged(Exception):
    """A link to count is not as read: read again."""


class ShardFull(Exception):
    """The counter shard has no share left, or the repository is closed."""


class Conflict(Exception):
    """Another transaction was at the same rows: again, with another shard."""


class ManifestStore(Protocol):
    """Manifests, tags, referrers."""

    def get(self, repository_id: str, digest: Digest) -> ManifestRecord | None:
        """Read a manifest row, strongly."""

    def get_tag(self, repository_id: str, tag: Tag) -> TagRecord | None:
        """Read a tag row, strongly."""

    def touch(self, record: ManifestRecord, now: datetime) -> None:
        """Note that the manifest was pulled; neither version nor state change."""

    def write_edges(self, repository_id: str, parent: Digest, children: Sequence[Digest], put: str) -> None:
        """Write NEEDED_BY edges: one call per 25, until all are in (protocol 4.5.1)."""

    def read(
        self,
        repository_id: str,
        own: Digest,
        blobs: Sequence[Digest],
        manifests: Sequence[Digest],
        tags: Sequence[Tag],
    ) -> Reading:
        """Read own row, children and tags, strongly: one call per 100 rows (protocol 4.5.2)."""

    def condemn(self, record: ManifestRecord) -> bool:
        """LIVE -> CONDEMNED, if put and version are as read."""

    def revive(self, record: ManifestRecord) -> bool:
        """CONDEMNED -> LIVE, if put and version are as read."""

    def commit(self, commit: Commit) -> None:
        """Write it all, or raise OwnRowChanged, TagRowChanged, LinkRowChanged, ShardFull or Conflict."""

    def count_links(self, repository_id: str, shard: int, links: Sequence[Link]) -> None:
        """Count links in a transaction of their own (up to 99): LinkRowChanged, ShardFull, Conflict."""

    def take_share(self, repository_id: str, shard: int, wanted: int) -> bool:
        """Move unused share of the image limit to `shard` (protocol 5); False when no shard has any. Two calls."""

    def gather(self, repository_id: str, digest: Digest) -> Gathered:
        """Query the collection of a digest, strongly."""

    def delete(self, record: ManifestRecord, tags: Sequence[Tag], by: str, now: datetime) -> None:
        """Move to DELETED with its tags and referrer row (protocol 4.6).

        Raises OwnRowChanged, TagRowChanged or Conflict. More tags than a transaction holds are for `untag` first.
        """

    def review(self, repository_id: str, digest: Digest, now: datetime) -> None:
        """Tell retention to look at a manifest, if it is there."""

    def untag(self, record: TagRecord, repository_id: str, by: str, now: datetime) -> None:
        """Remove a tag, if it points where it was read to (protocol 4.6). Raises TagRowChanged or Conflict."""

    def note_refused(self, repository_id: str, digest: Digest, put: str, now: datetime) -> None:
        """Note that a refused PUT left edges, so that the sweep looks at them (protocol 4.5.2)."""

    def tags_page(self, repository_id: str, after: str, limit: int) -> Page[Tag]:
        """Return tags in byte order after `after`."""

    def referrers_page(self, repository_id: str, subject: Digest, after: str) -> Page[Mapping[str, object]]:
        """Return descriptors of referrers, up to 1 MB of them; `last` is None at the end."""


class IdentityStore(Protocol):
    """Users, the guard against guessing, signing keys."""

    def get(self, name: str) -> User | None:
        """Read a user, strongly."""

    def login(self, name: str, address: str, now: datetime) -> tuple[User | None, Guard, Guard]:
        """Read a user, and how often this address guessed wrong for that name and for `ANY_USER`: one call."""

    def failed(self, name: str, address: str, now: datetime) -> None:
        """Count a wrong password for that name, or for `ANY_USER`; it is forgotten after `FAILURES_REMEMBERED`."""

    def create(self, user: User) -> bool:
        """Write a new user; False when the name is taken."""

    def update(self, user: User) -> bool:
        """Replace a user whose version is `user.version` - 1; False on a miss."""

    def remove(self, name: str) -> None:
        """Delete a user."""

    def users(self, after: str, limit: int) -> Page[User]:
        """Return users in the order of names."""

    def public_keys(self) -> list[SigningKey]:
        """Read the keys that verify, newest first; without their private halves."""

    def signing_key(self) -> SigningKey | None:
        """Read the newest key with its private half."""

    def rotate(self, new: SigningKey, retire: Mapping[str, datetime]) -> None:
        """Write a new key and set when others end, in one transaction; private halves of the others go."""


Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a deployment allows; `wiring` reads it from the environment."""

    namespace: str
    sparse: Sparse
    create_on_push: bool
    body_bytes: int | None  # of one upload request; None where bodies stream
    open_sessions: int  # for each principal
    staged_bytes: int  # for each principal
    images: int  # in each repository
    automatic_mount: bool = True  # a mount that names no source looks for one


@dataclass(frozen=True, slots=True)
class Stores:
    """All of storage, the clock and the dice, handed to every operation."""

    repositories: RepositoryStore
    links: LinkStore
    bytes: BytesStore
    uploads: UploadStore
    objects: ObjectStore
    manifests: ManifestStore
    identity: IdentityStore
    limits: Limits
    clock: Callable[[], datetime]
    entropy: Entropy
