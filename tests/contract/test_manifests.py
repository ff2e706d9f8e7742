from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import OTHER_REPOSITORY, REPOSITORY, commit, digest, link, manifest, tag_record, ulid
from tests.fakes import NOW

from moorage.domain.content import Edge, LinkState, ManifestState
from moorage.domain.manifest import OCI_INDEX
from moorage.stores.base import Gathered, Reading

IMAGE = manifest()
LATER = NOW + timedelta(hours=2)

WHOLE = manifest(
    "whole",
    media_type=OCI_INDEX,
    key="manifests/1/2",
    data=None,
    dead=frozenset({"manifests/1/1", "manifests/1/0"}),
    subject=digest("subject"),
    artifact_type="application/vnd.example",
    config=digest("config"),
    children=(digest("b"), digest("a"), digest("c").of(b"c", "sha512")),
    shard=199,
    time_last_pulled=NOW,
)


@pytest.fixture
def committed(stores):
    """A LIVE manifest that `v1` points at."""
    stores.manifests.commit(commit(IMAGE, "v1"))


@pytest.mark.parametrize("record", [pytest.param(IMAGE, id="plain"), pytest.param(WHOLE, id="with all it can have")])
def test_a_manifest_reads_as_it_was_committed(stores, record):
    assert stores.manifests.get(REPOSITORY, record.digest) is None

    stores.manifests.commit(commit(record))

    assert record == stores.manifests.get(REPOSITORY, record.digest)
    assert stores.manifests.get(OTHER_REPOSITORY, record.digest) is None


def test_a_tag_reads_as_it_was_committed(stores, committed):
    assert tag_record("v1", IMAGE) == stores.manifests.get_tag(REPOSITORY, "v1")
    assert stores.manifests.get_tag(REPOSITORY, "v2") is None
    assert stores.manifests.get_tag(OTHER_REPOSITORY, "v1") is None


# touch


def test_touch_notes_the_time_and_nothing_else(stores, committed):
    stores.manifests.touch(IMAGE, LATER)

    assert replace(IMAGE, time_last_pulled=LATER, pulls=1) == stores.manifests.get(REPOSITORY, IMAGE.digest)


def test_touch_does_not_mind_the_version(stores, committed):
    stores.manifests.touch(replace(IMAGE, version=7), LATER)

    assert LATER == stores.manifests.get(REPOSITORY, IMAGE.digest).time_last_pulled


def test_touch_leaves_a_row_that_another_put_replaced(stores, committed, unchanged):
    with unchanged():
        stores.manifests.touch(replace(IMAGE, put=ulid("earlier put")), LATER)


def test_touch_makes_no_row(stores, unchanged):
    with unchanged():
        stores.manifests.touch(IMAGE, LATER)


# write_edges, read


def test_a_later_put_takes_over_the_edges_that_it_writes(stores):
    stores.manifests.write_edges(REPOSITORY, IMAGE.digest, [digest("one"), digest("two")], ulid("first put"))
    stores.manifests.write_edges(REPOSITORY, IMAGE.digest, [digest("two")], ulid("second put"))

    assert [Edge(IMAGE.digest, ulid("first put"))] == stores.links.edges(REPOSITORY, digest("one"))
    assert [Edge(IMAGE.digest, ulid("second put"))] == stores.links.edges(REPOSITORY, digest("two"))


def test_edges_beyond_one_batch_are_all_written(backend, stores):
    children = [digest(f"layer {number}") for number in range(60)]

    stores.manifests.write_edges(REPOSITORY, IMAGE.digest, children, ulid("put"))

    edge = Edge(IMAGE.digest, ulid("put"))
    assert [[edge]] * 60 == [backend.stores.links.edges(REPOSITORY, child) for child in children]


def test_edges_of_a_manifest_without_children_are_none(stores, unchanged):
    with unchanged():
        stores.manifests.write_edges(REPOSITORY, IMAGE.digest, [], ulid("put"))


def test_read_answers_the_rows_that_are_there(stores, committed):
    layer, child = link(), manifest("child")
    stores.links.attach(layer)
    stores.manifests.commit(commit(child))

    reading = stores.manifests.read(
        REPOSITORY,
        IMAGE.digest,
        [layer.digest, digest("absent")],
        [child.digest, digest("absent")],
        ["v1", "v2"],
    )

    assert Reading(IMAGE, {layer.digest: layer}, {child.digest: child}, {"v1": tag_record("v1", IMAGE)}) == reading


