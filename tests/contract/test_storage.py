"""The limit of bytes, of all repositories together: exact, wherever the room for it is."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import OTHER_REPOSITORY, REPOSITORY, commit, limits, link, manifest

from moorage.domain.content import Counts
from moorage.stores.base import StorageFull
from moorage.stores.dynamodb.counting import equal_part, share_out
from moorage.stores.keys import SHARDS

SHARE = 10  # bytes of each shard


@pytest.fixture
def stores(make_backend):
    return make_backend(limits(storage_bytes=SHARE * SHARDS)).stores


def push(stores, text, size, shard=0, repository_id=REPOSITORY):
    """Commit a manifest with one layer that is not counted yet."""
    layer = link(f"layer of {text}", size=size, repository_id=repository_id)
    stores.links.attach(layer)
    pushed = manifest(text, repository_id=repository_id, shard=shard)
    stores.manifests.commit(commit(pushed, counted=(layer,)))


def test_a_shard_takes_its_share_of_all_repositories(stores):
    push(stores, "one", 6)
    push(stores, "two", 4, repository_id=OTHER_REPOSITORY)

    with pytest.raises(StorageFull):
        push(stores, "three", 1)
    push(stores, "four", 1, shard=1)
    assert Counts(images=2, layers=2, bytes=7) == stores.repositories.counts(REPOSITORY)


def test_a_layer_of_nothing_fits_everywhere(stores):
    push(stores, "one", SHARE)

    push(stores, "two", 0)


def test_links_are_counted_within_the_share(stores):
    layers = [link(f"layer {number}", size=4) for number in range(3)]
    for layer in layers:
        stores.links.attach(layer)

    with pytest.raises(StorageFull):
        stores.manifests.count_links(REPOSITORY, 5, layers)
    stores.manifests.count_links(REPOSITORY, 5, layers[:2])


@pytest.mark.parametrize("size", [SHARE + 1, 35, SHARE * SHARDS // 2, SHARE * SHARDS - 1, SHARE * SHARDS])
def test_a_large_layer_is_given_room_by_many(stores, size):
    with pytest.raises(StorageFull):
        push(stores, "large", size, shard=7)

    while True:
        assert stores.manifests.take_room(7, size)
        try:
            push(stores, "large", size, shard=7)
        except StorageFull:
            continue
        break

    assert Counts(images=1, layers=1, bytes=size) == stores.repositories.counts(REPOSITORY)
    left = SHARE * SHARDS - size
    assert (left == 0) or stores.manifests.take_room(3, left)
    assert not stores.manifests.take_room(3, left + 1)


def test_room_that_no_shard_has_is_not_given(stores):
    push(stores, "one", 6, shard=1)

    assert not stores.manifests.take_room(0, SHARE * SHARDS - 5)
    assert stores.manifests.take_room(0, SHARE)


def test_what_is_there_already_is_taken_from_nobody(stores):
    assert stores.manifests.take_room(0, SHARE)
    for shard in (1, 199):
        push(stores, f"to {shard}", SHARE, shard=shard)


def test_a_manifest_of_layers_that_are_counted_needs_no_room(stores):
    push(stores, "one", SHARE)

    again = manifest("again", shard=0)
    stores.manifests.commit(commit(again))
    stores.manifests.commit(commit(replace(again, version=2), "v1", own=again))


@pytest.mark.parametrize("limit", [1, 3, SHARDS - 1, SHARDS + 1])
def test_a_limit_that_cannot_be_cut_evenly_is_exact(make_backend, limit):
    stores = make_backend(limits(storage_bytes=limit)).stores

    with pytest.raises(StorageFull):
        push(stores, "too large", limit + 1, shard=199)
    assert not stores.manifests.take_room(199, limit + 1)
    while stores.manifests.take_room(199, limit):
        try:
            push(stores, "fits", limit, shard=199)
        except StorageFull:
            continue
        break
    assert not stores.manifests.take_room(5, 1)


def test_another_limit_holds_for_what_is_stored(make_backend):
    """
    A limit that is raised gives room at once; below what is stored, nothing more is taken.
    """
    small = make_backend(limits(storage_bytes=SHARDS)).stores
    push(small, "one", 1)
    assert sum(equal_part(SHARDS, shard) for shard in range(SHARDS)) == SHARDS
    with pytest.raises(StorageFull):
        push(small, "two", 1)


ROOM = st.dictionaries(st.integers(0, 199), st.integers(-50, 50), min_size=2)


@given(ROOM, st.integers(1, 1000))
def test_shares_are_given_by_those_that_have_them(room, wanted):
    shard = min(room)

    gifts = share_out(room, shard, wanted)

    spare = sum(max(0, left) for place, left in room.items() if place != shard)
    missing = wanted - room[shard]
    if gifts is None:
        assert spare < missing
        return
    assert all(0 < given <= room[donor] and donor != shard for donor, given in gifts.items())
    assert len(gifts) <= 99
    assert max(missing, 0) >= sum(gifts.values())
    if len([place for place, left in room.items() if left > 0 and place != shard]) <= 99:
        assert max(missing, 0) == sum(gifts.values())
