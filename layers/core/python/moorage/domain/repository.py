"""A repository: what its name resolves to, and all that is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from moorage.domain.content import RESTORE_WINDOW
from moorage.domain.names import RepositoryName

GB = 10**9  # what a gigabyte is where the cloud plane counts in them


class RepositoryState(StrEnum):
    """A DELETING repository has no name any more, and nothing of it is answered; its content goes by and by."""

    AVAILABLE = "AVAILABLE"
    DELETING = "DELETING"


class Sparse(StrEnum):
    """What a manifest may name that is not there: nothing, children of an index, or anything (mirrors)."""

    NONE = "none"
    INDEXES = "indexes"
    ALL = "all"


class ReadmeFormat(StrEnum):
    """What a readme is written in."""

    MARKDOWN = "TEXT_MARKDOWN"
    PLAIN = "TEXT_PLAIN"


class Sort(StrEnum):
    """The orders in which repositories are listed; the words are those of the cloud plane."""

    TIME_CREATED = "TIMECREATED"
    DISPLAY_NAME = "DISPLAYNAME"


@dataclass(frozen=True, slots=True)
class Readme:
    """What users read about a repository."""

    content: str
    format: ReadmeFormat


@dataclass(frozen=True, slots=True)
class Repository:
    """A name, the id that everything else hangs off, where it is, and who may see it."""

    id: str
    name: RepositoryName
    public: bool
    state: RepositoryState
    time_created: datetime
    created_by: str
    compartment_id: str
    immutable: bool = False  # a tag stays where it points

    @property
    def display_name(self) -> str:
        """Return the name without the namespace: the cloud plane's."""
        return self.name.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Description:
    """What users write about a repository: nothing is decided by it but conditions on defined tags."""

    readme: Readme | None = None
    freeform_tags: Mapping[str, str] = field(default_factory=dict)
    defined_tags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RepositoryRecord:
    """All of a repository. `version` is its etag: 1 when it is made, one more with each change of it.

    One that is not `placed` was made by release 0.1, and is in no list and no count of repositories yet.
    """

    repository: Repository
    description: Description = Description()
    version: int = 1
    time_deleted: datetime | None = None
    placed: bool = True

    @property
    def available(self) -> bool:
        """Whether it has not been deleted."""
        return self.repository.state is RepositoryState.AVAILABLE

    def with_access(self, *, public: bool | None = None, immutable: bool | None = None) -> "RepositoryRecord":
        """Return it as seen by everybody or not, and with tags that move or do not; None is as it is."""
        before = self.repository
        return replace(
            self,
            repository=replace(
                before,
                public=before.public if public is None else public,
                immutable=before.immutable if immutable is None else immutable,
            ),
        )

    def shown(self, now: datetime) -> bool:
        """Whether the cloud plane tells of it: a deleted one for 48 hours."""
        return self.time_deleted is None or now < self.time_deleted + RESTORE_WINDOW


@dataclass(frozen=True, slots=True)
class RepositoryPlace:
    """Where a repository is in a list; `position` is what the rest of the list is asked for by."""

    repository_id: str
    position: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """What can be configured at run time, for all of the namespace. `version` is its etag."""

    create_on_push: bool
    version: int = 0


def billable_gigabytes(size: int) -> int:
    """Return what so many bytes are in whole gigabytes: any part of one is one."""
    return -(-size // GB)
