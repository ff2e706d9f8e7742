"""Manifests, tags and referrers: what a push commits, and why it may not be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from moorage.domain.content import Link, ManifestRecord, Page, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.names import Tag

LEFT_LIMIT = 10  # digests of which a push notes the last tag that left them: more do not fit its transaction


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

    @property
    def left(self) -> Mapping[Digest, Tag]:
        """Return the digests that a tag moves away from, each with the last such tag."""
        moved = ((tag, before) for tag, before in self.replaced.items() if tag in self.tags)
        return {before.digest: tag for tag, before in moved if before.digest != self.record.digest}


@dataclass(frozen=True, slots=True)
class Gathered:
    """A manifest, the tags that point at it, the oldest first, and the manifests that refer to it."""

    record: ManifestRecord | None
    tags: tuple[Tag, ...]
    referrers: tuple[Digest, ...]


class OwnRowChanged(Exception):
    """The manifest's row is not as read: start again at the edges."""


class TagRowChanged(Exception):
    """A tag is not as read: read again."""


class TagFixed(Exception):
    """The repository is immutable, and a tag of it was to move."""


class LinkRowChanged(Exception):
    """A link to count is not as read: read again."""


class ShardFull(Exception):
    """The counter shard has no share left, or the repository is closed."""


class Closed(ShardFull):
    """The repository is deleted: no shard of it takes anything, whatever share it has."""


class StorageFull(Exception):
    """The shard of the stored bytes has no room for what is to be counted; other shards may give it some."""


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
        """Write it all, or nothing.

        Raises OwnRowChanged, TagRowChanged, TagFixed, LinkRowChanged, ShardFull, StorageFull or Conflict; Closed
        when the repository is deleted and nothing is to be counted, else ShardFull then too.
        """

    def count_links(self, repository_id: str, shard: int, links: Sequence[Link]) -> None:
        """Count links in a transaction of their own (up to 98): LinkRowChanged, ShardFull, StorageFull, Conflict."""

    def take_share(self, repository_id: str, shard: int, wanted: int) -> bool:
        """Move unused share of the image limit to `shard` (protocol 5); False when no shard has any. Two calls.

        Raises Closed, and ShardFull or Conflict when others were faster.
        """

    def take_room(self, shard: int, wanted: int) -> bool:
        """Move unused share of the limit of bytes to `shard` from many, until `wanted` fit (protocol 5). Two calls.

        False when all shards together have no room for that. Raises StorageFull or Conflict when others were faster.
        """

    def gather(self, repository_id: str, digest: Digest) -> Gathered:
        """Query the collection of a digest, strongly."""

    def delete(self, record: ManifestRecord, tags: Sequence[Tag], by: str, now: datetime) -> None:
        """Move to DELETED with its tags and referrer row (protocol 4.6).

        Raises OwnRowChanged, TagRowChanged, Closed or Conflict. More tags than a transaction holds are for `untag`
        first.
        """

    def review(self, repository_id: str, digest: Digest, now: datetime) -> None:
        """Tell retention to look at a manifest, if it is there."""

    def untag(
        self, record: TagRecord, repository_id: str, by: str, now: datetime, image: ManifestRecord | None = None
    ) -> None:
        """Remove a tag, if it points where it was read to (protocol 4.6).

        With `image`, from that manifest as it was read, as a part of its delete, which asks whether the repository is
        open. Raises OwnRowChanged, TagRowChanged, Closed or Conflict.
        """

    def note_refused(self, repository_id: str, digest: Digest, put: str, now: datetime) -> None:
        """Note that a refused PUT left edges, so that the sweep looks at them (protocol 4.5.2)."""

    def tags_page(self, repository_id: str, after: str, limit: int) -> Page[Tag]:
        """Return tags in byte order after `after`."""

    def referrers_page(self, repository_id: str, subject: Digest, after: str) -> Page[Mapping[str, object]]:
        """Return descriptors of referrers, up to 1 MB of them; `last` is None at the end."""
