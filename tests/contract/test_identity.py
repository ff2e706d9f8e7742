from dataclasses import replace
from datetime import timedelta

from tests.factories import limits, signing_key
from tests.fakes import NOW

from moorage.domain.identity import ANY_USER, EVERYBODY, FAILURES_REMEMBERED, REFRESH_LIFE, Guard, Trust

SECOND = timedelta(seconds=1)
ADDRESS = "192.0.2.1"


def guards(stores, name, address=ADDRESS, now=NOW):
    """Return what a login finds: of the name, and of all names together."""
    arriving = stores.directory.arrive(name, address, now)
    return arriving.guard, arriving.address_guard


# The guard


def test_wrong_passwords_are_counted_for_a_name_and_an_address(stores):
    stores.identity.failed("alice", ADDRESS, NOW)
    stores.identity.failed("alice", ADDRESS, NOW + SECOND)

    assert (Guard(2, NOW + SECOND), Guard()) == guards(stores, "alice", now=NOW + SECOND)
    assert (Guard(), Guard()) == guards(stores, "bob", now=NOW + SECOND)
    assert (Guard(), Guard()) == guards(stores, "alice", "192.0.2.2", NOW + SECOND)


def test_wrong_passwords_are_counted_for_an_address_alone(stores):
    stores.identity.failed(ANY_USER, ADDRESS, NOW)

    assert (Guard(), Guard(1, NOW)) == guards(stores, "alice")
    assert (Guard(), Guard()) == guards(stores, "alice", "192.0.2.2")


def test_wrong_passwords_are_counted_for_names_that_nobody_has(stores):
    stores.identity.failed("nobody", "2001:db8::1", NOW)

    assert (Guard(1, NOW), Guard()) == guards(stores, "nobody", "2001:db8::1")


def test_wrong_passwords_are_forgotten(stores):
    stores.identity.failed("alice", ADDRESS, NOW)
    forgotten = NOW + FAILURES_REMEMBERED

    assert Guard(1, NOW) == guards(stores, "alice", now=forgotten - SECOND)[0]
    assert Guard() == guards(stores, "alice", now=forgotten)[0]


def test_counting_starts_again_after_what_was_forgotten(stores):
    stores.identity.failed("alice", ADDRESS, NOW)
    later = NOW + FAILURES_REMEMBERED

    stores.identity.failed("alice", ADDRESS, later)

    assert Guard(1, later) == guards(stores, "alice", now=later)[0]


# Signing keys


def test_before_the_first_rotation_there_are_no_keys(stores):
    assert stores.identity.signing_key() is None
    assert () == stores.identity.trust().keys


def test_the_first_key_signs_and_verifies(stores):
    stores.identity.rotate(signing_key(1), {})

    assert signing_key(1) == stores.identity.signing_key()
    assert (replace(signing_key(1), private=None),) == stores.identity.trust().keys


def test_a_rotation_retires_keys_and_removes_their_private_halves(stores):
    ends = NOW + timedelta(days=30)
    stores.identity.rotate(signing_key(1), {})
    stores.identity.rotate(signing_key(2), {signing_key(1).kid: ends})

    assert signing_key(2) == stores.identity.signing_key()
    assert (
        replace(signing_key(2), private=None),
        replace(signing_key(1), private=None, time_retired=ends),
    ) == stores.identity.trust().keys


def test_no_private_half_but_the_newest_is_kept(backend, stores):
    for number in (1, 2, 3):
        retire = {key.kid: NOW for key in stores.identity.trust().keys}
        stores.identity.rotate(signing_key(number), retire)

    assert ["private 3"] == [
        half for half in ("private 1", "private 2", "private 3") if half in repr(backend.everything())
    ]


def test_a_key_that_is_not_retired_goes_on_verifying(stores):
    stores.identity.rotate(signing_key(1), {})
    stores.identity.rotate(signing_key(2), {})

    assert [None, None] == [key.time_retired for key in stores.identity.trust().keys]
    assert signing_key(2) == stores.identity.signing_key()


def test_the_newest_key_is_the_one_made_last_whatever_its_name(stores):
    newer = replace(signing_key(2), kid=signing_key(1).kid)
    older = replace(signing_key(1), kid=signing_key(2).kid)
    stores.identity.rotate(older, {})
    stores.identity.rotate(newer, {})

    assert newer == stores.identity.signing_key()
    assert [newer.kid, older.kid] == [key.kid for key in stores.identity.trust().keys]


# Revocations


def test_revocations_are_read_with_the_keys(stores):
    stores.identity.rotate(signing_key(1), {})
    stores.identity.revoke("ocid1.user.moorage..a", NOW)
    stores.identity.revoke(EVERYBODY, NOW + SECOND)

    revoked = {"ocid1.user.moorage..a": NOW, EVERYBODY: NOW + SECOND}
    assert Trust((replace(signing_key(1), private=None),), revoked) == stores.identity.trust()


def test_who_is_revoked_again_is_revoked_since_then(stores):
    for time in (NOW, NOW + SECOND):
        stores.identity.revoke("ocid1.user.moorage..a", time)

    assert {"ocid1.user.moorage..a": NOW + SECOND} == stores.identity.trust().revoked


def test_a_revocation_outlives_every_token_of_before(aws):
    """
    DynamoDB may remove the row when it has expired.
    """
    with aws.backend(limits()) as backend:
        backend.stores.identity.revoke(EVERYBODY, NOW)
        (row,) = backend.everything()

    assert int(row["expires"]["N"]) > (NOW + REFRESH_LIFE).timestamp()
