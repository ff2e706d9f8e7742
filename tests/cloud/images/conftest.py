import pytest
from tests.cloud.images.docker import Docker, image_of, repository


@pytest.fixture
def docker(plane):
    """A repository `app` and an administrator's docker in it."""
    repository(plane)
    return Docker(plane)


@pytest.fixture
def path(plane, docker):
    """The path of an image that `1.0` points at."""
    return f"/container/images/{image_of(plane, docker.push('1.0', b'layer'))['id']}"
