from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import REPOSITORY, commit, digest, link, manifest, tag_record, ulid
from tests.fakes import NOW

from moorage.domain.content import Counts, LinkState, ManifestState
from moorage.stores.base import LinkRowChanged, OwnRowChanged, ShardFull, TagRowChanged

IMAGE, OTHER = manifest(), manifest("other")
LAYER = link()
LATER = NOW + timedelta(hours=1)
AGAIN = replace(IMAGE, put=ulid("second put"), version=2)
GONE = [ManifestState.DELETED, ManifestState.PURGING]
READABLE = [ManifestState.LIVE, ManifestState.CONDEMNED]


@pytest.fixture
def committed(stores):
    """A LIVE manifest that `v1` points at."""
    stores.manifests.commit(commit(IMAGE, "v1"))


# The own row


def test_a_commit_writes_a_manifest_where_there_is_none(backend, stores):
    stores.manifests.commit(commit(IMAGE))

    assert IMAGE == stores.manifests.get(REPOSITORY, IMAGE.digest)
    assert [IMAGE.digest] == backend.listed(REPOSITORY)
    assert Counts(images=1) == stores.repositories.counts(REPOSITORY)


@pytest.mark.parametrize("state", READABLE)
def test_a_commit_over_a_readable_manifest_counts_and_lists_nothing(backend, stores, committed, state):
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, state)

    stores.manifests.commit(commit(AGAIN, own=replace(IMAGE, state=state)))

    assert AGAIN == stores.manifests.get(REPOSITORY, IMAGE.digest)
    assert [IMAGE.digest] == backend.listed(REPOSITORY)
    assert Counts(images=1) == stores.repositories.counts(REPOSITORY)


@pytest.mark.parametrize("state", GONE)
def test_a_commit_over_a_deleted_manifest_counts_and_lists_it_again(backend, stores, state):
    stores.manifests.commit(commit(IMAGE))
    stores.manifests.delete(IMAGE, [], "alice", NOW)
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, state)
    deleted = stores.manifests.get(REPOSITORY, IMAGE.digest)
    anew = replace(AGAIN, version=3, shard=5, listed=AGAIN.put)

    stores.manifests.commit(commit(anew, own=deleted))

    assert anew == stores.manifests.get(REPOSITORY, IMAGE.digest)
    assert [IMAGE.digest] == backend.listed(REPOSITORY)
    assert Counts(images=1) == stores.repositories.counts(REPOSITORY)


def test_a_commit_on_no_row_misses_a_row(stores, committed):
    with pytest.raises(OwnRowChanged):
        stores.manifests.commit(commit(AGAIN))


def test_a_commit_on_a_row_misses_none(stores):
    with pytest.raises(OwnRowChanged):
        stores.manifests.commit(commit(AGAIN, own=IMAGE))


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param({"version": 2}, id="version"),
        pytest.param({"put": ulid("other put")}, id="put"),
    ],
)
def test_a_commit_misses_another(stores, committed, stale):
    with pytest.raises(OwnRowChanged):
        stores.manifests.commit(commit(AGAIN, own=replace(IMAGE, **stale)))


def test_a_commit_misses_a_manifest_deleted_meanwhile(stores):
    stores.manifests.commit(commit(IMAGE))
    stores.manifests.delete(IMAGE, [], "alice", NOW)

    with pytest.raises(OwnRowChanged):
        stores.manifests.commit(commit(AGAIN, own=IMAGE))


# Tags


def test_a_commit_makes_tags(backend, stores):
    stores.manifests.commit(commit(IMAGE, "v1", "latest", by="bob", now=LATER))

    pushed = {"time_pushed": LATER, "pushed_by": "bob"}
    assert replace(tag_record("v1", IMAGE), **pushed) == stores.manifests.get_tag(REPOSITORY, "v1")
    assert replace(tag_record("latest", IMAGE), **pushed) == stores.manifests.get_tag(REPOSITORY, "latest")
    assert ("latest", "v1") == stores.manifests.gather(REPOSITORY, IMAGE.digest).tags
    moves = {("v1", None, IMAGE.digest, "bob"), ("latest", None, IMAGE.digest, "bob")}
    assert moves == set(backend.moves(REPOSITORY))


