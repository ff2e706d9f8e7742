"""Manifest PUT, DELETE and untag. docs/protocol.md, 4.5 and 4.6."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from moorage.domain.content import (
    INLINE_MANIFEST_LIMIT,
    LEASE,
    Expected,
    Link,
    LinkState,
    ManifestRecord,
    ManifestState,
    TagRecord,
)
from moorage.domain.digest import Digest
from moorage.domain.errors import (
    DigestInvalid,
    LimitReached,
    ManifestBlobUnknown,
    ManifestInUse,
    ManifestInvalid,
    ManifestUnknown,
    TagChanged,
    Unavailable,
)
from moorage.domain.manifest import Manifest, parse_manifest
from moorage.domain.names import Tag
from moorage.domain.repository import Sparse
from moorage.operations.blobs import needs
from moorage.operations.repositories import new_ulid
from moorage.stores import keys
from moorage.stores.base import (
    Commit,
    Conflict,
    LinkRowChanged,
    OwnRowChanged,
    Reading,
    ShardFull,
    Stores,
    TagRowChanged,
)
from moorage.stores.deadline import operation

TAGS_LIMIT = 20  # tags one PUT can write: their rows share a transaction of 100 with the rest
ATTEMPTS = 12
SHARD_TRIES = 3
REVIEWED_REFERRERS = 20
TRANSACTION_ROOM = 99  # rows beside the counter

_PULL_NOTED = timedelta(hours=1)
_TICK = timedelta(milliseconds=1)  # what ULIDs tell apart


@dataclass(frozen=True, slots=True)
class Push:
    """A manifest PUT as it came."""

    repository_id: str
    data: bytes
    content_type: str | None
    digest: Digest | None  # of the path, when it names one
    tags: tuple[Tag, ...]
    expected: Expected | None
    by: str


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was committed."""

    digest: Digest
    subject: Digest | None


def push(stores: Stores, request: Push) -> Pushed:
    """Store a manifest with its tags: all of it, or nothing but edges that the sweep clears.

    Raises ManifestInvalid, ManifestTooLarge, ManifestBlobUnknown, DigestInvalid, TagChanged or LimitReached.
    """
    manifest = parse_manifest(request.data, request.content_type)
    digest = request.digest or Digest.of(request.data)
    if Digest.of(request.data, digest.algorithm) != digest:
        raise DigestInvalid("the manifest does not have this digest", digest=str(digest))
    referrer = manifest.referrer(digest, len(request.data)) if manifest.subject else None
    with operation():
        _Put(stores, request, manifest, digest, referrer).run()
    return Pushed(digest, manifest.subject.digest if manifest.subject else None)


def pulled(stores: Stores, record: ManifestRecord) -> None:
    """Note a pull, at most once an hour for each manifest: retention wants to know, and nobody waits for more."""
    now = stores.clock()
    if record.time_last_pulled is None or now - record.time_last_pulled >= _PULL_NOTED:
        try:
            stores.manifests.touch(record, now)
        except Unavailable:
            return  # statistics never cost a pull its answer


def delete(stores: Stores, repository_id: str, digest: Digest, by: str) -> None:
    """Delete a manifest with all its tags; it can be restored for 48 h. Raises ManifestUnknown or ManifestInUse."""
    with operation():
        for attempt in range(ATTEMPTS):
            gathered = stores.manifests.gather(repository_id, digest)
            record = gathered.record
            if record is None or not record.readable:
                raise ManifestUnknown("no such manifest", digest=str(digest))
            if stores.limits.sparse is Sparse.NONE:
                _refuse_needed(stores, record)
                if record.state is ManifestState.LIVE:
                    stores.manifests.condemn(record)
                    continue  # the edges once more: an index that is pushed meanwhile is seen, or revives the row
            try:
                _untag_surplus(stores, record, gathered.tags, by)
                stores.manifests.delete(record, gathered.tags[:TAGS_LIMIT], by, stores.clock())
            except (OwnRowChanged, TagRowChanged, Conflict):
                _pause(stores, attempt)
            else:
                _review_referrers(stores, repository_id, gathered.referrers)
                return
    raise _busy()


def untag(stores: Stores, repository_id: str, tag: Tag, by: str) -> None:
    """Remove a tag; what it pointed at stays. Raises ManifestUnknown."""
    with operation():
        for attempt in range(ATTEMPTS):
            record = stores.manifests.get_tag(repository_id, tag)
            if record is None:
                raise ManifestUnknown("no such tag", tag=tag)
            try:
                stores.manifests.untag(record, repository_id, by, _after(stores, record))
            except (OwnRowChanged, TagRowChanged, Conflict):
                _pause(stores, attempt)
            else:
                return
    raise _busy()


