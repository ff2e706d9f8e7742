"""`RepositoryStore` on DynamoDB."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from moorage.domain.content import RESTORE_WINDOW, Counts, Page
from moorage.domain.names import RepositoryName
from moorage.domain.ocid import tenancy_ocid
from moorage.domain.repository import (
    Configuration,
    Description,
    Repository,
    RepositoryRecord,
    RepositoryState,
)
from moorage.domain.ulid import time_of
from moorage.stores import keys
from moorage.stores.base import (
    NO_DESCRIPTION,
    Changed,
    CompartmentGone,
    Conflict,
    Limits,
    RepositoriesFull,
)
from moorage.stores.dynamodb.counting import Storage
from moorage.stores.dynamodb.items import CountItem, ImageItem, NameItem, RepositoryItem, marking
from moorage.stores.dynamodb.listing import Listing
from moorage.stores.dynamodb.table import Cancelled, Item, Missed, Table, Write, prefix_end

if TYPE_CHECKING:
    from moorage.domain.directory import Remembered

CLOSED_AT_ONCE = 25  # shards; each may need a second row of the transaction, and be in the way of a push

_ABSENT: Condition = Item.pk.does_not_exist()


class ConfigurationItem(Item, discriminator="configuration"):
    """What can be configured at run time. `NAMESPACE#<ns>` / `CONFIGURATION`."""

    create_on_push = BooleanAttribute()
    version = NumberAttribute()


class _Missed(Exception):
    """A row is not as it was read."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A write of a transaction, and what it means when its condition does not hold."""

    write: Write
    refusal: type[Exception] = _Missed


