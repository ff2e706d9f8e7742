"""Dynamic groups: CreateDynamicGroup, ListDynamicGroups, GetDynamicGroup, UpdateDynamicGroup, DeleteDynamicGroup."""

from starlette.responses import Response

from identity.changing import given_tags
from identity.creating import create
from identity.listing import list_resources
from identity.rendering import tell_dynamic_group
from identity.targets import of, read, require_in_root
from moorage.domain.directory import DynamicGroup
from moorage.operations.directory import dynamic_groups
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import read_tags


def create_dynamic_group(call: Call) -> Response:
    """Make a group of the machines that a rule matches."""
    require_in_root(call, call.body["compartmentId"])
    return create(
        call,
        DynamicGroup,
        tell_dynamic_group,
        lambda: dynamic_groups.create_dynamic_group(
            call.stores,
            call.caller.tenancy,
            name=call.body["name"],
            description=call.body["description"],
            matching_rule=call.body["matchingRule"],
            tags=read_tags(call.body),
            remember=call.remember,
        ),
    )


def list_dynamic_groups(call: Call) -> Response:
    """List dynamic groups."""
    require_in_root(call, call.parameters["compartmentId"])
    return list_resources(call, call.stores.directory.all(DynamicGroup), tell_dynamic_group)


def get_dynamic_group(call: Call) -> Response:
    """Show a dynamic group."""
    return _shown(_authorised(call))


def update_dynamic_group(call: Call) -> Response:
    """Change rule, description or tags."""
    group = _authorised(call)
    return _shown(
        dynamic_groups.update_dynamic_group(
            call.stores,
            call.caller.tenancy,
            group.id,
            description=call.body.get("description"),
            matching_rule=call.body.get("matchingRule"),
            tags=given_tags(call),
            if_match=call.if_match,
        ),
    )


def delete_dynamic_group(call: Call) -> Response:
    """Delete a dynamic group."""
    group = _authorised(call)
    dynamic_groups.delete_dynamic_group(call.stores, call.caller.tenancy, group.id, if_match=call.if_match)
    return answer(None)


def _authorised(call: Call) -> DynamicGroup:
    group = read(call, DynamicGroup, "dynamicGroupId")
    call.require(of(group))
    return group


def _shown(group: DynamicGroup) -> Response:
    return answer(tell_dynamic_group(group), etag=group.version)


HANDLERS = {
    "CreateDynamicGroup": create_dynamic_group,
    "ListDynamicGroups": list_dynamic_groups,
    "GetDynamicGroup": get_dynamic_group,
    "UpdateDynamicGroup": update_dynamic_group,
    "DeleteDynamicGroup": delete_dynamic_group,
}
