from dataclasses import replace

import pytest
from tests.directory.acting import Retry, make_dynamic_group, make_group, make_user
from tests.fakes import NOW

from moorage.domain.directory import (
    ADMINISTRATORS,
    ApiKey,
    Change,
    DynamicGroup,
    Group,
    Membership,
    ResourceTags,
    User,
    membership_ocid,
)
from moorage.domain.errors import (
    AlreadyExists,
    EtagChanged,
    LimitReached,
    NotFound,
    ParameterInvalid,
    RelatedNotFound,
    StateConflict,
)
from moorage.domain.tenancy import DynamicGroupNode
from moorage.operations.directory import dynamic_groups, groups, users


def tenancy(stores):
    return stores.directory.tenancy()


def add(stores, user, group, **rest):
    return groups.add_user_to_group(stores, tenancy(stores), user.id, group.id, **rest)


def remove(stores, user, group, **rest):
    groups.remove_user_from_group(stores, tenancy(stores), membership_ocid(user.id, group.id), **rest)


def members(stores, group):
    return stores.directory.get(Group, group.id).members


def test_a_group_is_made_and_decided_by(stores):
    made = make_group(stores, tags=ResourceTags({"a": "b"}))

    assert made == stores.directory.get(Group, made.id)
    assert ("developers", 0, 1) == (made.name, made.members, made.version)
    assert {made.id: "developers"} == tenancy(stores).groups


@pytest.mark.parametrize("make", [make_group, make_dynamic_group])
@pytest.mark.parametrize("name", ["", "a b", "a@b", "a+b", "x" * 101])
def test_names_that_groups_cannot_have(stores, make, name):
    with pytest.raises(ParameterInvalid, match=r"^name: "):
        make(stores, name)


@pytest.mark.parametrize("make", [make_group, make_dynamic_group])
def test_groups_and_dynamic_groups_share_names(stores, make):
    make_group(stores, "developers")
    make_dynamic_group(stores, "builders")

    for name in ("DEVELOPERS", "Builders"):
        with pytest.raises(AlreadyExists):
            make(stores, name)


@pytest.mark.parametrize("make", [make_group, make_dynamic_group])
def test_there_is_a_limit(narrow, make):
    make(narrow, "one")
    make(narrow, "two")

    with pytest.raises(LimitReached, match="2 is the limit"):
        make(narrow, "three")


def test_a_group_is_described_otherwise(stores):
    made = make_group(stores)
    tags = ResourceTags({"c": "d"})

    changed = groups.update_group(
        stores, tenancy(stores), made.id, description="other", tags=lambda _: tags, if_match="1"
    )

    assert replace(made, description="other", tags=tags, version=2) == changed
    assert changed == stores.directory.get(Group, made.id)


def test_only_an_empty_group_is_deleted(stores):
    made = make_group(stores)
    user = make_user(stores, "alice", made)

    with pytest.raises(StateConflict, match="1 user is"):
        groups.delete_group(stores, tenancy(stores), made.id)
    remove(stores, user, made)
    groups.delete_group(stores, tenancy(stores), made.id)

    assert stores.directory.get(Group, made.id) is None
    assert {} == tenancy(stores).groups
    make_group(stores)


def test_a_user_in_a_group_is_counted_with_it(stores):
    group, user = make_group(stores), make_user(stores)

    changed, membership = add(stores, user, group)

    assert Membership(group_id=group.id, time_created=NOW) == membership
    assert replace(user, memberships=(membership,), version=2) == changed == stores.directory.get(User, user.id)
    assert {group.id} == changed.groups
    assert 1 == members(stores, group)
    assert (changed, membership) == groups.find_membership(stores, membership_ocid(user.id, group.id))


def test_a_user_is_in_a_group_once(stores):
    group, user = make_group(stores), make_user(stores)
    add(stores, user, group)

    with pytest.raises(AlreadyExists):
        add(stores, user, group)
    assert 1 == members(stores, group)


def test_who_and_what_must_be_there(stores):
    group, user = make_group(stores), make_user(stores)

    with pytest.raises(RelatedNotFound, match=r"^userId: "):
        add(stores, group, group)
    with pytest.raises(RelatedNotFound, match=r"^groupId: "):
        add(stores, user, user)


def test_a_user_leaves_one_group_and_stays_in_others(stores):
    one, other = make_group(stores), make_group(stores, "other")
    user = make_user(stores, "alice", one, other)

    remove(stores, user, one, if_match=groups.MEMBERSHIP_ETAG)

    assert {other.id} == stores.directory.get(User, user.id).groups
    assert (0, 1) == (members(stores, one), members(stores, other))
    with pytest.raises(NotFound):
        remove(stores, user, one)


@pytest.mark.parametrize(
    "membership_id",
    [
        "",
        "ocid1.groupmembership.moorage..short",
        f"ocid1.groupmembership.moorage..{'0' * 52}",
        f"ocid1.group.moorage..{'0' * 52}",
    ],
)
def test_a_membership_that_is_not_there_is_not_found(stores, membership_id):
    with pytest.raises(NotFound):
        groups.find_membership(stores, membership_id)


