"""Names to ids: from the token where it says, else by one read; and made by the first push."""

from typing import TYPE_CHECKING, TypeVar

from moorage.domain.access import Grant, Scope
from moorage.domain.errors import NO_REPOSITORY, LimitReached, NameUnknown, RegistryError, Unauthenticated, Unavailable
from moorage.domain.names import RepositoryName
from moorage.domain.ocid import tenancy_ocid
from moorage.domain.repository import Description, Repository, RepositoryState
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.operations.contention import ATTEMPTS, pause
from moorage.stores.base import NO_DESCRIPTION, Conflict, RepositoriesFull, Stores
from moorage.stores.deadline import operation

if TYPE_CHECKING:
    from moorage.domain.directory import Remembered

E = TypeVar("E", RegistryError, None)


def new_ulid(stores: Stores) -> str:
    """Return an id that nothing else has."""
    return make_ulid(stores.clock(), stores.entropy(ENTROPY_BYTES))


def resolve(stores: Stores, grant: Grant, name: RepositoryName) -> str:
    """Return the repository's id. Raises NameUnknown."""
    if grant.repository_id:
        return grant.repository_id
    repository = stores.repositories.find(name)
    if repository is None:
        raise NameUnknown(NO_REPOSITORY, name=name)
    return _judged(stores, grant, repository)


def resolve_or_create(stores: Stores, grant: Grant, name: RepositoryName, by: str) -> str:
    """Return the repository's id, making the repository where the deployment allows a push to. Raises NameUnknown."""
    if grant.repository_id:
        return grant.repository_id
    repository = stores.repositories.find(name)
    if repository is None:
        if not stores.repositories.configuration().create_on_push:
            raise NameUnknown("no such repository, and a push does not make one here; ask an administrator", name=name)
        repository = create(stores, name, by, public=False)
    return _judged(stores, grant, repository)


def _judged(stores: Stores, grant: Grant, repository: Repository) -> str:
    """Return the id of a repository that was not there when the token was made: it was judged as one in the root.

    Raises Unauthenticated for one that is elsewhere, where other policies may decide.
    """
    if repository.compartment_id != tenancy_ocid(stores.limits.namespace):
        raise _made_anew(grant)
    return repository.id


def create(stores: Stores, name: RepositoryName, by: str, *, public: bool) -> Repository:
    """Make a repository in the root; of several that do so at once, one makes it and the others find it.

    Raises LimitReached.
    """
    repository = new_repository(stores, name, by, public=public)
    if make(stores, repository):
        return repository
    found = stores.repositories.find(name)
    if found is None:
        raise NameUnknown("the repository was deleted while it was used", name=name)
    return found


def new_repository(
    stores: Stores,
    name: RepositoryName,
    by: str,
    *,
    public: bool,
    immutable: bool = False,
    compartment_id: str | None = None,
) -> Repository:
    """Return a repository as it is to be made; without a compartment in the root."""
    return Repository(
        id=new_ulid(stores),
        name=name,
        public=public,
        state=RepositoryState.AVAILABLE,
        time_created=stores.clock(),
        created_by=by,
        compartment_id=compartment_id or tenancy_ocid(stores.limits.namespace),
        immutable=immutable,
    )


def make(
    stores: Stores,
    repository: Repository,
    description: Description = NO_DESCRIPTION,
    remember: "Remembered | None" = None,
) -> bool:
    """Write a repository; False when the name is taken. Raises LimitReached, and what the store raises."""
    with operation():
        for attempt in range(ATTEMPTS):
            try:
                return stores.repositories.create(repository, description, remember)
            except RepositoriesFull as error:
                raise LimitReached(
                    f"the registry has {stores.limits.repositories} repositories, which is its limit; delete some first"
                ) from error
            except Conflict:
                pause(stores, attempt)
    raise busy()


def busy() -> Unavailable:
    """Return what a request hears that lost every race."""
    return Unavailable("others are changing the same repositories; send the request again")


def absent(stores: Stores, grant: Grant, name: RepositoryName, error: E) -> RegistryError | E:
    """Say why something was not found: `error`, or that the repository itself has gone or is another one by now."""
    repository = stores.repositories.find(name)
    if repository is None:
        return NameUnknown(NO_REPOSITORY, name=name)
    if grant.repository_id and grant.repository_id != repository.id:
        return _made_anew(grant)
    return error


def _made_anew(grant: Grant) -> Unauthenticated:
    return Unauthenticated(
        "the repository was made anew; ask for another token",
        scope=str(Scope("repository", grant.name, frozenset(grant.allowed | grant.refused))),
        error="invalid_token",
    )
