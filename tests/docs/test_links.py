"""The documentation names what exists."""

import re
from pathlib import Path

PAGES = [*Path().glob("*.md"), *Path("docs").glob("**/*.md")]


def _missing(pattern, exists):
    found = [(page, name) for page in PAGES for name in re.findall(pattern, page.read_text(encoding="utf-8"))]
    return [f"{page}: {name}" for page, name in found if not exists(page, name)]


def test_links_lead_to_files():
    """
    A relative link in a page names a file of the repository.
    """
    assert [] == _missing(r"\]\((?!\w+:|#)([^)#\s]+)", lambda page, name: (page.parent / name).exists())


def test_make_targets_exist():
    """
    `make <target>` in a page can be run.
    """
    targets = set(re.findall(r"^(\w+):", Path("Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert [] == _missing(r"`make (\w+)", lambda _page, name: name in targets)
