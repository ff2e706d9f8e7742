"""Manifests as images: places, versions, labels, restores, and tags that stay where they are."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import REPOSITORY, commit, digest, link, manifest, repository, tag_record, ulid
from tests.fakes import NOW

from moorage.domain.content import Counts, LinkState, ManifestState, TagRecord
from moorage.domain.directory import Remembered, ResourceTags
from moorage.domain.image import Image, Place, Restoring, Version
from moorage.stores.base import Changed, LinkRowChanged, OwnRowChanged, ShardFull, TagFixed, TagRowChanged

IMAGE, OTHER = manifest(), manifest("other")
SUBJECT = digest("subject")
REFERRING = manifest("referrer", subject=SUBJECT)
LATER = NOW + timedelta(hours=1)
DELETED = replace(IMAGE, state=ManifestState.DELETED, version=2, time_deleted=LATER, removed=("v1", "v2"))
REMEMBERED = Remembered(
    principal_id="ocid1.user.moorage..a", token="token", fingerprint="f", resource_id="r", version="v", time=NOW
)


def restoring(record=DELETED, **changes):
    usual = Restoring(
        record=record,
        shard=3,
        tags=("v1", "v2"),
        links={},
        children=(),
        referrer=None,
        by="bob",
        now=LATER,
        id=ulid("restore"),
    )
    return replace(usual, **changes)


@pytest.fixture
def committed(stores):
    """A LIVE manifest that `v1` and `v2` point at."""
    stores.manifests.commit(commit(IMAGE, "v1", "v2"))


@pytest.fixture
def deleted(stores, committed):
    stores.manifests.delete(IMAGE, ["v1", "v2"], "bob", LATER)


def places(stores, after=None, limit=10, **order):
    page = stores.images.places(REPOSITORY, after, limit, **{"newest_first": False, "deleted": False, **order})
    return [place.digest for place in page.items], page.last


# reading


def test_an_image_has_its_versions_the_oldest_first(stores, committed):
    stores.manifests.commit(commit(replace(IMAGE, version=2), "v0", own=IMAGE, by="bob", now=LATER))

    found = stores.images.get(REPOSITORY, IMAGE.digest)

    versions = (Version("v1", "alice", NOW), Version("v2", "alice", NOW), Version("v0", "bob", LATER))
    assert Image(replace(IMAGE, version=2), versions, None) == found
    assert [found] == stores.images.many([(REPOSITORY, IMAGE.digest), (REPOSITORY, OTHER.digest)])


def test_an_image_that_is_not_there(stores):
    assert stores.images.get(REPOSITORY, IMAGE.digest) is None
    assert [] == stores.images.many([(REPOSITORY, IMAGE.digest)])


def test_a_tag_pushed_again_where_it_is_keeps_its_time(stores, committed):
    again = commit(replace(IMAGE, version=2), "v1", own=IMAGE, replaced={"v1": tag_record("v1", IMAGE)}, now=LATER)
    stores.manifests.commit(again)

    assert NOW == stores.images.get(REPOSITORY, IMAGE.digest).versions[0].time


def test_the_last_tag_that_left_is_known(stores, committed):
    stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": tag_record("v1", IMAGE)}))
    assert "v1" == stores.images.get(REPOSITORY, IMAGE.digest).last_version

    stores.manifests.untag(tag_record("v2", IMAGE), REPOSITORY, "bob", LATER)
    assert ((), "v2") == (
        stores.images.get(REPOSITORY, IMAGE.digest).versions,
        stores.images.get(REPOSITORY, IMAGE.digest).last_version,
    )


def test_a_push_that_moves_many_tags_fits_its_transaction(stores):
    tags = [f"t{number:02}" for number in range(20)]
    records = [manifest(tag, shard=number) for number, tag in enumerate(tags)]
    for record, tag in zip(records, tags, strict=True):
        stores.manifests.commit(commit(record, tag))
    replaced = {tag: tag_record(tag, record) for record, tag in zip(records, tags, strict=True)}

    stores.manifests.commit(commit(replace(REFERRING, shard=30), *tags, replaced=replaced, referrer={"digest": "x"}))

    assert set(tags) == {version.tag for version in stores.images.get(REPOSITORY, REFERRING.digest).versions}
    known = [stores.images.get(REPOSITORY, record.digest).last_version for record in records]
    assert 10 == len([tag for tag in known if tag])


def test_places_in_both_directions(stores):
    records = [manifest(text, listed=f"{number}{IMAGE.listed[1:]}", shard=number) for number, text in enumerate("abc")]
    for record in records:
        stores.manifests.commit(commit(record))
    digests = [record.digest for record in records]

    assert (digests, None) == places(stores)
    assert (digests[::-1], None) == places(stores, newest_first=True)
    middle = Place(REPOSITORY, records[1].listed, digests[1]).position
    assert (digests[:2], middle) == places(stores, limit=2)
    assert (digests[2:], None) == places(stores, middle, limit=2)
    assert (digests[:0:-1], middle) == places(stores, limit=2, newest_first=True)
    assert (digests[:1], None) == places(stores, middle, limit=2, newest_first=True)
    (head,) = stores.images.heads([REPOSITORY], 10, after=None, newest_first=False, deleted=False)
    assert digests == [place.digest for place in head.items]


def test_a_deleted_image_has_its_place_among_the_deleted(stores, deleted):
    assert ([], None) == places(stores)
    assert ([IMAGE.digest], None) == places(stores, deleted=True)


def test_a_push_of_a_deleted_image_gives_it_a_new_place(backend, stores, deleted):
    anew = replace(IMAGE, version=3, put=ulid("second put"), listed=ulid("second put"))
    stores.manifests.commit(commit(anew, own=DELETED))

    assert ([], None) == places(stores, deleted=True)
    assert [IMAGE.digest] == backend.listed(REPOSITORY)


def test_versions_in_both_directions(stores):
    stores.manifests.commit(commit(IMAGE, "a", "b", "c"))

    def tags(after, limit, *, descending):
        page = stores.images.versions(REPOSITORY, after, limit, descending=descending)
        return [tag.tag for tag in page.items], page.last

    assert (["a", "b"], "b") == tags(None, 2, descending=False)
    assert (["c"], None) == tags("b", 2, descending=False)
    assert (["c", "b"], "b") == tags(None, 2, descending=True)
    assert (["a"], None) == tags("b", 2, descending=True)


def test_a_tag_is_found_in_many_repositories(stores, committed):
    assert [(REPOSITORY, IMAGE.digest)] == stores.images.tagged([REPOSITORY, ulid("empty")], "v1")
    assert [] == stores.images.tagged([REPOSITORY], "v9")


# labels


def test_labels_raise_the_version_and_outlive_nothing_but_the_row(stores, committed):
    assert stores.images.label(IMAGE, ResourceTags({"a": "b"}, {"n": {"k": 1}}))

    labelled = replace(IMAGE, freeform_tags={"a": "b"}, defined_tags={"n": {"k": 1}}, version=2)
    assert labelled == stores.manifests.get(REPOSITORY, IMAGE.digest)


@pytest.mark.parametrize("stale", [{"version": 2}, {"put": ulid("other put")}], ids=["version", "put"])
def test_labels_miss_another(stores, committed, stale):
    assert not stores.images.label(replace(IMAGE, **stale), ResourceTags())


def test_labels_miss_a_deleted_image(stores, deleted):
    assert not stores.images.label(DELETED, ResourceTags())


def test_pulls_are_counted(stores, committed):
    stores.manifests.touch(IMAGE, NOW)
    stores.manifests.touch(IMAGE, LATER)

    assert 2 == stores.manifests.get(REPOSITORY, IMAGE.digest).pulls


# versions that go


def test_a_version_is_removed_from_an_image_as_read(backend, stores, committed):
    stores.images.remove_version(tag_record("v1", IMAGE), IMAGE, "bob", LATER, REMEMBERED)

    found = stores.images.get(REPOSITORY, IMAGE.digest)
    assert (["v2"], "v1", 2) == ([one.tag for one in found.versions], found.last_version, found.record.version)
    assert ("v1", IMAGE.digest, None, "bob") == backend.moves(REPOSITORY)[-1]
    assert stores.directory.remembered(REMEMBERED.principal_id, "token") in (REMEMBERED, None)  # by the real clock


@pytest.mark.parametrize("stale", [{"version": 2}, {"put": ulid("other put")}], ids=["version", "put"])
def test_a_version_is_not_removed_from_another(stores, committed, stale):
    with pytest.raises(OwnRowChanged):
        stores.images.remove_version(tag_record("v1", IMAGE), replace(IMAGE, **stale), "bob", LATER)


def test_a_version_that_moved_is_not_removed(stores, committed):
    stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": tag_record("v1", IMAGE)}))

    with pytest.raises(TagRowChanged):
        stores.images.remove_version(tag_record("v1", IMAGE), IMAGE, "bob", LATER)


def test_a_used_retry_token_removes_nothing(stores, committed):
    stores.images.remove_version(tag_record("v1", IMAGE), IMAGE, "bob", LATER, REMEMBERED)

    with pytest.raises(Changed):
        stores.images.remove_version(
            tag_record("v2", IMAGE), replace(IMAGE, version=2), "bob", LATER, replace(REMEMBERED, fingerprint="other")
        )


# restore


def test_a_restore_brings_all_back(backend, stores, deleted):
    stores.images.restore(restoring())

    expected = replace(IMAGE, version=3, shard=3)
    versions = (Version("v1", "bob", LATER), Version("v2", "bob", LATER))
    assert Image(expected, versions, "v2") == stores.images.get(REPOSITORY, IMAGE.digest)
    tag = TagRecord("v1", IMAGE.digest, IMAGE.media_type, IMAGE.size, LATER, "bob")
    assert tag == stores.manifests.get_tag(REPOSITORY, "v1")
    assert [IMAGE.digest] == backend.listed(REPOSITORY)
    assert ([], None) == places(stores, deleted=True)
    assert Counts(images=1) == stores.repositories.counts(REPOSITORY)
    moves = {("v1", None, IMAGE.digest, "bob"), ("v2", None, IMAGE.digest, "bob")}
    assert moves <= set(backend.moves(REPOSITORY))


def test_a_restore_brings_a_referrer_back(stores):
    stores.manifests.commit(commit(REFERRING, referrer={"digest": "x"}))
    stores.manifests.delete(REFERRING, [], "bob", LATER)
    read = stores.manifests.get(REPOSITORY, REFERRING.digest)

    stores.images.restore(restoring(read, tags=(), referrer={"digest": "x"}))

    assert ({"digest": "x"},) == stores.manifests.referrers_page(REPOSITORY, SUBJECT, "").items


@pytest.mark.parametrize("state", [ManifestState.LIVE, ManifestState.CONDEMNED, ManifestState.PURGING])
def test_a_restore_misses_a_manifest_in_state(backend, stores, deleted, state):
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, state)

    with pytest.raises(OwnRowChanged):
        stores.images.restore(restoring())


@pytest.mark.parametrize("stale", [{"version": 1}, {"put": ulid("other put")}], ids=["version", "put"])
def test_a_restore_misses_another(stores, deleted, stale):
    with pytest.raises(OwnRowChanged):
        stores.images.restore(restoring(replace(DELETED, **stale)))


def test_a_restore_misses_a_manifest_that_has_gone(stores):
    with pytest.raises(OwnRowChanged):
        stores.images.restore(restoring())


def test_a_restore_misses_a_tag_that_is_taken(stores, deleted):
    stores.manifests.commit(commit(OTHER, "v1"))

    with pytest.raises(TagRowChanged):
        stores.images.restore(restoring())


@pytest.mark.parametrize("state", [LinkState.CONDEMNED, LinkState.DELETING])
def test_a_restore_misses_a_blob_in_state(backend, stores, deleted, state):
    stores.links.attach(link())
    backend.set_link_state(REPOSITORY, link().digest, state)

    with pytest.raises(LinkRowChanged):
        stores.images.restore(restoring(links={link().digest: link().generation}))


def test_a_restore_misses_a_hidden_blob(backend, stores, deleted):
    stores.links.attach(link())
    stores.links.condemn(link())
    stores.links.hide(replace(link(), state=LinkState.CONDEMNED, epoch=2))
    backend.set_link_state(REPOSITORY, link().digest, LinkState.LIVE)

    with pytest.raises(LinkRowChanged):
        stores.images.restore(restoring(links={link().digest: link().generation}))


def test_a_restore_misses_a_blob_of_another_generation_and_one_that_has_gone(stores, deleted):
    stores.links.attach(link())

    for links in ({link().digest: ulid("other")}, {digest("gone"): ulid("other")}):
        with pytest.raises(LinkRowChanged):
            stores.images.restore(restoring(links=links))
    stores.images.restore(restoring(links={link().digest: link().generation}))


def test_a_restore_misses_a_child_that_is_not_live(backend, stores, deleted):
    with pytest.raises(LinkRowChanged):
        stores.images.restore(restoring(children=(OTHER.digest,)))
    stores.manifests.commit(commit(OTHER))
    backend.set_manifest_state(REPOSITORY, OTHER.digest, ManifestState.CONDEMNED)
    with pytest.raises(LinkRowChanged):
        stores.images.restore(restoring(children=(OTHER.digest,)))
    backend.set_manifest_state(REPOSITORY, OTHER.digest, ManifestState.LIVE)

    stores.images.restore(restoring(children=(OTHER.digest,)))


def test_a_restore_needs_room_in_its_shard(stores, deleted):
    for text in ("one", "two"):
        stores.manifests.commit(commit(manifest(text, shard=3)))

    with pytest.raises(ShardFull):
        stores.images.restore(restoring())


def test_a_restore_needs_an_open_shard(backend, stores, deleted):
    backend.close_shard(REPOSITORY, 3)

    with pytest.raises(ShardFull):
        stores.images.restore(restoring())


def test_a_used_retry_token_restores_nothing(stores, deleted):
    stores.images.restore(restoring(), REMEMBERED)
    stores.manifests.delete(replace(IMAGE, version=3, shard=3), ["v1", "v2"], "bob", LATER)
    again = replace(DELETED, version=4, shard=3)

    with pytest.raises(Changed):
        stores.images.restore(restoring(again), replace(REMEMBERED, fingerprint="other"))
    later = replace(REMEMBERED, time=NOW + timedelta(hours=24))
    stores.images.restore(restoring(again), later)


# immutable repositories


@pytest.fixture
def immutable(stores):
    stores.repositories.create(repository(id=REPOSITORY, immutable=True))
    stores.manifests.commit(commit(IMAGE, "v1"))


def test_in_an_immutable_repository_a_tag_does_not_move(stores, immutable):
    with pytest.raises(TagFixed):
        stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": tag_record("v1", IMAGE)}))
    with pytest.raises(TagFixed):
        stores.manifests.commit(commit(OTHER, "v2", "v1", replaced={"v1": tag_record("v1", IMAGE)}))


def test_in_an_immutable_repository_new_tags_and_the_same_digest_are_fine(stores, immutable):
    again = replace(IMAGE, version=2)
    stores.manifests.commit(commit(again, "v1", "v2", own=IMAGE, replaced={"v1": tag_record("v1", IMAGE)}))
    stores.manifests.commit(commit(OTHER, "v3"))


def test_in_an_immutable_repository_tags_and_images_can_go(stores, immutable):
    stores.manifests.untag(tag_record("v1", IMAGE), REPOSITORY, "bob", LATER)
    stores.manifests.commit(commit(OTHER, "v1"))
    stores.manifests.delete(OTHER, ["v1"], "bob", LATER)


def test_a_tag_that_is_not_as_read_is_told_before_an_immutable_repository(stores, immutable):
    stale = replace(tag_record("v1", IMAGE), time_pushed=LATER)

    with pytest.raises(TagRowChanged):
        stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": stale}))


def test_when_a_repository_is_made_mutable_tags_move(stores, immutable):
    record = stores.repositories.get(REPOSITORY)
    changed = replace(record.repository, immutable=False)
    assert stores.repositories.update(replace(record, repository=changed, version=record.version + 1))

    stores.manifests.commit(commit(OTHER, "v1", replaced={"v1": tag_record("v1", IMAGE)}))
