"""Names to ids: from the token where it says, else by one read; and made by the first push."""

from typing import TypeVar

from moorage.domain.access import Grant, Scope
from moorage.domain.errors import NameUnknown, RegistryError, Unauthenticated
from moorage.domain.names import RepositoryName
from moorage.domain.repository import Repository, RepositoryState
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.stores.base import Stores

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
        raise NameUnknown("no such repository", name=name)
    return repository.id


def resolve_or_create(stores: Stores, grant: Grant, name: RepositoryName, by: str) -> str:
    """Return the repository's id, making the repository where the deployment allows a push to. Raises NameUnknown."""
    if grant.repository_id:
        return grant.repository_id
    repository = stores.repositories.find(name)
    if repository is None:
        if not stores.limits.create_on_push:
            raise NameUnknown("no such repository, and a push does not make one here; ask an administrator", name=name)
        repository = create(stores, name, by, public=False)
    return repository.id


def create(stores: Stores, name: RepositoryName, by: str, *, public: bool) -> Repository:
    """Make a repository; of several that do so at once, one makes it and the others find it."""
    repository = Repository(
        id=new_ulid(stores),
        name=name,
        public=public,
        state=RepositoryState.AVAILABLE,
        time_created=stores.clock(),
        created_by=by,
    )
    if stores.repositories.create(repository):
        return repository
    found = stores.repositories.find(name)
    if found is None:
        raise NameUnknown("the repository was deleted while it was used", name=name)
    return found


def absent(stores: Stores, grant: Grant, name: RepositoryName, error: E) -> RegistryError | E:
    """Say why something was not found: `error`, or that the repository itself has gone or is another one by now."""
    repository = stores.repositories.find(name)
    if repository is None:
        return NameUnknown("no such repository", name=name)
    if grant.repository_id and grant.repository_id != repository.id:
        return Unauthenticated(
            "the repository was made anew; ask for another token",
            scope=str(Scope("repository", name, frozenset(grant.allowed | grant.refused))),
            error="invalid_token",
        )
    return error
