"""What a repository holds of a digest: links to blobs, manifests, edges, tags. docs/protocol.md, "Rows"."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from moorage.domain.digest import Digest
from moorage.domain.names import Tag

T = TypeVar("T")

# Time bounds of the storage protocol (docs/protocol.md, "Time bounds").
OPERATION_DEADLINE = timedelta(minutes=10)  # D: an operation sends nothing later than this after its first write
OPERATION_OVER = timedelta(hours=1)  # B: after this nothing of an operation can take effect
ORPHAN_AGE = timedelta(hours=24)  # OLD: age at which what an operation left behind may be cleaned
PROMISE = timedelta(hours=12)  # H: what a positive answer promises
LEASE = 2 * PROMISE
RESTORE_WINDOW = timedelta(hours=48)  # W: a deleted manifest can be restored for so long

INLINE_BLOB_LIMIT = 16 * 1024  # bytes; a blob up to this size lives in its link
INLINE_MANIFEST_LIMIT = 64 * 1024  # bytes; a manifest up to this size lives in its row


class LinkState(StrEnum):
    """LIVE and CONDEMNED are readable; a DELETING link may only be replaced."""

    LIVE = "LIVE"
    CONDEMNED = "CONDEMNED"
    DELETING = "DELETING"


class ManifestState(StrEnum):
    """LIVE and CONDEMNED are readable; DELETED can be restored; PURGING only replaced."""

    LIVE = "LIVE"
    CONDEMNED = "CONDEMNED"
    DELETED = "DELETED"
    PURGING = "PURGING"


class BytesState(StrEnum):
    """LIVE bytes can be linked; DELETING bytes only be replaced by bytes under another key."""

    LIVE = "LIVE"
    DELETING = "DELETING"


@dataclass(frozen=True, slots=True)
class Link:
    """A repository has this blob: inline bytes, or the key of an object."""

    repository_id: str
    digest: Digest
    state: LinkState
    generation: str
    epoch: int
    lease: datetime
    size: int
    key: str | None = None
    data: bytes | None = None
    counted: int | None = None  # the shard whose `layers` and `bytes` count this link
    hidden: bool = False  # deleted by a client; an upload shows it again

    @property
    def readable(self) -> bool:
        """Whether pulls and manifests may use the blob."""
        return self.state is not LinkState.DELETING and not self.hidden

    def needs_renewal(self, now: datetime) -> bool:
        """Whether a positive answer needs a write first, to keep its promise."""
        return self.state is not LinkState.LIVE or self.lease - now < PROMISE


@dataclass(frozen=True, slots=True)
class StoredBytes:
    """The bytes of a digest, shared by the links of all repositories."""

    digest: Digest
    state: BytesState
    generation: str
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Edge:
    """Manifest `parent` needs the content; `put` is the ULID of the PUT that wrote the edge."""

    parent: Digest
    put: str


@dataclass(frozen=True, slots=True)
class ManifestRecord:
    """A manifest that a repository holds or held."""

    repository_id: str
    digest: Digest
    state: ManifestState
    put: str
    version: int
    media_type: str
    size: int
    data: bytes | None = None
    key: str | None = None
    dead: frozenset[str] = frozenset()
    subject: Digest | None = None
    artifact_type: str | None = None
    config: Digest | None = None
    children: tuple[Digest, ...] = ()
    shard: int | None = None
    listed: str = ""  # the PUT that gave it its place in the list of images
    time_pushed: datetime | None = None
    pushed_by: str = ""
    time_deleted: datetime | None = None
    time_last_pulled: datetime | None = None
    pulls: int = 0
    freeform_tags: Mapping[str, str] = field(default_factory=dict)
    defined_tags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    removed: tuple[Tag, ...] = ()  # tags that a delete took; a restore brings back those that are free

    @property
    def readable(self) -> bool:
        """Whether pulls, indexes and tags may use the manifest."""
        return self.state in (ManifestState.LIVE, ManifestState.CONDEMNED)


@dataclass(frozen=True, slots=True)
class TagRecord:
    """What a tag points at, with what a HEAD by tag answers."""

    tag: Tag
    digest: Digest
    media_type: str
    size: int
    time_pushed: datetime
    pushed_by: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a tag must be for a push to happen: at one of `digests`, or absent when there are none."""

    digests: frozenset[Digest]

    def holds(self, current: TagRecord | None) -> bool:
        """Whether the tag is as expected."""
        return current.digest in self.digests if current else not self.digests


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of an ordered list; `last` is where the next one starts after, None at the end."""

    items: tuple[T, ...]
    last: str | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Exact counters of a repository: readable manifests, counted layer links and their bytes."""

    images: int = 0
    layers: int = 0
    bytes: int = 0
    closed: bool = False
