"""Restores, versions and immutable tags against what else happens, in every order with up to three switches."""

from dataclasses import replace

import pytest
from tests.races.images import ALICE, LAYER, image, index, push_image, put
from tests.races.steps import interleave, schedules
from tests.races.test_interleavings import explore, seen, world

from moorage.domain.digest import Digest
from moorage.domain.directory import ResourceTags
from moorage.domain.errors import (
    BlobInUse,
    BlobUnknown,
    EtagChanged,
    ManifestInUse,
    ManifestUnknown,
    NotFound,
    StateConflict,
    TagImmutable,
)
from moorage.domain.image import etag_of
from moorage.domain.names import Tag
from moorage.domain.repository import Sparse
from moorage.operations import blobs, images, manifests
from moorage.operations.push import push_manifest

pytestmark = pytest.mark.usefixtures("repeatable")

IMAGE, OTHER = image(LAYER), image(note="other")
DIGEST, OTHER_DIGEST = Digest.of(IMAGE), Digest.of(OTHER)


def deleted(data=IMAGE, *blobs, tags=("v1", "v2"), **changes):
    """Return a world with a deleted image."""
    start = world(**changes)
    digest = push_image(start.stores, start.id, data, *blobs, tags=tags)
    manifests.delete(start.stores, start.id, digest, ALICE)
    return start


def restoring(start, version=None, digest=DIGEST):
    request = images.Restore(start.id, digest, Tag(version) if version else None, ALICE)
    return lambda stores: images.restore(stores, request, lambda record: None, lambda etag: None)


def tags(world):
    return world.snapshot().tags


def test_two_restores():
    start = deleted(IMAGE, LAYER)

    ends = explore(start, restoring(start), restoring(start))

    assert {(True, False), (False, True)} == seen(ends, {0: (StateConflict,), 1: (StateConflict,)})
    assert {1} == {len(end.snapshot().readable) for end, _ in ends}
    assert all({"v1": DIGEST, "v2": DIGEST} == tags(end) for end, _ in ends)


def test_a_restore_and_a_push_of_the_same_manifest():
    start = deleted(IMAGE, LAYER)

    ends = explore(start, restoring(start), lambda stores: push_manifest(stores, put(start.id, IMAGE, "v3")))

    assert {(True, True), (False, True)} == seen(ends, {0: (StateConflict,)})
    for end, outcomes in ends:
        expected = {"v1", "v2", "v3"} if outcomes[0].done else {"v3"}
        assert expected == tags(end).keys()


@pytest.mark.parametrize("version", [None, "v1"])
def test_a_restore_and_a_push_to_its_tag(version):
    start = deleted(IMAGE, LAYER)
    push_image(start.stores, start.id, OTHER)

    ends = explore(start, restoring(start, version), lambda stores: push_manifest(stores, put(start.id, OTHER, "v1")))

    assert {(True, True)} | ({(False, True)} if version else set()) == seen(ends, {0: (StateConflict,)})
    for end, outcomes in ends:
        assert OTHER_DIGEST == tags(end)["v1"]
        assert outcomes[0].done == (DIGEST in end.snapshot().readable)


def test_a_restore_and_the_delete_of_its_blob():
    start = deleted(IMAGE, LAYER)

    ends = explore(start, restoring(start), lambda stores: blobs.delete(stores, start.id, Digest.of(LAYER)))

    assert {(True, True), (True, False)} == seen(ends, {1: (BlobInUse, BlobUnknown)})
    assert all(DIGEST in end.snapshot().readable for end, _ in ends)


def test_a_restore_and_a_delete():
    start = deleted(IMAGE, LAYER)

    ends = explore(start, restoring(start), lambda stores: manifests.delete(stores, start.id, DIGEST, ALICE))

    assert {(True, True), (True, False)} == seen(ends, {1: (ManifestUnknown,)})
    for end, outcomes in ends:
        assert outcomes[1].done != (DIGEST in end.snapshot().readable)


