"""`RepositoryStore` on DynamoDB."""

from collections.abc import Sequence

from moorage.domain.content import Counts, Page
from moorage.domain.names import RepositoryName
from moorage.domain.repository import Repository, RepositoryState
from moorage.stores import keys
from moorage.stores.dynamodb.items import CountItem, NameItem, RepositoryItem
from moorage.stores.dynamodb.table import Cancelled, Item, Table, Write, prefix_end


class DynamoRepositoryStore:
    """Names, records and counters of repositories."""

    def __init__(self, table: Table, namespace: str) -> None:
        self._table = table
        self._namespace = namespace

    def find(self, name: RepositoryName) -> Repository | None:
        """Read the name row."""
        item = self._table.get(keys.name(self._namespace, name))
        return item.to_domain() if isinstance(item, NameItem) else None

    def by_ids(self, ids: Sequence[str]) -> list[Repository]:
        """Read records."""
        items = self._table.get_many([keys.record(repository_id) for repository_id in ids]).values()
        repositories = [item.to_domain() for item in items if isinstance(item, RepositoryItem)]
        return [repository for repository in repositories if repository.state is RepositoryState.AVAILABLE]

    def create(self, repository: Repository) -> bool:
        """Write name row and record together, if neither is there."""
        name = NameItem(*keys.name(self._namespace, repository.name), repository_id=repository.id)
        record = RepositoryItem(*keys.record(repository.id), name=repository.name)
        for item in (name, record):
            item.public = repository.public
            item.state = repository.state.value
            item.time_created = repository.time_created
            item.created_by = repository.created_by
        absent = Item.pk.does_not_exist()
        return self._apply([self._table.put_write(name, absent), self._table.put_write(record, absent)])

    def set_public(self, repository: Repository, *, public: bool) -> bool:
        """Change both rows together, if the name still resolves to this id."""
        name, record = keys.name(self._namespace, repository.name), keys.record(repository.id)
        same = NameItem.repository_id == repository.id
        return self._apply(
            [
                self._table.update_write(name, NameItem, [NameItem.public.set(public)], same),
                self._table.update_write(record, RepositoryItem, [RepositoryItem.public.set(public)], Item.pk.exists()),
            ]
        )

    def _apply(self, writes: Sequence[Write]) -> bool:
        """Apply all writes; False when a condition does not hold."""
        try:
            self._table.insist(writes)
        except Cancelled:
            return False
        return True

    def names(self, after: str, limit: int) -> Page[Repository]:
        """Query a page of name rows."""
        within = Item.sk.between(f"{keys.NAME}{after}\0" if after else keys.NAME, prefix_end(keys.NAME))
        items, more = self._table.page(keys.catalog(self._namespace), within, kind=NameItem, limit=limit)
        found = tuple(item.to_domain() for item in items)
        return Page(found, found[-1].name if more and found else None)

    def counts(self, repository_id: str) -> Counts:
        """Sum the shards."""
        within = Item.sk.startswith(keys.COUNT)
        shards = list(self._table.query(keys.repository(repository_id), within, kind=CountItem))
        return Counts(
            images=sum(int(shard.images) for shard in shards),
            layers=sum(int(shard.layers) for shard in shards),
            bytes=sum(int(shard.bytes) for shard in shards),
            closed=any(shard.closed for shard in shards),
        )