def test_a_commit_moves_a_tag(backend, stores, committed):
    stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": tag_record("v1", IMAGE)}, by="bob", now=LATER))

    assert OTHER.digest == stores.manifests.get_tag(REPOSITORY, "v1").digest
    assert () == stores.manifests.gather(REPOSITORY, IMAGE.digest).tags
    assert ("v1",) == stores.manifests.gather(REPOSITORY, OTHER.digest).tags
    assert [("v1", None, IMAGE.digest, "alice"), ("v1", IMAGE.digest, OTHER.digest, "bob")] == backend.moves(REPOSITORY)


def test_a_tag_pushed_again_to_the_same_manifest_did_not_move(backend, stores, committed):
    again = commit(AGAIN, "v1", own=IMAGE, replaced={"v1": tag_record("v1", IMAGE)}, by="bob", now=LATER)

    stores.manifests.commit(again)

    pushed = replace(tag_record("v1", IMAGE), time_pushed=LATER, pushed_by="bob")
    assert pushed == stores.manifests.get_tag(REPOSITORY, "v1")
    assert ("v1",) == stores.manifests.gather(REPOSITORY, IMAGE.digest).tags
    assert [("v1", None, IMAGE.digest, "alice")] == backend.moves(REPOSITORY)


def test_only_digest_and_time_of_a_tag_must_be_as_read(stores, committed):
    read = replace(tag_record("v1", IMAGE), pushed_by="bob")

    stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": read}))

    assert OTHER.digest == stores.manifests.get_tag(REPOSITORY, "v1").digest


def test_a_commit_misses_a_tag_that_moved_and_came_back_meanwhile(stores, committed):
    read = replace(tag_record("v1", IMAGE), time_pushed=LATER)

    with pytest.raises(TagRowChanged):
        stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": read}))


def test_a_commit_misses_a_tag_that_came_meanwhile(stores, committed):
    with pytest.raises(TagRowChanged):
        stores.manifests.commit(commit(OTHER, "v2", "v1"))


def test_a_commit_misses_a_tag_that_went_meanwhile(stores):
    with pytest.raises(TagRowChanged):
        stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": tag_record("v1", IMAGE)}))


def test_a_commit_misses_a_tag_that_moved_meanwhile(stores, committed):
    third = manifest("third")

    with pytest.raises(TagRowChanged):
        stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": tag_record("v1", third)}))


def test_a_tag_of_another_repository_does_not_matter(stores, committed):
    elsewhere = manifest(repository_id=ulid("elsewhere"))

    stores.manifests.commit(commit(elsewhere, "v1"))

    assert tag_record("v1", elsewhere) == stores.manifests.get_tag(elsewhere.repository_id, "v1")


# Links to count


def test_a_commit_counts_links_once(stores):
    small = link("small", size=7)
    stores.links.attach(LAYER)
    stores.links.attach(small)

    stores.manifests.commit(commit(manifest(shard=9), counted=(LAYER, small)))

    assert Counts(images=1, layers=2, bytes=LAYER.size + 7) == stores.repositories.counts(REPOSITORY)
    assert [9, 9] == [stores.links.get(REPOSITORY, layer.digest).counted for layer in (LAYER, small)]


def test_a_commit_over_a_readable_manifest_can_count_links(stores, committed):
    stores.links.attach(LAYER)

    stores.manifests.commit(commit(AGAIN, own=IMAGE, counted=(LAYER,)))

    assert Counts(images=1, layers=1, bytes=LAYER.size) == stores.repositories.counts(REPOSITORY)


