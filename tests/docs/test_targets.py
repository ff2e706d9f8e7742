"""The documentation names what can be run."""

import re
from pathlib import Path

PAGES = [*Path().glob("*.md"), *Path("docs").glob("**/*.md")]


def test_make_targets_exist():
    """
    `make <target>` in a page can be run.
    """
    targets = set(re.findall(r"^(\w+):", Path("Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = [(page, name) for page in PAGES for name in re.findall(r"`make (\w+)", page.read_text(encoding="utf-8"))]

    assert [] == [f"{page}: {name}" for page, name in named if name not in targets]
