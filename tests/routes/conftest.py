import pytest
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.fronted import *  # noqa: F403 - its fixtures and hooks are those of this folder
from tests.routes.registry import Registry


@pytest.fixture
def make_registry(make_backend, runner, front):
    """Make a registry with these limits, on each kind of storage."""

    def make(**changes):
        return Registry(make_backend(limits(namespace="acme", **changes)), runner, front)

    return make


@pytest.fixture
def registry(make_registry):
    return make_registry()


@pytest.fixture
def client(registry):
    """An administrator, who may do everything in acme/app."""
    return registry.client()


@pytest.fixture
def memory(runner, front):
    """A registry in memory, for what does not depend on storage."""
    return Registry(MemoryBackend(limits(namespace="acme")), runner, front)
