import pytest
from tests.cloud.plane import Plane
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.routes.registry import Registry, directly


@pytest.fixture
def memory(runner):
    """A plane in memory and without a gateway, for what depends on neither."""
    return Plane(Registry(MemoryBackend(limits(namespace="acme")), runner, directly))
