import pytest
from tests.cloud.plane import Plane
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.fronted import *  # noqa: F403 - its fixtures and hooks are those of this folder
from tests.routes.registry import Registry


@pytest.fixture
def make_plane(make_backend, runner, front):
    """Make a registry with these limits and a tenancy, on each kind of storage."""

    def make(**changes):
        return Plane(Registry(make_backend(limits(namespace="acme", **changes)), runner, front))

    return make


@pytest.fixture
def plane(make_plane):
    return make_plane()


@pytest.fixture
def memory(runner, front):
    """A plane in memory, for what does not depend on storage."""
    return Plane(Registry(MemoryBackend(limits(namespace="acme")), runner, front))
