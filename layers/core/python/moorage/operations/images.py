"""Images: what the cloud plane does with manifests. docs/protocol.md, 4.6."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from moorage.domain.content import LEASE, Link, LinkState, ManifestRecord, ManifestState
from moorage.domain.digest import Digest
from moorage.domain.directory import Remembered, ResourceTags
from moorage.domain.errors import LimitReached, NotFound, StateConflict
from moorage.domain.image import AVAILABLE, DELETED, Image, Layer, Restoring, etag_of
from moorage.domain.manifest import Manifest, parse_manifest
from moorage.domain.names import Tag
from moorage.domain.repository import Sparse
from moorage.domain.ulid import time_of
from moorage.operations.contention import ATTEMPTS, after, busy, pause
from moorage.operations.repositories import new_ulid
from moorage.stores import keys
from moorage.stores.base import (
    Conflict,
    LinkRowChanged,
    OwnRowChanged,
    Reading,
    ShardFull,
    Stores,
    TagRowChanged,
)
from moorage.stores.deadline import operation

Check = Callable[[ManifestRecord], None]  # raises what forbids to go on with the row as it is
Remember = Callable[[str], Remembered | None]  # of the etag that is answered

SHARD_TRIES = 3
TRANSACTION_ROOM = 100  # rows
_ROWS = 6  # of a restore beside tags and what the manifest needs
_TAG_ROWS = 3


def find(stores: Stores, repository_id: str, digest: Digest) -> Image:
    """Return an image that is there, or that can be restored. Raises NotFound."""
    image = stores.images.get(repository_id, digest)
    if image is None or image.state(stores.clock()) is None:
        raise NotFound
    return image


def layers_of(stores: Stores, image: Image) -> list[Layer]:
    """Return the layers of an image, each once, in the order of their digests."""
    record = image.record
    manifest = _parse(stores, record)
    sizes = {layer.digest: layer.size for layer in manifest.layers if not layer.foreign}
    links = stores.manifests.read(record.repository_id, record.digest, list(sizes), [], []).links if sizes else {}
    return [Layer(digest, sizes[digest], _since(links, digest, image)) for digest in sorted(sizes, key=str)]


def label(
    stores: Stores, repository_id: str, digest: Digest, change: Callable[[ResourceTags], ResourceTags], check: Check
) -> None:
    """Change the labels of an image. Raises NotFound, StateConflict, or what `check` does."""
    with operation():
        for attempt in range(ATTEMPTS):
            record = _available(stores, repository_id, digest).record
            check(record)
            if stores.images.label(record, change(ResourceTags(record.freeform_tags, record.defined_tags))):
                return
            pause(stores, attempt)
    raise busy()


@dataclass(frozen=True, slots=True)
class Removal:
    """Which version is to be taken off which image, and by whom."""

    repository_id: str
    digest: Digest
    version: Tag
    by: str


def remove_version(stores: Stores, request: Removal, check: Check, remember: Remember) -> None:
    """Take a version off an image, which stays. Raises NotFound, StateConflict, Changed, or what `check` does."""
    with operation():
        for attempt in range(ATTEMPTS):
            record = _available(stores, request.repository_id, request.digest).record
            check(record)
            found = stores.manifests.get_tag(request.repository_id, request.version)
            if found is None or found.digest != request.digest:
                raise NotFound
            remembered = remember(etag_of(replace(record, version=record.version + 1)))
            try:
                stores.images.remove_version(found, record, request.by, after(stores, found), remembered)
            except (OwnRowChanged, TagRowChanged, Conflict):
                pause(stores, attempt)
            else:
                return
    raise busy()


@dataclass(frozen=True, slots=True)
class Restore:
    """What is to be restored, by whom, and with which version alone; without one, with those that are free."""

    repository_id: str
    digest: Digest
    version: Tag | None
    by: str


def restore(stores: Stores, request: Restore, check: Check, remember: Remember) -> None:
    """Bring a deleted image back (4.6).

    Raises NotFound, StateConflict, LimitReached, Changed when the retry token is used already, or what `check` does.
    """
    shards = _Shards(stores, request.repository_id)
    with operation():
        for attempt in range(ATTEMPTS):
            record = find(stores, request.repository_id, request.digest).record
            if record.readable:
                raise StateConflict("the image is not deleted")
            check(record)
            if _try_restore(stores, request, record, shards, remember):
                return
            pause(stores, attempt)
    raise busy()


def _try_restore(
    stores: Stores, request: Restore, record: ManifestRecord, shards: "_Shards", remember: Remember
) -> bool:
    """Restore a row as it was read; False when something is not as read any more."""
    manifest = _parse(stores, record)
    tags = (request.version,) if request.version else record.removed
    needed = list(manifest.children) if stores.limits.sparse is Sparse.NONE else []
    reading = stores.manifests.read(record.repository_id, record.digest, list(manifest.blobs), needed, tags)
    if request.version in reading.tags:
        raise StateConflict(f"version {request.version} is another image's; remove it there first, or choose another")
    links, children = _blobs(stores, manifest, reading), _children(reading, needed)
    if not _revive(stores, links, children):
        return False
    free = tuple(tag for tag in tags if tag not in reading.tags)
    room = TRANSACTION_ROOM - _ROWS - _TAG_ROWS * len(free)  # up to 20 tags leave some
    asked = [child.digest for child in children[:room]]
    room -= len(asked)
    restoring = Restoring(
        record=record,
        shard=shards.current,
        tags=free,
        links={link.digest: link.generation for link in links[:room]},
        children=tuple(asked),
        referrer=manifest.referrer(record.digest, record.size) if manifest.subject else None,
        by=request.by,
        now=stores.clock(),
        id=new_ulid(stores),
    )
    try:
        stores.images.restore(restoring, remember(etag_of(replace(record, version=record.version + 1))))
    except ShardFull:
        shards.full()
        return False
    except (OwnRowChanged, TagRowChanged, LinkRowChanged, Conflict):
        return False
    _show(stores, record, [link.digest for link in links[room:]])
    _bring_back(stores, request, [child.digest for child in children[len(asked) :]])
    return True


def _blobs(stores: Stores, manifest: Manifest, reading: Reading) -> list[Link]:
    """Return the blobs that must be there, hidden or not. Raises StateConflict when one is not."""
    found = {digest: link for digest, link in reading.links.items() if link.state is not LinkState.DELETING}
    absent = [digest for digest in manifest.blobs if digest not in found]
    if absent and stores.limits.sparse is not Sparse.ALL:
        raise StateConflict("the image needs content that is not there any more; push it again", digest=str(absent[0]))
    return list(found.values())


def _children(reading: Reading, needed: Sequence[Digest]) -> list[ManifestRecord]:
    """Return the manifests that an index needs here. Raises StateConflict when one is not there."""
    absent = [digest for digest in needed if digest not in reading.manifests or not reading.manifests[digest].readable]
    if absent:
        raise StateConflict(f"the index needs {absent[0]}, which is not there; restore that first")
    return [reading.manifests[digest] for digest in needed]


def _revive(stores: Stores, links: Sequence[Link], children: Sequence[ManifestRecord]) -> bool:
    """Show blobs that were deleted meanwhile, and keep what a sweep was about to take."""
    lease = stores.clock() + LEASE
    revived = [
        stores.links.revive(link, lease, show=True) for link in links if link.hidden or link.state is not LinkState.LIVE
    ]
    condemned = [child for child in children if child.state is ManifestState.CONDEMNED]
    revived += [stores.manifests.revive(child) for child in condemned]
    return all(revived)


def _show(stores: Stores, record: ManifestRecord, digests: Sequence[Digest]) -> None:
    """Show what did not fit the transaction and was deleted while it ran; from now on the manifest holds it."""
    if digests:
        reading = stores.manifests.read(record.repository_id, record.digest, digests, [], [])
        _revive(stores, list(reading.links.values()), [])


def _bring_back(stores: Stores, request: Restore, digests: Sequence[Digest]) -> None:
    """Restore children that did not fit the transaction and were deleted while it ran.

    A delete that begins after the transaction sees the index that needs the child; one that has condemned the child
    before is made to look again.
    """
    for attempt in range(ATTEMPTS if digests else 0):
        manifests = stores.manifests.read(request.repository_id, digests[0], [], digests, []).manifests
        for digest in (one for one in digests if one in manifests and not manifests[one].readable):
            _restore_child(stores, replace(request, digest=digest, version=None))
        if _revive(stores, [], list(manifests.values())):
            return
        pause(stores, attempt)


def _restore_child(stores: Stores, request: Restore) -> None:
    with suppress(NotFound, StateConflict, LimitReached):  # the index is there already, and more cannot be done
        restore(stores, request, lambda _: None, lambda _: None)


class _Shards:
    """The shard that a restored image is counted in; another one, or more share for it, when it is full."""

    def __init__(self, stores: Stores, repository_id: str) -> None:
        self._stores = stores
        self._repository_id = repository_id
        self._tries = 0
        self.current = self._roll()

    def full(self) -> None:
        """Find another way. Raises NotFound in a repository that is deleted, LimitReached in one that is full."""
        self._tries += 1
        if self._stores.repositories.counts(self._repository_id).closed:
            raise NotFound
        if self._tries < SHARD_TRIES:
            self.current = self._roll()
            return
        try:
            moved = self._stores.manifests.take_share(self._repository_id, self.current, 1)
        except (ShardFull, Conflict):
            return
        if not moved:
            limit = self._stores.limits.images
            raise LimitReached(f"the repository has {limit} images, which is its limit; delete some first")

    def _roll(self) -> int:
        return int.from_bytes(self._stores.entropy(2)) % keys.SHARDS


def _available(stores: Stores, repository_id: str, digest: Digest) -> Image:
    image = find(stores, repository_id, digest)
    if image.state(stores.clock()) != AVAILABLE:
        raise StateConflict(f"the image is {DELETED}; restore it first")
    return image


def _parse(stores: Stores, record: ManifestRecord) -> Manifest:
    data = record.data if record.data is not None else stores.objects.read(str(record.key))
    return parse_manifest(data, record.media_type)


def _since(links: Mapping[Digest, Link], digest: Digest, image: Image) -> datetime:
    """Return when a repository got a layer; of one that is not there, when the image came."""
    link = links.get(digest)
    return time_of(link.generation) if link else image.time_created
