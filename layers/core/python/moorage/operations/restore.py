"""Back to one instant: a copy of the table as it was, and the objects that its rows name, brought back where deleted.

Nothing is written to the table that is copied, and no object is changed: keys are never used twice, so any version of a
key is the one that a row means, and to bring it back is to take away what marks it as deleted.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from moorage.domain.history import Found, Version, look


class TableHistory(Protocol):
    """The table, and its past."""

    def copy(self, to: datetime, name: str) -> None:
        """Make a table as this one was at an instant, and wait for it; one that was asked for before will do.

        Raises CannotRestore when another table has that name.
        """

    def named_objects(self, table: str) -> Iterable[tuple[str, str]]:
        """Yield the row and the key for each object that a row of a table needs."""


class ObjectHistory(Protocol):
    """The bucket, and its past."""

    def versions(self) -> Iterable[Version]:
        """Yield every version of every object and every marker."""

    def remove_markers(self, markers: Iterable[Version]) -> None:
        """Remove markers, a thousand a call: what they hid is there again. Raises CannotRestore."""


def restore(table: TableHistory, objects: ObjectHistory, to: datetime, name: str) -> Found:
    """Copy the table, and bring back what its rows name and was deleted since: `deleted`, in the answer.

    It can be repeated, and goes on where it ended. Raises CannotRestore.
    """
    table.copy(to, name)
    found, markers = look(table.named_objects(name), objects.versions())
    objects.remove_markers(marker for key in found.deleted for marker in markers[key])
    return found


def check(table: TableHistory, objects: ObjectHistory, name: str) -> Found:
    """Look for the object of every row, and change nothing."""
    found, _ = look(table.named_objects(name), objects.versions())
    return found
