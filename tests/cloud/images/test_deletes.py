"""DELETE of images under an etag, and of those that very many versions point at."""

import pytest
from tests.cloud.images.docker import Docker, get, image_of, repository
from tests.cloud.plane import refusal

from moorage.domain.repository import Sparse

LAYER = b"layer"
TAGS = [f"t{number}" for number in range(24)]  # beside 1.0: five more than the transaction of a delete takes


@pytest.fixture
def tagged(plane, docker, path):
    """The path of an image with 25 versions."""
    for tag in TAGS:
        docker.expect(201, docker.retag(tag, LAYER))
    return path


def versions(plane, path):
    return len(get(plane, path)["versions"])


def test_an_image_with_very_many_versions_is_deleted_under_its_etag(plane, tagged):
    etag = plane.as_().get(tagged).headers["etag"]

    assert 204 == plane.as_().delete(tagged, {"if-match": etag}).status
    assert "DELETED" == get(plane, tagged)["lifecycleState"]


def test_a_refused_delete_takes_no_version_off(plane, tagged):
    assert (412, "NoEtagMatch") == refusal(plane.as_().delete(tagged, {"if-match": "stale"}))
    assert 25 == versions(plane, tagged)


def test_an_image_of_no_index_is_deleted_under_its_etag_where_indexes_need_all(make_plane):
    plane = make_plane(sparse=Sparse.NONE)
    repository(plane)
    docker = Docker(plane)
    path = f"/container/images/{image_of(plane, docker.push('1.0', LAYER))['id']}"
    etag = plane.as_().get(path).headers["etag"]

    assert 204 == plane.as_().delete(path, {"if-match": etag}).status
