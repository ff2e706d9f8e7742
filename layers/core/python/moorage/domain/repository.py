"""A repository: what its name resolves to."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from moorage.domain.names import RepositoryName


class RepositoryState(StrEnum):
    """A DELETING repository has no name any more."""

    AVAILABLE = "AVAILABLE"
    DELETING = "DELETING"


class Sparse(StrEnum):
    """What a manifest may name that is not there: nothing, children of an index, or anything (mirrors)."""

    NONE = "none"
    INDEXES = "indexes"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Repository:
    """A name, the id that everything else hangs off, and who may see it."""

    id: str
    name: RepositoryName
    public: bool
    state: RepositoryState
    time_created: datetime
    created_by: str
