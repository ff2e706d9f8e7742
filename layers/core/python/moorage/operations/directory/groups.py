"""Groups, and who is in them."""

from dataclasses import replace

from moorage.domain.directory import (
    ADMINISTRATORS,
    Change,
    Group,
    Membership,
    ResourceTags,
    User,
    membership_ocid,
    parse_membership_ocid,
)
from moorage.domain.errors import AlreadyExists, EtagChanged, NotFound, RelatedNotFound, StateConflict
from moorage.domain.ocid import Kind
from moorage.domain.tenancy import Tenancy
from moorage.operations.directory.administrators import keep_an_administrator
from moorage.operations.directory.changing import (
    Remember,
    Retag,
    beginning,
    changed,
    commit,
    create,
    read,
    require_room,
    revised,
    settle,
)
from moorage.operations.directory.fields import check_name, check_new_description
from moorage.stores.base import Stores

MEMBERSHIP_ETAG = "1"  # it never changes


def create_group(
    stores: Stores,
    tenancy: Tenancy,
    *,
    name: str,
    description: str,
    tags: ResourceTags | None = None,
    remember: Remember | None = None,
) -> Group:
    """Make a group without members."""
    group = Group(**beginning(stores, Kind.GROUP, tenancy.id, check_name(name), description, tags))

    def step(current: Tenancy) -> Group:
        require_room(len(current.groups), stores.limits.directory.groups, "groups")
        return create(stores, group, revised(current, groups={**current.groups, group.id: name}), remember)

    return settle(stores, tenancy, step, remember)


def update_group(
    stores: Stores,
    tenancy: Tenancy,
    group_id: str,
    *,
    description: str | None = None,
    tags: Retag | None = None,
    if_match: str | None = None,
) -> Group:
    """Describe a group otherwise; its name stays."""
    check_new_description(description)

    def step(_: Tenancy) -> Group:
        before = read(stores, Group, group_id, if_match)
        after = changed(before, description=description, tags=tags)
        commit(stores, [Change(before, after)])
        return after

    return settle(stores, tenancy, step)


def delete_group(stores: Stores, tenancy: Tenancy, group_id: str, *, if_match: str | None = None) -> None:
    """Delete a group that nobody is in."""

    def step(current: Tenancy) -> None:
        group = read(stores, Group, group_id, if_match)
        if group.name == ADMINISTRATORS:
            raise StateConflict(f"the group {ADMINISTRATORS} cannot be deleted")
        if group.members:
            users = "1 user is" if group.members == 1 else f"{group.members} users are"
            raise StateConflict(f"{users} in the group; take them out first")
        left = {key: name for key, name in current.groups.items() if key != group_id}
        commit(stores, [Change(group, None)], revised(current, groups=left))

    settle(stores, tenancy, step)


def add_user_to_group(
    stores: Stores, tenancy: Tenancy, user_id: str, group_id: str, *, remember: Remember | None = None
) -> tuple[User, Membership]:
    """Put a user into a group; the group counts it in the same transaction."""
    membership = Membership(group_id=group_id, time_created=stores.clock())

    def step(_: Tenancy) -> tuple[User, Membership]:
        user, group = _pair(stores, user_id, group_id)
        if group_id in user.groups:
            raise AlreadyExists
        after = changed(user, memberships=(*user.memberships, membership))
        remembered = remember(membership_ocid(user_id, group_id), MEMBERSHIP_ETAG) if remember else None
        commit(stores, [Change(user, after), _counted(group, 1)], remembered=remembered)
        return after, membership

    return settle(stores, tenancy, step, remember)


def remove_user_from_group(
    stores: Stores, tenancy: Tenancy, membership_id: str, *, if_match: str | None = None
) -> None:
    """Take a user out of a group; out of that of administrators neither the last one, nor the last who can sign."""

    def step(current: Tenancy) -> None:
        user, membership = find_membership(stores, membership_id)
        if if_match not in {None, MEMBERSHIP_ETAG}:
            raise EtagChanged(f"if-match: the membership has the etag {MEMBERSHIP_ETAG}")
        group = read(stores, Group, membership.group_id)
        if group.name == ADMINISTRATORS and group.members <= 1:
            raise StateConflict(f"{user.name} is the last administrator; add another one first")
        after = replace(changed(user), memberships=tuple(one for one in user.memberships if one != membership))
        decided = keep_an_administrator(stores, current, user, after)
        commit(stores, [Change(user, after), _counted(group, -1)], decided)

    settle(stores, tenancy, step)


def find_membership(stores: Stores, membership_id: str) -> tuple[User, Membership]:
    """Return who is in which group since when, by the id that is made of both. Raises NotFound."""
    ids = parse_membership_ocid(membership_id)
    user = stores.directory.get(User, ids[0]) if ids else None
    found = [one for one in user.memberships if ids and one.group_id == ids[1]] if user else []
    if user is None or not found:
        raise NotFound
    return user, found[0]


def _pair(stores: Stores, user_id: str, group_id: str) -> tuple[User, Group]:
    """Return user and group, which a body names. Raises RelatedNotFound."""
    user, group = stores.directory.get(User, user_id), stores.directory.get(Group, group_id)
    if user is None:
        raise RelatedNotFound("userId")
    if group is None:
        raise RelatedNotFound("groupId")
    return user, group


def _counted(group: Group, more: int) -> Change:
    return Change(group, changed(group, members=group.members + more))
