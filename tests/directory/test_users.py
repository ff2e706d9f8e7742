from dataclasses import replace

import pytest
from tests.directory.acting import Retry, make_group, make_user
from tests.fakes import NOW

from moorage.domain.directory import CAPABILITIES, Change, ResourceTags, State, User
from moorage.domain.errors import AlreadyExists, EtagChanged, LimitReached, NotFound, ParameterInvalid, StateConflict
from moorage.operations.directory import users


def tenancy(stores):
    return stores.directory.tenancy()


def test_a_user_is_made_without_rights_and_counted(stores):
    tags = ResourceTags({"a": "b"})

    made = make_user(stores, email="alice@example.com", tags=tags)

    assert made == stores.directory.get(User, made.id)
    assert ("alice", "somebody", "alice@example.com", tags) == (made.name, made.description, made.email, made.tags)
    assert (tenancy(stores).id, State.ACTIVE, NOW, 1) == (
        made.compartment_id,
        made.state,
        made.time_created,
        made.version,
    )
    assert ((), (), (), frozenset(CAPABILITIES)) == (
        made.memberships,
        made.auth_tokens,
        made.api_keys,
        made.capabilities,
    )
    assert 1 == tenancy(stores).users


@pytest.mark.parametrize("name", ["alice", "a.b-c_d+e@example.com", "0", "a" * 100])
def test_names_that_users_can_have(stores, name):
    assert name == make_user(stores, name).name


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-a", "é", "a" * 101, "a\n"])
def test_names_that_users_cannot_have(stores, name):
    with pytest.raises(ParameterInvalid, match=r"^name: "):
        make_user(stores, name)


def test_an_email_has_at_most_254_characters(stores):
    made = make_user(stores, email="x" * 252 + "@y")

    with pytest.raises(ParameterInvalid, match=r"^email: "):
        users.update_user(stores, tenancy(stores), made.id, email="x" * 253 + "@y")


def test_a_name_is_taken_once(stores):
    make_user(stores)

    with pytest.raises(AlreadyExists):
        make_user(stores, "Alice")
    assert 1 == tenancy(stores).users


def test_there_is_a_limit_and_a_deleted_user_makes_room(narrow):
    made = make_user(narrow)
    make_user(narrow, "bob")

    with pytest.raises(LimitReached, match="2 is the limit"):
        make_user(narrow, "carol")
    users.delete_user(narrow, tenancy(narrow), made.id)
    make_user(narrow, "carol")


def test_a_user_is_described_otherwise(stores):
    made = make_user(stores)

    changed = users.update_user(
        stores,
        tenancy(stores),
        made.id,
        description="other",
        email="b@example.com",
        db_user_name="ALICE",
        tags=lambda _: ResourceTags({"c": "d"}),
        if_match="1",
    )

    expected = replace(
        made,
        description="other",
        email="b@example.com",
        db_user_name="ALICE",
        tags=ResourceTags({"c": "d"}),
        version=2,
    )
    assert expected == changed == stores.directory.get(User, made.id)
    assert replace(expected, description="x", version=3) == users.update_user(
        stores, tenancy(stores), made.id, description="x"
    )


ACTS = [
    users.update_user,
    lambda *args, **rest: users.update_user_state(*args, blocked=False, **rest),
    lambda *args, **rest: users.update_user_capabilities(*args, {}, **rest),
    users.delete_user,
]


@pytest.mark.parametrize("act", ACTS)
def test_another_etag_is_refused(stores, act):
    made = make_user(stores)

    with pytest.raises(EtagChanged):
        act(stores, tenancy(stores), made.id, if_match="2")


@pytest.mark.parametrize("act", ACTS)
def test_a_user_that_is_not_there_is_not_found(stores, act):
    with pytest.raises(NotFound):
        act(stores, tenancy(stores), "ocid1.user.moorage..absent")


def test_a_blocked_user_is_unblocked(stores):
    made = make_user(stores)
    blocked = replace(made, state=State.INACTIVE, inactive_status=4, version=2)
    stores.directory.commit([Change(made, blocked)])

    unblocked = users.update_user_state(stores, tenancy(stores), made.id, blocked=False)

    assert replace(made, version=3) == unblocked


def test_nobody_is_blocked_by_hand(stores):
    made = make_user(stores)

    with pytest.raises(ParameterInvalid, match=r"^blocked: "):
        users.update_user_state(stores, tenancy(stores), made.id, blocked=True)


def test_capabilities_that_are_not_named_stay(stores):
    made = make_user(stores)
    able = {"canUseApiKeys": False, "canUseAuthTokens": False}

    users.update_user_capabilities(stores, tenancy(stores), made.id, able)
    changed = users.update_user_capabilities(stores, tenancy(stores), made.id, {"canUseAuthTokens": True})

    assert frozenset(CAPABILITIES) - {"canUseApiKeys"} == changed.capabilities
    assert changed == stores.directory.get(User, made.id)
    with pytest.raises(ParameterInvalid, match=r"^canFly: "):
        users.update_user_capabilities(stores, tenancy(stores), made.id, {"canFly": True})


def test_a_user_in_a_group_is_not_deleted(stores):
    made = make_user(stores, "alice", make_group(stores))

    with pytest.raises(StateConflict, match="group"):
        users.delete_user(stores, tenancy(stores), made.id)


def test_a_deleted_user_has_gone_and_the_name_is_free(stores):
    made = make_user(stores)

    users.delete_user(stores, tenancy(stores), made.id, if_match="1")

    assert stores.directory.get(User, made.id) is None
    assert 0 == tenancy(stores).users
    make_user(stores)


def test_a_retry_token_is_stored_with_what_it_made(stores):
    made = make_user(stores, remember=Retry(stores))

    assert made.id == stores.directory.remembered("somebody", "token").resource_id
