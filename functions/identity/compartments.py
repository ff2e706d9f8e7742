"""The tree of compartments: create, list, get, update, delete, move, recover."""

from starlette.responses import Response

from identity.changing import given_tags
from identity.creating import create, replayed
from identity.listing import list_resources
from identity.rendering import tell_accessible_compartment, tell_compartment
from moorage.domain.directory import Compartment, WorkRequest
from moorage.domain.errors import NotFound
from moorage.domain.policy.decision import Target
from moorage.domain.tenancy import Tenancy
from moorage.operations.directory import compartments
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import read_tags

# Who may inspect something of what is in a compartment has access to it.
_INSPECTING = ("COMPARTMENT_INSPECT", "REPOSITORY_INSPECT", "POLICY_READ")


def create_compartment(call: Call) -> Response:
    """Make a compartment in another."""
    parent_id = call.body["compartmentId"]
    call.require(Target(parent_id))
    return create(
        call,
        Compartment,
        tell_compartment,
        lambda: compartments.create_compartment(
            call.stores,
            call.caller.tenancy,
            parent_id,
            name=call.body["name"],
            description=call.body["description"],
            tags=read_tags(call.body),
            remember=call.remember,
        ),
    )


def list_compartments(call: Call) -> Response:
    """List the compartments in one, or all below the root: all of them, or those that the caller has access to."""
    parent_id = call.parameters["compartmentId"]
    accessible = call.parameters["accessLevel"] == "ACCESSIBLE"
    if accessible:
        _require_access(call, parent_id)
    else:
        call.require(Target(parent_id))
    found = compartments.list_compartments(
        call.stores, call.caller.tenancy, parent_id, subtree=call.parameters["compartmentIdInSubtree"]
    )
    return list_resources(call, found, _Accessible(call).tell if accessible else tell_compartment)


def get_compartment(call: Call) -> Response:
    """Show a compartment; the root too, and a deleted one."""
    return _shown(_authorised(call))


def update_compartment(call: Call) -> Response:
    """Change name, description or tags."""
    compartment = _authorised(call)
    return _shown(
        compartments.update_compartment(
            call.stores,
            call.caller.tenancy,
            compartment.id,
            name=call.body.get("name"),
            description=call.body.get("description"),
            tags=given_tags(call),
            if_match=call.if_match,
        ),
    )


def delete_compartment(call: Call) -> Response:
    """Delete an empty compartment; it is done by the time the work request can be asked for."""
    compartment = _authorised(call)
    _, request = compartments.delete_compartment(
        call.stores,
        call.caller.tenancy,
        compartment.id,
        requested_by=call.caller.principal.id,
        if_match=call.if_match,
    )
    return answer(None, status=202, work_request=request.id)


def move_compartment(call: Call) -> Response:
    """Move a compartment: for those who manage everything in the lowest compartment that has both places below it."""
    compartment = compartments.get_compartment(call.stores, call.caller.tenancy, call.parameters["compartmentId"])
    target_id = call.body["targetCompartmentId"]
    call.require(Target(_lowest_shared(call.caller.tenancy, compartment.compartment_id, target_id)))
    request = replayed(call, WorkRequest)
    if request is None:
        _, request = compartments.move_compartment(
            call.stores,
            call.caller.tenancy,
            compartment.id,
            target_id,
            requested_by=call.caller.principal.id,
            if_match=call.if_match,
            remember=call.remember,
        )
    return answer(None, status=202, work_request=request.id)


def recover_compartment(call: Call) -> Response:
    """Bring back a deleted compartment, under the name that it was deleted by."""
    compartment = _authorised(call)
    return _shown(
        compartments.recover_compartment(call.stores, call.caller.tenancy, compartment.id, if_match=call.if_match),
    )


class _Accessible:
    """Which compartments the caller has access to, directly or by something below. Deleted ones are where they were."""

    def __init__(self, call: Call) -> None:
        self._tenancy = call.caller.tenancy
        self._directly = {key for key in call.caller.tenancy.subtree(call.caller.tenancy.id) if _inspects(call, key)}
        self._at_all = {above for key in self._directly for above in call.caller.tenancy.ancestors(key)}

    def tell(self, compartment: Compartment) -> dict[str, object] | None:
        """Show a compartment, if the caller has access to it."""
        place = _place(self._tenancy, compartment)
        seen = self._at_all if self._tenancy.holds(compartment.id) else self._directly  # nothing is below a deleted one
        if place not in seen:
            return None
        return tell_accessible_compartment(compartment, directly=place in self._directly)


def _require_access(call: Call, compartment_id: str) -> None:
    """Go on only if the caller may inspect something in a compartment or below it. Raises NotFound."""
    if not any(_inspects(call, below) for below in call.caller.tenancy.subtree(compartment_id)):
        raise NotFound


def _inspects(call: Call, compartment_id: str) -> bool:
    return any(call.allows(permission, Target(compartment_id)) for permission in _INSPECTING)


def _authorised(call: Call) -> Compartment:
    tenancy = call.caller.tenancy
    compartment = compartments.get_compartment(call.stores, tenancy, call.parameters["compartmentId"])
    call.require(Target(_place(tenancy, compartment), defined_tags=compartment.tags.defined))
    return compartment


def _place(tenancy: Tenancy, compartment: Compartment) -> str:
    """Return where a compartment is decided about: at itself, a deleted one where it was."""
    places = (compartment.id, compartment.compartment_id)
    return next((place for place in places if tenancy.holds(place)), tenancy.id)


def _lowest_shared(tenancy: Tenancy, one: str, other: str) -> str:
    """Return the lowest compartment that both are in or are; the root where one of them is not there."""
    above = set(tenancy.ancestors(one))
    return next((key for key in tenancy.ancestors(other) if key in above), tenancy.id)


def _shown(compartment: Compartment) -> Response:
    return answer(tell_compartment(compartment), etag=compartment.version)


HANDLERS = {
    "CreateCompartment": create_compartment,
    "ListCompartments": list_compartments,
    "GetCompartment": get_compartment,
    "UpdateCompartment": update_compartment,
    "DeleteCompartment": delete_compartment,
    "MoveCompartment": move_compartment,
    "RecoverCompartment": recover_compartment,
}