class _Put:
    """One manifest PUT, through the races it meets."""

    def __init__(
        self,
        stores: Stores,
        request: Push,
        manifest: Manifest,
        digest: Digest,
        referrer: Mapping[str, object] | None,
    ) -> None:
        self._stores = stores
        self._request = request
        self._manifest = manifest
        self._digest = digest
        self._referrer = referrer
        self._put = new_ulid(stores)
        self._key: str | None = None
        self._shard = _roll(stores)
        self._full_shards = 0
        self._counted: set[Digest] = set()

    def run(self) -> None:
        """Edges, then reads, then the transaction; again after a lost race, until it is in."""
        self._write_edges()
        for attempt in range(ATTEMPTS):
            reading = self._read()
            if reading.own and reading.own.put == self._put:
                return  # committed before, and the answer was lost
            self._check(reading)
            if self._revive(reading) and self._try(reading):
                return
            _pause(self._stores, attempt)
        raise _busy()

    def _try(self, reading: Reading) -> bool:
        """Commit what was read; False when it is no longer so, and must be read again."""
        try:
            self._commit(reading)
        except OwnRowChanged:
            self._write_edges()  # whoever changed the row may have written its edges over ours
        except (TagRowChanged, LinkRowChanged):
            pass
        except Conflict:
            self._shard = _roll(self._stores)
        except ShardFull:
            self._make_room()
        except Unavailable:
            if self._is_in():
                return True
            raise
        else:
            return True
        return False

    def _write_edges(self) -> None:
        children = [*self._manifest.blobs, *self._manifest.children]
        if children:
            self._stores.manifests.write_edges(self._request.repository_id, self._digest, children, self._put)

    def _read(self) -> Reading:
        """Read all rows: strongly, and only after every edge is in."""
        return self._stores.manifests.read(
            self._request.repository_id,
            self._digest,
            list(self._manifest.blobs),
            list(self._manifest.children),
            self._request.tags,
        )

    def _check(self, reading: Reading) -> None:
        """Refuse what cannot be committed as things are; a refused PUT leaves its edges, and a note of them."""
        try:
            self._check_tags(reading)
            self._check_children(reading)
        except (TagChanged, ManifestBlobUnknown, ManifestInvalid):
            if reading.own is None and (self._manifest.blobs or self._manifest.children):
                self._stores.manifests.note_refused(
                    self._request.repository_id, self._digest, self._put, self._stores.clock()
                )
            raise

    def _check_tags(self, reading: Reading) -> None:
        """Compare each tag with what the request expects of it."""
        if self._request.expected is None:
            return
        for tag in self._request.tags:
            current = reading.tags.get(tag)
            if not self._request.expected.holds(current):
                raise TagChanged(
                    "the tag is not what the request expects",
                    tag=tag,
                    digest=str(current.digest) if current else None,
                )

    def _check_children(self, reading: Reading) -> None:
        sparse = self._stores.limits.sparse
        readable = {digest: link for digest, link in reading.links.items() if link.readable}
        absent: list[Digest] = []
        if sparse is not Sparse.ALL:
            absent += [digest for digest in self._manifest.blobs if digest not in readable]
        if sparse is Sparse.NONE:
            children = {digest for digest, record in reading.manifests.items() if record.readable}
            absent += [digest for digest in self._manifest.children if digest not in children]
        if absent:
            raise ManifestBlobUnknown(
                "the manifest names content that this repository does not have; push it first",
                digests=[str(digest) for digest in absent[:20]],
                missing=len(absent),
            )
        for digest, link in readable.items():
            if link.size != self._manifest.blobs[digest].size:
                raise ManifestInvalid(
                    "the manifest gives a size that the blob does not have",
                    digest=str(digest),
                    size=self._manifest.blobs[digest].size,
                    stored=link.size,
                )

    def _revive(self, reading: Reading) -> bool:
        """Bring every condemned child back; False when one changed meanwhile and must be read again."""
        lease = self._stores.clock() + LEASE
        links = [link for link in reading.links.values() if link.readable and link.state is LinkState.CONDEMNED]
        records = [record for record in reading.manifests.values() if record.state is ManifestState.CONDEMNED]
        revived = [self._stores.links.revive(link, lease) for link in links]
        revived += [self._stores.manifests.revive(record) for record in records]
        return all(revived)

    def _commit(self, reading: Reading) -> None:
        """Count layers that are not counted yet, and commit in one transaction with the rest."""
        own = reading.own
        record = self._record(own)
        room = TRANSACTION_ROOM - 3 - 4 * len(self._request.tags)
        uncounted = self._uncounted(reading)
        while len(uncounted) > room:
            batch, uncounted = uncounted[:TRANSACTION_ROOM], uncounted[TRANSACTION_ROOM:]
            self._stores.manifests.count_links(record.repository_id, record.shard or 0, batch)
            self._counted |= {link.digest for link in batch}
        self._stores.manifests.commit(
            Commit(
                record=record,
                own=own,
                tags=self._request.tags,
                replaced=reading.tags,
                counted=tuple(uncounted),
                referrer=self._referrer,
                by=self._request.by,
                now=_after(self._stores, *reading.tags.values()),
            )
        )

    def _uncounted(self, reading: Reading) -> list[Link]:
        layers = {descriptor.digest for descriptor in self._manifest.layers}
        return [
            link
            for digest, link in reading.links.items()
            if digest in layers and link.counted is None and link.readable and digest not in self._counted
        ]

    def _make_room(self) -> None:
        """Try other shards first, then move share to this one; refuse when no shard has any left."""
        self._full_shards += 1
        if self._full_shards < SHARD_TRIES:
            self._shard = _roll(self._stores)
            return
        try:
            moved = self._stores.manifests.take_share(self._request.repository_id, self._shard, 1)
        except (ShardFull, Conflict):
            return
        if not moved:
            raise LimitReached(
                f"the repository has {self._stores.limits.images} images, which is its limit; delete some first"
            )

    def _record(self, own: ManifestRecord | None) -> ManifestRecord:
        """Return the row as it shall be: a readable one keeps its place, its shard and its times."""
        inline = len(self._request.data) <= INLINE_MANIFEST_LIMIT
        record = ManifestRecord(
            repository_id=self._request.repository_id,
            digest=self._digest,
            state=ManifestState.LIVE,
            put=self._put,
            version=own.version + 1 if own else 1,
            media_type=self._manifest.media_type,
            size=len(self._request.data),
            data=self._request.data if inline else None,
            key=None if inline else self._object(own),
            subject=self._manifest.subject.digest if self._manifest.subject else None,
            artifact_type=self._manifest.artifact_type,
            config=self._manifest.config.digest if self._manifest.config else None,
            children=(*self._manifest.blobs, *self._manifest.children),
            shard=self._shard,
            listed=self._put,
            time_pushed=self._stores.clock(),
            pushed_by=self._request.by,
        )
        if own is None:
            return record
        replaced = {own.key} if own.key and own.key != record.key else set()
        record = replace(record, dead=own.dead | replaced)
        if not own.readable:
            return record
        return replace(
            record,
            shard=own.shard,
            listed=own.listed,
            time_pushed=own.time_pushed,
            pushed_by=own.pushed_by,
            time_last_pulled=own.time_last_pulled,
        )

    def _object(self, own: ManifestRecord | None) -> str:
        """Return the key of the bytes: the row's own, unless a purge may have removed it, else a new object's."""
        if own and own.key and own.state is not ManifestState.PURGING:
            return own.key
        if self._key is None:
            self._key = keys.manifest_object(self._request.repository_id, new_ulid(self._stores))
            self._stores.objects.put(self._key, self._request.data)
        return self._key

    def _is_in(self) -> bool:
        """Whether the commit whose answer is not known was applied: the row says whose it is."""
        own = self._stores.manifests.get(self._request.repository_id, self._digest)
        return own is not None and own.put == self._put


