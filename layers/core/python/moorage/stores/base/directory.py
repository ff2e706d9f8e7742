"""Who there is and what they may: signing keys, and the directory of the tenancy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from moorage.domain.identity import Guard, SigningKey, Trust

if TYPE_CHECKING:  # a pull has no use for the directory, and does not pay for reading it in
    from moorage.domain import directory
    from moorage.domain.directory import Change, Remembered, Resource
    from moorage.domain.tenancy import Tenancy


class IdentityStore(Protocol):
    """The guard against guessing, signing keys, revocations; `DirectoryStore.arrive` reads the guard."""

    def failed(self, name: str, address: str, now: datetime) -> None:
        """Count a wrong password for that name, or for `ANY_USER`; it is forgotten after `FAILURES_REMEMBERED`."""

    def trust(self) -> Trust:
        """Read the keys that verify, newest first and without their private halves, and the revocations."""

    def revoke(self, principal_id: str, now: datetime) -> None:
        """Void every token that the principal, or `EVERYBODY`, was given until now."""

    def signing_key(self) -> SigningKey | None:
        """Read the newest key with its private half."""

    def rotate(self, new: SigningKey, retire: Mapping[str, datetime]) -> None:
        """Write a new key and set when others end, in one transaction; private halves of the others go."""


ResourceT = TypeVar("ResourceT", bound="Resource")


class Changed(Exception):
    """A row is not as it was read: read again."""


class NameTaken(Exception):
    """Another resource of the kind has the name."""


class RowFull(Exception):
    """A resource, or what decisions read, does not fit its row."""


class Occupied(Exception):
    """There is a repository in the compartment that is to be empty."""


@dataclass(frozen=True, slots=True)
class Arriving:
    """What a login reads: the user that a name means, what decides, and how often the address guessed wrong."""

    user: "directory.User | None"
    tenancy: "Tenancy"
    guard: Guard
    address_guard: Guard


class DirectoryStore(Protocol):
    """Compartments, users, groups, policies and the like, and the one row of all that decisions read."""

    def get(self, kind: type[ResourceT], resource_id: str) -> ResourceT | None:
        """Read a resource, strongly."""

    def find(self, kind: "type[Resource]", name: str) -> str | None:
        """Return the id that has the name, strongly. Names differ by more than case."""

    def all(self, kind: type[ResourceT]) -> list[ResourceT]:
        """Return every resource of a kind in the order of ids, which is that of making: one Query a page."""

    def tenancy(self) -> "Tenancy":
        """Read what decisions are made from, strongly; an empty one before bootstrap."""

    def user_and_tenancy(self, user_id: str) -> "tuple[directory.User | None, Tenancy]":
        """Read a user and what decisions are made from, strongly: one call."""

    def arrive(self, name: str, address: str, now: datetime) -> Arriving:
        """Read what a login needs, by the name of a user: two calls, also when there is none of that name."""

    def remembered(self, principal_id: str, token: str) -> "Remembered | None":
        """Return what a retry token made in the last 24 hours."""

    def commit(
        self,
        changes: "Sequence[Change]",
        tenancy: "Tenancy | None" = None,
        remember: "Remembered | None" = None,
        vacant: str | None = None,
    ) -> None:
        """Write all of it, or nothing, in one transaction.

        Each row must be as its `before` (its version; absent for None), `tenancy` one version after what was read, and
        the retry token must be new. Names are kept unique for each kind but groups and dynamic groups, which share
        theirs; compartments are unique in their parent until they are deleted; of work requests and authentication
        policies no name is kept. In the compartment `vacant` there must be no repository.

        Raises Changed, NameTaken, Occupied or RowFull.
        """
