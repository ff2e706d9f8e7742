"""`ManifestStore` on DynamoDB. Steps are those of docs/protocol.md, section 4."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pynamodb.expressions.condition import Condition

from moorage.domain.content import OPERATION_OVER, RESTORE_WINDOW, ManifestRecord, ManifestState, Page, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.names import Tag
from moorage.domain.ulid import make_ulid
from moorage.stores import keys
from moorage.stores.base import LEFT_LIMIT, Commit, Gathered, Reading
from moorage.stores.dynamodb.counting import Counting, Kind, Plan
from moorage.stores.dynamodb.items import (
    DeletedImageItem,
    EdgeItem,
    HistoryItem,
    ImageItem,
    LinkItem,
    ManifestItem,
    ReferrerItem,
    RefusedItem,
    RepositoryItem,
    TaggedItem,
    TagItem,
    UntaggedItem,
    marked,
    marking,
)
from moorage.stores.dynamodb.packed import pack_digests
from moorage.stores.dynamodb.table import Item, Missed, Write, prefix_end


class DynamoManifestStore(Counting):
    """Manifests, tags, referrers, and the edges that hold what they need."""

    def get(self, repository_id: str, digest: Digest) -> ManifestRecord | None:
        """Read the row."""
        return _manifest(self._table.get(keys.manifest(repository_id, digest)))

    def get_tag(self, repository_id: str, tag: Tag) -> TagRecord | None:
        """Read the row."""
        item = self._table.get(keys.tag(repository_id, tag))
        return item.to_domain() if isinstance(item, TagItem) else None

    def touch(self, record: ManifestRecord, now: datetime) -> None:
        """Note the time of a pull; neither version nor state are its business."""
        actions = [ManifestItem.time_last_pulled.set(now), ManifestItem.pulls.add(1)]
        try:
            self._table.update(
                keys.manifest(record.repository_id, record.digest),
                ManifestItem,
                actions,
                ManifestItem.put == record.put,
            )
        except Missed:
            return  # another PUT has replaced the row meanwhile: its first pull notes the time

    def write_edges(self, repository_id: str, parent: Digest, children: Sequence[Digest], put: str) -> None:
        """Write one row a child."""
        self._table.put_many([EdgeItem(*keys.edge(repository_id, child, parent), put=put) for child in children])

    def read(
        self,
        repository_id: str,
        own: Digest,
        blobs: Sequence[Digest],
        manifests: Sequence[Digest],
        tags: Sequence[Tag],
    ) -> Reading:
        """Read each row after all edges are in; no snapshot is needed."""
        own_key = keys.manifest(repository_id, own)
        links = {keys.link(repository_id, digest): digest for digest in blobs}
        records = {keys.manifest(repository_id, digest): digest for digest in manifests}
        tag_keys = {keys.tag(repository_id, tag): tag for tag in tags}
        rows = self._table.get_many([own_key, *links, *records, *tag_keys])
        return Reading(
            own=_manifest(rows.get(own_key)),
            links={links[key]: row.to_domain() for key, row in rows.items() if isinstance(row, LinkItem)},
            manifests={
                records[key]: row.to_domain()
                for key, row in rows.items()
                if isinstance(row, ManifestItem) and key in records
            },
            tags={tag_keys[key]: row.to_domain() for key, row in rows.items() if isinstance(row, TagItem)},
        )

    def condemn(self, record: ManifestRecord) -> bool:
        """Take the first step towards removal."""
        return self._move(record, ManifestState.LIVE, ManifestState.CONDEMNED)

    def revive(self, record: ManifestRecord) -> bool:
        """Bring a condemned manifest back."""
        return self._move(record, ManifestState.CONDEMNED, ManifestState.LIVE)

    def _move(self, record: ManifestRecord, before: ManifestState, after: ManifestState) -> bool:
        condition = (ManifestItem.state == before.value) & as_read(record)
        actions = [ManifestItem.state.set(after.value), ManifestItem.version.add(1)]
        try:
            self._table.update(keys.manifest(record.repository_id, record.digest), ManifestItem, actions, condition)
        except Missed:
            return False
        return True

    def commit(self, commit: Commit) -> None:
        """Write manifest, referrer, place in the list, tags, history and counters, or nothing."""
        plan = Plan()
        record = commit.record
        plan.add(Kind.OWN, self._table.put_write(_row(record), as_read(commit.own) if commit.own else _ABSENT))
        if record.subject and commit.referrer is not None:
            key = keys.referrer(record.repository_id, record.subject, record.digest)
            plan.add(Kind.FREE, self._table.put_write(ReferrerItem(*key, descriptor=dict(commit.referrer))))
        for tag in commit.tags:
            self._plan_tag(plan, commit, tag)
        self._plan_left(plan, commit)
        fresh = not (commit.own and commit.own.readable)
        if commit.own and fresh:
            key = keys.deleted_image(record.repository_id, commit.own.listed, record.digest)
            plan.add(Kind.FREE, self._table.delete_write(key))
        if fresh:
            image = ImageItem(*keys.image(record.repository_id, record.listed, record.digest))
            plan.add(Kind.FREE, self._table.put_write(image))
        self._plan_counts(plan, record.repository_id, record.shard or 0, images=int(fresh), links=commit.counted)
        plan.run(self._table, lambda row: isinstance(row, ManifestItem) and row.put == record.put)

    def gather(self, repository_id: str, digest: Digest) -> Gathered:
        """Query the collection: one call, unless very many manifests need or refer to this one."""
        within = Item.sk.between(keys.MANIFEST, prefix_end(keys.TAGGED))
        items = list(self._table.query(keys.content(repository_id, digest), within, kind=Item))
        tagged = sorted((item for item in items if isinstance(item, TaggedItem)), key=age)
        referrers = (item.sk.removeprefix(keys.REFERRER) for item in items if isinstance(item, ReferrerItem))
        return Gathered(
            record=next((item.to_domain() for item in items if isinstance(item, ManifestItem)), None),
            tags=tuple(Tag(item.sk.removeprefix(keys.TAGGED)) for item in tagged),
            referrers=tuple(Digest.parse(text) for text in referrers),
        )

    def review(self, repository_id: str, digest: Digest, now: datetime) -> None:
        """Put a mark on the row."""
        mark = marking("MANIFEST", now + OPERATION_OVER, make_ulid(now, self._entropy(10)))
        try:
            self._table.update(keys.manifest(repository_id, digest), ManifestItem, mark, Item.pk.exists())
        except Missed:
            return

    def delete(self, record: ManifestRecord, tags: Sequence[Tag], by: str, now: datetime) -> None:
        """Take the manifest out of every list; its edges stay until it is purged."""
        plan = Plan()
        actions = [
            ManifestItem.state.set(ManifestState.DELETED.value),
            ManifestItem.time_deleted.set(now),
            ManifestItem.removed.set(list(tags)),
            ManifestItem.version.add(1),
            *marking("MANIFEST", now + RESTORE_WINDOW, record.put),
        ]
        key = keys.manifest(record.repository_id, record.digest)
        plan.add(Kind.OWN, self._table.update_write(key, ManifestItem, actions, _READABLE & as_read(record)))
        place = record.repository_id, record.listed, record.digest
        plan.add(Kind.FREE, self._table.delete_write(keys.image(*place)))
        plan.add(Kind.FREE, self._table.put_write(DeletedImageItem(*keys.deleted_image(*place))))
        if tags:
            plan.add(Kind.FREE, self._left(record.repository_id, record.digest, tags[-1]))
        if record.subject:
            referrer = keys.referrer(record.repository_id, record.subject, record.digest)
            plan.add(Kind.FREE, self._table.delete_write(referrer))
        for tag in tags:
            here = TagItem.digest == str(record.digest)
            self._plan_untag(plan, record.repository_id, tag, record.digest, here, by, now)
        self._plan_counts(plan, record.repository_id, record.shard or 0, images=-1, links=())
        ended = (record.put, record.version + 1, now)
        plan.run(
            self._table,
            lambda row: isinstance(row, ManifestItem) and ended == (row.put, row.version, row.time_deleted),
        )

    def untag(
        self, record: TagRecord, repository_id: str, by: str, now: datetime, image: ManifestRecord | None = None
    ) -> None:
        """Remove the tag; the manifest stays, and retention is told to look at it."""
        plan, moved = self.untagging(record, repository_id, by, now, image)
        if image is None:
            self._plan_open(plan, repository_id, int.from_bytes(self._entropy(2)) % keys.SHARDS)
        plan.run(self._table, lambda _: self._table.get(moved) is not None)

    def untagging(
        self, record: TagRecord, repository_id: str, by: str, now: datetime, image: ManifestRecord | None = None
    ) -> tuple[Plan, keys.Key]:
        """Return the writes that remove a tag, from an image as it was read, and where that is told of."""
        plan = Plan()
        moved = self._plan_untag(plan, repository_id, record.tag, record.digest, _tag_as_read(record), by, now)
        plan.add(Kind.FREE, self._left(repository_id, record.digest, record.tag))
        actions = [
            ManifestItem.version.add(1),
            *marking("MANIFEST", now + OPERATION_OVER, make_ulid(now, self._entropy(10))),
        ]
        key = keys.manifest(repository_id, record.digest)
        meaning, condition = (Kind.OWN, _READABLE & as_read(image)) if image else (Kind.TAG, _READABLE)
        plan.add(meaning, self._table.update_write(key, ManifestItem, actions, condition))  # a tag points at no other
        return plan, moved

    def note_refused(self, repository_id: str, digest: Digest, put: str, now: datetime) -> None:
        """Write the note."""
        item = RefusedItem(*keys.refused(repository_id, digest), put=put)
        self._table.put(marked(item, "REFUSED", now + OPERATION_OVER, put))

    def tags_page(self, repository_id: str, after: str, limit: int) -> Page[Tag]:
        """Query a page of TAG rows."""
        within = Item.sk.between(f"{keys.TAG}{after}\0" if after else keys.TAG, prefix_end(keys.TAG))
        items, more = self._table.page(keys.repository(repository_id), within, kind=TagItem, limit=limit)
        tags = tuple(Tag(item.sk.removeprefix(keys.TAG)) for item in items)
        return Page(tags, tags[-1] if more and tags else None)

    def referrers_page(self, repository_id: str, subject: Digest, after: str) -> Page[Mapping[str, object]]:
        """Query one page of REFERRER rows: DynamoDB ends it at 1 MB, well below what a function can answer."""
        within = Item.sk.between(f"{keys.REFERRER}{after}\0" if after else keys.REFERRER, prefix_end(keys.REFERRER))
        items, more = self._table.page(keys.content(repository_id, subject), within, kind=ReferrerItem)
        last = items[-1].sk.removeprefix(keys.REFERRER) if more and items else None
        return Page(tuple(item.descriptor for item in items), last)

    def _plan_tag(self, plan: Plan, commit: Commit, tag: Tag) -> None:
        """Move a tag, if it still is as read; its history and both TAGGED rows move with it."""
        record, before = commit.record, commit.replaced.get(tag)
        item = TagItem(
            *keys.tag(record.repository_id, tag),
            digest=str(record.digest),
            media_type=record.media_type,
            size=record.size,
            time_pushed=commit.now,
            pushed_by=commit.by,
        )
        plan.add(Kind.TAG, self._table.put_write(item, _tag_as_read(before)))
        if before and before.digest == record.digest:
            return
        tagged = TaggedItem(*keys.tagged(record.repository_id, record.digest, tag), by=commit.by, time=commit.now)
        plan.add(Kind.FREE, self._table.put_write(tagged))
        if before:
            plan.add(Kind.FREE, self._table.delete_write(keys.tagged(record.repository_id, before.digest, tag)))
        history = HistoryItem(
            *keys.history(record.repository_id, tag, make_ulid(commit.now, self._entropy(10))),
            before=str(before.digest) if before else None,
            after=str(record.digest),
            by=commit.by,
            time=commit.now,
        )
        plan.add(Kind.FREE, self._table.put_write(history))

    def _plan_left(self, plan: Plan, commit: Commit) -> None:
        """Note of what lost its tags which was the last one, if the repository lets a tag move at all."""
        repository_id = commit.record.repository_id
        left = commit.left
        if not left:
            return
        plan.add(Kind.FIXED, self._table.check_write(keys.record(repository_id), _MUTABLE))
        for digest, tag in list(left.items())[:LEFT_LIMIT]:
            plan.add(Kind.FREE, self._left(repository_id, digest, tag))

    def _left(self, repository_id: str, digest: Digest, tag: Tag) -> Write:
        return self._table.put_write(UntaggedItem(*keys.untagged(repository_id, digest), tag=tag))

    def _plan_untag(
        self, plan: Plan, repository_id: str, tag: Tag, digest: Digest, as_read: Condition, by: str, now: datetime
    ) -> keys.Key:
        """Remove a tag that points at `digest`, if it is as read; return where that is told of."""
        plan.add(Kind.TAG, self._table.delete_write(keys.tag(repository_id, tag), as_read))
        plan.add(Kind.FREE, self._table.delete_write(keys.tagged(repository_id, digest, tag)))
        key = keys.history(repository_id, tag, make_ulid(now, self._entropy(10)))
        plan.add(Kind.FREE, self._table.put_write(HistoryItem(*key, before=str(digest), by=by, time=now)))
        return key


_ABSENT: Condition = Item.pk.does_not_exist()
_MUTABLE: Condition = RepositoryItem.immutable.does_not_exist() | (RepositoryItem.immutable == False)  # noqa: E712
_READABLE: Condition = ManifestItem.state.is_in(ManifestState.LIVE.value, ManifestState.CONDEMNED.value)


def as_read(record: ManifestRecord) -> Condition:
    """Return the condition that the row is as it was read."""
    same: Condition = (ManifestItem.put == record.put) & (ManifestItem.version == record.version)
    return same


def _tag_as_read(tag: TagRecord | None) -> Condition:
    if tag is None:
        return _ABSENT
    as_read: Condition = (TagItem.digest == str(tag.digest)) & (TagItem.time_pushed == tag.time_pushed)
    return as_read


def age(item: TaggedItem) -> tuple[str, str]:
    """Sort tags by how long they have pointed there; of old rows nobody knows, so they come first."""
    return item.time.isoformat() if item.time else "", item.sk


def _manifest(item: Item | None) -> ManifestRecord | None:
    return item.to_domain() if isinstance(item, ManifestItem) else None


def _row(record: ManifestRecord) -> ManifestItem:
    return ManifestItem(
        *keys.manifest(record.repository_id, record.digest),
        state=record.state.value,
        put=record.put,
        version=record.version,
        media_type=record.media_type,
        size=record.size,
        data=record.data,
        key=record.key,
        dead=set(record.dead) or None,
        subject=str(record.subject) if record.subject else None,
        artifact_type=record.artifact_type,
        config=str(record.config) if record.config else None,
        children=pack_digests(record.children) or None,
        shard=record.shard,
        listed=record.listed,
        time_pushed=record.time_pushed,
        pushed_by=record.pushed_by,
        time_last_pulled=record.time_last_pulled,
        pulls=record.pulls or None,
        freeform_tags=record.freeform_tags or None,
        defined_tags=record.defined_tags or None,
    )
