"""Fixtures of tests that ask functions over HTTP: directly, and behind a gateway; and no function may do more than its
role allows. The conftest of each plane takes them from here.
"""

import asyncio

import pytest
from tests.routes.fronts import FRONTS, expect
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
