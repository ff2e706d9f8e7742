"""Manifests that are there: pulled, deleted, untagged. docs/protocol.md, 4.6."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

from moorage.domain.content import ManifestRecord, ManifestState
from moorage.domain.digest import Digest
from moorage.domain.errors import ManifestInUse, ManifestUnknown, NameUnknown, StateConflict, Unavailable
from moorage.domain.manifest import TAGS_LIMIT
from moorage.domain.names import Tag
from moorage.domain.repository import Sparse
from moorage.operations.blobs import needs
from moorage.operations.contention import ATTEMPTS, after, busy, pause
from moorage.stores.base import Closed, Conflict, OwnRowChanged, Stores, TagRowChanged
from moorage.stores.deadline import operation

Check = Callable[[ManifestRecord], None]

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


def delete(stores: Stores, repository_id: str, digest: Digest, by: str, check: Check | None = None) -> None:
    """Delete a manifest with all its tags; it can be restored for 48 h.

    Raises ManifestUnknown, ManifestInUse, or NameUnknown when the repository is deleted.

    `check` is asked about the row that is to be deleted, and raises what forbids it; then also StateConflict says that
    it is deleted already. It is asked once, before the first write, and again only when somebody else has written.
    """
    with operation():
        _Delete(stores, repository_id, digest, by, check).run()


def untag(stores: Stores, repository_id: str, tag: Tag, by: str) -> None:
    """Remove a tag; what it pointed at stays. Raises ManifestUnknown, or NameUnknown."""
    with operation():
        for attempt in range(ATTEMPTS):
            record = stores.manifests.get_tag(repository_id, tag)
            if record is None:
                raise ManifestUnknown("no such tag", tag=tag)
            try:
                stores.manifests.untag(record, repository_id, by, after(stores, record))
            except Closed as error:
                raise _repository_deleted() from error
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


class _Delete:
    """The delete of one manifest, through the races it meets."""

    def __init__(self, stores: Stores, repository_id: str, digest: Digest, by: str, check: Check | None) -> None:
        self._stores = stores
        self._repository_id = repository_id
        self._digest = digest
        self._by = by
        self._check = check
        self._checked: tuple[str, int] | None = None  # put and version of the row as `check` passed it or we wrote it

    def run(self) -> None:
        """Check, take what does not fit the transaction off, then the transaction; again after a lost race."""
        for attempt in range(ATTEMPTS):
            gathered = self._stores.manifests.gather(self._repository_id, self._digest)
            record = self._admit(gathered.record)
            if self._stores.limits.sparse is Sparse.NONE:
                _refuse_needed(self._stores, record)
                if record.state is ManifestState.LIVE:
                    self._condemn(record)
                    continue  # the edges once more: an index that is pushed meanwhile is seen, or revives the row
            try:
                self._remove(record, gathered.tags)
            except Closed as error:
                raise _repository_deleted() from error
            except (OwnRowChanged, TagRowChanged, Conflict):
                pause(self._stores, attempt)
            else:
                _review_referrers(self._stores, self._repository_id, gathered.referrers)
                return
        raise busy()

    def _admit(self, record: ManifestRecord | None) -> ManifestRecord:
        """Return the row if it may be deleted as it is."""
        if self._check and record and record.state is ManifestState.DELETED:
            self._check(record)
            raise StateConflict("the image is deleted already")
        if record is None or not record.readable:
            raise ManifestUnknown("no such manifest", digest=str(self._digest))
        if self._check and self._checked != (record.put, record.version):
            self._check(record)
            self._checked = record.put, record.version
        return record

    def _condemn(self, record: ManifestRecord) -> None:
        if self._stores.manifests.condemn(record):
            self._checked = record.put, record.version + 1

    def _remove(self, record: ManifestRecord, tags: Sequence[Tag]) -> None:
        """Remove, one by one and the oldest first, the tags that do not fit the transaction; then all the rest."""
        for tag in tags[:-TAGS_LIMIT]:
            current = self._stores.manifests.get_tag(self._repository_id, tag)
            if current and current.digest == self._digest:
                now = after(self._stores, current)
                self._stores.manifests.untag(current, self._repository_id, self._by, now, record)
                record = replace(record, version=record.version + 1)
                self._checked = record.put, record.version
        self._stores.manifests.delete(record, tags[-TAGS_LIMIT:], self._by, self._stores.clock())


def _repository_deleted() -> NameUnknown:
    return NameUnknown("the repository was deleted")
