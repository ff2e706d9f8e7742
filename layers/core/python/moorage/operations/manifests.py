"""Manifests that are there: pulled, deleted, untagged. docs/protocol.md, 4.6."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from moorage.domain.content import ManifestRecord, ManifestState
from moorage.domain.digest import Digest
from moorage.domain.errors import ManifestInUse, ManifestUnknown, Unavailable
from moorage.domain.manifest import TAGS_LIMIT
from moorage.domain.names import Tag
from moorage.domain.repository import Sparse
from moorage.operations.blobs import needs
from moorage.operations.contention import ATTEMPTS, after, busy, pause
from moorage.stores.base import Conflict, OwnRowChanged, Stores, TagRowChanged
from moorage.stores.deadline import operation

REVIEWED_REFERRERS = 20

_PULL_NOTED = timedelta(hours=1)


def pulled(stores: Stores, record: ManifestRecord) -> None:
    """Note a pull, at most once an hour for each manifest: retention wants to know, and nobody waits for more."""
    now = stores.clock()
    if record.time_last_pulled is None or now - record.time_last_pulled >= _PULL_NOTED:
        try:
            stores.manifests.touch(record, now)
        except Unavailable:
            return  # statistics never cost a pull its answer


def delete(
    stores: Stores, repository_id: str, digest: Digest, by: str, check: Callable[[ManifestRecord], None] | None = None
) -> None:
    """Delete a manifest with all its tags; it can be restored for 48 h. Raises ManifestUnknown or ManifestInUse.

    `check` is asked about the row that is to be deleted, and raises what forbids it.
    """
    with operation():
        for attempt in range(ATTEMPTS):
            gathered = stores.manifests.gather(repository_id, digest)
            record = gathered.record
            if record is None or not record.readable:
                raise ManifestUnknown("no such manifest", digest=str(digest))
            if check and record.state is ManifestState.LIVE:
                check(record)
            if stores.limits.sparse is Sparse.NONE:
                _refuse_needed(stores, record)
                if record.state is ManifestState.LIVE:
                    stores.manifests.condemn(record)
                    continue  # the edges once more: an index that is pushed meanwhile is seen, or revives the row
            try:
                _untag_surplus(stores, record, gathered.tags, by)
                stores.manifests.delete(record, gathered.tags[-TAGS_LIMIT:], by, stores.clock())
            except (OwnRowChanged, TagRowChanged, Conflict):
                pause(stores, attempt)
            else:
                _review_referrers(stores, repository_id, gathered.referrers)
                return
    raise busy()


def untag(stores: Stores, repository_id: str, tag: Tag, by: str) -> None:
    """Remove a tag; what it pointed at stays. Raises ManifestUnknown."""
    with operation():
        for attempt in range(ATTEMPTS):
            record = stores.manifests.get_tag(repository_id, tag)
            if record is None:
                raise ManifestUnknown("no such tag", tag=tag)
            try:
                stores.manifests.untag(record, repository_id, by, after(stores, record))
            except (OwnRowChanged, TagRowChanged, Conflict):
                pause(stores, attempt)
            else:
                return
    raise busy()


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
    """Remove, one by one and the oldest first, the tags that do not fit the transaction of a delete."""
    for tag in tags[:-TAGS_LIMIT]:
        current = stores.manifests.get_tag(record.repository_id, tag)
        if current and current.digest == record.digest:
            stores.manifests.untag(current, record.repository_id, by, after(stores, current))
