"""Compartments, users, groups, policies and the like, and what decisions read."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from moorage.domain.directory import Change, Remembered, Resource, User
from moorage.domain.identity import ANY_USER
from moorage.domain.ocid import tenancy_ocid
from moorage.domain.repository import RepositoryState
from moorage.domain.tenancy import RETRY_LIFE, Tenancy
from moorage.stores.base import Arriving, Changed, NameTaken, Occupied
from moorage.stores.memory.rows import Rows, Store, atomic
from moorage.stores.packing import name_of, pack_resource, pack_tenancy, taken_name

ResourceT = TypeVar("ResourceT", bound=Resource)


class MemoryDirectory(Store):
    """`DirectoryStore` in memory."""

    def __init__(self, rows: Rows, namespace: str, clock: Callable[[], datetime]) -> None:
        super().__init__(rows)
        self._nothing = Tenancy(tenancy_ocid(namespace))
        self._clock = clock

    @atomic
    def get(self, kind: type[ResourceT], resource_id: str) -> ResourceT | None:
        """Read a resource."""
        found = self._rows.resources.get((kind, resource_id))
        return found if isinstance(found, kind) else None

    @atomic
    def find(self, kind: type[Resource], name: str) -> str | None:
        """Resolve a name."""
        return self._rows.resource_names.get(name_of(kind, name))

    @atomic
    def all(self, kind: type[ResourceT]) -> list[ResourceT]:
        """Return every resource of a kind."""
        return sorted((one for one in self._rows.resources.values() if isinstance(one, kind)), key=lambda one: one.id)

    @atomic
    def tenancy(self) -> Tenancy:
        """Return what decisions read."""
        return self._rows.tenancy or self._nothing

    @atomic
    def user_and_tenancy(self, user_id: str) -> tuple[User | None, Tenancy]:
        """Read both."""
        return self.get(User, user_id), self.tenancy()

    @atomic
    def arrive(self, name: str, address: str, now: datetime) -> Arriving:
        """Read what a login needs."""
        user = self.get(User, self.find(User, name) or "nobody")
        one, everyone = (self._rows.guard(who, address, now) for who in (name, ANY_USER))
        return Arriving(user if user and user.name == name else None, self.tenancy(), one, everyone)

    @atomic
    def remembered(self, principal_id: str, token: str) -> Remembered | None:
        """Return what a retry token made, if that is not over."""
        found = self._rows.remembered.get((principal_id, token))
        return found if found and found.time > self._clock() - RETRY_LIFE else None

    @atomic
    def commit(
        self,
        changes: Sequence[Change],
        tenancy: Tenancy | None = None,
        remember: Remembered | None = None,
        vacant: str | None = None,
    ) -> None:
        """Write all of it, when everything is as it was read."""
        for after in (change.after for change in changes if change.after):
            pack_resource(after)
        if tenancy:
            pack_tenancy(tenancy)
        self._require_names(changes)
        if vacant and self._occupied(vacant):
            raise Occupied
        if not self._as_read(changes, tenancy, remember):
            raise Changed
        for change in changes:
            self._apply(change)
        if tenancy:
            self._rows.tenancy = tenancy
        if remember:
            self._rows.remembered[remember.principal_id, remember.token] = remember

    def _require_names(self, changes: Sequence[Change]) -> None:
        for change in changes:
            new = taken_name(change.after)
            if new and new != taken_name(change.before) and new in self._rows.resource_names:
                raise NameTaken

    def _as_read(self, changes: Sequence[Change], tenancy: Tenancy | None, remember: Remembered | None) -> bool:
        rows = all(self._version(change) == (change.before.version if change.before else None) for change in changes)
        decided = tenancy is None or self.tenancy().version == tenancy.version - 1
        return rows and decided and not (remember and self.remembered(remember.principal_id, remember.token))

    def _version(self, change: Change) -> int | None:
        one = change.before or change.after
        found = self._rows.resources.get((type(one), one.id)) if one else None
        return found.version if found else None

    def _apply(self, change: Change) -> None:
        if change.before:
            self._rows.resource_names.pop(taken_name(change.before) or "", None)
            del self._rows.resources[type(change.before), change.before.id]
        if change.after:
            name = taken_name(change.after)
            if name:
                self._rows.resource_names[name] = change.after.id
            self._rows.resources[type(change.after), change.after.id] = change.after

    def _occupied(self, compartment_id: str) -> bool:
        return any(
            one.compartment_id == compartment_id and one.state is RepositoryState.AVAILABLE
            for one in self._rows.repositories.values()
        )
