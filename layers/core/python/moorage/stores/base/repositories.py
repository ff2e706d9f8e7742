"""What storage knows of repositories: names, lists, counters and limits."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from moorage.domain.content import Counts, Page
from moorage.domain.names import RepositoryName
from moorage.domain.repository import Configuration, Description, Repository, RepositoryPlace, RepositoryRecord, Sort

if TYPE_CHECKING:  # a pull has no use for the directory, and does not pay for reading it in
    from moorage.domain.directory import Remembered

NO_DESCRIPTION = Description()


class CompartmentGone(Exception):
    """The compartment that a repository was to be in is not there, or is deleted."""


class RepositoriesFull(Exception):
    """The namespace has as many repositories as it may."""


class RepositoryStore(Protocol):
    """Names resolve to ids once; everything else hangs off ids."""

    def find(self, name: RepositoryName) -> Repository | None:
        """Read the name row, strongly."""

    def find_many(self, names: Sequence[RepositoryName]) -> dict[RepositoryName, Repository]:
        """Read name rows, those that are there, strongly: one call per 100."""

    def by_ids(self, ids: Sequence[str]) -> list[Repository]:
        """Read up to 100 repositories; those that are gone, or being deleted, are left out."""

    def get(self, repository_id: str) -> RepositoryRecord | None:
        """Read the record, strongly; that of a deleted repository too."""

    def records(self, ids: Sequence[str]) -> dict[str, RepositoryRecord]:
        """Read records, those that are there, strongly: one call per 100."""

    def create(
        self, repository: Repository, description: Description = NO_DESCRIPTION, remember: "Remembered | None" = None
    ) -> bool:
        """Write names, record, places and counts in one transaction; False when the name is taken.

        Raises CompartmentGone, RepositoriesFull, or Changed when the retry token is used already.
        """

    def update(self, record: RepositoryRecord) -> bool:
        """Replace public, immutable and description of version `record.version` - 1; False on a miss."""

    def move(self, record: RepositoryRecord, compartment_id: str, remember: "Remembered | None" = None) -> bool:
        """Take a repository that is as read to another compartment in one transaction; False on a miss.

        Raises CompartmentGone, or Changed when the retry token is used already.
        """

    def delete(self, record: RepositoryRecord, now: datetime) -> bool:
        """AVAILABLE -> DELETING, if it is as read (protocol 4.12): its name is free then; False on a miss."""

    def close(self, repository_id: str) -> None:
        """Close every shard of a deleted repository, and give its bytes back: nothing becomes readable in it after.

        A Query and 8 transactions; it may be repeated, and done by several at once.
        """

    def adopt(self, record: RepositoryRecord) -> bool:
        """Place and count a repository that is not placed; False on a miss."""

    def adopt_bytes(self, repository_id: str) -> None:
        """Count stored bytes that were counted before there was a limit of them: a Query, one transaction a shard."""

    def listed(
        self, compartment_id: str | None, sort: Sort, after: str, limit: int, *, descending: bool, deleted: bool
    ) -> Page[RepositoryPlace]:
        """Return places of the repositories of a compartment, or of all, beyond a position; or of deleted ones.

        One Query.
        """

    def total(self, compartment_id: str | None) -> int:
        """Return how many repositories a compartment has, or all have, strongly."""

    def last_push(self, repository_id: str) -> datetime | None:
        """Return when the newest image got its place: one Query of one row."""

    def configuration(self) -> Configuration:
        """Read what is configured at run time, strongly; of a deployment where nothing was, version 0."""

    def configure(self, configuration: Configuration) -> bool:
        """Replace the configuration of version `configuration.version` - 1; False on a miss."""

    def names(self, after: str, limit: int) -> Page[Repository]:
        """Return a page of the catalog in the order of names, after the name `after`; `last` is None at the end."""

    def counts(self, repository_id: str) -> Counts:
        """Sum the counters: one Query, strong."""
