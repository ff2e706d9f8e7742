"""Manifests as images, and their signatures."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from moorage.domain.content import LinkState, ManifestRecord, ManifestState, Page, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.directory import Remembered, ResourceTags
from moorage.domain.image import Image, Place, Restoring, Version
from moorage.domain.names import Tag
from moorage.domain.signature import Signature
from moorage.domain.tenancy import RETRY_LIFE_HOURS
from moorage.stores.base import Changed, LinkRowChanged, OwnRowChanged, ShardFull, TagRowChanged
from moorage.stores.memory.rows import Store, T, TagMove, atomic


class MemoryImages(Store):
    """`ImageStore` in memory."""

    @atomic
    def get(self, repository_id: str, digest: Digest) -> Image | None:
        """Read an image."""
        record = self._rows.manifests.get((repository_id, digest))
        if record is None:
            return None
        versions = tuple(self._rows.versions(repository_id, digest))
        return Image(record, versions, self._rows.untagged.get((repository_id, digest)))

    @atomic
    def many(self, wanted: Sequence[tuple[str, Digest]]) -> list[Image]:
        """Read images, those that are there."""
        return [image for image in (self.get(*one) for one in wanted) if image]

    @atomic
    def places(
        self, repository_id: str, after: str | None, limit: int, *, newest_first: bool, deleted: bool
    ) -> Page[Place]:
        """Return places beyond a position."""
        rows = self._rows.deleted if deleted else self._rows.listed
        found = [Place(*row) for row in rows if row[0] == repository_id]
        return beyond([(place.position, place) for place in found], after, limit, descending=newest_first)

    @atomic
    def heads(
        self, repository_ids: Sequence[str], limit: int, *, after: str | None, newest_first: bool, deleted: bool
    ) -> list[Page[Place]]:
        """Return a page of each."""
        order = {"newest_first": newest_first, "deleted": deleted}
        return [self.places(repository_id, after, limit, **order) for repository_id in repository_ids]

    @atomic
    def versions(self, repository_id: str, after: str | None, limit: int, *, descending: bool) -> Page[TagRecord]:
        """Return tags beyond one."""
        found = [(tag, row) for (where, tag), row in self._rows.tags.items() if where == repository_id]
        return beyond(found, after, limit, descending=descending)

    @atomic
    def tagged(self, repository_ids: Sequence[str], tag: Tag) -> list[tuple[str, Digest]]:
        """Return where a tag points in each of many repositories."""
        rows = ((repository_id, self._rows.tags.get((repository_id, tag))) for repository_id in repository_ids)
        return [(repository_id, row.digest) for repository_id, row in rows if row]

    @atomic
    def label(self, record: ManifestRecord, tags: ResourceTags) -> bool:
        """Replace the labels of a readable manifest that is as read."""
        row = self._rows.manifests.get((record.repository_id, record.digest))
        if row is None or not row.readable or (row.put, row.version) != (record.put, record.version):
            return False
        labelled = replace(row, freeform_tags=tags.freeform, defined_tags=tags.defined, version=row.version + 1)
        self._rows.manifests[row.repository_id, row.digest] = labelled
        return True

    @atomic
    def remove_version(
        self, tag: TagRecord, record: ManifestRecord, by: str, now: datetime, remember: Remembered | None = None
    ) -> None:
        """Remove a tag from an image, both as they were read."""
        where = record.repository_id
        row = self._rows.manifests.get((where, record.digest))
        if row is None or not row.readable or (row.put, row.version) != (record.put, record.version):
            raise OwnRowChanged
        found = self._rows.tags.get((where, tag.tag))
        if found is None or (found.digest, found.time_pushed) != (record.digest, tag.time_pushed):
            raise TagRowChanged
        if remember:
            remember_in(self, remember)
        self._rows.manifests[where, record.digest] = replace(row, version=row.version + 1)
        self._rows.drop_tag(where, tag.tag, by, now)

    @atomic
    def restore(self, restoring: Restoring, remember: Remembered | None = None) -> None:
        """Move from DELETED to LIVE, with its place, its referrer row, and the tags."""
        record, rows = restoring.record, self._rows
        where = record.repository_id
        row = rows.manifests.get((where, record.digest))
        if row is None or row.state is not ManifestState.DELETED:
            raise OwnRowChanged
        if (row.put, row.version) != (record.put, record.version):
            raise OwnRowChanged
        if any((where, tag) in rows.tags for tag in restoring.tags):
            raise TagRowChanged
        self._check_children(restoring)
        shard = rows.shard(where, restoring.shard)
        if shard.closed or shard.images >= shard.share:
            raise ShardFull
        if remember:
            remember_in(self, remember)
        rows.shards[where, restoring.shard] = replace(shard, images=shard.images + 1)
        back = replace(row, state=ManifestState.LIVE, time_deleted=None, removed=(), shard=restoring.shard)
        rows.manifests[where, row.digest] = replace(back, version=row.version + 1)
        rows.deleted.discard((where, row.listed, row.digest))
        rows.listed.add((where, row.listed, row.digest))
        if row.subject and restoring.referrer is not None:
            rows.referrers[where, row.subject, row.digest] = restoring.referrer
        for tag in restoring.tags:
            self._tag(restoring, tag)

    def _check_children(self, restoring: Restoring) -> None:
        where = restoring.record.repository_id
        for digest, generation in restoring.links.items():
            link = self._rows.links.get((where, digest))
            if link is None or link.hidden or (link.state, link.generation) != (LinkState.LIVE, generation):
                raise LinkRowChanged
        for digest in restoring.children:
            child = self._rows.manifests.get((where, digest))
            if child is None or child.state is not ManifestState.LIVE:
                raise LinkRowChanged

    def _tag(self, restoring: Restoring, tag: Tag) -> None:
        record, by, now = restoring.record, restoring.by, restoring.now
        where = record.repository_id
        self._rows.tags[where, tag] = TagRecord(tag, record.digest, record.media_type, record.size, now, by)
        self._rows.tagged[where, record.digest, tag] = Version(tag, by, now)
        self._rows.history.append(TagMove(where, tag, None, record.digest, by, now))


class MemorySignatures(Store):
    """`SignatureStore` in memory."""

    @atomic
    def create(self, signature: Signature, remember: Remembered | None = None) -> bool:
        """Add a signature of a readable image."""
        if not self.readable([(signature.repository_id, signature.digest)]):
            return False
        if remember:
            remember_in(self, remember)
        self._rows.signatures[signature.repository_id, signature.id] = signature
        return True

    @atomic
    def get(self, repository_id: str, signature_id: str) -> Signature | None:
        """Read a signature."""
        return self._rows.signatures.get((repository_id, signature_id))

    @atomic
    def update(self, signature: Signature) -> bool:
        """Replace a signature that is one version before."""
        key = signature.repository_id, signature.id
        row = self._rows.signatures.get(key)
        if row is None or row.version != signature.version - 1:
            return False
        self._rows.signatures[key] = signature
        return True

    @atomic
    def remove(self, signature: Signature) -> bool:
        """Remove a signature that is as read."""
        key = signature.repository_id, signature.id
        row = self._rows.signatures.get(key)
        if row is None or row.version != signature.version:
            return False
        del self._rows.signatures[key]
        return True

    @atomic
    def page(self, repository_id: str, after: str | None, limit: int | None, *, newest_first: bool) -> Page[Signature]:
        """Return signatures beyond one."""
        found = [(row.id, row) for (where, _), row in self._rows.signatures.items() if where == repository_id]
        return beyond(found, after, limit or max(1, len(found)), descending=newest_first)

    @atomic
    def heads(
        self, repository_ids: Sequence[str], limit: int | None, *, after: str | None, newest_first: bool
    ) -> list[Page[Signature]]:
        """Return a page of each."""
        return [self.page(one, after, limit, newest_first=newest_first) for one in repository_ids]

    @atomic
    def readable(self, images: Sequence[tuple[str, Digest]]) -> set[tuple[str, Digest]]:
        """Return those that are readable."""
        return {image for image in images if (row := self._rows.manifests.get(image)) and row.readable}


def remember_in(store: Store, remember: Remembered) -> None:
    """Note what a retry token makes. Raises Changed when it has made something already."""
    key = remember.principal_id, remember.token
    rows = store._rows.remembered  # noqa: SLF001 - one of the stores that share the rows
    if key in rows and remember.time < rows[key].time + timedelta(hours=RETRY_LIFE_HOURS):
        raise Changed
    rows[key] = remember


def beyond(items: Sequence[tuple[str, T]], after: str | None, limit: int, *, descending: bool) -> Page[T]:
    """Return up to `limit` of the named items beyond `after`, in one direction or the other."""
    ordered = sorted(items, key=lambda item: item[0], reverse=descending)
    rest = [item for item in ordered if after is None or (item[0] < after if descending else item[0] > after)]
    shown = rest[:limit]
    return Page(tuple(value for _, value in shown), shown[-1][0] if len(rest) > limit else None)