def test_read_answers_rows_of_every_state(backend, stores):
    layer, hidden, child = link(), link("hidden"), manifest("child")
    stores.links.attach(layer)
    backend.set_link_state(REPOSITORY, layer.digest, LinkState.DELETING)
    stores.links.attach(hidden)
    stores.links.condemn(hidden)
    stores.links.hide(replace(hidden, epoch=2))
    stores.manifests.commit(commit(child))
    backend.set_manifest_state(REPOSITORY, child.digest, ManifestState.PURGING)

    reading = stores.manifests.read(REPOSITORY, IMAGE.digest, [layer.digest, hidden.digest], [child.digest], [])

    assert LinkState.DELETING == reading.links[layer.digest].state
    assert reading.links[hidden.digest].hidden
    assert ManifestState.PURGING == reading.manifests[child.digest].state


def test_read_of_nothing_that_is_there_is_empty(stores):
    reading = stores.manifests.read(REPOSITORY, IMAGE.digest, [digest("a")], [digest("b")], ["v1"])

    assert Reading(None, {}, {}, {}) == reading


def test_read_tells_a_blob_from_a_manifest_of_the_same_digest(stores, committed):
    blob = link(digest=IMAGE.digest)
    stores.links.attach(blob)

    assert Reading(IMAGE, {blob.digest: blob}, {}, {}) == stores.manifests.read(
        REPOSITORY, IMAGE.digest, [blob.digest], [], []
    )
    assert Reading(None, {}, {IMAGE.digest: IMAGE}, {}) == stores.manifests.read(
        REPOSITORY, digest("index"), [], [IMAGE.digest], []
    )


def test_read_beyond_one_batch_reads_all(backend, stores):
    layers = [link(f"layer {number}") for number in range(120)]
    for layer in layers:
        backend.stores.links.attach(layer)  # unwatched: 120 looks at everything would be slow

    reading = stores.manifests.read(REPOSITORY, IMAGE.digest, [layer.digest for layer in layers], [], [])

    assert {layer.digest: layer for layer in layers} == reading.links


# revive


@pytest.fixture
def condemned(backend, committed):
    """A CONDEMNED manifest, as it is stored."""
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, ManifestState.CONDEMNED)
    return replace(IMAGE, state=ManifestState.CONDEMNED)


def test_revive_brings_a_condemned_manifest_back(stores, condemned):
    assert stores.manifests.revive(condemned)

    assert replace(IMAGE, version=2) == stores.manifests.get(REPOSITORY, IMAGE.digest)


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param({"version": 2}, id="version"),
        pytest.param({"put": ulid("other put")}, id="put"),
    ],
)
def test_revive_misses_another(stores, condemned, stale):
    assert not stores.manifests.revive(replace(condemned, **stale))


@pytest.mark.parametrize("state", [ManifestState.LIVE, ManifestState.DELETED, ManifestState.PURGING])
def test_revive_misses_a_manifest_in_state(backend, stores, committed, state):
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, state)

    assert not stores.manifests.revive(IMAGE)


def test_revive_misses_a_manifest_that_has_gone(stores):
    assert not stores.manifests.revive(IMAGE)


# gather, note_refused


def test_gather_answers_a_manifest_and_its_tags_in_byte_order(stores, committed):
    other = manifest("other")
    stores.manifests.commit(commit(other, "v2"))
    stores.manifests.commit(commit(replace(IMAGE, version=2), "latest", "Z", own=IMAGE))

    again = replace(IMAGE, version=2)
    assert Gathered(again, ("Z", "latest", "v1"), ()) == stores.manifests.gather(REPOSITORY, IMAGE.digest)
    assert Gathered(other, ("v2",), ()) == stores.manifests.gather(REPOSITORY, other.digest)


def test_gather_looks_past_the_edges_and_referrers_beside_the_manifest(stores, committed):
    stores.manifests.write_edges(REPOSITORY, digest("index"), [IMAGE.digest], ulid("put"))
    referring = manifest("referrer", subject=IMAGE.digest)
    stores.manifests.commit(commit(referring, referrer={"digest": str(referring.digest)}))

    assert Gathered(IMAGE, ("v1",), (referring.digest,)) == stores.manifests.gather(REPOSITORY, IMAGE.digest)


def test_gather_of_what_is_not_there_is_nothing(stores):
    assert Gathered(None, (), ()) == stores.manifests.gather(REPOSITORY, IMAGE.digest)


def test_a_note_of_a_refused_put_is_no_manifest(stores):
    stores.manifests.note_refused(REPOSITORY, IMAGE.digest, ulid("put"), NOW)
    stores.manifests.note_refused(REPOSITORY, IMAGE.digest, ulid("second put"), LATER)

    assert stores.manifests.get(REPOSITORY, IMAGE.digest) is None
    assert Gathered(None, (), ()) == stores.manifests.gather(REPOSITORY, IMAGE.digest)


def test_a_note_of_a_refused_put_is_kept(backend, stores):
    before = backend.everything()

    stores.manifests.note_refused(REPOSITORY, IMAGE.digest, ulid("put"), NOW)

    assert before != backend.everything()
