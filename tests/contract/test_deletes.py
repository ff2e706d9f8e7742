from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import OTHER_REPOSITORY, REPOSITORY, commit, digest, manifest, tag_record, ulid
from tests.fakes import NOW

from moorage.domain.content import Counts, Edge, ManifestState
from moorage.stores.base import Gathered, OwnRowChanged, TagRowChanged

IMAGE, OTHER = manifest(), manifest("other")
SUBJECT = digest("subject")
REFERRING = manifest("referrer", subject=SUBJECT)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def committed(stores):
    """A LIVE manifest that `v1` and `v2` point at."""
    stores.manifests.commit(commit(IMAGE, "v1", "v2"))


def test_delete_takes_manifest_and_tags_out_of_every_list(backend, stores, committed):
    stores.manifests.delete(IMAGE, ["v1", "v2"], "bob", LATER)

    deleted = replace(IMAGE, state=ManifestState.DELETED, version=2, time_deleted=LATER, removed=("v1", "v2"))
    assert Gathered(deleted, (), ()) == stores.manifests.gather(REPOSITORY, IMAGE.digest)
    assert [None, None] == [stores.manifests.get_tag(REPOSITORY, tag) for tag in ("v1", "v2")]
    assert [] == backend.listed(REPOSITORY)
    assert Counts() == stores.repositories.counts(REPOSITORY)
    moves = {("v1", IMAGE.digest, None, "bob"), ("v2", IMAGE.digest, None, "bob")}
    assert moves == set(backend.moves(REPOSITORY)[2:])


def test_delete_gives_its_place_in_the_shard_back(stores):
    for text in ("one", "two"):
        stores.manifests.commit(commit(manifest(text, shard=3)))

    stores.manifests.delete(manifest("one", shard=3), [], "bob", LATER)

    stores.manifests.commit(commit(manifest("three", shard=3)))
    assert Counts(images=2) == stores.repositories.counts(REPOSITORY)


def test_delete_keeps_edges_until_the_purge(stores, committed):
    stores.manifests.write_edges(REPOSITORY, IMAGE.digest, [digest("layer")], IMAGE.put)

    stores.manifests.delete(IMAGE, ["v1", "v2"], "bob", LATER)

    assert [Edge(IMAGE.digest, IMAGE.put)] == stores.links.edges(REPOSITORY, digest("layer"))


def test_delete_ends_the_listing_with_the_subject(stores):
    stores.manifests.commit(commit(REFERRING, referrer={"digest": "x"}))

    stores.manifests.delete(REFERRING, [], "bob", LATER)

    assert () == stores.manifests.referrers_page(REPOSITORY, SUBJECT, "").items


def test_delete_of_a_subject_leaves_its_referrers(stores, committed):
    referring = manifest("referrer", subject=IMAGE.digest)
    stores.manifests.commit(commit(referring, referrer={"digest": "x"}))

    stores.manifests.delete(IMAGE, ["v1", "v2"], "bob", LATER)

    assert ({"digest": "x"},) == stores.manifests.referrers_page(REPOSITORY, IMAGE.digest, "").items


def test_a_manifest_pushed_again_is_listed_with_its_subject_again(stores):
    stores.manifests.commit(commit(REFERRING, referrer={"digest": "x"}))
    stores.manifests.delete(REFERRING, [], "bob", LATER)
    deleted = stores.manifests.get(REPOSITORY, REFERRING.digest)
    anew = replace(REFERRING, version=3, put=ulid("second put"), listed=ulid("second put"))

    stores.manifests.commit(commit(anew, own=deleted, referrer={"digest": "x"}))

    assert ({"digest": "x"},) == stores.manifests.referrers_page(REPOSITORY, SUBJECT, "").items


def test_delete_takes_a_condemned_manifest(backend, stores, committed):
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, ManifestState.CONDEMNED)

    stores.manifests.delete(IMAGE, ["v1", "v2"], "bob", LATER)

    assert ManifestState.DELETED == stores.manifests.get(REPOSITORY, IMAGE.digest).state


@pytest.mark.parametrize("state", [ManifestState.DELETED, ManifestState.PURGING])
def test_delete_misses_a_manifest_in_state(backend, stores, committed, state):
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, state)

    with pytest.raises(OwnRowChanged):
        stores.manifests.delete(IMAGE, ["v1", "v2"], "bob", LATER)


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param({"version": 2}, id="version"),
        pytest.param({"put": ulid("other put")}, id="put"),
    ],
)
def test_delete_misses_another(stores, committed, stale):
    with pytest.raises(OwnRowChanged):
        stores.manifests.delete(replace(IMAGE, **stale), ["v1", "v2"], "bob", LATER)


def test_delete_misses_a_manifest_that_has_gone(stores):
    with pytest.raises(OwnRowChanged):
        stores.manifests.delete(IMAGE, [], "bob", LATER)


def test_delete_misses_a_tag_that_went_meanwhile(stores, committed):
    with pytest.raises(TagRowChanged):
        stores.manifests.delete(IMAGE, ["v1", "v2", "v3"], "bob", LATER)


def test_delete_misses_a_tag_that_points_elsewhere(stores, committed):
    stores.manifests.commit(commit(OTHER, "v3"))

    with pytest.raises(TagRowChanged):
        stores.manifests.delete(IMAGE, ["v1", "v2", "v3"], "bob", LATER)


def test_delete_tells_the_own_row_before_a_tag(stores, committed):
    with pytest.raises(OwnRowChanged):
        stores.manifests.delete(replace(IMAGE, version=2), ["v3"], "bob", LATER)


# untag


def test_untag_removes_one_tag(backend, stores, committed):
    stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER)

    assert stores.manifests.get_tag(REPOSITORY, "v1") is None
    assert ("v2",) == stores.manifests.gather(REPOSITORY, IMAGE.digest).tags
    assert stores.manifests.get(REPOSITORY, IMAGE.digest).readable
    assert ("v1", IMAGE.digest, None, "bob") == backend.moves(REPOSITORY)[-1]


def test_untag_raises_the_version_of_the_manifest(stores, committed):
    stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER)

    with pytest.raises(OwnRowChanged):
        stores.manifests.delete(IMAGE, ["v2"], "bob", LATER)
    assert 2 == stores.manifests.get(REPOSITORY, IMAGE.digest).version


@pytest.mark.parametrize("stale", [{"version": 2}, {"put": ulid("other put")}], ids=["version", "put"])
def test_untag_from_a_manifest_as_read_misses_another(stores, committed, stale):
    with pytest.raises(OwnRowChanged):
        stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER, replace(IMAGE, **stale))

    stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER, IMAGE)
    assert ("v2",) == stores.manifests.gather(REPOSITORY, IMAGE.digest).tags


def test_untag_misses_a_tag_that_moved_meanwhile(stores, committed):
    stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": tag_record("v1", IMAGE)}))

    with pytest.raises(TagRowChanged):
        stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER)


def test_untag_misses_a_tag_that_went_meanwhile(stores, committed):
    stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER)

    with pytest.raises(TagRowChanged):
        stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER)


def test_untag_misses_a_tag_that_went_with_its_manifest(stores, committed):
    stores.manifests.delete(IMAGE, ["v1", "v2"], "bob", LATER)

    with pytest.raises(TagRowChanged):
        stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER)


def test_untag_misses_the_tag_of_another_repository(stores, committed):
    with pytest.raises(TagRowChanged):
        stores.manifests.untag(tag_record("v1", IMAGE), OTHER_REPOSITORY, "bob", LATER)
