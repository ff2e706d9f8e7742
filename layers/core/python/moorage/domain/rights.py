"""What a principal may do in a repository, in Docker's words: what policies say, and what everybody may."""

from dataclasses import dataclass, replace

from moorage.domain.access import Action, Catalog
from moorage.domain.names import RepositoryName
from moorage.domain.policy.decision import Asking, Target, allowed
from moorage.domain.policy.permissions import CREATE_REPOSITORY, DOCKER_DELETE, DOCKER_PULL, DOCKER_PUSH, OPERATIONS
from moorage.domain.repository import Repository
from moorage.domain.tenancy import Tenancy

_LIST = "ListContainerRepositories"


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be done, and whether the repository may be seen at all: to the rest it is as one that is not there."""

    actions: frozenset[Action]
    visible: bool


def rights_in(tenancy: Tenancy, asking: Asking, name: RepositoryName, repository: Repository | None) -> Rights:
    """Decide what a principal may do in the repository of that name; None when there is none.

    One that is not there is judged as if it were in the root, private: there a push makes it, if it may do that too.
    """
    where = repository.compartment_id if repository else tenancy.id
    target = Target(where, {"target.repo.name": name.partition("/")[2]})
    push = DOCKER_PUSH if repository else (*DOCKER_PUSH, *CREATE_REPOSITORY)
    needed = {Action.PULL: DOCKER_PULL, Action.PUSH: push, Action.DELETE: DOCKER_DELETE}
    actions = {action for action, permissions in needed.items() if allowed(tenancy, asking, permissions, target)}
    if repository and repository.public:
        actions.add(Action.PULL)
    return Rights(frozenset(actions), Action.PULL in actions)


def catalog_for(tenancy: Tenancy, asking: Asking) -> Catalog:
    """Decide which repositories a principal may list: all by a policy of the root, public ones as any user.

    To list them is what ListContainerRepositories does in the root, so the same conditions hold or do not.
    """
    if asking.principal.anonymous:
        return Catalog.NONE
    listing = replace(asking, operation=_LIST)
    return Catalog.ALL if allowed(tenancy, listing, OPERATIONS[_LIST], Target(tenancy.id)) else Catalog.PUBLIC
