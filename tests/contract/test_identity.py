from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import signing_key, ulid, user
from tests.fakes import NOW

from moorage.domain.access import Role
from moorage.domain.content import Page
from moorage.domain.identity import ANY_USER, FAILURES_REMEMBERED, AuthToken, Guard, hash_password

SECOND = timedelta(seconds=1)
ADDRESS = "192.0.2.1"
NAMES = ["A", "Z", "a", "a-b", "a.b", "a@b", "a_b", "ab"]


# Users


def test_a_user_reads_as_created(stores):
    assert stores.identity.get("alice") is None
    assert stores.identity.create(user())

    assert user() == stores.identity.get("alice")
    assert stores.identity.get("Alice") is None


def test_a_user_may_have_no_auth_tokens(stores):
    stores.identity.create(user(auth_tokens=()))

    assert user(auth_tokens=()) == stores.identity.get("alice")


def test_a_taken_name_stays_who_it_is(stores):
    stores.identity.create(user())

    assert not stores.identity.create(user(role=Role.ADMINISTRATOR))


def test_update_replaces_the_version_before(stores):
    stores.identity.create(user())
    auth_token = AuthToken(ulid("second"), hash_password("other"), "", NOW + SECOND)
    changed = replace(user(), role=Role.READER, auth_tokens=(auth_token,), version=2)

    assert stores.identity.update(changed)
    assert changed == stores.identity.get("alice")


@pytest.mark.parametrize("version", [1, 3])
def test_update_misses_another_version(stores, version):
    stores.identity.create(user())

    assert not stores.identity.update(user(role=Role.READER, version=version))


def test_update_misses_a_user_that_has_gone(stores):
    assert not stores.identity.update(user(version=2))
    assert not stores.identity.update(user(version=1))


def test_remove_deletes_a_user(stores, unchanged):
    stores.identity.create(user())
    stores.identity.create(user("bob"))

    stores.identity.remove("alice")

    assert stores.identity.get("alice") is None
    assert user("bob") == stores.identity.get("bob")
    with unchanged():
        stores.identity.remove("alice")


def test_users_are_in_byte_order_and_pages_join_without_gap(stores):
    made = {name: user(name) for name in NAMES}
    for name in reversed(NAMES):
        stores.identity.create(made[name])

    first = stores.identity.users("", 5)
    second = stores.identity.users(first.last, 5)

    assert [made[name] for name in NAMES] == [*first.items, *second.items]
    assert ["a.b", None] == [first.last, second.last]
    assert Page(tuple(made.values()), None) == stores.identity.users("", len(NAMES))
    assert Page((), None) == stores.identity.users("ab", 5)


# The guard


def test_login_reads_the_user_and_no_failures(stores):
    stores.identity.create(user())

    assert (user(), Guard(), Guard()) == stores.identity.login("alice", ADDRESS, NOW)
    assert (None, Guard(), Guard()) == stores.identity.login("nobody", ADDRESS, NOW)


def test_wrong_passwords_are_counted_for_a_name_and_an_address(stores):
    stores.identity.failed("alice", ADDRESS, NOW)
    stores.identity.failed("alice", ADDRESS, NOW + SECOND)

    assert (None, Guard(2, NOW + SECOND), Guard()) == stores.identity.login("alice", ADDRESS, NOW + SECOND)
    assert (None, Guard(), Guard()) == stores.identity.login("bob", ADDRESS, NOW + SECOND)
    assert (None, Guard(), Guard()) == stores.identity.login("alice", "192.0.2.2", NOW + SECOND)


def test_wrong_passwords_are_counted_for_an_address_alone(stores):
    stores.identity.failed(ANY_USER, ADDRESS, NOW)

    assert (None, Guard(), Guard(1, NOW)) == stores.identity.login("alice", ADDRESS, NOW)
    assert (None, Guard(), Guard()) == stores.identity.login("alice", "192.0.2.2", NOW)


def test_wrong_passwords_are_counted_for_names_that_nobody_has(stores):
    stores.identity.failed("nobody", "2001:db8::1", NOW)

    assert (None, Guard(1, NOW), Guard()) == stores.identity.login("nobody", "2001:db8::1", NOW)


def test_wrong_passwords_are_forgotten(stores):
    stores.identity.failed("alice", ADDRESS, NOW)
    forgotten = NOW + FAILURES_REMEMBERED

    assert Guard(1, NOW) == stores.identity.login("alice", ADDRESS, forgotten - SECOND)[1]
    assert Guard() == stores.identity.login("alice", ADDRESS, forgotten)[1]


def test_counting_starts_again_after_what_was_forgotten(stores):
    stores.identity.failed("alice", ADDRESS, NOW)
    later = NOW + FAILURES_REMEMBERED

    stores.identity.failed("alice", ADDRESS, later)

    assert Guard(1, later) == stores.identity.login("alice", ADDRESS, later)[1]


# Signing keys


def test_before_the_first_rotation_there_are_no_keys(stores):
    assert stores.identity.signing_key() is None
    assert [] == stores.identity.public_keys()


def test_the_first_key_signs_and_verifies(stores):
    stores.identity.rotate(signing_key(1), {})

    assert signing_key(1) == stores.identity.signing_key()
    assert [replace(signing_key(1), private=None)] == stores.identity.public_keys()


def test_a_rotation_retires_keys_and_removes_their_private_halves(stores):
    ends = NOW + timedelta(days=30)
    stores.identity.rotate(signing_key(1), {})
    stores.identity.rotate(signing_key(2), {signing_key(1).kid: ends})

    assert signing_key(2) == stores.identity.signing_key()
    assert [
        replace(signing_key(2), private=None),
        replace(signing_key(1), private=None, time_retired=ends),
    ] == stores.identity.public_keys()


def test_no_private_half_but_the_newest_is_kept(backend, stores):
    for number in (1, 2, 3):
        retire = {key.kid: NOW for key in stores.identity.public_keys()}
        stores.identity.rotate(signing_key(number), retire)

    assert ["private 3"] == [
        half for half in ("private 1", "private 2", "private 3") if half in repr(backend.everything())
    ]


def test_a_key_that_is_not_retired_goes_on_verifying(stores):
    stores.identity.rotate(signing_key(1), {})
    stores.identity.rotate(signing_key(2), {})

    assert [None, None] == [key.time_retired for key in stores.identity.public_keys()]
    assert signing_key(2) == stores.identity.signing_key()


def test_the_newest_key_is_the_one_made_last_whatever_its_name(stores):
    newer = replace(signing_key(2), kid=signing_key(1).kid)
    older = replace(signing_key(1), kid=signing_key(2).kid)
    stores.identity.rotate(older, {})
    stores.identity.rotate(newer, {})

    assert newer == stores.identity.signing_key()
    assert [newer.kid, older.kid] == [key.kid for key in stores.identity.public_keys()]
