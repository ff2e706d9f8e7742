import pytest
from tests.factories import OTHER_REPOSITORY, REPOSITORY, digest, ulid
from tests.fakes import NOW

from moorage.domain.content import BytesState
from moorage.stores.base import Held

BLOB = digest("layer")
ONE, TWO, THREE = (f"{REPOSITORY}+{ulid(word)}" for word in ("one", "two", "three"))
FIRST, SECOND = ulid("first bytes"), ulid("second bytes")
KEY, OTHER_KEY = "blobs/first/1", "blobs/second/1"
DELETING = Held(None, FIRST, KEY)


@pytest.fixture
def held(stores):
    """Bytes that one link holds."""
    stores.bytes.hold(BLOB, KEY, 5, ONE, FIRST, NOW)


@pytest.fixture
def deleting(backend, held):
    """Bytes that no link holds any more and that are being deleted."""
    backend.stores.bytes.release(BLOB, ONE)
    backend.set_bytes_state(BLOB, BytesState.DELETING)


def test_the_first_to_hold_bytes_gives_them_their_key(backend, stores):
    assert Held(KEY) == stores.bytes.hold(BLOB, KEY, 5, ONE, FIRST, NOW)

    assert {KEY} == stores.bytes.keys_of(BLOB)
    assert {ONE} == backend.references(BLOB)


def test_who_holds_bytes_that_are_there_gets_their_key(backend, stores, held):
    assert Held(KEY) == stores.bytes.hold(BLOB, OTHER_KEY, 5, TWO, SECOND, NOW)

    assert {KEY} == stores.bytes.keys_of(BLOB)
    assert {ONE, TWO} == backend.references(BLOB)


def test_bytes_that_are_held_again_keep_their_generation(backend, stores, held):
    stores.bytes.hold(BLOB, OTHER_KEY, 5, TWO, SECOND, NOW)
    backend.set_bytes_state(BLOB, BytesState.DELETING)

    assert DELETING == stores.bytes.hold(BLOB, OTHER_KEY, 5, THREE, SECOND, NOW)


def test_a_repeated_hold_holds_once(backend, stores, held):
    assert Held(KEY) == stores.bytes.hold(BLOB, KEY, 5, ONE, FIRST, NOW)
    stores.bytes.release(BLOB, ONE)

    assert set() == backend.references(BLOB)


def test_bytes_that_nobody_holds_any_more_can_be_held(backend, stores, held):
    stores.bytes.release(BLOB, ONE)

    assert Held(KEY) == stores.bytes.hold(BLOB, OTHER_KEY, 5, TWO, SECOND, NOW)
    assert {TWO} == backend.references(BLOB)


def test_deleting_bytes_cannot_be_held(stores, deleting):
    assert DELETING == stores.bytes.hold(BLOB, OTHER_KEY, 5, TWO, SECOND, NOW)


def test_replace_brings_new_bytes_and_remembers_the_dead_key(backend, stores, deleting):
    assert stores.bytes.replace(BLOB, DELETING, OTHER_KEY, 5, TWO, SECOND)

    assert {TWO} == backend.references(BLOB)
    assert {KEY, OTHER_KEY} == stores.bytes.keys_of(BLOB)
    assert Held(OTHER_KEY) == stores.bytes.hold(BLOB, "blobs/third/1", 5, THREE, ulid("third bytes"), NOW)


def test_replace_drops_references_that_were_left_over(backend, stores, held):
    backend.set_bytes_state(BLOB, BytesState.DELETING)

    assert stores.bytes.replace(BLOB, DELETING, OTHER_KEY, 5, TWO, SECOND)
    assert {TWO} == backend.references(BLOB)


def test_every_dead_key_is_remembered(backend, stores, deleting):
    stores.bytes.replace(BLOB, DELETING, OTHER_KEY, 5, TWO, SECOND)
    backend.set_bytes_state(BLOB, BytesState.DELETING)

    assert stores.bytes.replace(BLOB, Held(None, SECOND, OTHER_KEY), "blobs/third/1", 5, THREE, ulid("third bytes"))
    assert {KEY, OTHER_KEY, "blobs/third/1"} == stores.bytes.keys_of(BLOB)


def test_replace_misses_another_generation(stores, deleting):
    assert not stores.bytes.replace(BLOB, Held(None, ulid("older bytes"), KEY), OTHER_KEY, 5, TWO, SECOND)


def test_replace_misses_live_bytes(stores, held):
    assert not stores.bytes.replace(BLOB, DELETING, OTHER_KEY, 5, TWO, SECOND)


def test_replace_misses_bytes_that_have_gone(stores):
    assert not stores.bytes.replace(BLOB, DELETING, OTHER_KEY, 5, TWO, SECOND)


def test_share_adds_a_reference_and_answers_the_key_of_the_bytes(backend, stores, held):
    elsewhere = f"{OTHER_REPOSITORY}+{ulid('one')}"

    assert KEY == stores.bytes.share(BLOB, elsewhere)
    assert {ONE, elsewhere} == backend.references(BLOB)


def test_share_misses_deleting_bytes(stores, deleting):
    assert stores.bytes.share(BLOB, TWO) is None


def test_share_makes_no_row(stores):
    assert stores.bytes.share(BLOB, TWO) is None


def test_release_takes_out_one_reference(backend, stores, held):
    stores.bytes.share(BLOB, TWO)

    stores.bytes.release(BLOB, ONE)
    stores.bytes.release(BLOB, THREE)

    assert {TWO} == backend.references(BLOB)
    assert {KEY} == stores.bytes.keys_of(BLOB)


def test_release_makes_no_row(stores, unchanged):
    with unchanged():
        stores.bytes.release(BLOB, ONE)


def test_bytes_that_are_not_there_have_no_keys(stores, held):
    assert frozenset() == stores.bytes.keys_of(digest("other layer"))


def test_every_write_of_the_references_raises_the_epoch(backend, stores, held):
    epochs = [backend.epoch(BLOB)]

    stores.bytes.hold(BLOB, OTHER_KEY, 5, TWO, SECOND, NOW)
    epochs.append(backend.epoch(BLOB))
    stores.bytes.share(BLOB, THREE)
    epochs.append(backend.epoch(BLOB))
    stores.bytes.release(BLOB, TWO)
    epochs.append(backend.epoch(BLOB))
    backend.set_bytes_state(BLOB, BytesState.DELETING)
    stores.bytes.replace(BLOB, DELETING, OTHER_KEY, 5, TWO, SECOND)
    epochs.append(backend.epoch(BLOB))

    assert [1, 2, 3, 4, 5] == epochs
