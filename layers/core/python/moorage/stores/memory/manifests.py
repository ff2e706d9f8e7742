"""Manifests, tags, referrers, and the counters that change with them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import accumulate

from moorage.domain.content import Edge, Link, LinkState, ManifestRecord, ManifestState, Page, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.image import Version
from moorage.domain.names import Tag
from moorage.stores.base import (
    LEFT_LIMIT,
    Closed,
    Commit,
    Gathered,
    LinkRowChanged,
    OwnRowChanged,
    Reading,
    ShardFull,
    StorageFull,
    TagFixed,
    TagRowChanged,
)
from moorage.stores.keys import SHARDS
from moorage.stores.memory.rows import R, Shard, Store, T, TagMove, atomic, page

PAGE_BYTES = 1024 * 1024  # of descriptors in one page of referrers


class MemoryManifests(Store):
    """`ManifestStore` in memory."""

    @property
    def history(self) -> tuple[TagMove, ...]:
        """How tags moved and went, the oldest move first."""
        return tuple(self._rows.history)

    @atomic
    def get(self, repository_id: str, digest: Digest) -> ManifestRecord | None:
        """Read a manifest."""
        return self._rows.manifests.get((repository_id, digest))

    @atomic
    def get_tag(self, repository_id: str, tag: Tag) -> TagRecord | None:
        """Read a tag."""
        return self._rows.tags.get((repository_id, tag))

    @atomic
    def touch(self, record: ManifestRecord, now: datetime) -> None:
        """Note that the manifest was pulled."""
        row = self._rows.manifests.get((record.repository_id, record.digest))
        if row and row.put == record.put:
            self._write(replace(row, time_last_pulled=now, pulls=row.pulls + 1))

    @atomic
    def write_edges(self, repository_id: str, parent: Digest, children: Sequence[Digest], put: str) -> None:
        """Write edges over whatever an earlier PUT wrote."""
        for child in children:
            self._rows.edges[repository_id, child, parent] = Edge(parent, put)

    @atomic
    def read(
        self,
        repository_id: str,
        own: Digest,
        blobs: Sequence[Digest],
        manifests: Sequence[Digest],
        tags: Sequence[Tag],
    ) -> Reading:
        """Read own row, children and tags: those that are there, in whatever state."""
        rows = self._rows
        return Reading(
            own=rows.manifests.get((repository_id, own)),
            links=_present(blobs, (rows.links.get((repository_id, blob)) for blob in blobs)),
            manifests=_present(manifests, (rows.manifests.get((repository_id, child)) for child in manifests)),
            tags=_present(tags, (rows.tags.get((repository_id, tag)) for tag in tags)),
        )

    @atomic
    def condemn(self, record: ManifestRecord) -> bool:
        """LIVE -> CONDEMNED."""
        row = self._rows.manifests.get((record.repository_id, record.digest))
        if row is None or row.state is not ManifestState.LIVE or not _as_read(record, row):
            return False
        self._write(replace(row, state=ManifestState.CONDEMNED, version=row.version + 1))
        return True

    @atomic
    def revive(self, record: ManifestRecord) -> bool:
        """CONDEMNED -> LIVE."""
        row = self._rows.manifests.get((record.repository_id, record.digest))
        if row is None or row.state is not ManifestState.CONDEMNED or not _as_read(record, row):
            return False
        self._write(replace(row, state=ManifestState.LIVE, version=row.version + 1))
        return True

    @atomic
    def commit(self, commit: Commit) -> None:
        """Write a manifest with its tags, referrer row and counts, or nothing."""
        record = commit.record
        if not _as_read(commit.own, self._rows.manifests.get((record.repository_id, record.digest))):
            raise OwnRowChanged
        for tag in commit.tags:
            before = commit.replaced.get(tag)
            self._check_tag(record.repository_id, tag, before.digest if before else None, before)
        repository = self._rows.repositories.get(record.repository_id)
        if commit.left and repository and repository.immutable:
            raise TagFixed
        self._check_links(record.repository_id, commit.counted)
        images = 0 if commit.own and commit.own.readable else 1
        if images or commit.counted:
            self._count(record.repository_id, record.shard or 0, images, commit.counted)
        else:
            self._check_open(record.repository_id, record.shard or 0)
        self._write(record)
        if images:
            self._rows.listed.add((record.repository_id, record.listed, record.digest))
        if images and commit.own:
            self._rows.deleted.discard((record.repository_id, commit.own.listed, record.digest))
        for tag in commit.tags:
            self._move_tag(commit, tag)
        for digest, tag in list(commit.left.items())[:LEFT_LIMIT]:
            self._rows.untagged[record.repository_id, digest] = tag
        if record.subject and commit.referrer is not None:
            self._rows.referrers[record.repository_id, record.subject, record.digest] = commit.referrer

    @atomic
    def count_links(self, repository_id: str, shard: int, links: Sequence[Link]) -> None:
        """Count links, all or none."""
        self._check_links(repository_id, links)
        self._count(repository_id, shard, 0, links)

    @atomic
    def take_share(self, repository_id: str, shard: int, wanted: int) -> bool:
        """Move up to `wanted` of unused share from the shard that has most of it."""
        others = {number: self._rows.shard(repository_id, number) for number in range(SHARDS) if number != shard}
        if any(other.closed for other in others.values()):
            raise Closed
        giver = max(others, key=lambda number: _spare(others[number]))
        moved = min(wanted, _spare(others[giver]))
        if moved <= 0:
            return False
        taker = self._rows.shard(repository_id, shard)
        self._rows.shards[repository_id, giver] = replace(others[giver], share=others[giver].share - moved)
        self._rows.shards[repository_id, shard] = replace(taker, share=taker.share + moved)
        return True

    @atomic
    def take_room(self, shard: int, wanted: int) -> bool:
        """Move room to the shard from those that have most, until `wanted` bytes fit."""
        missing = wanted - self._rows.room(shard)
        others = sorted((number for number in range(SHARDS) if number != shard), key=self._rows.room, reverse=True)
        gifts = {number: self._rows.room(number) for number in others if self._rows.room(number) > 0}
        if sum(gifts.values()) < missing:
            return False
        for number, room in gifts.items():
            given = min(room, max(missing, 0))
            self._rows.storage[number] = self._rows.storage.get(number, 0) + given
            self._rows.storage[shard] = self._rows.storage.get(shard, 0) - given
            missing -= given
        return True

    @atomic
    def gather(self, repository_id: str, digest: Digest) -> Gathered:
        """Return a manifest, the tags that point at it, and what refers to it, in order."""
        tags = [version.tag for version in self._rows.versions(repository_id, digest)]
        referrers = sorted((key[2] for key in self._rows.referrers if key[:2] == (repository_id, digest)), key=str)
        return Gathered(self._rows.manifests.get((repository_id, digest)), tuple(tags), tuple(referrers))

    @atomic
    def review(self, repository_id: str, digest: Digest, now: datetime) -> None:
        """Note that retention shall look at a manifest."""
        if (repository_id, digest) in self._rows.manifests:
            self._rows.reviews[repository_id, digest] = now

    @atomic
    def delete(self, record: ManifestRecord, tags: Sequence[Tag], by: str, now: datetime) -> None:
        """Move a readable manifest to DELETED; its tags and referrer row go."""
        row = self._rows.manifests.get((record.repository_id, record.digest))
        if row is None or not row.readable or not _as_read(record, row):
            raise OwnRowChanged
        for tag in tags:
            self._check_tag(record.repository_id, tag, record.digest)
        self._check_open(row.repository_id, row.shard or 0)
        for tag in tags:
            self._rows.drop_tag(record.repository_id, tag, by, now)
        if row.subject:
            self._rows.referrers.pop((row.repository_id, row.subject, row.digest), None)
        shard = self._rows.shard(row.repository_id, row.shard or 0)
        self._rows.shards[row.repository_id, row.shard or 0] = replace(shard, images=shard.images - 1)
        self._rows.listed.discard((row.repository_id, row.listed, row.digest))
        self._rows.deleted.add((row.repository_id, row.listed, row.digest))
        deleted = replace(row, state=ManifestState.DELETED, time_deleted=now, removed=tuple(tags))
        self._write(replace(deleted, version=row.version + 1))

    @atomic
    def untag(
        self, record: TagRecord, repository_id: str, by: str, now: datetime, image: ManifestRecord | None = None
    ) -> None:
        """Remove a tag that points where it was read to; any write of a tag raises the manifest's version."""
        row = self._rows.manifests.get((repository_id, record.digest))
        if image and not _as_read(image, row):
            raise OwnRowChanged
        self._check_tag(repository_id, record.tag, record.digest, record)
        if image is None:
            self._check_open(repository_id, 0)
        row = self._rows.manifests[repository_id, record.digest]
        self._write(replace(row, version=row.version + 1))
        self._rows.drop_tag(repository_id, record.tag, by, now)

    @atomic
    def note_refused(self, repository_id: str, digest: Digest, put: str, now: datetime) -> None:
        """Note that a refused PUT left edges."""
        self._rows.refused[repository_id, digest] = (put, now)

    @atomic
    def tags_page(self, repository_id: str, after: str, limit: int) -> Page[Tag]:
        """Return a page of tags."""
        return page([(tag, tag) for where, tag in self._rows.tags if where == repository_id], after, limit)

    @atomic
    def referrers_page(self, repository_id: str, subject: Digest, after: str) -> Page[Mapping[str, object]]:
        """Return descriptors in the order of their digests, as many as a page holds, but at least one."""
        rows = self._rows.referrers.items()
        named = [(str(key[2]), row) for key, row in rows if key[:2] == (repository_id, subject)]
        rest = sorted((item for item in named if item[0] > after), key=lambda item: item[0])
        ends = accumulate(len(json.dumps(row)) for _, row in rest)
        return page(rest, after, max(1, sum(1 for end in ends if end <= PAGE_BYTES)))

    def _write(self, record: ManifestRecord) -> None:
        self._rows.manifests[record.repository_id, record.digest] = record

    def _check_tag(self, repository_id: str, tag: Tag, digest: Digest | None, read: TagRecord | None = None) -> None:
        row = self._rows.tags.get((repository_id, tag))
        if (row.digest if row else None) != digest:
            raise TagRowChanged
        if row and read and row.time_pushed != read.time_pushed:
            raise TagRowChanged

    def _check_open(self, repository_id: str, number: int) -> None:
        if self._rows.shard(repository_id, number).closed:
            raise Closed

    def _check_links(self, repository_id: str, links: Iterable[Link]) -> None:
        for link in links:
            row = self._rows.links.get((repository_id, link.digest))
            if row is None or row.generation != link.generation or row.state is not LinkState.LIVE:
                raise LinkRowChanged
            if row.counted is not None:
                raise LinkRowChanged

    def _count(self, repository_id: str, number: int, images: int, links: Sequence[Link]) -> None:
        """Count images and links in a shard; the share limits images only. Raises ShardFull."""
        shard = self._rows.shard(repository_id, number)
        if shard.closed or (images and shard.images >= shard.share):
            raise ShardFull
        size = sum(link.size for link in links)
        if size and size > self._rows.room(number):
            raise StorageFull
        self._rows.storage[number] = self._rows.storage.get(number, 0) + size
        self._rows.shards[repository_id, number] = replace(
            shard,
            images=shard.images + images,
            layers=shard.layers + len(links),
            bytes=shard.bytes + size,
        )
        for link in links:
            row = self._rows.links[repository_id, link.digest]
            self._rows.links[repository_id, link.digest] = replace(row, counted=number)

    def _move_tag(self, commit: Commit, tag: Tag) -> None:
        record = commit.record
        row = self._rows.tags.get((record.repository_id, tag))
        before = row.digest if row else None
        self._rows.tags[record.repository_id, tag] = TagRecord(
            tag, record.digest, record.media_type, record.size, commit.now, commit.by
        )
        if before != record.digest:
            if before:
                self._rows.tagged.pop((record.repository_id, before, tag), None)
            self._rows.tagged[record.repository_id, record.digest, tag] = Version(tag, commit.by, commit.now)
            move = TagMove(record.repository_id, tag, before, record.digest, commit.by, commit.now)
            self._rows.history.append(move)


def _as_read(read: ManifestRecord | None, row: ManifestRecord | None) -> bool:
    """Whether the row is the one that was read: none, or the same put and version."""
    if read is None or row is None:
        return read is row
    return (read.put, read.version) == (row.put, row.version)


def _spare(shard: Shard) -> int:
    return shard.share - shard.images


def _present(names: Sequence[T], rows: Iterable[R | None]) -> dict[T, R]:
    """Map names to the rows that are there."""
    return {name: row for name, row in zip(names, rows, strict=True) if row is not None}
