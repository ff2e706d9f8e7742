"""Why a user may do something, or may not: what `moorage explain` says."""

from collections.abc import Collection
from dataclasses import dataclass

from moorage.domain.access import Principal
from moorage.domain.directory import State, User
from moorage.domain.errors import ParameterInvalid
from moorage.domain.names import RepositoryName
from moorage.domain.policy.decision import Asking, Target
from moorage.domain.policy.explaining import Explanation, explain, path_of
from moorage.domain.policy.permissions import DOCKER_PULL, EVERYTHING, OPERATIONS
from moorage.domain.policy.reading import close_to
from moorage.domain.tenancy import Tenancy
from moorage.stores.base import Stores


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about a user; without a repository and a compartment it is about the root."""

    permission: str
    repository: RepositoryName | None = None
    compartment_id: str | None = None
    address: str = ""
    operation: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The answer, where it is about, and what else bears on it."""

    tenancy: Tenancy
    explanation: Explanation
    where: str
    notes: tuple[str, ...]


def explain_access(stores: Stores, user_id: str, question: Question) -> Told:
    """Decide as both planes do, on what is stored now. Raises ParameterInvalid for an unknown word."""
    permission = question.permission
    _check("permission", permission, EVERYTHING)
    if question.operation is not None:
        _check("operation", question.operation, OPERATIONS)
    user, tenancy = stores.directory.user_and_tenancy(user_id)
    target, where, notes = _target(stores, tenancy, question, permission)
    if user is None or user.state is not State.ACTIVE:
        notes = (*notes, "the user is not active, so cannot log in")
    asking = Asking(_principal(user_id, user), question.operation, question.address, stores.clock())
    return Told(tenancy, explain(tenancy, asking, permission, target), where, notes)


def _check(field: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ParameterInvalid(field, f"there is no {name}{close_to(name, known)}")


def _principal(user_id: str, user: User | None) -> Principal:
    return Principal(user_id, user.name if user else user_id, groups=user.groups if user else frozenset())


def _target(
    stores: Stores, tenancy: Tenancy, question: Question, permission: str
) -> tuple[Target, str, tuple[str, ...]]:
    """Return what is asked for, in words too, and what there is to note of it."""
    if question.repository is None:
        place = question.compartment_id or tenancy.id
        return Target(place), path_of(tenancy, place), ()
    name = question.repository
    names = {"target.repo.name": name.partition("/")[2]}
    found = stores.repositories.find(name)
    if found is None:
        note = "the repository is not there; a push that makes it needs this in the tenancy, that is in the root"
        return Target(tenancy.id, names), f"repository {name}", (note,)
    record = stores.repositories.get(found.id) if question.operation else None  # Docker's actions know no tags
    tags = record.description.defined_tags if record else None
    where = f"repository {name} in {path_of(tenancy, found.compartment_id)}"
    public = ("the repository is public: everybody may pull from it",)
    return (
        Target(found.compartment_id, names, tags),
        where,
        public if found.public and permission in DOCKER_PULL else (),
    )
