"""The tree of compartments. Its root is the tenancy, which nobody made and nobody deletes."""

from dataclasses import replace

from moorage.domain.directory import (
    COMPARTMENT_DEPTH,
    KEPT,
    Change,
    Compartment,
    ResourceTags,
    State,
    WorkRequest,
)
from moorage.domain.errors import AlreadyExists, NotFound, ParameterInvalid, RelatedNotFound, StateConflict
from moorage.domain.ocid import Kind
from moorage.domain.policy.retelling import retold
from moorage.domain.tenancy import CompartmentNode, Tenancy
from moorage.operations.directory.changing import (
    Remember,
    Retag,
    beginning,
    changed,
    commit,
    create,
    new_ocid,
    read,
    require_room,
    revised,
    settle,
)
from moorage.operations.directory.fields import check_name, check_new_description
from moorage.operations.directory.tenancies import root_compartment
from moorage.stores.base import Stores

_SUFFIX = 8  # characters that the name of a deleted compartment gets
_NAME = 100


def get_compartment(stores: Stores, tenancy: Tenancy, compartment_id: str) -> Compartment:
    """Return a compartment; the root too, and a deleted one for 90 days. Raises NotFound."""
    if compartment_id == tenancy.id:
        return root_compartment(stores, tenancy)
    compartment = read(stores, Compartment, compartment_id)
    if not _shown(stores, compartment):
        raise NotFound
    return compartment


def list_compartments(stores: Stores, tenancy: Tenancy, parent_id: str, *, subtree: bool = False) -> list[Compartment]:
    """Return the compartments in one, or all of the tenancy below its root; deleted ones for 90 days."""
    if subtree and parent_id != tenancy.id:
        raise ParameterInvalid("compartmentIdInSubtree", "must be false for any compartment but the tenancy")
    found = (one for one in stores.directory.all(Compartment) if _shown(stores, one))
    return [one for one in found if subtree or one.compartment_id == parent_id]


def create_compartment(
    stores: Stores,
    tenancy: Tenancy,
    parent_id: str,
    *,
    name: str,
    description: str,
    tags: ResourceTags | None = None,
    remember: Remember | None = None,
) -> Compartment:
    """Make a compartment in another."""
    compartment = Compartment(**beginning(stores, Kind.COMPARTMENT, parent_id, check_name(name), description, tags))

    def step(current: Tenancy) -> Compartment:
        if not current.holds(parent_id):
            raise RelatedNotFound("compartmentId")
        require_room(len(current.compartments), stores.limits.directory.compartments, "compartments")
        _require_depth(current, parent_id, 1)
        _require_unretired(stores, compartment)
        return create(stores, compartment, _with(current, compartment), remember)

    return settle(stores, tenancy, step, remember)


def update_compartment(
    stores: Stores,
    tenancy: Tenancy,
    compartment_id: str,
    *,
    name: str | None = None,
    description: str | None = None,
    tags: Retag | None = None,
    if_match: str | None = None,
) -> Compartment:
    """Name or describe a compartment otherwise. Policies go on to cover it; statements that name it get its name."""
    given = {
        "name": None if name is None else check_name(name),
        "description": check_new_description(description),
    }

    def step(current: Tenancy) -> Compartment:
        before = _read_active(stores, current, compartment_id, if_match)
        after = changed(before, tags=tags, **given)
        _require_unretired(stores, after)
        commit(stores, [Change(before, after)], _with(current, after))
        return after

    return settle(stores, tenancy, step)


def move_compartment(
    stores: Stores,
    tenancy: Tenancy,
    compartment_id: str,
    target_id: str,
    *,
    requested_by: str | None = None,
    if_match: str | None = None,
    remember: Remember | None = None,
) -> tuple[Compartment, WorkRequest]:
    """Move a compartment, and all that is in it and below it, into another.

    Policies that are attached within go along; those of outside cover it where it is now, and their statements get
    its new path, if that is still at or below where they are attached.
    """

    def step(current: Tenancy) -> tuple[Compartment, WorkRequest]:
        before = _read_active(stores, current, compartment_id, if_match)
        _require_target(current, before, target_id)
        after = replace(changed(before), compartment_id=target_id)
        _require_unretired(stores, after)
        request = _work_request(stores, current, after, "MOVE_COMPARTMENT", "MOVED", requested_by)
        remembered = remember(request.id, request.version) if remember else None
        commit(stores, [Change(before, after), Change(None, request)], _with(current, after), remembered)
        return after, request

    return settle(stores, tenancy, step, remember)


def delete_compartment(
    stores: Stores,
    tenancy: Tenancy,
    compartment_id: str,
    *,
    requested_by: str | None = None,
    if_match: str | None = None,
) -> tuple[Compartment, WorkRequest]:
    """Delete a compartment that is empty: it gets another name, so that its own is free, and can be recovered.

    No repository can come into it meanwhile: whoever puts one there does so on the condition that the compartment's
    row is ACTIVE, and the transaction here asks that none is there.
    """

    def step(current: Tenancy) -> tuple[Compartment, WorkRequest]:
        before = _read_active(stores, current, compartment_id, if_match)
        _require_empty(current, compartment_id)
        after = changed(before, state=State.DELETED, name=_retired_name(stores, before), time_deleted=stores.clock())
        request = _work_request(stores, current, after, "DELETE_COMPARTMENT", "DELETED", requested_by)
        left = {key: node for key, node in current.compartments.items() if key != compartment_id}
        decided = replace(_with(current, after), compartments=left)  # statements that named it have its new name
        commit(stores, [Change(before, after), Change(None, request)], decided, vacant=compartment_id)
        return after, request

    return settle(stores, tenancy, step)


