"""Repositories, by name and by id, their places in lists, and their counters."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from moorage.domain.content import Counts, Page
from moorage.domain.directory import Compartment, State
from moorage.domain.names import RepositoryName
from moorage.domain.ocid import tenancy_ocid
from moorage.domain.repository import (
    Configuration,
    Description,
    Repository,
    RepositoryPlace,
    RepositoryRecord,
    RepositoryState,
    Sort,
)
from moorage.domain.tenancy import RETRY_LIFE_HOURS
from moorage.domain.ulid import time_of
from moorage.stores.base import NO_DESCRIPTION, Changed, CompartmentGone, Limits, RepositoriesFull
from moorage.stores.keys import SHARDS
from moorage.stores.memory.rows import Described, Rows, Store, atomic, page

if TYPE_CHECKING:
    from moorage.domain.directory import Remembered


class MemoryRepositories(Store):
    """`RepositoryStore` in memory."""

    def __init__(self, rows: Rows, limits: Limits) -> None:
        super().__init__(rows)
        self._limits = limits
        self._root = tenancy_ocid(limits.namespace)

    @atomic
    def find(self, name: RepositoryName) -> Repository | None:
        """Resolve a name."""
        repository_id = self._rows.names.get(name)
        return None if repository_id is None else self._rows.repositories[repository_id]

    @atomic
    def find_many(self, names: Sequence[RepositoryName]) -> dict[RepositoryName, Repository]:
        """Resolve names."""
        found = {name: self.find(name) for name in names}
        return {name: repository for name, repository in found.items() if repository}

    @atomic
    def by_ids(self, ids: Sequence[str]) -> list[Repository]:
        """Return those that are there and available."""
        found = (self._rows.repositories.get(repository_id) for repository_id in ids)
        return [item for item in found if item and item.state is RepositoryState.AVAILABLE]

    @atomic
    def get(self, repository_id: str) -> RepositoryRecord | None:
        """Return all of a repository."""
        repository = self._rows.repositories.get(repository_id)
        if repository is None:
            return None
        described = self._rows.described[repository_id]
        return RepositoryRecord(repository, described.description, described.version, described.time_deleted)

    @atomic
    def records(self, ids: Sequence[str]) -> dict[str, RepositoryRecord]:
        """Return all of many."""
        found = {repository_id: self.get(repository_id) for repository_id in ids}
        return {repository_id: record for repository_id, record in found.items() if record}

    @atomic
    def create(
        self, repository: Repository, description: Description = NO_DESCRIPTION, remember: "Remembered | None" = None
    ) -> bool:
        """Take the name, if it is free."""
        if repository.name in self._rows.names:
            return False
        self._require_compartment(repository.compartment_id)
        if len(self._rows.names) >= self._limits.repositories:
            raise RepositoriesFull
        self._remember(remember)
        self._rows.names[repository.name] = repository.id
        self._rows.repositories[repository.id] = repository
        self._rows.described[repository.id] = Described(description)
        return True

    @atomic
    def update(self, record: RepositoryRecord) -> bool:
        """Replace what may change, of the version before."""
        before = self._as_read(record.repository.id, record.version - 1)
        if before is None:
            return False
        changed = replace(before.repository, public=record.repository.public, immutable=record.repository.immutable)
        self._rows.repositories[record.repository.id] = changed
        self._rows.described[record.repository.id] = Described(record.description, record.version)
        return True

    @atomic
    def move(self, record: RepositoryRecord, compartment_id: str, remember: "Remembered | None" = None) -> bool:
        """Take a repository to another compartment."""
        repository_id = record.repository.id
        before = self._as_read(repository_id, record.version)
        if before is None:
            return False
        self._require_compartment(compartment_id)
        self._remember(remember)
        self._rows.repositories[repository_id] = replace(before.repository, compartment_id=compartment_id)
        self._rows.described[repository_id] = Described(before.description, before.version + 1)
        return True

    @atomic
    def delete(self, record: RepositoryRecord, now: datetime) -> bool:
        """Free the name."""
        repository_id = record.repository.id
        before = self._as_read(repository_id, record.version)
        if before is None:
            return False
        self._rows.names.pop(before.repository.name)
        self._rows.repositories[repository_id] = replace(before.repository, state=RepositoryState.DELETING)
        self._rows.described[repository_id] = Described(before.description, before.version + 1, now)
        return True

    @atomic
    def close(self, repository_id: str) -> None:
        """Close every shard that is open, and give its bytes back."""
        for number in range(SHARDS):
            shard = self._rows.shard(repository_id, number)
            if shard.closed:
                continue
            self._rows.shards[repository_id, number] = replace(shard, closed=True)
            self._rows.storage[number] = self._rows.storage.get(number, 0) - shard.bytes

    @atomic
    def adopt(self, record: RepositoryRecord) -> bool:
        """Everything that is here is placed."""
        return record.placed

    @atomic
    def adopt_bytes(self, repository_id: str) -> None:
        """Everything that is here is counted."""

    @atomic
    def listed(
        self, compartment_id: str | None, sort: Sort, after: str, limit: int, *, descending: bool, deleted: bool
    ) -> Page[RepositoryPlace]:
        """Return a page of places in one of the orders."""
        state = RepositoryState.DELETING if deleted else RepositoryState.AVAILABLE
        places = sorted(
            (_place(repository, sort), repository.id)
            for repository in self._rows.repositories.values()
            if repository.state is state and compartment_id in (None, repository.compartment_id)
        )
        if descending:
            places = [place for place in reversed(places) if not after or place[0] < after]
        else:
            places = [place for place in places if place[0] > after]
        last = places[limit - 1][0] if len(places) > limit else None
        return Page(tuple(RepositoryPlace(repository_id, place) for place, repository_id in places[:limit]), last)

    @atomic
    def total(self, compartment_id: str | None) -> int:
        """Count the repositories that have a name."""
        named = (self._rows.repositories[repository_id] for repository_id in self._rows.names.values())
        return sum(compartment_id in (None, repository.compartment_id) for repository in named)

    @atomic
    def last_push(self, repository_id: str) -> datetime | None:
        """Return when the newest image got its place."""
        return max((time_of(ulid) for where, ulid, _ in self._rows.listed if where == repository_id), default=None)

    @atomic
    def configuration(self) -> Configuration:
        """Return what is configured, or what the deployment says."""
        return self._rows.configuration or Configuration(self._limits.create_on_push)

    @atomic
    def configure(self, configuration: Configuration) -> bool:
        """Replace the version before."""
        if self.configuration().version != configuration.version - 1:
            return False
        self._rows.configuration = configuration
        return True

    @atomic
    def names(self, after: str, limit: int) -> Page[Repository]:
        """Return a page of the catalog."""
        named = [(name, self._rows.repositories[repository_id]) for name, repository_id in self._rows.names.items()]
        return page(named, after, limit)

    @atomic
    def counts(self, repository_id: str) -> Counts:
        """Sum the shards."""
        shards = [self._rows.shard(repository_id, number) for number in range(SHARDS)]
        return Counts(
            images=sum(shard.images for shard in shards),
            layers=sum(shard.layers for shard in shards),
            bytes=sum(shard.bytes for shard in shards),
            closed=any(shard.closed for shard in shards),
        )

    def _as_read(self, repository_id: str, version: int) -> RepositoryRecord | None:
        record = self.get(repository_id)
        return record if record and record.available and record.version == version else None

    def _require_compartment(self, compartment_id: str) -> None:
        if compartment_id == self._root:
            return
        compartment = self._rows.resources.get((Compartment, compartment_id))
        if compartment is None or compartment.state is not State.ACTIVE:
            raise CompartmentGone

    def _remember(self, remember: "Remembered | None") -> None:
        if remember is None:
            return
        before = self._rows.remembered.get((remember.principal_id, remember.token))
        if before and before.time > remember.time - timedelta(hours=RETRY_LIFE_HOURS):
            raise Changed
        self._rows.remembered[remember.principal_id, remember.token] = remember


def _place(repository: Repository, sort: Sort) -> str:
    """Return where a repository is in a list: names first by their bytes, then by id."""
    return repository.id if sort is Sort.TIME_CREATED else f"{repository.name}#{repository.id}"
