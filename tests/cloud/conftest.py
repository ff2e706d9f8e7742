import asyncio

import pytest
from tests.cloud.plane import Plane
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.routes.fronts import FRONTS
from tests.routes.registry import Registry
from tests.template.roles import Listening, Roles, roles


def pytest_generate_tests(metafunc):
    """Ask every plane directly, and behind a gateway."""
    if "front" in metafunc.fixturenames:
        metafunc.parametrize("front", FRONTS, indirect=True)


def pytest_collection_modifyitems(items):
    """Behind the gateway is memory alone."""
    items[:] = [item for item in items if not _repeated(item)]


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


def _repeated(item):
    """Whether a test is behind the gateway on storage that it is on without it."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    return params.get("front") == "gateway" and params.get("make_backend", "memory") != "memory"
