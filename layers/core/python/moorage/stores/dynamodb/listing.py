"""The lists of repositories: of a compartment and of all, in two orders, and of deleted ones.

A place says which repository it is of, and nothing else: so a change of a repository writes none, and a page of a list
is one Query, whatever there is beside it.
"""

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from moorage.domain.content import Page
from moorage.domain.repository import Repository, RepositoryPlace, Sort
from moorage.stores import keys
from moorage.stores.dynamodb.items import NameItem
from moorage.stores.dynamodb.table import Item, Table, Write, prefix_end
from moorage.stores.keys import Key


class PlaceItem(Item, discriminator="place"):
    """A repository's place in a list. `NAMESPACE#<ns>` or `COMPARTMENT#<id>` / `NAME#...`, `CREATED#...`.

    Those of deleted ones, `DELETED#...`, may be removed by DynamoDB after `expires`.
    """

    repository_id = UnicodeAttribute()
    expires = NumberAttribute(null=True)


class TotalItem(Item, discriminator="total"):
    """How many repositories there are. `NAMESPACE#<ns>` or `COMPARTMENT#<id>` / `COUNT`."""

    repositories = NumberAttribute(default=0)


class Listing:
    """The places and the numbers of repositories."""

    def __init__(self, table: Table, namespace: str) -> None:
        self._table = table
        self._namespace = namespace

    def listed(
        self, compartment_id: str | None, sort: Sort, after: str, limit: int, *, descending: bool, deleted: bool
    ) -> Page[RepositoryPlace]:
        """Query a page of places."""
        partition = self._partition(compartment_id)
        prefix = _prefix(sort, named=compartment_id is None and not deleted, deleted=deleted)
        within = _beyond(prefix, after, descending=descending)
        # The row of the position itself is within; when a list is read backwards, it is passed over here.
        asked = limit + 1 if descending and after else limit
        kind: type[PlaceItem | NameItem] = NameItem if prefix == keys.NAME else PlaceItem
        items, more = self._table.page(partition, within, kind=kind, limit=asked, forward=not descending)
        found = [item for item in items if item.sk != prefix + after]
        shown = tuple(RepositoryPlace(item.repository_id, item.sk.removeprefix(prefix)) for item in found[:limit])
        return Page(shown, shown[-1].position if shown and (more or len(found) > limit) else None)

    def total(self, compartment_id: str | None) -> int:
        """Read the number."""
        item = self._table.get(keys.total(self._partition(compartment_id)))
        return int(item.repositories) if isinstance(item, TotalItem) else 0

    def place_writes(self, repository: Repository) -> Iterator[Write]:
        """Describe the places of a repository, in its compartment and among all."""
        for key in self._compartment_places(repository):
            yield self._table.put_write(PlaceItem(*key, repository_id=repository.id))

    def remove_writes(self, repository: Repository) -> Iterator[Write]:
        """Describe that it has none in its compartment any more."""
        for key in self._compartment_places(repository):
            yield self._table.delete_write(key)

    def created_write(self, repository: Repository) -> Write:
        """Describe the place among all in the order of making; in that of names, the name is the place."""
        key = keys.created(keys.catalog(self._namespace), repository.id)
        return self._table.put_write(PlaceItem(*key, repository_id=repository.id))

    def uncreated_write(self, repository: Repository) -> Write:
        """Describe that there is none."""
        return self._table.delete_write(keys.created(keys.catalog(self._namespace), repository.id))

    def deleted_writes(self, repository: Repository, until: datetime) -> Iterator[Write]:
        """Describe the places of a deleted repository."""
        for partition in (keys.compartment(repository.compartment_id), keys.catalog(self._namespace)):
            for key in _both(partition, repository, deleted=True):
                item = PlaceItem(*key, repository_id=repository.id, expires=int(until.timestamp()))
                yield self._table.put_write(item)

    def count_write(self, compartment_id: str | None, change: int, most: int | None = None) -> Write:
        """Describe a change of the number of repositories of a compartment, or of all, up to a limit."""
        within: Condition | None = None
        if most is not None:
            within = TotalItem.repositories <= most - change
            if most >= change:
                within |= TotalItem.repositories.does_not_exist()
        key = keys.total(self._partition(compartment_id))
        return self._table.update_write(key, TotalItem, [TotalItem.repositories.add(change)], within)

    def _partition(self, compartment_id: str | None) -> str:
        return keys.catalog(self._namespace) if compartment_id is None else keys.compartment(compartment_id)

    def _compartment_places(self, repository: Repository) -> tuple[Key, Key]:
        return _both(keys.compartment(repository.compartment_id), repository, deleted=False)


def _both(partition: str, repository: Repository, *, deleted: bool) -> tuple[Key, Key]:
    return (
        keys.named(partition, repository.name, repository.id, deleted=deleted),
        keys.created(partition, repository.id, deleted=deleted),
    )


def _prefix(sort: Sort, *, named: bool, deleted: bool) -> str:
    """Return how the sort keys of a list begin; `named`: its places are the names themselves."""
    by_name = keys.NAME if named else keys.NAMED
    order = keys.CREATED if sort is Sort.TIME_CREATED else by_name
    return f"{keys.DELETED if deleted else ''}{order}"


def _beyond(prefix: str, after: str, *, descending: bool) -> Condition:
    """Return the range of what is left of a list."""
    if descending:
        return Item.sk.between(prefix, prefix + after if after else prefix_end(prefix))
    return Item.sk.between(f"{prefix}{after}\0" if after else prefix, prefix_end(prefix))