def test_a_commit_misses_a_link_that_was_counted(stores):
    stores.links.attach(LAYER)
    stores.manifests.count_links(REPOSITORY, 3, [LAYER])

    with pytest.raises(LinkRowChanged):
        stores.manifests.commit(commit(IMAGE, counted=(LAYER,)))


def test_a_commit_misses_a_link_that_was_condemned(stores):
    stores.links.attach(LAYER)
    stores.links.condemn(LAYER)

    with pytest.raises(LinkRowChanged):
        stores.manifests.commit(commit(IMAGE, counted=(LAYER,)))


def test_a_commit_misses_a_link_that_is_being_deleted(backend, stores):
    stores.links.attach(LAYER)
    backend.set_link_state(REPOSITORY, LAYER.digest, LinkState.DELETING)

    with pytest.raises(LinkRowChanged):
        stores.manifests.commit(commit(IMAGE, counted=(LAYER,)))


def test_a_commit_misses_a_link_of_another_generation(stores):
    stores.links.attach(link(generation=ulid("later")))

    with pytest.raises(LinkRowChanged):
        stores.manifests.commit(commit(IMAGE, counted=(LAYER,)))


def test_a_commit_misses_a_link_that_has_gone(stores):
    with pytest.raises(LinkRowChanged):
        stores.manifests.commit(commit(IMAGE, counted=(LAYER,)))


# Referrers


def test_a_commit_lists_the_manifest_with_its_subject(stores):
    referring = manifest("referrer", subject=digest("subject"))
    descriptor = {"digest": str(referring.digest), "size": 8, "annotations": {"a": "b", "ä": ""}}

    stores.manifests.commit(commit(referring, referrer=descriptor))

    assert (descriptor,) == stores.manifests.referrers_page(REPOSITORY, digest("subject"), "").items


def test_a_commit_without_a_descriptor_lists_nothing(stores):
    stores.manifests.commit(commit(manifest("referrer", subject=digest("subject"))))

    assert () == stores.manifests.referrers_page(REPOSITORY, digest("subject"), "").items


def test_a_commit_over_a_readable_manifest_renews_its_descriptor(stores):
    referring = manifest("referrer", subject=digest("subject"))
    stores.manifests.commit(commit(referring, referrer={"digest": "before"}))

    stores.manifests.commit(commit(replace(referring, version=2), own=referring, referrer={"digest": "after"}))

    assert ({"digest": "after"},) == stores.manifests.referrers_page(REPOSITORY, digest("subject"), "").items


def test_a_condemned_manifest_stays_listed(backend, stores):
    referring = manifest("referrer", subject=digest("subject"))
    stores.manifests.commit(commit(referring, referrer={"digest": "x"}))
    backend.set_manifest_state(REPOSITORY, referring.digest, ManifestState.CONDEMNED)

    assert ({"digest": "x"},) == stores.manifests.referrers_page(REPOSITORY, digest("subject"), "").items


# What is told when more than one thing has changed


@pytest.fixture
def all_wrong(backend, stores, committed):
    """A commit of which nothing is as read."""
    backend.close_shard(REPOSITORY, 8)
    return commit(manifest("new", shard=8), "v1", own=OTHER, counted=(LAYER,))


def test_the_own_row_is_told_first(stores, all_wrong):
    with pytest.raises(OwnRowChanged):
        stores.manifests.commit(replace(all_wrong, own=replace(OTHER, state=ManifestState.DELETED)))


def test_a_tag_is_told_before_a_link(stores, all_wrong):
    with pytest.raises(TagRowChanged):
        stores.manifests.commit(replace(all_wrong, own=None))


def test_a_link_is_told_before_the_shard(stores, all_wrong):
    with pytest.raises(LinkRowChanged):
        stores.manifests.commit(replace(all_wrong, own=None, tags=()))


def test_the_shard_is_told_last(stores, all_wrong):
    with pytest.raises(ShardFull):
        stores.manifests.commit(replace(all_wrong, own=None, tags=(), counted=()))