class DynamoRepositoryStore(Listing):
    """Names, records, places and counters of repositories."""

    def __init__(
        self, table: Table, limits: Limits, remembering: "Callable[[Table, str, Remembered], Write] | None" = None
    ) -> None:
        super().__init__(table, limits.namespace)
        self._remembering = remembering  # None where nothing is made for a retry token: a pull does not load it
        self._limits = limits
        self._root = tenancy_ocid(limits.namespace)
        self._storage = Storage(table, limits.namespace, limits.storage_bytes)

    def find(self, name: RepositoryName) -> Repository | None:
        """Read the name row."""
        item = self._table.get(keys.name(self._namespace, name))
        return item.to_domain(self._root) if isinstance(item, NameItem) else None

    def find_many(self, names: Sequence[RepositoryName]) -> dict[RepositoryName, Repository]:
        """Read name rows."""
        items = self._table.get_many([keys.name(self._namespace, name) for name in names]).values()
        found = [item.to_domain(self._root) for item in items if isinstance(item, NameItem)]
        return {repository.name: repository for repository in found}

    def by_ids(self, ids: Sequence[str]) -> list[Repository]:
        """Read records."""
        return [record.repository for record in self.records(ids).values() if record.available]

    def get(self, repository_id: str) -> RepositoryRecord | None:
        """Read the record."""
        item = self._table.get(keys.record(repository_id))
        return item.to_domain(self._root) if isinstance(item, RepositoryItem) else None

    def records(self, ids: Sequence[str]) -> dict[str, RepositoryRecord]:
        """Read records."""
        items = self._table.get_many([keys.record(repository_id) for repository_id in ids]).values()
        found = [item.to_domain(self._root) for item in items if isinstance(item, RepositoryItem)]
        return {record.repository.id: record for record in found}

    def create(
        self, repository: Repository, description: Description = NO_DESCRIPTION, remember: "Remembered | None" = None
    ) -> bool:
        """Write all rows of a repository together."""
        record = RepositoryRecord(repository, description)
        steps = [
            _Step(self._table.put_write(self._name_row(repository), _ABSENT)),
            _Step(self._table.put_write(_record_row(record), _ABSENT)),
            _Step(self.created_write(repository)),
            *map(_Step, self.place_writes(repository)),
            _Step(self.count_write(repository.compartment_id, 1)),
            _Step(self.count_write(None, 1, self._limits.repositories), RepositoriesFull),
            *self._compartment_steps(repository.compartment_id),
            *self._retry_steps(remember),
        ]
        return self._run(steps, lambda item: isinstance(item, NameItem) and item.repository_id == repository.id)

    def update(self, record: RepositoryRecord) -> bool:
        """Replace what may change in both rows."""
        repository = record.repository
        shared = [NameItem.public.set(repository.public), NameItem.immutable.set(repository.immutable)]
        actions = [
            RepositoryItem.public.set(repository.public),
            RepositoryItem.immutable.set(repository.immutable),
            RepositoryItem.version.set(record.version),
            *_describe(record.description),
        ]
        steps = [self._record_step(repository.id, record.version - 1, actions), self._name_step(repository, shared)]
        return self._run(steps, lambda item: self._is(item, record))

    def move(self, record: RepositoryRecord, compartment_id: str, remember: "Remembered | None" = None) -> bool:
        """Take the places to the other compartment, and the two numbers with them."""
        before = record.repository
        after = replace(before, compartment_id=compartment_id)
        actions = [
            RepositoryItem.compartment_id.set(compartment_id),
            RepositoryItem.version.set(record.version + 1),
        ]
        steps = [
            self._record_step(before.id, record.version, actions),
            self._name_step(before, [NameItem.compartment_id.set(compartment_id)]),
            *map(_Step, self.remove_writes(before)),
            *map(_Step, self.place_writes(after)),
            *self._leaving_steps(record),
            _Step(self.count_write(compartment_id, 1)),
            *self._compartment_steps(compartment_id),
            *self._retry_steps(remember),
        ]
        if not record.placed:
            steps += [_Step(self.created_write(after)), _Step(self.count_write(None, 1))]
        moved = replace(record, repository=after, version=record.version + 1, placed=True)
        return self._run(steps, lambda item: self._is(item, moved))

    def delete(self, record: RepositoryRecord, now: datetime) -> bool:
        """Free the name; who clears the content away finds the record by its mark."""
        repository = record.repository
        actions = [
            RepositoryItem.state.set(RepositoryState.DELETING.value),
            RepositoryItem.time_deleted.set(now),
            RepositoryItem.version.set(record.version + 1),
            *marking("REPOSITORY", now, repository.id),
        ]
        own: Condition = NameItem.repository_id == repository.id
        steps = [
            self._record_step(repository.id, record.version, actions),
            _Step(self._table.delete_write(keys.name(self._namespace, repository.name), own)),
            _Step(self.uncreated_write(repository)),
            *map(_Step, self.remove_writes(repository)),
            *map(_Step, self.deleted_writes(repository, now + RESTORE_WINDOW)),
            *self._leaving_steps(record),
        ]
        if record.placed:
            steps.append(_Step(self.count_write(None, -1)))
        gone = replace(
            record,
            repository=replace(repository, state=RepositoryState.DELETING),
            version=record.version + 1,
            time_deleted=now,
        )
        return self._run(steps, lambda item: self._is(item, gone))

    def close(self, repository_id: str) -> None:
        """Close shards by so many a transaction, each with the bytes that it gives back."""
        rows = {item.sk: item for item in self._shards(repository_id)}
        shards = {number: rows.get(keys.count(repository_id, number).sk) for number in range(keys.SHARDS)}
        waiting = [number for number, row in shards.items() if not (row and row.closed)]
        while waiting:
            batch, waiting = waiting[:CLOSED_AT_ONCE], waiting[CLOSED_AT_ONCE:]
            writes = [write for number in batch for write in self._closing(repository_id, number, shards[number])]
            self._transact(writes)

    def adopt(self, record: RepositoryRecord) -> bool:
        """Write what is missing of a repository that release 0.1 made."""
        repository = record.repository
        own: Condition = NameItem.repository_id == repository.id
        unplaced: Condition = RepositoryItem.compartment_id.does_not_exist()
        available: Condition = RepositoryItem.state == RepositoryState.AVAILABLE.value
        actions = [RepositoryItem.compartment_id.set(repository.compartment_id)]
        steps = [
            _Step(self._table.update_write(keys.record(repository.id), RepositoryItem, actions, available & unplaced)),
            _Step(
                self._table.update_write(
                    keys.name(self._namespace, repository.name),
                    NameItem,
                    [NameItem.compartment_id.set(repository.compartment_id)],
                    own,
                )
            ),
            _Step(self.created_write(repository)),
            *map(_Step, self.place_writes(repository)),
            _Step(self.count_write(repository.compartment_id, 1)),
            _Step(self.count_write(None, 1)),
        ]
        return self._run(steps, lambda item: self._is(item, replace(record, placed=True)))

    def adopt_bytes(self, repository_id: str) -> None:
        """Make what each open shard stores what it counts."""
        for row in self._shards(repository_id):
            missing = int(row.bytes) - int(row.stored)
            if missing and not row.closed:
                number = int(row.sk.removeprefix(keys.COUNT))
                as_read = (CountItem.bytes == int(row.bytes)) & _stored_as_read(row)
                key = keys.count(repository_id, number)
                adopting = self._table.update_write(key, CountItem, [CountItem.stored.add(missing)], as_read)
                self._transact([adopting, self._storage.free_write(number, -missing)])

    def last_push(self, repository_id: str) -> datetime | None:
        """Query the newest place in the list of images."""
        prefix = "IMAGE#"
        within = Item.sk.startswith(prefix)
        items, _ = self._table.page(keys.repository(repository_id), within, kind=ImageItem, limit=1, forward=False)
        return time_of(items[0].sk.split("#")[1]) if items else None

    def configuration(self) -> Configuration:
        """Read the row; without one, it is as the deployment says."""
        item = self._table.get(keys.configuration(self._namespace))
        if isinstance(item, ConfigurationItem):
            return Configuration(item.create_on_push, int(item.version))
        return Configuration(self._limits.create_on_push)

    def configure(self, configuration: Configuration) -> bool:
        """Replace the row."""
        item = ConfigurationItem(
            *keys.configuration(self._namespace),
            create_on_push=configuration.create_on_push,
            version=configuration.version,
        )
        as_read = ConfigurationItem.version == configuration.version - 1 if configuration.version > 1 else _ABSENT
        try:
            self._table.put(item, as_read)
        except Missed as missed:
            return missed.repeated and self.configuration() == configuration
        return True

    def names(self, after: str, limit: int) -> Page[Repository]:
        """Query a page of name rows."""
        within = Item.sk.between(f"{keys.NAME}{after}\0" if after else keys.NAME, prefix_end(keys.NAME))
        items, more = self._table.page(keys.catalog(self._namespace), within, kind=NameItem, limit=limit)
        found = tuple(item.to_domain(self._root) for item in items)
        return Page(found, found[-1].name if more and found else None)

    def counts(self, repository_id: str) -> Counts:
        """Sum the shards."""
        shards = self._shards(repository_id)
        return Counts(
            images=sum(int(shard.images) for shard in shards),
            layers=sum(int(shard.layers) for shard in shards),
            bytes=sum(int(shard.bytes) for shard in shards),
            closed=any(shard.closed for shard in shards),
        )

    def _shards(self, repository_id: str) -> list[CountItem]:
        within = Item.sk.startswith(keys.COUNT)
        return list(self._table.query(keys.repository(repository_id), within, kind=CountItem))

    def _closing(self, repository_id: str, number: int, row: CountItem | None) -> list[Write]:
        """Describe how a shard is closed, if what it stores is as read."""
        stored = int(row.stored) if row else 0
        actions = [CountItem.closed.set(True), CountItem.stored.set(0)]
        as_read = CountItem.closed.does_not_exist() & _stored_as_read(row)
        closing = self._table.update_write(keys.count(repository_id, number), CountItem, actions, as_read)
        return [closing, self._storage.free_write(number, stored)] if stored else [closing]

    def _transact(self, writes: Sequence[Write]) -> None:
        try:
            self._table.transact(writes)
        except Cancelled as cancelled:
            raise Conflict from cancelled

    def _run(self, steps: Sequence[_Step], applied: Callable[[Item | None], bool]) -> bool:
        """Apply all of it; False when a row is not as it was read. Raises what else it means, or Conflict.

        A refusal is none when the row is as this would make it: an earlier sending was applied, and its answer lost.
        """
        try:
            self._table.transact([step.write for step in steps])
        except Cancelled as cancelled:
            places = [place for place in range(len(steps)) if cancelled.failed(place)]
            if any(applied(cancelled.reasons[place][1]) for place in places):
                return True
            refusals = {steps[place].refusal for place in places}
            if _Missed in refusals:
                return False
            for refusal in (CompartmentGone, Changed, RepositoriesFull):
                if refusal in refusals:
                    raise refusal from cancelled
            raise Conflict from cancelled
        return True

    def _is(self, item: Item | None, record: RepositoryRecord) -> bool:
        """Whether the row of a record is what was to be made of it."""
        return isinstance(item, RepositoryItem) and item.to_domain(self._root) == record

    def _record_step(self, repository_id: str, version: int, actions: Sequence[Action]) -> _Step:
        as_read: Condition = RepositoryItem.version == version
        if version == 1:
            as_read |= RepositoryItem.version.does_not_exist()  # of a release that did not write it
        condition = (RepositoryItem.state == RepositoryState.AVAILABLE.value) & as_read
        return _Step(self._table.update_write(keys.record(repository_id), RepositoryItem, actions, condition))

    def _name_step(self, repository: Repository, actions: Sequence[Action]) -> _Step:
        key = keys.name(self._namespace, repository.name)
        return _Step(self._table.update_write(key, NameItem, actions, NameItem.repository_id == repository.id))

    def _leaving_steps(self, record: RepositoryRecord) -> list[_Step]:
        """Describe that a compartment has one repository less, if it was counted there."""
        return [_Step(self.count_write(record.repository.compartment_id, -1))] if record.placed else []

    def _compartment_steps(self, compartment_id: str) -> list[_Step]:
        """Ask that the compartment is there; the root always is, and is no row."""
        if compartment_id == self._root:
            return []
        key = keys.resource(self._namespace, "COMPARTMENT", compartment_id)
        return [_Step(self._table.check_write(key, Path("state") == "ACTIVE"), CompartmentGone)]

    def _retry_steps(self, remember: "Remembered | None") -> list[_Step]:
        if remember is None:
            return []
        if self._remembering is None:
            raise TypeError("this store was opened without what remembers retry tokens")
        return [_Step(self._remembering(self._table, self._namespace, remember), Changed)]

    def _name_row(self, repository: Repository) -> NameItem:
        key = keys.name(self._namespace, repository.name)
        return NameItem(*key, repository_id=repository.id, **_shared(repository))


