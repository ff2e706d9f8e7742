"""What a table and a bucket were, and what of it is left: the objects that rows name, and the versions of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


class CannotRestore(Exception):
    """The registry cannot be restored as asked; the message says why."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object, or a marker that says that it was deleted."""

    key: str
    id: str
    is_latest: bool
    is_marker: bool


@dataclass(slots=True)
class Found:
    """The objects that rows name: by key, a row that names it."""

    named: int = 0
    deleted: dict[str, str] = field(default_factory=dict)  # could be brought back
    missing: dict[str, str] = field(default_factory=dict)  # no version is left


def look(named: Iterable[tuple[str, str]], versions: Iterable[Version]) -> tuple[Found, Mapping[str, list[Version]]]:
    """Hold what rows name (row and key) against what there is; return the markers of each named key as well."""
    rows = {key: row for row, key in named}
    there: set[str] = set()
    kept: set[str] = set()
    markers: dict[str, list[Version]] = {}
    for version in versions:
        if version.key not in rows:
            continue
        if version.is_marker:
            markers.setdefault(version.key, []).append(version)
        elif version.is_latest:
            there.add(version.key)
        else:
            kept.add(version.key)
    gone = [key for key in rows if key not in there]
    found = Found(
        named=len(rows),
        deleted={key: rows[key] for key in gone if key in kept},
        missing={key: rows[key] for key in gone if key not in kept},
    )
    return found, markers
