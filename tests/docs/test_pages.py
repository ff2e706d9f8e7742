"""What the documentation says is so: links lead somewhere, commands are described, limits are those of the code."""

import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import click
import pytest

from moorage.cli import main
from moorage.wiring import read_settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("**/*.md")])
WRITTEN_BY_HAND = [page for page in PAGES if page.name != "benchmarks.md"]  # `make bench` writes that one
COMMAND_PAGES = (ROOT / "README.md", ROOT / "docs" / "operations.md")

REQUIRED_SETTINGS = {
    "MOORAGE_TABLE": "table",
    "MOORAGE_BUCKET": "bucket",
    "MOORAGE_NAMESPACE": "moorage",
    "MOORAGE_ORIGINS": "https://registry.example.com",
    "AWS_REGION": "eu-central-1",
}
SETTINGS = {
    "MOORAGE_BODY_LIMIT": lambda settings: settings.limits.body_bytes,
    "MOORAGE_IMAGES": lambda settings: settings.limits.images,
    "MOORAGE_OPEN_SESSIONS": lambda settings: settings.limits.open_sessions,
    "MOORAGE_REPOSITORIES": lambda settings: settings.limits.repositories,
    "MOORAGE_STAGED_BYTES": lambda settings: settings.limits.staged_bytes,
    "MOORAGE_STORAGE_BYTES": lambda settings: settings.limits.storage_bytes,
    "MOORAGE_URL_SECONDS": lambda settings: settings.url_life,
}
DIRECTORY = "MOORAGE_DIRECTORY_LIMITS: "  # one setting, a limit for each kind
UNITS = {
    "": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "TiB": 2**40,
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "days": timedelta(days=1),
}


def _text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def _prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", _text(page), flags=re.MULTILINE | re.DOTALL)


def _links() -> Iterator[tuple[Path, str]]:
    """Yield every link that leads to another file or place here."""
    for page in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", _text(page)):
            if not re.match(r"\w+:", target):
                yield page, target


def _anchors(page: Path) -> set[str]:
    """Return the anchors that a page's headings get."""
    headings = re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _commands(group: click.Group, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}"


def _stated_limits() -> list[tuple[str, str]]:
    """Return value and place of each row of the tables of limits."""
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \| `([^`|]+)` \|", _text(ROOT / "docs" / "limits.md"), re.MULTILINE)
    return [(value.strip(), place) for value, place in rows]


def _read_value(text: str) -> int | timedelta:
    number, _, unit = text.partition(" ")
    return int(number.replace(",", "")) * UNITS[unit]


def _actual(place: str) -> object:
    """Return what the code has in that place: a setting's default, a constant, or a function's answer."""
    if place.startswith(DIRECTORY):
        return getattr(read_settings(REQUIRED_SETTINGS).limits.directory, place.removeprefix(DIRECTORY))
    if place in SETTINGS:
        return SETTINGS[place](read_settings(REQUIRED_SETTINGS))
    module, _, name = place.rpartition(".")
    function, _, argument = name.removesuffix(")").partition("(")
    found = getattr(import_module(module), function)
    return found(int(argument)) if argument else found


@pytest.mark.parametrize(("page", "target"), list(_links()), ids=lambda value: getattr(value, "name", value))
def test_links_resolve(page, target):
    """
    A relative link leads to a file that is there, and its fragment to a heading of it.
    """
    name, _, fragment = target.partition("#")
    file = page.parent / name if name else page

    assert file.exists()
    assert not fragment or fragment in _anchors(file)


@pytest.mark.parametrize("command", list(_commands(main, "moorage")))
def test_commands_are_described(command):
    """
    Every command of `moorage` is in the README or the page on operations.
    """
    assert any(command in _text(page) for page in COMMAND_PAGES)


@pytest.mark.parametrize(("value", "place"), _stated_limits(), ids=str)
def test_limits_are_those_of_the_code(value, place):
    """
    A limit on the page has the value that the code has.
    """
    assert _read_value(value) == _actual(place)


def test_limits_are_read():
    """
    The tables of limits are in the form that the test above reads: none is passed over.
    """
    row = r"^\|.*`(?:moorage|v2_p\w+)\.[\w.()]+`|^\|.*`MOORAGE_\w+(?:: \w+)?` \|"
    rows = re.findall(row, _text(ROOT / "docs" / "limits.md"), re.MULTILINE)

    assert len(rows) == len(_stated_limits()) > 40
    assert SETTINGS.keys() <= {place for _, place in _stated_limits()}


def test_lines_are_short():
    """
    No line of a page is longer than 120 characters, but for tables and code.
    """
    long = [
        f"{page.name}: {line[:60]}"
        for page in WRITTEN_BY_HAND
        for line in _prose(page).splitlines()
        if len(line) > 120 and not line.startswith("|")
    ]

    assert [] == long
