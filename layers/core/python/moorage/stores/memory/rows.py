"""The rows of a deployment, as frozen values, and the lock that makes every method of a store one atomic step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import wraps
from threading import RLock
from typing import Concatenate, ParamSpec, TypeVar

from moorage.domain.content import Edge, Link, ManifestRecord, Page, StoredBytes, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.identity import Guard, SigningKey, User
from moorage.domain.names import RepositoryName, Tag
from moorage.domain.repository import Repository
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
    lock: RLock = field(default_factory=RLock)
    names: dict[RepositoryName, str] = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)
    shards: dict[tuple[str, int], Shard] = field(default_factory=dict)
    held: dict[Digest, HeldBytes] = field(default_factory=dict)
    links: dict[tuple[str, Digest], Link] = field(default_factory=dict)
    edges: dict[tuple[str, Digest, Digest], Edge] = field(default_factory=dict)  # repository, child, parent
    manifests: dict[tuple[str, Digest], ManifestRecord] = field(default_factory=dict)
    listed: set[tuple[str, str, Digest]] = field(default_factory=set)  # IMAGE rows: repository, PUT, digest
    tags: dict[tuple[str, Tag], TagRecord] = field(default_factory=dict)
    history: list[TagMove] = field(default_factory=list)
    referrers: dict[tuple[str, Digest, Digest], Mapping[str, object]] = field(default_factory=dict)  # of the subject
    reviews: dict[tuple[str, Digest], datetime] = field(default_factory=dict)
    refused: dict[tuple[str, Digest], tuple[str, datetime]] = field(default_factory=dict)
    sessions: dict[str, UploadSession] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    guards: dict[tuple[str, str], Guard] = field(default_factory=dict)  # user, address
    keys: dict[str, SigningKey] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    parts: dict[tuple[str, str], Mapping[int, bytes]] = field(default_factory=dict)  # key, multipart upload

    def shard(self, repository_id: str, number: int) -> Shard:
        """Return a counter; one that nothing has counted in yet has its first share."""
        share = self.images // SHARDS + (number < self.images % SHARDS)
        return self.shards.get((repository_id, number), Shard(share))


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
