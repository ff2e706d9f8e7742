from dataclasses import replace

import pytest
from tests.factories import OTHER_REPOSITORY, REPOSITORY, commit, limits, link, manifest, tag_record, ulid
from tests.fakes import NOW

from moorage.domain.content import Counts, LinkState, ManifestState
from moorage.stores.base import Closed, LinkRowChanged, ShardFull
from moorage.stores.keys import SHARDS

SHARE = 2  # of each shard, as the limit of 400 images is cut
LAYERS = (link("one", size=10), link("two", size=5))


def fill(stores, shard, *, start=0):
    """Commit manifests into a shard until it takes no more; return how many it took."""
    for number in range(start, start + 10):
        try:
            stores.manifests.commit(commit(manifest(f"{shard}/{number}", shard=shard)))
        except ShardFull:
            return number - start
    raise AssertionError("no end of the shard was found")


def attach(stores, *layers):
    for layer in layers:
        stores.links.attach(layer)


# The limit of images


def test_a_shard_takes_its_share(stores):
    assert SHARE == fill(stores, 4)
    assert SHARE == fill(stores, 5)


def test_a_full_shard_of_one_repository_is_empty_in_another(stores):
    fill(stores, 4)

    stores.manifests.commit(commit(manifest(repository_id=OTHER_REPOSITORY, shard=4)))

    assert Counts(images=1) == stores.repositories.counts(OTHER_REPOSITORY)


def test_a_full_shard_takes_manifests_that_are_counted_already(stores):
    fill(stores, 4)
    old = manifest("4/0", shard=4)

    stores.manifests.commit(commit(replace(old, version=2), "v1", own=old))

    assert Counts(images=SHARE) == stores.repositories.counts(REPOSITORY)


def test_a_full_shard_counts_links(stores):
    fill(stores, 4)
    attach(stores, *LAYERS)

    stores.manifests.count_links(REPOSITORY, 4, LAYERS)

    assert Counts(images=SHARE, layers=2, bytes=15) == stores.repositories.counts(REPOSITORY)


def test_a_deleted_manifest_makes_room(stores):
    fill(stores, 4)
    stores.manifests.delete(manifest("4/0", shard=4), [], "alice", NOW)

    assert 1 == fill(stores, 4, start=5)


@pytest.mark.parametrize("state", [ManifestState.DELETED, ManifestState.PURGING])
def test_a_deleted_manifest_comes_back_only_where_there_is_room(backend, stores, state):
    stores.manifests.commit(commit(manifest("back", shard=3)))
    stores.manifests.delete(manifest("back", shard=3), [], "alice", NOW)
    backend.set_manifest_state(REPOSITORY, manifest("back").digest, state)
    fill(stores, 4)
    deleted = stores.manifests.get(REPOSITORY, manifest("back").digest)

    with pytest.raises(ShardFull):
        stores.manifests.commit(commit(manifest("back", shard=4, version=3), own=deleted))
    stores.manifests.commit(commit(manifest("back", shard=5, version=3), own=deleted))


def test_the_shares_sum_to_a_limit_that_cannot_be_cut_evenly(make_backend):
    stores = make_backend(limits(images=SHARDS + 3)).stores

    taken = [fill(stores, shard) for shard in (0, 1, 2, 3, 199)]

    assert [2, 2, 2, 1, 1] == taken


def test_a_limit_below_the_number_of_shards_holds(make_backend):
    backend = make_backend(limits(images=3))
    stores = backend.stores

    assert [1, 1, 1, 0, 0] == [fill(stores, shard) for shard in (0, 1, 2, 3, 199)]
    assert not stores.manifests.take_share(REPOSITORY, 3, 1)


# Moving share


def test_take_share_makes_room_where_there_was_none(stores):
    fill(stores, 4)

    assert stores.manifests.take_share(REPOSITORY, 4, 1)

    assert fill(stores, 4, start=5) >= 1


def test_take_share_moves_and_makes_none(make_backend):
    stores = make_backend(limits(images=5)).stores
    fill(stores, 199)
    taken = 0

    while stores.manifests.take_share(REPOSITORY, 199, 1):
        taken += fill(stores, 199, start=100 + taken)
    taken += sum(fill(stores, shard) for shard in range(6))

    assert 5 == taken
    assert Counts(images=5) == stores.repositories.counts(REPOSITORY)


def test_take_share_leaves_what_is_in_use(make_backend):
    stores = make_backend(limits(images=2)).stores
    fill(stores, 0)
    fill(stores, 1)

    assert not stores.manifests.take_share(REPOSITORY, 7, 1)