def recover_compartment(
    stores: Stores, tenancy: Tenancy, compartment_id: str, *, if_match: str | None = None
) -> Compartment:
    """Bring a deleted compartment back to where it was, under the name that it has since."""

    def step(current: Tenancy) -> Compartment:
        before = _read(stores, current, compartment_id, if_match)
        if before.state is not State.DELETED:
            raise StateConflict(f"the compartment is {before.state}, not deleted")
        if not current.holds(before.compartment_id):
            raise StateConflict("the compartment that it was in has been deleted; recover that one first")
        require_room(len(current.compartments), stores.limits.directory.compartments, "compartments")
        _require_depth(current, before.compartment_id, 1)
        after = replace(changed(before, state=State.ACTIVE), time_deleted=None)
        commit(stores, [Change(before, after)], _with(current, after))
        return after

    return settle(stores, tenancy, step)


def _read_active(stores: Stores, tenancy: Tenancy, compartment_id: str, if_match: str | None) -> Compartment:
    compartment = _read(stores, tenancy, compartment_id, if_match)
    if compartment.state is not State.ACTIVE:
        raise StateConflict(f"the compartment is {compartment.state}")
    return compartment


def _read(stores: Stores, tenancy: Tenancy, compartment_id: str, if_match: str | None) -> Compartment:
    """Return a compartment that is to be changed: none that is not shown any more, nor the root."""
    if compartment_id == tenancy.id:
        raise StateConflict("the root compartment cannot be changed, moved, deleted or recovered")
    compartment = read(stores, Compartment, compartment_id, if_match)
    if not _shown(stores, compartment):
        raise NotFound
    return compartment


def _shown(stores: Stores, compartment: Compartment) -> bool:
    return compartment.time_deleted is None or stores.clock() < compartment.time_deleted + KEPT


def _with(tenancy: Tenancy, compartment: Compartment) -> Tenancy:
    """Return the tenancy with a compartment as it is to be, and with statements that name what they named before."""
    node = CompartmentNode(compartment.compartment_id, compartment.name, compartment.tags.defined)
    return retold(tenancy, revised(tenancy, compartments={**tenancy.compartments, compartment.id: node}))


def _require_depth(tenancy: Tenancy, parent_id: str, levels: int) -> None:
    """Go on only if so many levels fit below a compartment. Raises StateConflict."""
    depth = len(list(tenancy.ancestors(parent_id))) - 1 + levels
    if depth > COMPARTMENT_DEPTH:
        raise StateConflict(f"compartments are at most {COMPARTMENT_DEPTH} deep below the root; this makes {depth}")


def _require_target(tenancy: Tenancy, compartment: Compartment, target_id: str) -> None:
    """Go on only if a compartment can be moved there."""
    if not tenancy.holds(target_id):
        raise RelatedNotFound("targetCompartmentId")
    if target_id == compartment.compartment_id:
        raise StateConflict("the compartment is there already")
    if compartment.id in tenancy.ancestors(target_id):
        raise StateConflict("a compartment cannot be moved into itself, nor below itself")
    target = tenancy.compartments.get(target_id)
    if target and target.name.casefold() == compartment.name.casefold():
        raise StateConflict("the target has the same name as the compartment; rename one of them first")
    below = [list(tenancy.ancestors(one)).index(compartment.id) for one in tenancy.subtree(compartment.id)]
    _require_depth(tenancy, target_id, 1 + max(below))


def _require_empty(tenancy: Tenancy, compartment_id: str) -> None:
    """Go on only if neither compartments nor policies are in a compartment; repositories are for the commit."""
    if tenancy.children(compartment_id):
        raise StateConflict("there are compartments in the compartment; move or delete them first")
    if any(node.compartment_id == compartment_id for node in tenancy.policies.values()):
        raise StateConflict("there are policies attached to the compartment; delete them first")


def _require_unretired(stores: Stores, compartment: Compartment) -> None:
    """Go on only if no deleted compartment has the name there: it would lose it. Raises AlreadyExists."""
    here = (compartment.compartment_id, compartment.name.casefold())
    for one in stores.directory.all(Compartment):
        if one.state is State.DELETED and (one.compartment_id, one.name.casefold()) == here and _shown(stores, one):
            raise AlreadyExists


def _retired_name(stores: Stores, compartment: Compartment) -> str:
    """Return the name that a compartment has once it is deleted: nothing else will have it."""
    suffix = stores.entropy(_SUFFIX // 2).hex()
    return f"{compartment.name[: _NAME - _SUFFIX - 1]}.{suffix}"


def _work_request(
    stores: Stores, tenancy: Tenancy, compartment: Compartment, operation: str, action: str, requested_by: str | None
) -> WorkRequest:
    """Return the record of what is done by the time anybody can ask."""
    now = stores.clock()
    parent = compartment.compartment_id
    return WorkRequest(
        id=new_ocid(stores, Kind.WORK_REQUEST, now),
        compartment_id=parent if tenancy.holds(parent) else tenancy.id,
        name=operation,
        description="",
        time_created=now,
        status="SUCCEEDED",
        resource_id=compartment.id,
        action=action,
        time_finished=now,
        requested_by=requested_by,
    )
