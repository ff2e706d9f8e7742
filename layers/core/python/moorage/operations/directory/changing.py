"""How the directory is changed: read, decide, write on the condition that all is as it was read, or begin again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from moorage.domain.directory import Change, Remembered, Resource, ResourceTags
from moorage.domain.errors import AlreadyExists, EtagChanged, LimitReached, NotFound, StateConflict, Unavailable
from moorage.domain.ocid import Kind, make_ocid
from moorage.domain.tenancy import Tenancy
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.operations.contention import ATTEMPTS, pause
from moorage.operations.directory.fields import check_description
from moorage.stores.base import Changed, NameTaken, Occupied, RowFull, Stores

T = TypeVar("T")
ResourceT = TypeVar("ResourceT", bound=Resource)

Remember = Callable[[str, object], Remembered | None]
Retag = Callable[[ResourceTags], ResourceTags]  # from the tags that are there when a change is written

_RETRIES = 3 * ATTEMPTS  # the whole directory is behind one row: many may be in the way


def settle(stores: Stores, tenancy: Tenancy, step: Callable[[Tenancy], T], remember: Remember | None = None) -> T:
    """Run a step that decides on the tenancy and commits; again, on the tenancy as it is then, when others were first.

    Raises AlreadyExists, StateConflict and LimitReached for what the commit met, and Unavailable when others are in
    the way again and again, or are just answering the same request.
    """
    for attempt in range(_RETRIES):
        try:
            return step(tenancy)
        except NameTaken as taken:
            _require_first(stores, remember)
            raise AlreadyExists from taken
        except Occupied as occupied:
            raise StateConflict("there are repositories in the compartment; move or delete them first") from occupied
        except RowFull as full:
            raise LimitReached("the directory, or this resource, is larger than can be stored; shorten it") from full
        except Changed:
            _require_first(stores, remember)
        pause(stores, attempt)
        tenancy = stores.directory.tenancy()
    raise Unavailable("others are changing the same; send the request again")


def commit(
    stores: Stores,
    changes: Sequence[Change],
    tenancy: Tenancy | None = None,
    remembered: Remembered | None = None,
    vacant: str | None = None,
) -> None:
    """Write all of it, or nothing. Raises what `settle` understands."""
    stores.directory.commit(changes, tenancy, remembered, vacant)


def create(
    stores: Stores, made: ResourceT, tenancy: Tenancy | None, remember: Remember | None, *others: Change
) -> ResourceT:
    """Write a new resource, with what else changes by it; return it."""
    remembered = remember(made.id, made.version) if remember else None
    commit(stores, [Change(None, made), *others], tenancy, remembered)
    return made


def revised(tenancy: Tenancy, **changes: Any) -> Tenancy:
    """Return the next version of what decisions read."""
    return replace(tenancy, version=tenancy.version + 1, **changes)


def changed(resource: ResourceT, *, tags: Retag | None = None, **changes: Any) -> ResourceT:
    """Return the next version of a resource; what is None stays as it is."""
    given = {name: value for name, value in changes.items() if value is not None}
    if tags:
        given["tags"] = tags(resource.tags)
    return replace(resource, version=resource.version + 1, **given)


def read(stores: Stores, kind: type[ResourceT], resource_id: str, if_match: str | None = None) -> ResourceT:
    """Return a resource. Raises NotFound, and EtagChanged when it is not in the state that was named."""
    resource = stores.directory.get(kind, resource_id)
    if resource is None:
        raise NotFound
    if if_match not in {None, str(resource.version)}:
        raise EtagChanged(f"if-match: the resource has the etag {resource.version} by now; get it again")
    return resource


def new_ocid(stores: Stores, kind: Kind, now: datetime) -> str:
    """Return an id that nothing else has."""
    return make_ocid(kind, make_ulid(now, stores.entropy(ENTROPY_BYTES)))


def beginning(
    stores: Stores, kind: Kind, compartment_id: str, name: str, description: str, tags: ResourceTags | None
) -> dict[str, Any]:
    """Return what every new resource has, by its fields; the name is checked already. Raises ParameterInvalid."""
    now = stores.clock()
    return {
        "id": new_ocid(stores, kind, now),
        "compartment_id": compartment_id,
        "name": name,
        "description": check_description(description),
        "time_created": now,
        "tags": tags or ResourceTags(),
    }


def require_room(count: int, limit: int, what: str) -> None:
    """Go on only if there is room for one more. Raises LimitReached."""
    if count >= limit:
        raise LimitReached(f"there are {count} {what}, and {limit} is the limit; delete one first", limit=limit)


def _require_first(stores: Stores, remember: Remember | None) -> None:
    """Go on only if the same request did not just do this already: asked again, it will answer what was made then."""
    probe = remember("", "") if remember else None
    if probe and stores.directory.remembered(probe.principal_id, probe.token):
        raise Unavailable("the same request is being answered already; send it again")
