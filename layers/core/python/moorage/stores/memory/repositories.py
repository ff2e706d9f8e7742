"""Repositories, by name and by id, and their counters."""

from collections.abc import Sequence
from dataclasses import replace

from moorage.domain.content import Counts, Page
from moorage.domain.names import RepositoryName
from moorage.domain.repository import Repository, RepositoryState
from moorage.stores.keys import SHARDS
from moorage.stores.memory.rows import Store, atomic, page


class MemoryRepositories(Store):
    """`RepositoryStore` in memory."""

    @atomic
    def find(self, name: RepositoryName) -> Repository | None:
        """Resolve a name."""
        repository_id = self._rows.names.get(name)
        return None if repository_id is None else self._rows.repositories[repository_id]

    @atomic
    def by_ids(self, ids: Sequence[str]) -> list[Repository]:
        """Return those that are there and available."""
        found = (self._rows.repositories.get(repository_id) for repository_id in ids)
        return [item for item in found if item and item.state is RepositoryState.AVAILABLE]

    @atomic
    def create(self, repository: Repository) -> bool:
        """Take the name, if it is free."""
        if repository.name in self._rows.names:
            return False
        self._rows.names[repository.name] = repository.id
        self._rows.repositories[repository.id] = repository
        return True

    @atomic
    def set_public(self, repository: Repository, *, public: bool) -> bool:
        """Change who may see it, while the name still means this repository."""
        if self._rows.names.get(repository.name) != repository.id:
            return False
        self._rows.repositories[repository.id] = replace(self._rows.repositories[repository.id], public=public)
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
