"""What every part of the bench hands back: the figures that it is judged by, and its section of the page.

A part is a module with `measure() -> Part`. It runs on its own, after `leave_the_account()`, and raises nothing for a
figure that is missed: it says so in the figure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure, what it should reach, and what it did."""

    measure: str
    anchor: str  # what others reach, or what was measured earlier; "-" when there is nothing to compare with
    reach: str
    measured: str
    met: bool


@dataclass(frozen=True, slots=True)
class Part:
    """What one part of the bench found."""

    figures: list[Figure]
    section: str  # Markdown that begins with "## " and ends with a line break
    results: Mapping[str, float] = field(default_factory=dict)  # by name, for the parts that reckon with them
    files: Mapping[Path, str] = field(default_factory=dict)  # what a whole run writes beside the page


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
