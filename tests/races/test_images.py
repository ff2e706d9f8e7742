"""Restores, versions and immutable tags against what else happens, in every order with up to three switches."""

from dataclasses import replace

import pytest
from tests.races.images import ALICE, LAYER, image, index, push_image, put
from tests.races.test_interleavings import explore, seen, world

from moorage.domain.digest import Digest
from moorage.domain.errors import (
    BlobInUse,
    BlobUnknown,
    ManifestInUse,
    ManifestUnknown,
    NotFound,
    StateConflict,
    TagImmutable,
)
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
