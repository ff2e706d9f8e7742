import json

import pytest
from click.testing import CliRunner, Result
from tests import factories
from tests.fakes import Clock, Dice

from moorage.cli import main
from moorage.operations.directory import bootstrap as bootstrapping
from moorage.operations.directory import credentials
from moorage.stores.base import Stores
from moorage.stores.memory import memory_stores


@pytest.fixture(scope="session")
def pairs():
    """Key pairs, made once: to make one takes its time."""
    return [credentials.make_key_pair(Clock().now) for _ in range(4)]


@pytest.fixture(autouse=True)
def ready_pairs(monkeypatch, pairs):
    waiting = iter(pairs)
    for module in (credentials, bootstrapping):
        monkeypatch.setattr(module, "make_key_pair", lambda now: next(waiting))
    monkeypatch.setenv("AWS_REGION", "eu-central-1")


@pytest.fixture
def stores() -> Stores:
    return memory_stores(factories.limits(namespace="acme"), clock=Clock(), entropy=Dice())


@pytest.fixture
def moorage(stores):
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, obj=stores)

    return run


@pytest.fixture
def said(moorage):
    """What a command answers to a script."""

    def run(*arguments: str):
        result = moorage(*arguments, "--json")
        assert (0, "") == (result.exit_code, result.stderr)
        return json.loads(result.stdout)

    return run


@pytest.fixture
def refused(moorage):
    """What a command that fails says; it changes nothing and shows no traceback."""

    def run(*arguments: str) -> str:
        result = moorage(*arguments)
        assert (1, "") == (result.exit_code, result.stdout)
        assert result.stderr.startswith("Error: ")
        return result.stderr.removeprefix("Error: ").rstrip()

    return run
