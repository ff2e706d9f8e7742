"""Pages of repositories, with the exact counters of each, and the totals up to there."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from moorage.domain.content import Counts
from moorage.domain.names import RepositoryName
from moorage.domain.repository import RepositoryPlace, RepositoryRecord, RepositoryState, Sort
from moorage.stores.base import Stores

READS = 10  # of places, for one page of a list with a filter
AT_ONCE = 100  # places that one of them reads


class Totals(NamedTuple):
    """What the pages up to here have listed, taken together."""

    repositories: int = 0
    images: int = 0
    layers: int = 0
    bytes: int = 0

    def plus(self, counts: Counts) -> "Totals":
        """Return the totals with one repository more."""
        return Totals(
            self.repositories + 1,
            self.images + counts.images,
            self.layers + counts.layers,
            self.bytes + counts.bytes,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which repositories, in which order; None and empty mean any."""

    compartment_id: str | None  # None: all
    compartments: frozenset[str] = frozenset()  # of all, only those of these
    repository_id: str | None = None
    name: RepositoryName | None = None
    public: bool | None = None
    deleted: bool = False
    sort: Sort = Sort.TIME_CREATED
    descending: bool = True

    @property
    def filtered(self) -> bool:
        """Whether there may be repositories in the list's range that are not in the list."""
        return self.deleted or bool(self.compartments) or (self.repository_id, self.name, self.public) != (None,) * 3

    def fits(self, record: RepositoryRecord) -> bool:
        """Whether a repository is one of them."""
        repository = record.repository
        return (
            self.compartment_id in (None, repository.compartment_id)
            and (not self.compartments or repository.compartment_id in self.compartments)
            and self.repository_id in (None, repository.id)
            and self.name in (None, repository.name)
            and self.public in (None, repository.public)
            and (repository.state is RepositoryState.DELETING) is self.deleted
        )


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list. `last` is the position that the next page starts after, None at the end."""

    items: tuple[tuple[RepositoryRecord, Counts], ...]
    last: str | None
    totals: Totals
    number: int  # of repositories in the whole list, or as far as is known
    remaining: int  # after this page; at least 1 where it is not known


@dataclass
class _Found:
    """What a page has, while it is filled."""

    records: list[RepositoryRecord] = field(default_factory=list)
    last: str | None = None


def page(stores: Stores, wanted: Wanted, after: str, limit: int, totals: Totals) -> Listed:
    """Return the page after a position. A short one, or one with nothing in it, may have another after it."""
    found = _look_up(stores, wanted) if _is_named(wanted) else _scan(stores, wanted, after, limit)
    items = tuple((record, counts_of(stores, record)) for record in found.records)
    for _, counts in items:
        totals = totals.plus(counts)
    number = totals.repositories if wanted.filtered else stores.repositories.total(wanted.compartment_id)
    known = max(number - totals.repositories, 1) if found.last else 0
    return Listed(items, found.last, totals, number, known)


def counts_of(stores: Stores, record: RepositoryRecord) -> Counts:
    """Return the counters of a repository; in a deleted one there is nothing."""
    return stores.repositories.counts(record.repository.id) if record.available else Counts()


def _is_named(wanted: Wanted) -> bool:
    """Whether the list is of one repository at most, and its row is known."""
    return wanted.repository_id is not None or (wanted.name is not None and not wanted.deleted)


def _look_up(stores: Stores, wanted: Wanted) -> _Found:
    repository_id = wanted.repository_id
    if repository_id is None and wanted.name is not None:
        named = stores.repositories.find(wanted.name)
        repository_id = named.id if named else None
    record = stores.repositories.get(repository_id) if repository_id else None
    shown = record and wanted.fits(record) and record.shown(stores.clock())
    return _Found([record] if record and shown else [])


def _scan(stores: Stores, wanted: Wanted, after: str, limit: int) -> _Found:
    """Read places until the page is full, or it has cost enough."""
    found = _Found()
    taken = after
    for place, record in _places(stores, wanted, after, limit, found):
        if record and wanted.fits(record) and record.shown(stores.clock()):
            if len(found.records) == limit:
                found.last = taken
                break
            found.records.append(record)
            taken = place.position
    return found


def _places(
    stores: Stores, wanted: Wanted, after: str, limit: int, found: _Found
) -> Iterator[tuple[RepositoryPlace, RepositoryRecord | None]]:
    """Yield the places after a position with their records; `found.last` is where it stopped before the end."""
    at_once = max(limit, AT_ONCE) if wanted.filtered else limit
    for _ in range(READS if wanted.filtered else 1):
        read = stores.repositories.listed(
            wanted.compartment_id, wanted.sort, after, at_once, descending=wanted.descending, deleted=wanted.deleted
        )
        records = stores.repositories.records([place.repository_id for place in read.items]) if read.items else {}
        for place in read.items:
            yield place, records.get(place.repository_id)
        found.last = read.last
        if read.last is None:
            return
        after = read.last
