"""`DirectoryStore` on DynamoDB."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import TypeVar

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.operand import Path

from moorage.domain.directory import (
    KEPT,
    Change,
    Compartment,
    Remembered,
    Resource,
    State,
    User,
    WorkRequest,
)
from moorage.domain.identity import ANY_USER, Guard
from moorage.domain.ocid import tenancy_ocid
from moorage.domain.tenancy import RETRY_LIFE, Tenancy
from moorage.stores import keys
from moorage.stores.base import Arriving, Changed, NameTaken, Occupied
from moorage.stores.dynamodb.identity import GuardItem
from moorage.stores.dynamodb.remembering import RememberedItem, remembered_row, remembering
from moorage.stores.dynamodb.table import Cancelled, Item, Table, Write
from moorage.stores.packing import (
    KINDS,
    name_of,
    pack_resource,
    pack_tenancy,
    taken_name,
    unpack_resource,
    unpack_tenancy,
)

ResourceT = TypeVar("ResourceT", bound=Resource)

_ABSENT = Item.pk.does_not_exist()


class ResourceItem(Item, discriminator="resource"):
    """A resource of the directory. `IDENTITY#<ns>` / `<KIND>#<ocid>`; DynamoDB may remove it after `expires`.

    `state` is in the body too: here it is for the conditions of other rows' writes.
    """

    version = NumberAttribute()
    state = UnicodeAttribute()
    body = UnicodeAttribute()
    expires = NumberAttribute(null=True)


class ResourceNameItem(Item, discriminator="resource_name"):
    """Who has a name. `IDENTITY#<ns>` / `NAME#<kind>#<name>`."""

    resource_id = UnicodeAttribute()


class TenancyItem(Item, discriminator="tenancy"):
    """What decisions read. `IDENTITY#<ns>` / `TENANCY`."""

    version = NumberAttribute()
    body = BinaryAttribute(legacy_encoding=False)


@dataclass(frozen=True, slots=True)
class _Step:
    """A write of the transaction; what its refusal means; what the row is when an earlier sending was applied."""

    write: Write
    refusal: type[Exception]
    made: Item | None
    fresh: bool = False  # nobody else writes this: its id, or the id in it, is used once


class DynamoDirectoryStore:
    """Compartments, users, groups, policies and the like, and the one row of all that decisions read."""

    def __init__(self, table: Table, namespace: str, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._namespace = namespace
        self._clock = clock

    def get(self, kind: type[ResourceT], resource_id: str) -> ResourceT | None:
        """Read the row."""
        return _resource(kind, self._table.get(self._key(kind, resource_id)))

    def find(self, kind: type[Resource], name: str) -> str | None:
        """Read the row of the name."""
        return _owner(self._table.get(keys.resource_name(self._namespace, name_of(kind, name))))

    def all(self, kind: type[ResourceT]) -> list[ResourceT]:
        """Query the rows of the kind."""
        within = Item.sk.startswith(self._key(kind, "").sk)
        rows = self._table.query(keys.directory(self._namespace), within, kind=ResourceItem)
        return [unpack_resource(kind, row.body) for row in rows]

    def tenancy(self) -> Tenancy:
        """Read the row."""
        return self._tenancy(self._table.get(keys.tenancy(self._namespace)))

    def user_and_tenancy(self, user_id: str) -> tuple[User | None, Tenancy]:
        """Read both rows in one batch."""
        user, tenancy = self._key(User, user_id), keys.tenancy(self._namespace)
        found = self._table.get_many([user, tenancy])
        return _resource(User, found.get(user)), self._tenancy(found.get(tenancy))

    def arrive(self, name: str, address: str, now: datetime) -> Arriving:
        """Read the name and both guards in one batch, then the user and the tenancy in another."""
        named = keys.resource_name(self._namespace, name_of(User, name))
        guards = [keys.guard(self._namespace, one, address) for one in (name, ANY_USER)]
        found = self._table.get_many([named, *guards])
        one, everyone = [_guard(found.get(key), now) for key in guards]
        user, tenancy = self.user_and_tenancy(_owner(found.get(named)) or "nobody")
        return Arriving(user if user and user.name == name else None, tenancy, one, everyone)

    def remembered(self, principal_id: str, token: str) -> Remembered | None:
        """Read the row; one that is over says nothing, whether or not it was removed."""
        item = self._table.get(keys.retry(self._namespace, principal_id, token))
        kept = isinstance(item, RememberedItem) and item.time > self._clock() - RETRY_LIFE
        return item.to_domain() if kept and isinstance(item, RememberedItem) else None

    def commit(
        self,
        changes: Sequence[Change],
        tenancy: Tenancy | None = None,
        remember: Remembered | None = None,
        vacant: str | None = None,
    ) -> None:
        """Apply all of it in one transaction."""
        steps = list(self._steps(changes, tenancy, remember, vacant))
        try:
            self._table.insist([step.write for step in steps])
        except Cancelled as cancelled:
            refused = [
                (step, item)
                for place, (step, (_, item)) in enumerate(zip(steps, cancelled.reasons, strict=True))
                if cancelled.failed(place)
            ]
            if cancelled.repeated and _applied(refused):
                return
            meanings = {step.refusal for step, _ in refused}
            raise next(meaning for meaning in (NameTaken, Occupied, Changed) if meaning in meanings) from cancelled

    def _steps(
        self,
        changes: Sequence[Change],
        tenancy: Tenancy | None,
        remember: Remembered | None,
        vacant: str | None,
    ) -> Iterator[_Step]:
        for change in changes:
            yield self._resource_step(change)
            yield from self._name_steps(change)
        if tenancy:
            yield self._tenancy_step(tenancy)
        if remember:
            made = remembered_row(self._namespace, remember)
            yield _Step(remembering(self._table, self._namespace, remember), Changed, made)
        if vacant:
            yield self._vacancy_step(vacant)

    def _resource_step(self, change: Change) -> _Step:
        before, after = change.before, change.after
        condition = ResourceItem.version == before.version if before else _ABSENT
        if after:
            made = self._item(after)
            return _Step(self._table.put_write(made, condition), Changed, made, fresh=before is None)
        if before is None:
            raise ValueError("a change of nothing to nothing")
        return _Step(self._table.delete_write(self._key(type(before), before.id), condition), Changed, None)

    def _name_steps(self, change: Change) -> Iterator[_Step]:
        """Give back the name of before, and take that of after, where they are not the same."""
        old, new = taken_name(change.before), taken_name(change.after)
        if old == new:
            return
        if change.before and old:
            key = keys.resource_name(self._namespace, old)
            own = ResourceNameItem.resource_id == change.before.id
            yield _Step(self._table.delete_write(key, own), Changed, None)
        if change.after and new:
            made = ResourceNameItem(*keys.resource_name(self._namespace, new), resource_id=change.after.id)
            yield _Step(self._table.put_write(made, _ABSENT), NameTaken, made, fresh=change.before is None)

    def _tenancy_step(self, tenancy: Tenancy) -> _Step:
        made = TenancyItem(*keys.tenancy(self._namespace), version=tenancy.version, body=pack_tenancy(tenancy))
        as_read: Condition = TenancyItem.version == tenancy.version - 1
        return _Step(self._table.put_write(made, as_read if tenancy.version > 1 else _ABSENT), Changed, made)

    def _vacancy_step(self, compartment_id: str) -> _Step:
        """Ask that no repository is in a compartment. It changes nothing, so it cannot tell that it was applied."""
        count = Path("repositories")
        none = count.does_not_exist() | (count == 0)
        return _Step(self._table.check_write(keys.total(keys.compartment(compartment_id)), none), Occupied, None)

    def _item(self, resource: Resource) -> ResourceItem:
        expires = _expires(resource)
        return ResourceItem(
            *self._key(type(resource), resource.id),
            version=resource.version,
            state=resource.state.value,
            body=pack_resource(resource),
            expires=_seconds(expires) if expires else None,
        )

    def _tenancy(self, item: Item | None) -> Tenancy:
        if isinstance(item, TenancyItem):
            return unpack_tenancy(item.body)
        return Tenancy(tenancy_ocid(self._namespace))

    def _key(self, kind: type[Resource], resource_id: str) -> keys.Key:
        return keys.resource(self._namespace, KINDS[kind], resource_id)


def _applied(refused: Sequence[tuple[_Step, Item | None]]) -> bool:
    """Whether the rows are as an earlier sending made them, and its answer was lost."""
    if any(step.fresh and _same(step, item) for step, item in refused):
        return True
    return all(step.refusal is not Occupied and _same(step, item) for step, item in refused)


def _same(step: _Step, item: Item | None) -> bool:
    """Whether a row is what a step makes of it; one that is fresh is, whatever was made of it since."""
    if step.made is None or item is None:
        return step.made is item
    if step.fresh and isinstance(step.made, ResourceItem):
        return True
    return step.made.serialize() == item.serialize()


def _resource(kind: type[ResourceT], item: Item | None) -> ResourceT | None:
    return unpack_resource(kind, item.body) if isinstance(item, ResourceItem) else None


def _owner(item: Item | None) -> str | None:
    return item.resource_id if isinstance(item, ResourceNameItem) else None


def _guard(item: Item | None, now: datetime) -> Guard:
    return item.to_domain(now) if isinstance(item, GuardItem) else Guard()


def _expires(resource: Resource) -> datetime | None:
    """Return when a row may go: what is over is shown for a while."""
    match resource:
        case Compartment(state=State.DELETED, time_deleted=datetime() as end):
            return end + KEPT
        case WorkRequest(time_finished=datetime() as end):
            return end + KEPT
    return None


def _seconds(time: datetime) -> int:
    """Write a time as DynamoDB's time to live wants it."""
    return ceil(time.timestamp())
