"""Who is in which group: AddUserToGroup, ListUserGroupMemberships, GetUserGroupMembership, RemoveUserFromGroup."""

from starlette.responses import Response

from identity.listing import instant, list_page
from identity.rendering import tell_membership
from identity.targets import of_membership, require_in_root, root
from moorage.domain.directory import Group, Membership, User, membership_ocid
from moorage.domain.errors import NotFound, ParameterMissing
from moorage.operations.directory import groups
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call

Pair = tuple[User, Membership]


def add_user_to_group(call: Call) -> Response:
    """Put a user into a group."""
    user_id, group_id = call.body["userId"], call.body["groupId"]
    user, group = call.stores.directory.get(User, user_id), call.stores.directory.get(Group, group_id)
    call.require(of_membership(call, user, group) if user and group else root(call))
    made = _replayed(call) or groups.add_user_to_group(
        call.stores, call.caller.tenancy, user_id, group_id, remember=call.remember
    )
    return _shown(*made)


def list_user_group_memberships(call: Call) -> Response:
    """List the memberships of a user, of a group, or the one of both."""
    require_in_root(call, call.parameters["compartmentId"])
    user_id, group_id = call.parameters.get("userId"), call.parameters.get("groupId")
    if user_id is None and group_id is None:
        raise ParameterMissing("userId or groupId")
    if group_id is not None and call.stores.directory.get(Group, group_id) is None:
        raise NotFound
    found = [
        (user, membership)
        for user in _users(call, user_id)
        for membership in user.memberships
        if group_id in {None, membership.group_id}
    ]
    return list_page(call, sorted(found, key=_key), _key, lambda pair: tell_membership(*pair))


def get_user_group_membership(call: Call) -> Response:
    """Show that a user is in a group."""
    return _shown(*_authorised(call))


def remove_user_from_group(call: Call) -> Response:
    """Take a user out of a group."""
    user, membership = _authorised(call)
    groups.remove_user_from_group(
        call.stores,
        call.caller.tenancy,
        membership_ocid(user.id, membership.group_id),
        if_match=call.if_match,
    )
    return answer(None)


def _users(call: Call, user_id: str | None) -> list[User]:
    """Return the user that is asked about, or all. Raises NotFound."""
    if user_id is None:
        return call.stores.directory.all(User)
    user = call.stores.directory.get(User, user_id)
    if user is None:
        raise NotFound
    return [user]


def _authorised(call: Call) -> Pair:
    user, membership = groups.find_membership(call.stores, call.parameters["userGroupMembershipId"])
    group = call.stores.directory.get(Group, membership.group_id)
    call.require(of_membership(call, user, group) if group else root(call))
    return user, membership


def _replayed(call: Call) -> Pair | None:
    """Return what the same request made before; None for a request that is new. Raises RetryTokenUsed."""
    membership_id = call.replayed()
    if membership_id is None:
        return None
    try:
        user, membership = groups.find_membership(call.stores, membership_id)
    except NotFound:
        call.check_replayed(None)
        raise
    call.check_replayed(groups.MEMBERSHIP_ETAG)
    return user, membership


def _key(pair: Pair) -> tuple[str, str]:
    user, membership = pair
    return instant(membership.time_created), membership_ocid(user.id, membership.group_id)


def _shown(user: User, membership: Membership) -> Response:
    return answer(tell_membership(user, membership), etag=groups.MEMBERSHIP_ETAG)


HANDLERS = {
    "AddUserToGroup": add_user_to_group,
    "ListUserGroupMemberships": list_user_group_memberships,
    "GetUserGroupMembership": get_user_group_membership,
    "RemoveUserFromGroup": remove_user_from_group,
}
