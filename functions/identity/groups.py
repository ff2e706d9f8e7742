"""Groups: CreateGroup, ListGroups, GetGroup, UpdateGroup, DeleteGroup."""

from starlette.responses import Response

from identity.changing import given_tags
from identity.creating import create
from identity.listing import list_resources
from identity.rendering import tell_group
from identity.targets import of_group, read, require_in_root
from moorage.domain.directory import Group
from moorage.operations.directory import groups
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import read_tags


def create_group(call: Call) -> Response:
    """Make a group without members."""
    require_in_root(call, call.body["compartmentId"])
    return create(
        call,
        Group,
        tell_group,
        lambda: groups.create_group(
            call.stores,
            call.caller.tenancy,
            name=call.body["name"],
            description=call.body["description"],
            tags=read_tags(call.body),
            remember=call.remember,
        ),
    )


def list_groups(call: Call) -> Response:
    """List groups."""
    require_in_root(call, call.parameters["compartmentId"])
    return list_resources(call, call.stores.directory.all(Group), tell_group)


def get_group(call: Call) -> Response:
    """Show a group."""
    return _shown(_authorised(call))


def update_group(call: Call) -> Response:
    """Change description or tags."""
    group = _authorised(call)
    return _shown(
        groups.update_group(
            call.stores,
            call.caller.tenancy,
            group.id,
            description=call.body.get("description"),
            tags=given_tags(call),
            if_match=call.if_match,
        ),
    )


def delete_group(call: Call) -> Response:
    """Delete a group that nobody is in."""
    group = _authorised(call)
    groups.delete_group(call.stores, call.caller.tenancy, group.id, if_match=call.if_match)
    return answer(None)


def _authorised(call: Call) -> Group:
    group = read(call, Group, "groupId")
    call.require(of_group(call, group))
    return group


def _shown(group: Group) -> Response:
    return answer(tell_group(group), etag=group.version)


HANDLERS = {
    "CreateGroup": create_group,
    "ListGroups": list_groups,
    "GetGroup": get_group,
    "UpdateGroup": update_group,
    "DeleteGroup": delete_group,
}