def _stored_as_read(row: CountItem | None) -> Condition:
    stored = int(row.stored) if row else 0
    as_read: Condition = CountItem.stored == stored
    return as_read if stored else as_read | CountItem.stored.does_not_exist()


def _record_row(record: RepositoryRecord) -> RepositoryItem:
    description, readme = record.description, record.description.readme
    return RepositoryItem(
        *keys.record(record.repository.id),
        name=record.repository.name,
        version=record.version,
        readme=readme.content if readme else None,
        readme_format=readme.format.value if readme else None,
        freeform_tags=dict(description.freeform_tags) or None,
        defined_tags=dict(description.defined_tags) or None,
        **_shared(record.repository),
    )


def _shared(repository: Repository) -> dict[str, Any]:
    """Return what both rows of a repository have."""
    return {
        "public": repository.public,
        "state": repository.state.value,
        "time_created": repository.time_created,
        "created_by": repository.created_by,
        "compartment_id": repository.compartment_id,
        "immutable": repository.immutable,
    }


def _describe(description: Description) -> list[Action]:
    """Return the updates that replace all that users wrote."""
    readme = description.readme
    return [
        RepositoryItem.freeform_tags.set(dict(description.freeform_tags)),
        RepositoryItem.defined_tags.set(dict(description.defined_tags)),
        RepositoryItem.readme.set(readme.content) if readme else RepositoryItem.readme.remove(),
        RepositoryItem.readme_format.set(readme.format.value) if readme else RepositoryItem.readme_format.remove(),
    ]