def test_take_share_takes_what_a_delete_gave_back(make_backend):
    stores = make_backend(limits(images=2)).stores
    fill(stores, 0)
    fill(stores, 1)
    stores.manifests.delete(manifest("1/0", shard=1), [], "alice", NOW)

    assert stores.manifests.take_share(REPOSITORY, 7, 1)

    assert 1 == fill(stores, 7)
    assert 0 == fill(stores, 1, start=5)


# Links


def test_count_links_counts_each_with_its_bytes(stores):
    attach(stores, *LAYERS)

    stores.manifests.count_links(REPOSITORY, 17, LAYERS)

    assert Counts(layers=2, bytes=15) == stores.repositories.counts(REPOSITORY)
    assert [17, 17] == [stores.links.get(REPOSITORY, layer.digest).counted for layer in LAYERS]


def test_count_links_changes_nothing_else_of_a_link(stores):
    attach(stores, *LAYERS)

    stores.manifests.count_links(REPOSITORY, 17, LAYERS)

    counted = stores.links.get(REPOSITORY, LAYERS[0].digest)
    assert replace(LAYERS[0], counted=17) == replace(counted, epoch=1)


def test_count_links_misses_one_that_was_counted(stores):
    attach(stores, *LAYERS)
    stores.manifests.count_links(REPOSITORY, 1, LAYERS[1:])

    with pytest.raises(LinkRowChanged):
        stores.manifests.count_links(REPOSITORY, 17, LAYERS)


@pytest.mark.parametrize("state", [LinkState.CONDEMNED, LinkState.DELETING])
def test_count_links_misses_one_in_state(backend, stores, state):
    attach(stores, *LAYERS)
    backend.set_link_state(REPOSITORY, LAYERS[1].digest, state)

    with pytest.raises(LinkRowChanged):
        stores.manifests.count_links(REPOSITORY, 17, LAYERS)


def test_count_links_misses_another_generation(stores):
    attach(stores, LAYERS[0], replace(LAYERS[1], generation=ulid("later")))

    with pytest.raises(LinkRowChanged):
        stores.manifests.count_links(REPOSITORY, 17, LAYERS)


def test_count_links_misses_one_that_has_gone(stores):
    attach(stores, LAYERS[0])

    with pytest.raises(LinkRowChanged):
        stores.manifests.count_links(REPOSITORY, 17, LAYERS)


def test_count_links_takes_as_many_as_a_transaction_holds(backend, stores):
    layers = [link(f"layer {number}", size=1) for number in range(98)]
    attach(backend.stores, *layers)

    stores.manifests.count_links(REPOSITORY, 17, layers)

    assert Counts(layers=98, bytes=98) == stores.repositories.counts(REPOSITORY)


# A closed repository


def test_a_closed_shard_takes_no_manifest(backend, stores):
    backend.close_shard(REPOSITORY, 4)

    with pytest.raises(ShardFull):
        stores.manifests.commit(commit(manifest(shard=4)))


def test_a_closed_shard_takes_no_deleted_manifest_back(backend, stores):
    stores.manifests.commit(commit(manifest(shard=4)))
    stores.manifests.delete(manifest(shard=4), [], "alice", NOW)
    backend.close_shard(REPOSITORY, 4)
    deleted = stores.manifests.get(REPOSITORY, manifest().digest)

    with pytest.raises(ShardFull):
        stores.manifests.commit(commit(manifest(shard=4, version=3), own=deleted))


def test_a_closed_shard_takes_no_tag_of_a_readable_manifest(backend, stores):
    first = manifest(shard=4)
    stores.manifests.commit(commit(first, "v1"))
    backend.close_shard(REPOSITORY, 4)

    with pytest.raises(Closed):
        stores.manifests.commit(commit(replace(first, version=2, put=ulid("again")), "v2", own=first))


def test_a_closed_shard_keeps_its_manifests(backend, stores):
    stores.manifests.commit(commit(manifest(shard=4)))
    backend.close_shard(REPOSITORY, 4)

    with pytest.raises(Closed):
        stores.manifests.delete(manifest(shard=4), [], "alice", NOW)


def test_a_deleted_repository_keeps_its_tags(stores):
    stores.manifests.commit(commit(manifest(), "v1"))
    stores.repositories.close(REPOSITORY)

    with pytest.raises(Closed):
        stores.manifests.untag(tag_record("v1", manifest()), REPOSITORY, "alice", NOW)


def test_a_closed_shard_counts_no_link(backend, stores):
    attach(stores, *LAYERS)
    backend.close_shard(REPOSITORY, 4)

    with pytest.raises(ShardFull):
        stores.manifests.count_links(REPOSITORY, 4, LAYERS)
