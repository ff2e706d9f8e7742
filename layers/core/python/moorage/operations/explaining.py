"""Why a user or a machine may do something, or may not: what `moorage explain` says."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from moorage.domain.access import Principal, PrincipalKind
from moorage.domain.directory import State, User
from moorage.domain.errors import ParameterInvalid
from moorage.domain.names import RepositoryName
from moorage.domain.networks import may_sign_in
from moorage.domain.policy.decision import Asking, Target
from moorage.domain.policy.explaining import Explanation, explain, path_of
from moorage.domain.policy.permissions import DOCKER_PULL, EVERYTHING, OPERATIONS, RECEIVE_REPOSITORY
from moorage.domain.policy.reading import close_to
from moorage.domain.repository import Repository
from moorage.domain.tenancy import Tenancy
from moorage.operations.session import is_role
from moorage.stores.base import Stores

# The operations that name a repository, by whose defined tags conditions see in them: those of the repository, those of
# an image or a signature in it, none. Handlers of the function `artifacts` make their targets so.
_CREATE, _MOVE = "CreateContainerRepository", "ChangeContainerRepositoryCompartment"
_OF_REPOSITORIES = {"GetContainerRepository", "UpdateContainerRepository", "DeleteContainerRepository", _MOVE}
_OF_CONTENTS = {
    "GetContainerImage",
    "LookupContainerImageByUri",
    "UpdateContainerImage",
    "DeleteContainerImage",
    "RestoreContainerImage",
    "RemoveContainerVersion",
    "GetContainerImageSignature",
    "UpdateContainerImageSignature",
    "DeleteContainerImageSignature",
}
_NAMING = {*_OF_REPOSITORIES, *_OF_CONTENTS, _CREATE, "CreateContainerImageSignature"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about somebody; without a repository and a compartment it is about the root."""

    permission: str
    repository: RepositoryName | None = None
    compartment_id: str | None = None
    address: str = ""
    operation: str | None = None

    @property
    def arrives(self) -> bool:
        """Whether it is about a repository that a compartment gets, one that is made there or moves there.

        Such a repository is judged by name and compartment; any other is in one compartment already.
        """
        return self.operation == _CREATE or (self.operation == _MOVE and self.permission in RECEIVE_REPOSITORY)


@dataclass(frozen=True, slots=True)
class Told:
    """The answer, where it is about, and what else bears on it."""

    tenancy: Tenancy
    explanation: Explanation
    where: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _About:
    """What is asked for, in words too, and what there is to note of it."""

    target: Target
    where: str
    notes: tuple[str, ...] = ()


def find_operation(text: str) -> str:
    """Return the operation that is meant, whatever its case. Raises ParameterInvalid for one that there is not."""
    known = {name.casefold(): name for name in OPERATIONS}
    return known.get(text.casefold()) or _check("operation", text, OPERATIONS)


def explain_access(stores: Stores, principal_id: str, question: Question) -> Told:
    """Decide as both planes do, on what is stored now, of a user or of a machine by the ARN of its role.

    Raises ParameterInvalid for an unknown word.
    """
    permission = _check("permission", question.permission, EVERYTHING)
    if question.operation is not None:
        _check("operation", question.operation, OPERATIONS)
    user, tenancy = stores.directory.user_and_tenancy(principal_id)
    principal = _principal(principal_id, user)
    about = _about(stores, tenancy, question)
    region = stores.limits.region.key
    asking = Asking(principal, question.operation, question.address, stores.clock(), region)
    outside = _outside(tenancy, user, question.address) if principal.kind is PrincipalKind.USER else ()
    notes = (*about.notes, *outside)
    return Told(tenancy, explain(tenancy, asking, permission, about.target), about.where, notes)


def _check(field: str, name: str, known: Collection[str]) -> str:
    if name not in known:
        raise ParameterInvalid(field, f"there is no {name}{close_to(name, known)}")
    return name


def _principal(principal_id: str, user: User | None) -> Principal:
    if is_role(principal_id):
        return Principal(principal_id, principal_id, PrincipalKind.MACHINE)
    return Principal(principal_id, user.name if user else principal_id, groups=user.groups if user else frozenset())


def _outside(tenancy: Tenancy, user: User | None, address: str) -> Iterator[str]:
    """Yield what keeps a user out, whatever statements grant."""
    if user is None or user.state is not State.ACTIVE:
        yield "the user is not active, so cannot log in"
    if address and not may_sign_in(tenancy, address):
        yield f"users may not sign in from {address}: the authentication policy names other networks"


def _about(stores: Stores, tenancy: Tenancy, question: Question) -> _About:
    """Make the target that the operation would. Raises ParameterInvalid for a repository where none is named."""
    name, operation = question.repository, question.operation
    place = question.compartment_id or tenancy.id
    if name is None:
        return _About(Target(place), path_of(tenancy, place))
    if question.arrives:
        return _About(Target(place, _names(name)), f"repository {name} in {path_of(tenancy, place)}")
    found = stores.repositories.find(name)
    if operation and operation.startswith("List"):
        place = found.compartment_id if found else tenancy.id
        return _About(Target(place), path_of(tenancy, place), ("a list names no repository",))
    if operation and operation not in _NAMING:
        raise ParameterInvalid("repository", f"{operation} names no repository; ask without one")
    return _existing(stores, tenancy, question, found) if found else _absent(tenancy, name, operation)


def _names(name: RepositoryName) -> dict[str, str]:
    return {"target.repo.name": name.partition("/")[2]}


def _existing(stores: Stores, tenancy: Tenancy, question: Question, found: Repository) -> _About:
    record = stores.repositories.get(found.id) if question.operation in _OF_REPOSITORIES else None
    tags = record.description.defined_tags if record else None
    where = f"repository {found.name} in {path_of(tenancy, found.compartment_id)}"
    notes = []
    if found.public and question.permission in DOCKER_PULL:
        notes.append("the repository is public: everybody may pull from it")
    if question.operation in _OF_CONTENTS:
        notes.append("defined tags of an image or a signature are not looked at")
    return _About(Target(found.compartment_id, _names(found.name), tags), where, tuple(notes))


def _absent(tenancy: Tenancy, name: RepositoryName, operation: str | None) -> _About:
    note = "the repository is not there"
    if operation is None:
        note += "; a push that makes it needs this in the tenancy, that is in the root"
    return _About(Target(tenancy.id, _names(name)), f"repository {name}", (note,))
