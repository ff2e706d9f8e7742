import asyncio

import pytest
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.routes.fronts import FRONTS, expect
from tests.routes.registry import Registry
from tests.template.roles import Listening, Roles, roles


def pytest_generate_tests(metafunc):
    """Ask every registry directly, and behind a gateway."""
    if "front" in metafunc.fixturenames:
        metafunc.parametrize("front", FRONTS, indirect=True)


def pytest_collection_modifyitems(items):
    """Run here and there what can be there."""
    items[:] = expect(items)


@pytest.fixture(scope="session")
def runner():
    """One event loop for all requests."""
    with asyncio.Runner() as opened:
        yield opened


@pytest.fixture(scope="session")
def allowed():
    """What the role of each function allows."""
    return roles().statements


@pytest.fixture(autouse=True)
def as_roles_allow(allowed, monkeypatch):
    """No function calls what its role would refuse, whatever it is asked."""
    heard = Roles(allowed)
    Listening(monkeypatch, heard)
    yield
    assert [] == heard.refused


@pytest.fixture
def front(request):
    """What is in front of the functions."""
    return FRONTS[request.param]


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
