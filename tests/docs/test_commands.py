"""What the documentation shows of commands can be run, and answers what it says."""

import json
import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from tests import factories
from tests.fakes import Clock, Dice
from tests.people import People

from moorage.cli import main
from moorage.domain.access import Principal, PrincipalKind
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.policy.decision import Asking, Target, decide
from moorage.domain.policy.permissions import EVERYTHING
from moorage.stores.memory import memory_stores

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _section(page: str, heading: str) -> str:
    """Return what a page has under a heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)[1]


def _blocks(text: str) -> list[str]:
    """Return blocks of code, a command on each line."""
    return [block.replace("\\\n", " ") for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)]


def _lines() -> Iterator[tuple[str, str]]:
    """Yield every line of ours that a page shows, without a prompt or the variables before it."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        yield from ((page.name, line) for line in re.findall(r"`(moorage doctor http[^`]*)`", text))
        for block in _blocks(text):
            for found in re.finditer(r"^(?:\$ |[A-Z_]+=\S+ |\.venv/bin/)*(moorage .*)$", block, re.MULTILINE):
                yield page.name, " ".join(found[1].split())


@pytest.mark.parametrize(("page", "line"), list(dict.fromkeys(_lines())))
def test_commands_are_ones_that_there_are(monkeypatch, page, line):
    """
    With all that they need, and with no option that they do not have.
    """
    monkeypatch.setenv("MOORAGE_PASSWORD", "secret")
    command, (name, *words) = main, shlex.split(line, comments=True)[1:] or [""]
    while isinstance(command, click.Group):
        command = command.commands[name]
        if isinstance(command, click.Group):
            name, *words = words

    command.make_context(name, words)


@pytest.fixture
def stores():
    return memory_stores(factories.limits(namespace="acme"), clock=Clock(), entropy=Dice())


def test_the_first_policy_can_be_pasted(stores):
    """
    It is about what the lines before it have made.
    """
    (block,) = _blocks(_section("policies.md", "A first policy"))
    for name in re.findall(r"^oci iam group create .*--name (\w+)", block, re.MULTILINE):
        People(stores).group(name)
    for name in re.findall(r"^oci iam compartment create .*--name (\w+)", block, re.MULTILINE):
        People(stores).compartment(name)
    statements = json.loads(re.search(r"--statements '(\[.*?\])'", block, re.DOTALL)[1])
    tenancy = stores.directory.tenancy()

    assert 2 == len(compile_policy(tenancy, tenancy.id, statements))


def test_why_access_is_refused_is_told_as_the_page_shows(stores):
    """
    Line for line, where there is nothing else than what the page speaks of.
    """
    (block,) = _blocks(_section("policies.md", "Why"))
    command, *told = block.splitlines()
    statement = next(line.strip() for line in told if "group dev" in line)

    def run(*words):
        return CliRunner().invoke(main, words, obj=stores).stdout.splitlines()

    run("bootstrap")
    run("group", "create", "dev")
    run("user", "create", "ana", "--group", "dev")
    run("policy", "create", "developers", "--statement", statement)
    run("repository", "create", "acme/web/app")
    repository = stores.repositories.get(stores.repositories.find("acme/web/app").id)
    team = People(stores).compartment("team")
    assert stores.repositories.move(repository, team)

    assert told == run(*shlex.split(command)[2:])


def test_a_machine_gets_in_where_networks_lock_everybody_out(stores):
    """
    The policy of the page lets the role of the page do everything, from wherever it comes.
    """
    (block,) = _blocks(_section("identity.md", "When networks lock everybody out"))
    lines = [shlex.split(line) for line in block.splitlines()]
    options = [dict(pairwise(line)) for line in lines]
    role = options[1]["--role"]
    People(stores).network("office", "192.0.2.0/24", sign_in=True)
    People(stores).policy("rescue", options[0]["--statement"])
    tenancy = stores.directory.tenancy()
    asking = Asking(Principal(role, role, PrincipalKind.MACHINE), None, "203.0.113.7", stores.clock())

    assert all(decide(tenancy, asking, each, Target(tenancy.id)).granted for each in EVERYTHING)
    assert role == options[-1]["--user"]
