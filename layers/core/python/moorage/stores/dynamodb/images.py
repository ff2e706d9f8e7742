"""`ImageStore` on DynamoDB. Restore is step 4.6 of docs/protocol.md."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from pynamodb.expressions.condition import Condition

from moorage.domain.content import LinkState, ManifestRecord, ManifestState, Page, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.directory import Remembered, ResourceTags
from moorage.domain.image import Image, Place, Restoring, Version
from moorage.domain.names import Tag
from moorage.stores import keys
from moorage.stores.base import Limits
from moorage.stores.dynamodb.counting import Counting, Kind, Plan
from moorage.stores.dynamodb.items import (
    DeletedImageItem,
    HistoryItem,
    ImageItem,
    LinkItem,
    ManifestItem,
    ReferrerItem,
    ReviewedItem,
    TaggedItem,
    TagItem,
    UntaggedItem,
)
from moorage.stores.dynamodb.manifests import DynamoManifestStore, age, as_read
from moorage.stores.dynamodb.remembering import is_remembered, remembering
from moorage.stores.dynamodb.table import Item, Missed, Table, Write, prefix_end

T = TypeVar("T")
R = TypeVar("R")

READERS = 16  # queries at once, where a list needs one for each image or repository

_READABLE: Condition = ManifestItem.state.is_in(ManifestState.LIVE.value, ManifestState.CONDEMNED.value)
_ABSENT: Condition = Item.pk.does_not_exist()


class DynamoImageStore(Counting):
    """Manifests as images."""

    def __init__(self, table: Table, limits: Limits, entropy: Callable[[int], bytes]) -> None:
        super().__init__(table, limits, entropy)
        self._namespace = limits.namespace
        self._manifests = DynamoManifestStore(table, limits, entropy)

    def get(self, repository_id: str, digest: Digest) -> Image | None:
        """Query the collection."""
        within = Item.sk.between(keys.MANIFEST, keys.UNTAGGED)
        items = list(self._table.query(keys.content(repository_id, digest), within, kind=Item))
        record = next((item.to_domain() for item in items if isinstance(item, ManifestItem)), None)
        return _image(record, items) if record else None

    def many(self, wanted: Sequence[tuple[str, Digest]]) -> list[Image]:
        """Read the rows in batches, and what is known of tags by a Query each, several at once."""
        places = [keys.manifest(*one) for one in wanted]
        rows = self._table.get_many(places)
        records = [row.to_domain() for row in (rows.get(place) for place in places) if isinstance(row, ManifestItem)]
        return at_once(self._with_versions, records)

    def places(
        self, repository_id: str, after: str | None, limit: int, *, newest_first: bool, deleted: bool
    ) -> Page[Place]:
        """Query a page of IMAGE or DELETED rows."""
        kind: type[ImageItem | DeletedImageItem] = DeletedImageItem if deleted else ImageItem
        prefix = keys.DELETED if deleted else keys.IMAGE
        within = Item.sk.between(*bounds(prefix, after, descending=newest_first))
        pk = keys.repository(repository_id)
        items, more = self._table.page(pk, within, kind=kind, limit=limit, forward=not newest_first)
        found = [item.sk.removeprefix(prefix).partition("#") for item in items]
        places = tuple(Place(repository_id, listed, Digest.parse(digest)) for listed, _, digest in found)
        return Page(places, places[-1].position if more and places else None)

    def heads(
        self, repository_ids: Sequence[str], limit: int, *, after: str | None, newest_first: bool, deleted: bool
    ) -> list[Page[Place]]:
        """Query a page of each, several at once."""

        def head(repository_id: str) -> Page[Place]:
            return self.places(repository_id, after, limit, newest_first=newest_first, deleted=deleted)

        return at_once(head, repository_ids)

    def versions(self, repository_id: str, after: str | None, limit: int, *, descending: bool) -> Page[TagRecord]:
        """Query a page of TAG rows."""
        within = Item.sk.between(*bounds(keys.TAG, after, descending=descending))
        pk = keys.repository(repository_id)
        items, more = self._table.page(pk, within, kind=TagItem, limit=limit, forward=not descending)
        tags = tuple(item.to_domain() for item in items)
        return Page(tags, tags[-1].tag if more and tags else None)

    def tagged(self, repository_ids: Sequence[str], tag: Tag) -> list[tuple[str, Digest]]:
        """Read the TAG row of each repository, in batches."""
        places = {keys.tag(repository_id, tag): repository_id for repository_id in repository_ids}
        rows = self._table.get_many(list(places))
        return [(places[key], Digest.parse(row.digest)) for key, row in rows.items() if isinstance(row, TagItem)]

    def label(self, record: ManifestRecord, tags: ResourceTags) -> bool:
        """Update the row."""
        actions = [
            ManifestItem.freeform_tags.set(dict(tags.freeform)),
            ManifestItem.defined_tags.set(dict(tags.defined)),
            ManifestItem.version.add(1),
        ]
        key = keys.manifest(record.repository_id, record.digest)
        try:
            self._table.update(key, ManifestItem, actions, _READABLE & as_read(record))
        except Missed as missed:
            return missed.repeated and _labelled(missed.item, record, tags)
        return True

    def remove_version(
        self, tag: TagRecord, record: ManifestRecord, by: str, now: datetime, remember: Remembered | None = None
    ) -> None:
        """Write it all in one transaction."""
        plan, moved = self._manifests.untagging(tag, record.repository_id, by, now, record)
        if remember:
            plan.add(Kind.RETRY, remembering(self._table, self._namespace, remember))
        plan.run(self._table, lambda _: self._table.get(moved) is not None)

    def restore(self, restoring: Restoring, remember: Remembered | None = None) -> None:
        """Write it all in one transaction."""
        plan = Plan()
        record = restoring.record
        place = record.repository_id, record.listed, record.digest
        plan.add(Kind.OWN, self._own(restoring))
        plan.add(Kind.FREE, self._table.put_write(ImageItem(*keys.image(*place))))
        plan.add(Kind.FREE, self._table.delete_write(keys.deleted_image(*place)))
        if record.subject and restoring.referrer is not None:
            key = keys.referrer(record.repository_id, record.subject, record.digest)
            plan.add(Kind.FREE, self._table.put_write(ReferrerItem(*key, descriptor=dict(restoring.referrer))))
        for tag in restoring.tags:
            self._plan_version(plan, restoring, tag)
        self._plan_children(plan, restoring)
        self._plan_counts(plan, record.repository_id, restoring.shard, images=1, links=())
        if remember:
            plan.add(Kind.RETRY, remembering(self._table, self._namespace, remember))
        plan.run(self._table, lambda row: _was_applied(row, restoring, remember))

    def _own(self, restoring: Restoring) -> Write:
        record = restoring.record
        actions = [
            ManifestItem.state.set(ManifestState.LIVE.value),
            ManifestItem.shard.set(restoring.shard),
            ManifestItem.restored.set(restoring.id),
            ManifestItem.version.add(1),
            ManifestItem.time_deleted.remove(),
            ManifestItem.removed.remove(),
            ReviewedItem.review.remove(),
            ReviewedItem.review_shard.remove(),
        ]
        condition = (ManifestItem.state == ManifestState.DELETED.value) & as_read(record)
        key = keys.manifest(record.repository_id, record.digest)
        return self._table.update_write(key, ManifestItem, actions, condition)

    def _plan_version(self, plan: Plan, restoring: Restoring, tag: Tag) -> None:
        """Give the image a tag that is free, with its history."""
        record, by, now = restoring.record, restoring.by, restoring.now
        where = record.repository_id
        item = TagItem(
            *keys.tag(where, tag),
            digest=str(record.digest),
            media_type=record.media_type,
            size=record.size,
            time_pushed=now,
            pushed_by=by,
        )
        plan.add(Kind.TAG, self._table.put_write(item, _ABSENT))
        tagged = TaggedItem(*keys.tagged(where, record.digest, tag), by=by, time=now)
        plan.add(Kind.FREE, self._table.put_write(tagged))
        history = HistoryItem(*keys.history(where, tag, restoring.id), after=str(record.digest), by=by, time=now)
        plan.add(Kind.FREE, self._table.put_write(history))

    def _plan_children(self, plan: Plan, restoring: Restoring) -> None:
        """Ask that what the manifest needs is there still: nothing else would see a blob that is being deleted."""
        where = restoring.record.repository_id
        for digest, generation in restoring.links.items():
            seen = LinkItem.hidden.does_not_exist() | (LinkItem.hidden == False)  # noqa: E712
            live = (LinkItem.state == LinkState.LIVE.value) & (LinkItem.generation == generation)
            plan.add(Kind.LINK, self._table.check_write(keys.link(where, digest), live & seen))
        for digest in restoring.children:
            live = ManifestItem.state == ManifestState.LIVE.value
            plan.add(Kind.LINK, self._table.check_write(keys.manifest(where, digest), live))

    def _with_versions(self, record: ManifestRecord) -> Image:
        within = Item.sk.between(keys.TAGGED, keys.UNTAGGED)
        return _image(record, self._table.query(keys.content(record.repository_id, record.digest), within, kind=Item))


def bounds(prefix: str, after: str | None, *, descending: bool) -> tuple[str, str]:
    """Return the range of sort keys under a prefix beyond one of them, without that one."""
    if after is None:
        return prefix, prefix_end(prefix)
    return (prefix, _before(prefix + after)) if descending else (f"{prefix}{after}\0", prefix_end(prefix))


def at_once(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Do the same for each item, many at once, and return what came of it, in order."""
    if len(items) < 2:
        return [work(item) for item in items]
    with ThreadPoolExecutor(min(READERS, len(items))) as pool:
        return [future.result() for future in [pool.submit(work, item) for item in items]]


