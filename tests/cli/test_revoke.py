"""`moorage revoke`."""

import pytest
from tests.people import People

from moorage.domain.identity import EVERYBODY


@pytest.fixture
def alice(stores):
    return People(stores).user("alice").id


@pytest.mark.parametrize("by", ["name", "id", "id of one who has gone"])
def test_the_tokens_of_a_user_are_void_from_now_on(stores, said, alice, by):
    if by == "id of one who has gone":
        People(stores).remove("alice")

    assert {"revoked": alice} == said("revoke", "--user", "alice" if by == "name" else alice)
    assert {alice: stores.clock()} == stores.identity.trust().revoked


def test_the_tokens_of_a_machine_are_void_from_now_on(stores, said):
    role = "arn:aws:iam::123456789012:role/build"

    assert {"revoked": role} == said("revoke", "--user", role)
    assert {role: stores.clock()} == stores.identity.trust().revoked


def test_all_tokens_are_void_from_now_on(stores, said):
    assert {"revoked": "*"} == said("revoke", "--all")
    assert {EVERYBODY: stores.clock()} == stores.identity.trust().revoked


@pytest.mark.parametrize("name", ["bob", "arn:aws:iam::123456789012:user/bob", "arn:aws:iam::12:role/build"])
def test_a_user_who_is_not_there_has_to_be_named_by_id(stores, refused, name):
    assert f"there is no user {name}; give the OCID" in refused("revoke", "--user", name)
    assert {} == stores.identity.trust().revoked


@pytest.mark.parametrize("options", [[], ["--user", "alice", "--all"]])
def test_it_is_told_whose(stores, moorage, alice, options):
    result = moorage("revoke", *options)

    assert (2, {}) == (result.exit_code, stores.identity.trust().revoked)
    assert "--user or --all" in result.stderr
