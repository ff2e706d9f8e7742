"""The rows of a deployment, as frozen values, and the lock that makes every method of a store one atomic step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from threading import RLock
from typing import Concatenate, ParamSpec, TypeVar

from moorage.domain.content import Edge, Link, ManifestRecord, Page, StoredBytes, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.directory import Remembered, Resource
from moorage.domain.identity import FAILURES_REMEMBERED, Guard, SigningKey
from moorage.domain.image import Version
from moorage.domain.names import RepositoryName, Tag
from moorage.domain.repository import Configuration, Description, Repository
from moorage.domain.signature import Signature
from moorage.domain.tenancy import Tenancy
from moorage.domain.upload import UploadSession
from moorage.stores.keys import SHARDS

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the counters of a repository; `share` is its part of the limit of images (protocol 5)."""

    share: int
    images: int = 0
    layers: int = 0
    bytes: int = 0
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """What a repository has beside what its name resolves to."""

    description: Description
    version: int = 1
    time_deleted: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldBytes:
    """The bytes of a digest, with the links that hold them and the keys that they had before."""

    stored: StoredBytes
    epoch: int
    references: frozenset[str]
    dead: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TagMove:
    """A tag moved or went: a HISTORY row."""

    repository_id: str
    tag: Tag
    before: Digest | None
    after: Digest | None
    by: str
    time: datetime


@dataclass
class Rows:
    """Every row, by what its key is made of."""

    images: int  # the limit in each repository
    storage_bytes: int = 500 * 10**9  # the limit of all
    lock: RLock = field(default_factory=RLock)
    names: dict[RepositoryName, str] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    described: dict[str, Described] = field(default_factory=dict)
    configuration: Configuration | None = None
    shards: dict[tuple[str, int], Shard] = field(default_factory=dict)
    storage: dict[int, int] = field(default_factory=dict)  # bytes, and what of its share a shard gave away
    held: dict[Digest, HeldBytes] = field(default_factory=dict)
    links: dict[tuple[str, Digest], Link] = field(default_factory=dict)
    edges: dict[tuple[str, Digest, Digest], Edge] = field(default_factory=dict)  # repository, child, parent
    manifests: dict[tuple[str, Digest], ManifestRecord] = field(default_factory=dict)
    listed: set[tuple[str, str, Digest]] = field(default_factory=set)  # IMAGE rows: repository, PUT, digest
    deleted: set[tuple[str, str, Digest]] = field(default_factory=set)  # DELETED rows: the same
    tagged: dict[tuple[str, Digest, Tag], Version] = field(default_factory=dict)
    untagged: dict[tuple[str, Digest], Tag] = field(default_factory=dict)  # the last tag that left a digest
    signatures: dict[tuple[str, str], Signature] = field(default_factory=dict)
    tags: dict[tuple[str, Tag], TagRecord] = field(default_factory=dict)
    history: list[TagMove] = field(default_factory=list)
    referrers: dict[tuple[str, Digest, Digest], Mapping[str, object]] = field(default_factory=dict)  # of the subject
    reviews: dict[tuple[str, Digest], datetime] = field(default_factory=dict)
    refused: dict[tuple[str, Digest], tuple[str, datetime]] = field(default_factory=dict)
    sessions: dict[str, UploadSession] = field(default_factory=dict)
    guards: dict[tuple[str, str], Guard] = field(default_factory=dict)  # user, address
    keys: dict[str, SigningKey] = field(default_factory=dict)
    revoked: dict[str, datetime] = field(default_factory=dict)
    resources: dict[tuple[type[Resource], str], Resource] = field(default_factory=dict)  # of the directory
    resource_names: dict[str, str] = field(default_factory=dict)
    tenancy: Tenancy | None = None
    remembered: dict[tuple[str, str], Remembered] = field(default_factory=dict)  # principal, token
    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[tuple[str, str], Mapping[int, bytes]] = field(default_factory=dict)  # key, multipart upload

    def shard(self, repository_id: str, number: int) -> Shard:
        """Return a counter; one that nothing has counted in yet has its first share."""
        share = self.images // SHARDS + (number < self.images % SHARDS)
        return self.shards.get((repository_id, number), Shard(share))

    def room(self, number: int) -> int:
        """Return how many bytes more a shard of the storage takes."""
        share = self.storage_bytes // SHARDS + (number < self.storage_bytes % SHARDS)
        return share - self.storage.get(number, 0)

    def guard(self, name: str, address: str, now: datetime) -> Guard:
        """Return the wrong guesses of an address for a name; those that are forgotten say nothing."""
        guard = self.guards.get((name, address), Guard())
        return guard if guard.last and now < guard.last + FAILURES_REMEMBERED else Guard()

    def drop_tag(self, repository_id: str, tag: Tag, by: str, now: datetime) -> None:
        """Remove a tag, with its history."""
        row = self.tags.pop((repository_id, tag))
        self.leave(repository_id, row.digest, tag)
        self.history.append(TagMove(repository_id, tag, row.digest, None, by, now))

    def leave(self, repository_id: str, digest: Digest, tag: Tag) -> None:
        """Note that a tag does not point at a digest any more."""
        self.tagged.pop((repository_id, digest, tag), None)
        self.untagged[repository_id, digest] = tag

    def versions(self, repository_id: str, digest: Digest) -> list[Version]:
        """Return the tags that point at a digest, the oldest first."""
        found = [version for key, version in self.tagged.items() if key[:2] == (repository_id, digest)]
        return sorted(found, key=lambda version: (version.time.isoformat() if version.time else "", version.tag))


class Store:
    """A store over rows that it shares with the other stores."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    @property
    def lock(self) -> RLock:
        """The lock of all the stores that share these rows."""
        return self._rows.lock


S = TypeVar("S", bound=Store)


def atomic(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Make a method one step that no other step of these stores comes between."""

    @wraps(method)
    def locked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            return method(self, *args, **kwargs)

    return locked


def page(items: Sequence[tuple[str, T]], after: str, limit: int) -> Page[T]:
    """Return up to `limit` of the named items after `after`; code points and UTF-8 bytes sort the same."""
    rest = sorted((item for item in items if item[0] > after), key=lambda item: item[0])
    shown = rest[:limit]
    return Page(tuple(value for _, value in shown), shown[-1][0] if len(rest) > limit else None)
