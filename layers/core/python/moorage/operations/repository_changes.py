"""A repository changes, moves to another compartment, or goes. docs/protocol.md, 4.12."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from moorage.domain.errors import NotFound, StateConflict
from moorage.domain.repository import RepositoryRecord
from moorage.operations.contention import ATTEMPTS, pause
from moorage.operations.repositories import busy
from moorage.stores.base import Conflict, Stores
from moorage.stores.deadline import operation

if TYPE_CHECKING:
    from moorage.domain.directory import Remembered

Admit = Callable[[RepositoryRecord], None]  # raises what refuses the request, of the repository as it is now
Edit = Callable[[RepositoryRecord], RepositoryRecord]
Remember = Callable[[RepositoryRecord], "Remembered | None"]

_PAGE = 100


def change(stores: Stores, repository_id: str, admit: Admit, edit: Edit) -> RepositoryRecord:
    """Replace a repository by what `edit` makes of it, and return that.

    Raises NotFound, StateConflict, and what `admit` and `edit` raise.
    """
    with operation():
        for attempt in range(ATTEMPTS):
            record = _available(stores, repository_id, admit)
            changed = replace(edit(record), version=record.version + 1)
            try:
                if stores.repositories.update(changed):
                    return changed
            except Conflict:
                pass
            pause(stores, attempt)
    raise busy()


def move(stores: Stores, repository_id: str, compartment_id: str, admit: Admit, remember: Remember) -> None:
    """Take a repository to another compartment; its images are not touched. `remember` is told what it becomes.

    Where it is there already, that is remembered and nothing else.

    Raises NotFound, StateConflict, CompartmentGone, Changed, and what `admit` raises.
    """
    with operation():
        for attempt in range(ATTEMPTS):
            record = _available(stores, repository_id, admit)
            if record.repository.compartment_id == compartment_id:
                if remembered := remember(record):
                    stores.directory.commit([], remember=remembered)
                return
            moved = replace(record, version=record.version + 1)
            try:
                if stores.repositories.move(record, compartment_id, remember(moved)):
                    return
            except Conflict:
                pass
            pause(stores, attempt)
    raise busy()


def delete(stores: Stores, repository_id: str, admit: Admit) -> None:
    """Delete a repository with all that is in it. Of one that is deleted already, what is left of that is done.

    Raises NotFound, and what `admit` raises.
    """
    with operation():
        for attempt in range(ATTEMPTS):
            record = show(stores, repository_id)
            admit(record)
            try:
                if not record.available or stores.repositories.delete(record, stores.clock()):
                    stores.repositories.close(repository_id)
                    return
            except Conflict:
                pass
            pause(stores, attempt)
    raise busy()


def adopt(stores: Stores) -> int:
    """Bring the repositories of release 0.1 into lists, counts and limits; return how many. It may be repeated."""
    adopted, after = 0, ""
    while True:
        page = stores.repositories.names(after, _PAGE)
        for record in stores.repositories.records([one.id for one in page.items]).values():
            if not record.placed and stores.repositories.adopt(record):
                adopted += 1
            _adopt_bytes(stores, record.repository.id)
        if page.last is None:
            return adopted
        after = page.last


def _adopt_bytes(stores: Stores, repository_id: str) -> None:
    for attempt in range(ATTEMPTS):
        try:
            stores.repositories.adopt_bytes(repository_id)
        except Conflict:
            pause(stores, attempt)
        else:
            return
    raise busy()


def show(stores: Stores, repository_id: str) -> RepositoryRecord:
    """Read a repository, and a deleted one for 48 hours. Raises NotFound."""
    record = stores.repositories.get(repository_id)
    if record is None or not record.shown(stores.clock()):
        raise NotFound
    return record


def _available(stores: Stores, repository_id: str, admit: Admit) -> RepositoryRecord:
    record = show(stores, repository_id)
    admit(record)
    if not record.available:
        raise StateConflict("the repository is deleted")
    return record