def _before(key: str) -> str:
    """Return a bound below a key and above all that sort before it: no key has a character beyond ASCII."""
    return f"{key[:-1]}{chr(ord(key[-1]) - 1)}\x7f"


def _image(record: ManifestRecord, items: Iterable[Item]) -> Image:
    rows = list(items)
    tagged = sorted((row for row in rows if isinstance(row, TaggedItem)), key=age)
    last = next((Tag(row.tag) for row in rows if isinstance(row, UntaggedItem)), None)
    versions = (Version(Tag(row.sk.removeprefix(keys.TAGGED)), row.by, row.time) for row in tagged)
    return Image(record, tuple(versions), last)


def _was_applied(row: Item | None, restoring: Restoring, remember: Remembered | None) -> bool:
    """Whether a row that refuses is what an earlier sending of this restore made of it."""
    return is_remembered(row, remember) or (isinstance(row, ManifestItem) and row.restored == restoring.id)


def _labelled(row: Item | None, record: ManifestRecord, tags: ResourceTags) -> bool:
    if not isinstance(row, ManifestItem):
        return False
    found = row.to_domain()
    as_written = (found.freeform_tags, found.defined_tags) == (tags.freeform, tags.defined)
    return as_written and (found.put, found.version) == (record.put, record.version + 1)
