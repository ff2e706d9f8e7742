"""What holds of a directory at every moment, whatever was done to it, and by how many at once."""

from moorage.domain.directory import (
    ADMINISTRATORS,
    COMPARTMENT_DEPTH,
    AuthenticationPolicy,
    Compartment,
    DynamicGroup,
    Group,
    NetworkSource,
    Policy,
    State,
    User,
)
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.tenancy import CompartmentNode, DynamicGroupNode
from moorage.stores.base import Stores


def check(stores: Stores) -> None:
    """Compare the rows with each other."""
    directory, tenancy = stores.directory, stores.directory.tenancy()
    users, groups = directory.all(User), directory.all(Group)
    active = [one for one in directory.all(Compartment) if one.state is State.ACTIVE]

    assert len(users) == tenancy.users
    assert {one.id: one.name for one in groups} == tenancy.groups
    assert {
        one.id: CompartmentNode(one.compartment_id, one.name, one.tags.defined) for one in active
    } == tenancy.compartments
    assert {
        one.id: DynamicGroupNode(one.name, one.matching_rule) for one in directory.all(DynamicGroup)
    } == tenancy.dynamic_groups
    assert {one.id: (one.compartment_id, one.name) for one in directory.all(Policy)} == {
        key: (node.compartment_id, node.name) for key, node in tenancy.policies.items()
    }
    assert {one.id: one.name for one in directory.all(NetworkSource)} == {
        key: node.name for key, node in tenancy.network_sources.items()
    }
    _check_tree(stores)
    _check_members(users, groups)
    _check_names(stores)
    signing_in = directory.get(AuthenticationPolicy, tenancy.id)
    assert tenancy.sign_in_sources == (signing_in.network_source_ids if signing_in else ())
    assert set(tenancy.sign_in_sources) <= tenancy.network_sources.keys()


def _check_tree(stores: Stores) -> None:
    """No compartment is lost, too deep, or beside another of its name; what is in them is where it can be."""
    tenancy = stores.directory.tenancy()
    for key in tenancy.compartments:
        above = list(tenancy.ancestors(key))
        assert tenancy.id == above[-1]
        assert len(above) - 1 <= COMPARTMENT_DEPTH
    places = [(node.parent, node.name.casefold()) for node in tenancy.compartments.values()]
    assert len(set(places)) == len(places)
    for node in tenancy.policies.values():
        assert tenancy.holds(node.compartment_id)
        compile_policy(tenancy, tenancy.id, ["Allow any-user to read repos in tenancy"])


def _check_members(users: list[User], groups: list[Group]) -> None:
    known = {one.id for one in groups}
    counts = {group.id: sum(group.id in user.groups for user in users) for group in groups}
    assert counts == {group.id: group.members for group in groups}
    assert all(user.groups <= known for user in users)
    assert all(len(user.groups) == len(user.memberships) for user in users)
    assert all(group.members for group in groups if group.name == ADMINISTRATORS and group.version > 1)


def _check_names(stores: Stores) -> None:
    directory = stores.directory
    for kind in (User, Group, DynamicGroup, Policy, NetworkSource):
        for one in directory.all(kind):
            assert one.id == directory.find(kind, one.name)