def test_a_membership_has_one_etag(stores):
    group = make_group(stores)
    user = make_user(stores, "alice", group)

    with pytest.raises(EtagChanged):
        remove(stores, user, group, if_match="2")


def test_the_last_administrator_stays(stores):
    group = make_group(stores, ADMINISTRATORS)
    alice, bob = make_user(stores, "alice", group), make_user(stores, "bob", group)

    remove(stores, alice, group)
    with pytest.raises(StateConflict, match="bob is the last administrator"):
        remove(stores, bob, group)

    assert {group.id} == stores.directory.get(User, bob.id).groups


@pytest.fixture
def signers(stores):
    """The group of administrators, and two in it who can sign; a third cannot."""
    group = make_group(stores, ADMINISTRATORS)
    alice, bob, _ = (make_user(stores, name, group) for name in ("alice", "bob", "carol"))
    key = ApiKey(fingerprint="aa:bb", public="-----BEGIN PUBLIC KEY-----", time_created=NOW)
    for user in (alice, bob):
        stores.directory.commit([Change(user, replace(user, api_keys=(key,), version=user.version + 1))])
    return group, alice, bob


def test_the_last_administrator_who_can_sign_stays(stores, signers):
    group, alice, bob = signers

    remove(stores, alice, group)
    with pytest.raises(StateConflict, match="bob is the last administrator who can sign requests"):
        remove(stores, bob, group)

    assert 2 == stores.directory.get(Group, group.id).members


def test_an_administrator_stays_when_the_other_who_can_sign_gives_that_up_meanwhile(stores, signers, monkeypatch):
    group, alice, bob = signers
    commit = type(stores.directory).commit

    def after_the_other(store, *changes):
        monkeypatch.undo()
        users.update_user_capabilities(stores, tenancy(stores), bob.id, {"canUseApiKeys": False})
        commit(store, *changes)

    monkeypatch.setattr(type(stores.directory), "commit", after_the_other)
    with pytest.raises(StateConflict, match="alice is the last administrator who can sign requests"):
        remove(stores, alice, group)


def test_the_group_of_administrators_is_not_deleted(stores):
    group = make_group(stores, ADMINISTRATORS)

    with pytest.raises(StateConflict, match="cannot be deleted"):
        groups.delete_group(stores, tenancy(stores), group.id)


def test_a_retry_token_is_stored_with_what_it_made(stores):
    group, user = make_group(stores, remember=Retry(stores)), make_user(stores)
    add(stores, user, group, remember=Retry(stores, "other"))

    assert group.id == stores.directory.remembered("somebody", "token").resource_id
    assert membership_ocid(user.id, group.id) == stores.directory.remembered("somebody", "other").resource_id


# Dynamic groups


def test_a_dynamic_group_is_made_and_decided_by(stores):
    made = make_dynamic_group(stores)

    assert made == stores.directory.get(DynamicGroup, made.id)
    assert {made.id: DynamicGroupNode("builders", made.matching_rule)} == tenancy(stores).dynamic_groups


def test_a_rule_that_cannot_be_read_is_refused(stores):
    made = make_dynamic_group(stores)

    with pytest.raises(ParameterInvalid, match=r"^matchingRule: "):
        make_dynamic_group(stores, "other", matching_rule="instance.id is 'x'")
    with pytest.raises(ParameterInvalid, match=r"^matchingRule: "):
        dynamic_groups.update_dynamic_group(stores, tenancy(stores), made.id, matching_rule="")


def test_a_dynamic_group_gets_another_rule(stores):
    made = make_dynamic_group(stores)
    rule = "any {instance.id = 'a', instance.id = 'b'}"

    changed = dynamic_groups.update_dynamic_group(
        stores, tenancy(stores), made.id, matching_rule=rule, description="other", if_match="1"
    )

    assert replace(made, matching_rule=rule, description="other", version=2) == changed
    assert rule == tenancy(stores).dynamic_groups[made.id].matching_rule


def test_a_deleted_dynamic_group_has_gone(stores):
    made = make_dynamic_group(stores)

    dynamic_groups.delete_dynamic_group(stores, tenancy(stores), made.id)

    assert stores.directory.get(DynamicGroup, made.id) is None
    assert {} == tenancy(stores).dynamic_groups


@pytest.mark.parametrize(
    ("make", "act"),
    [
        (make_group, groups.update_group),
        (make_group, groups.delete_group),
        (make_dynamic_group, dynamic_groups.update_dynamic_group),
        (make_dynamic_group, dynamic_groups.delete_dynamic_group),
    ],
)
def test_another_etag_is_refused_and_what_is_not_there_not_found(stores, make, act):
    made = make(stores)

    with pytest.raises(EtagChanged):
        act(stores, tenancy(stores), made.id, if_match="2")
    with pytest.raises(NotFound):
        act(stores, tenancy(stores), f"{made.id}0")