def checking(start, digest=DIGEST):
    """Return what an if-match asks that names an image as it is now."""
    etag = etag_of(start.stores.manifests.get(start.id, digest))

    def check(record):
        if etag_of(record) != etag:
            raise EtagChanged("changed")

    return check


@pytest.mark.parametrize("sparse", [Sparse.INDEXES, Sparse.NONE])
@pytest.mark.parametrize("write", ["label", "push", "untag"])
def test_a_delete_under_an_etag_of_an_image_with_many_tags(monkeypatch, sparse, write):
    """
    Its own writes are no change of the image; what another writes is, between any two of them.
    """
    monkeypatch.setattr(manifests, "TAGS_LIMIT", 1)
    start = world(sparse=sparse)
    push_image(start.stores, start.id, IMAGE, LAYER, tags=("v1", "v2", "v3"))
    check = checking(start)
    label = ResourceTags({"a": "b"})
    other = {
        "label": lambda stores: images.label(stores, start.id, DIGEST, lambda _: label, lambda _: None),
        "push": lambda stores: push_manifest(stores, put(start.id, IMAGE, "v4")),
        "untag": lambda stores: manifests.untag(stores, start.id, Tag("v3"), ALICE),
    }[write]

    ends = explore(start, lambda stores: manifests.delete(stores, start.id, DIGEST, ALICE, check), other)

    after = write == "push"  # which brings the image back
    assert {(True, after), (False, True)} == seen(ends, {0: (EtagChanged,), 1: (StateConflict, ManifestUnknown)})
    for end, outcomes in ends:
        assert (DIGEST in end.snapshot().readable) == (after or not outcomes[0].done)


@pytest.mark.parametrize("tag", ["v1", "v2", "v3"])
def test_a_delete_under_an_etag_and_a_push_that_takes_a_tag_away(monkeypatch, tag):
    """
    The image's row is as it was but for our own writes, so there is nothing to refuse.
    """
    monkeypatch.setattr(manifests, "TAGS_LIMIT", 1)
    start = world()
    push_image(start.stores, start.id, IMAGE, LAYER, tags=("v1", "v2", "v3"))
    push_image(start.stores, start.id, OTHER)
    check = checking(start)

    ends = explore(
        start,
        lambda stores: manifests.delete(stores, start.id, DIGEST, ALICE, check),
        lambda stores: push_manifest(stores, put(start.id, OTHER, tag)),
    )

    assert {(True, True)} == seen(ends, {})
    assert all({tag: OTHER_DIGEST} == tags(end) for end, _ in ends)


def test_two_deletes_of_an_image_under_its_etag():
    start = world()
    push_image(start.stores, start.id, IMAGE, LAYER, tags=("v1",))
    check = checking(start)
    operation = lambda stores: manifests.delete(stores, start.id, DIGEST, ALICE, check)  # noqa: E731 - it is one line

    ends = explore(start, operation, operation)

    assert {(True, False), (False, True)} == seen(ends, {0: (EtagChanged,), 1: (EtagChanged,)})


def test_two_deletes_of_an_image():
    """
    The second is told what it would be told later: the image is deleted.
    """
    start = world()
    push_image(start.stores, start.id, IMAGE, LAYER, tags=("v1",))
    operation = lambda stores: manifests.delete(stores, start.id, DIGEST, ALICE, lambda _: None)  # noqa: E731 - the same

    ends = explore(start, operation, operation)

    assert {(True, False), (False, True)} == seen(ends, {0: (StateConflict,), 1: (StateConflict,)})