def _refuse_needed(stores: Stores, record: ManifestRecord) -> None:
    """Raise ManifestInUse when an index needs the manifest; a CONDEMNED one is brought back."""
    needed_by = needs(stores, record.repository_id, stores.links.edges(record.repository_id, record.digest))
    if needed_by is None:
        return
    if record.state is ManifestState.CONDEMNED:
        stores.manifests.revive(record)
    raise ManifestInUse("an index needs this manifest; delete the index first", index=str(needed_by))


def _review_referrers(stores: Stores, repository_id: str, referrers: Sequence[Digest]) -> None:
    """Have retention look at what referred to a manifest that went; the reconciler finds those beyond the first."""
    for referrer in referrers[:REVIEWED_REFERRERS]:
        stores.manifests.review(repository_id, referrer, stores.clock())


def _untag_surplus(stores: Stores, record: ManifestRecord, tags: Sequence[Tag], by: str) -> None:
    """Remove, one by one, the tags that do not fit the transaction of a delete."""
    for tag in tags[TAGS_LIMIT:]:
        current = stores.manifests.get_tag(record.repository_id, tag)
        if current and current.digest == record.digest:
            stores.manifests.untag(current, record.repository_id, by, _after(stores, current))


def _after(stores: Stores, *tags: TagRecord) -> datetime:
    """Return the time now, later than the tags last moved: by clocks that differ, or within one millisecond.

    So the history of a tag, which is ordered by time, is a chain.
    """
    return max([stores.clock(), *(tag.time_pushed + _TICK for tag in tags)])


def _roll(stores: Stores) -> int:
    return int.from_bytes(stores.entropy(2)) % keys.SHARDS


def _pause(stores: Stores, attempt: int) -> None:
    """Let others finish: up to 10 ms, doubled with each lost race, at most 320."""
    jitter = int.from_bytes(stores.entropy(1)) / 255
    time.sleep(jitter * 0.01 * 2 ** min(attempt, 5))


def _busy() -> Unavailable:
    return Unavailable("others are changing the same manifest or tag; send the request again")
