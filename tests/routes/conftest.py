import asyncio

import pytest
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.routes.registry import Registry


@pytest.fixture(scope="session")
def runner():
    """One event loop for all requests."""
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture
def make_registry(make_backend, runner):
    """Make a registry with these limits, on each kind of storage."""

    def make(**changes):
        return Registry(make_backend(limits(namespace="acme", **changes)), runner)

    return make


@pytest.fixture
def registry(make_registry):
    return make_registry()


@pytest.fixture
def client(registry):
    """An administrator, who may do everything in acme/app."""
    return registry.client()


@pytest.fixture
def memory(runner):
    """A registry in memory, for what does not depend on storage."""
    return Registry(MemoryBackend(limits(namespace="acme")), runner)
