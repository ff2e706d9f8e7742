"""Manifest PUT. docs/protocol.md, 4.5."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from moorage.domain.content import (
    INLINE_MANIFEST_LIMIT,
    LEASE,
    Expected,
    Link,
    LinkState,
    ManifestRecord,
    ManifestState,
)
from moorage.domain.digest import Digest
from moorage.domain.errors import (
    DigestInvalid,
    LimitReached,
    ManifestBlobUnknown,
    ManifestInvalid,
    NameUnknown,
    TagChanged,
    TagImmutable,
    Unavailable,
)
from moorage.domain.manifest import Manifest, parse_manifest
from moorage.domain.names import Tag
from moorage.domain.repository import Sparse
from moorage.operations.contention import ATTEMPTS, after, busy, pause
from moorage.operations.repositories import new_ulid
from moorage.stores import keys
from moorage.stores.base import (
    LEFT_LIMIT,
    Closed,
    Commit,
    Conflict,
    LinkRowChanged,
    OwnRowChanged,
    Reading,
    ShardFull,
    StorageFull,
    Stores,
    TagFixed,
    TagRowChanged,
)
from moorage.stores.deadline import operation

SHARD_TRIES = 3
TRANSACTION_ROOM = 98  # rows beside the counters


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


def push_manifest(stores: Stores, request: Push) -> Pushed:
    """Store a manifest with its tags: all of it, or nothing but edges that the sweep clears.

    Raises ManifestInvalid, ManifestTooLarge, ManifestBlobUnknown, DigestInvalid, TagChanged, TagImmutable
    or LimitReached.
    """
    manifest = parse_manifest(request.data, request.content_type)
    digest = request.digest or Digest.of(request.data)
    if Digest.of(request.data, digest.algorithm) != digest:
        raise DigestInvalid("the manifest does not have this digest", digest=str(digest))
    referrer = manifest.referrer(digest, len(request.data)) if manifest.subject else None
    with operation():
        _Put(stores, request, manifest, digest, referrer).run()
    return Pushed(digest, manifest.subject.digest if manifest.subject else None)


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
        self._storing = (0, 0)  # shard and bytes of the last transaction that counts layers
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
            pause(self._stores, attempt)
        raise busy()

    def _try(self, reading: Reading, *, again: bool = True) -> bool:
        """Commit what was read; False when it is no longer so, and must be read again."""
        try:
            self._commit(reading)
        except OwnRowChanged:
            self._write_edges()  # whoever changed the row may have written its edges over ours
        except TagFixed as error:
            raise self._fixed(reading) from error
        except (TagRowChanged, LinkRowChanged):
            pass
        except Conflict:
            self._shard = _roll(self._stores)
        except (ShardFull, StorageFull) as full:
            if again and (self._make_room(full) if isinstance(full, ShardFull) else self._make_storage_room()):
                return self._try(reading, again=False)  # at once: the share that was moved is anybody's until then
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
            self._note_refused(reading)
            raise

    def _note_refused(self, reading: Reading) -> None:
        if reading.own is None and (self._manifest.blobs or self._manifest.children):
            now = self._stores.clock()
            self._stores.manifests.note_refused(self._request.repository_id, self._digest, self._put, now)

    def _fixed(self, reading: Reading) -> TagImmutable:
        """Refuse to move a tag: say which one stays where, and what to do."""
        self._note_refused(reading)
        tag, digest = next((tag, at.digest) for tag, at in reading.tags.items() if at.digest != self._digest)
        return TagImmutable(
            f"the repository is immutable, and tag {tag} is {digest}; push under another tag, or remove that one first",
            tag=tag,
            digest=str(digest),
        )

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
        room = TRANSACTION_ROOM - 5 - 4 * len(self._request.tags) - min(LEFT_LIMIT, len(reading.tags))
        uncounted = self._uncounted(reading)
        while len(uncounted) > room:
            batch, uncounted = uncounted[:TRANSACTION_ROOM], uncounted[TRANSACTION_ROOM:]
            self._storing = (record.shard or 0, sum(link.size for link in batch))
            self._stores.manifests.count_links(record.repository_id, record.shard or 0, batch)
            self._counted |= {link.digest for link in batch}
        self._storing = (record.shard or 0, sum(link.size for link in uncounted))
        self._stores.manifests.commit(
            Commit(
                record=record,
                own=own,
                tags=self._request.tags,
                replaced=reading.tags,
                counted=tuple(uncounted),
                referrer=self._referrer,
                by=self._request.by,
                now=after(self._stores, *reading.tags.values()),
            )
        )

    def _uncounted(self, reading: Reading) -> list[Link]:
        layers = {descriptor.digest for descriptor in self._manifest.layers}
        return [
            link
            for digest, link in reading.links.items()
            if digest in layers and link.counted is None and link.readable and digest not in self._counted
        ]

    def _make_room(self, full: ShardFull) -> bool:
        """Try other shards first, then move share to this one; refuse when no shard has any left."""
        if isinstance(full, Closed):
            raise _deleted() from full
        self._full_shards += 1
        if self._full_shards < SHARD_TRIES:
            self._shard = _roll(self._stores)
            return False
        try:
            moved = self._stores.manifests.take_share(self._request.repository_id, self._shard, 1)
        except Closed as error:
            raise _deleted() from error
        except (ShardFull, Conflict):
            return False
        if not moved:
            raise LimitReached(
                f"the repository has {self._stores.limits.images} images, which is its limit; delete some first"
            )
        return True

    def _make_storage_room(self) -> bool:
        """Bring together what other shards have left of the limit of bytes; refuse when that is not enough."""
        try:
            if self._stores.manifests.take_room(*self._storing):
                return True
        except (StorageFull, Conflict):
            return False
        raise LimitReached(
            f"the registry stores at most {self._stores.limits.storage_bytes} bytes of layers, and these"
            f" {self._storing[1]} are more than it has left; delete images or repositories first"
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
        record = replace(
            record,
            dead=own.dead | replaced,
            freeform_tags=own.freeform_tags,
            defined_tags=own.defined_tags,
        )
        if not own.readable:
            return record
        return replace(
            record,
            shard=own.shard,
            listed=own.listed,
            time_pushed=own.time_pushed,
            pushed_by=own.pushed_by,
            time_last_pulled=own.time_last_pulled,
            pulls=own.pulls,
        )

    def _object(self, own: ManifestRecord | None) -> str:
        """Return the key of the bytes: the row's own, unless a purge may have removed it, else a new object's."""
        if own and own.key and own.state is not ManifestState.PURGING:
            return own.key
        if self._key is None:
            self._key = keys.manifest_object(self._request.repository_id, self._digest, new_ulid(self._stores))
            self._stores.objects.put(self._key, self._request.data)
        return self._key

    def _is_in(self) -> bool:
        """Whether the commit whose answer is not known was applied: the row says whose it is."""
        own = self._stores.manifests.get(self._request.repository_id, self._digest)
        return own is not None and own.put == self._put


def _deleted() -> NameUnknown:
    return NameUnknown("the repository was deleted while it was pushed to")


def _roll(stores: Stores) -> int:
    return int.from_bytes(stores.entropy(2)) % keys.SHARDS