def test_a_restore_of_an_index_with_more_than_fits_and_the_delete_of_a_child(monkeypatch):
    """
    What the transaction has no room for is looked at after it: in the end the child is there, or the index is not.
    """
    monkeypatch.setattr(images, "TRANSACTION_ROOM", 10)  # one child beside one tag
    start = world(sparse=Sparse.NONE)
    children = [image(LAYER, note=note) for note in "abc"]
    for data in children:
        push_image(start.stores, start.id, data, LAYER)
    digest = push_image(start.stores, start.id, index(*children), tags=("all",))
    manifests.delete(start.stores, start.id, digest, ALICE)
    last = Digest.of(children[-1])
    operations = restoring(start, digest=digest), lambda stores: manifests.delete(stores, start.id, last, ALICE)

    ends = set()
    for order in (operations, operations[::-1]):
        _, steps = interleave(start.fork().stores, order, (), lambda: None)
        for turns in schedules(steps, 200):
            run = start.fork()
            outcomes, _ = interleave(run.stores, order, turns, lambda: None)
            run.snapshot().check()
            restored, deleted = outcomes if order is operations else outcomes[::-1]
            ends.add((restored.done, deleted.done, last in run.snapshot().readable))

    assert {(True, True, True), (True, False, True), (False, True, False)} == ends


def test_a_restore_of_an_index_and_the_delete_of_its_child():
    data = index(IMAGE)
    start = world(sparse=Sparse.NONE)
    push_image(start.stores, start.id, IMAGE, LAYER)
    digest = push_image(start.stores, start.id, data, tags=("all",))
    manifests.delete(start.stores, start.id, digest, ALICE)

    ends = explore(
        start,
        restoring(start, digest=digest),
        lambda stores: manifests.delete(stores, start.id, DIGEST, ALICE),
    )

    assert {(True, False), (False, True)} == seen(ends, {0: (StateConflict,), 1: (ManifestInUse,)})


def test_an_unversion_and_a_push_to_the_tag():
    start = world()
    push_image(start.stores, start.id, IMAGE, LAYER, tags=("v1",))
    push_image(start.stores, start.id, OTHER)
    removal = images.Removal(start.id, DIGEST, Tag("v1"), ALICE)

    ends = explore(
        start,
        lambda stores: images.remove_version(stores, removal, lambda record: None, lambda etag: None),
        lambda stores: push_manifest(stores, put(start.id, OTHER, "v1")),
    )

    assert {(True, True), (False, True)} == seen(ends, {0: (NotFound,)})
    assert all({"v1": OTHER_DIGEST} == tags(end) for end, _ in ends)


def immutable(start):
    rows = start.backend.rows
    rows.repositories[start.id] = replace(rows.repositories[start.id], immutable=True)
    return start


def test_two_first_pushes_to_one_tag_of_an_immutable_repository():
    """
    One of them has the tag, the other is refused, and the image of the other is not there.
    """
    start = immutable(world())
    push_image(start.stores, start.id, image(), LAYER)

    ends = explore(
        start,
        lambda stores: push_manifest(stores, put(start.id, IMAGE, "v1")),
        lambda stores: push_manifest(stores, put(start.id, OTHER, "v1")),
    )

    assert {(True, False), (False, True)} == seen(ends, {0: (TagImmutable,), 1: (TagImmutable,)})
    for end, outcomes in ends:
        assert {"v1": DIGEST if outcomes[0].done else OTHER_DIGEST} == tags(end)


def test_a_restore_and_a_push_to_its_tag_in_an_immutable_repository():
    start = immutable(deleted(IMAGE, LAYER, tags=("v1",)))
    push_image(start.stores, start.id, OTHER)

    ends = explore(start, restoring(start), lambda stores: push_manifest(stores, put(start.id, OTHER, "v1")))

    assert {(True, True), (True, False)} == seen(ends, {1: (TagImmutable,)})
    for end, outcomes in ends:
        assert {"v1": OTHER_DIGEST if outcomes[1].done else DIGEST} == tags(end)


def test_no_more_images_than_the_limit_by_restores():
    start = deleted(IMAGE, LAYER, images=1)

    ends = explore(start, restoring(start), lambda stores: push_manifest(stores, put(start.id, OTHER, "v9")))

    done = {tuple(outcome.done for outcome in outcomes) for _, outcomes in ends}
    assert {(True, False), (False, True)} == done
    assert {1} == {end.snapshot().counts.images for end, _ in ends}
