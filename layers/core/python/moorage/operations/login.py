"""Who a password belongs to, and what the token that they ask for may carry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from moorage.domain.access import ANONYMOUS, Access, Action, Catalog, Grant, Principal, PrincipalKind, Scope, wanted
from moorage.domain.directory import AUTH_TOKENS_PER_USER, AuthToken, State, User
from moorage.domain.errors import NameInvalid, TooManyRequests, Unauthenticated
from moorage.domain.identity import ANY_USER, FREE_FAILURES_ANY_USER, parse_user_name
from moorage.domain.names import RepositoryName
from moorage.domain.networks import may_sign_in
from moorage.domain.ocid import tenancy_ocid
from moorage.domain.policy.decision import Asking
from moorage.domain.repository import Repository
from moorage.domain.rights import catalog_for, rights_in
from moorage.domain.tenancy import Tenancy
from moorage.stores.base import Stores

_CAPABILITY = "canUseAuthTokens"
_EPOCH = datetime.fromtimestamp(0, UTC)
_NOBODY = User(
    id="",
    compartment_id="",
    name="",
    description="",
    time_created=_EPOCH,
    auth_tokens=(AuthToken(id="", hash="0" * 64, description="", time_created=_EPOCH),) * AUTH_TOKENS_PER_USER,
)


@dataclass(frozen=True, slots=True)
class Login:
    """Who asks for a token, and the rules by which they may.

    `auth_token_id`: which password they have given, if any. `until`: when what they have given instead ends.
    """

    principal: Principal
    tenancy: Tenancy
    auth_token_id: str | None = None
    until: datetime | None = None


def nobody(namespace: str) -> Login:
    """Return who has not logged in: no rule is about them."""
    return Login(ANONYMOUS, Tenancy(tenancy_ocid(namespace)))


def log_in(stores: Stores, name: str, password: str, address: str, guarded: str) -> Login | None:
    """Return who it is that has this password; None, and one failure more, for a wrong one.

    A user that does not exist, or may not log in, or not from there, costs and answers the same as a wrong password.
    `guarded` is what failures are counted by. Raises TooManyRequests, without looking at the password, while that has
    to wait.
    """
    now = stores.clock()
    arriving = stores.directory.arrive(name, guarded, now)
    wait = max(arriving.guard.wait(now), arriving.address_guard.wait(now, FREE_FAILURES_ANY_USER))
    if wait > timedelta():
        raise TooManyRequests("too many wrong passwords; wait before the next", retry_after=ceil(wait.total_seconds()))
    user = arriving.user or _NOBODY
    auth_token = user.auth_token(password)
    if _may_use_auth_tokens(user, arriving.tenancy, address) and auth_token and arriving.user:
        return Login(_principal(user), arriving.tenancy, auth_token.id)
    stores.identity.failed(name, guarded, now)
    stores.identity.failed(ANY_USER, guarded, now)
    return None


def log_in_again(stores: Stores, user_id: str, auth_token_id: str, address: str) -> Login:
    """Return a user as it is now, when the auth token of the first login still exists. Raises Unauthenticated."""
    user, tenancy = stores.directory.user_and_tenancy(user_id)
    there = user is not None and any(auth_token.id == auth_token_id for auth_token in user.auth_tokens)
    if user is None or not there or not _may_use_auth_tokens(user, tenancy, address):
        raise _ended()
    return Login(_principal(user), tenancy, auth_token_id)


def log_in_by_token(stores: Stores, principal: Principal, until: datetime, address: str) -> Login:
    """Return whom an access token was made for, as they are now. Raises Unauthenticated.

    What it is given for ends with it: else a login could be renewed for ever after its auth token was removed.
    """
    if principal.id is None:
        raise _ended()
    user, tenancy = stores.directory.user_and_tenancy(principal.id)
    if principal.kind is PrincipalKind.MACHINE:
        return Login(principal, tenancy, until=until)
    if user is None or user.state is not State.ACTIVE or not may_sign_in(tenancy, address):
        raise _ended()
    return Login(_principal(user), tenancy, until=until)


def parse_login_name(text: str, namespace: str) -> str:
    """Read `<namespace>/<user>`. Raises Unauthenticated, which says the prefix, for a user of elsewhere."""
    if not text.startswith(f"{namespace}/"):
        raise Unauthenticated(f"log in as {namespace}/<user>; user names here start with {namespace}/")
    try:
        return parse_user_name(text.removeprefix(f"{namespace}/"))
    except NameInvalid as error:
        raise Unauthenticated(error.message) from error  # whoever cannot exist is refused like the rest


def grant_scopes(stores: Stores, login: Login, address: str, scopes: Iterable[Scope]) -> Access:
    """Say what a token carries: what was asked, split into what policies allow and what is refused.

    One read for all the names together; none when nothing is asked of repositories here.
    """
    asked = tuple(scopes)
    asking = Asking(login.principal, None, address, stores.clock(), stores.limits.region.key)
    names = [_name(stores, scope) for scope in asked]
    here = [name for name in names if name is not None]
    found = stores.repositories.find_many(here) if here else {}
    grants = tuple(
        _grant(login.tenancy, asking, scope, name, found)
        for scope, name in zip(asked, names, strict=True)
        if scope.kind == "repository"
    )
    listed = any(scope.kind == "registry" for scope in asked)
    return Access(login.principal, grants, catalog_for(login.tenancy, asking) if listed else Catalog.NONE)


def _grant(
    tenancy: Tenancy,
    asking: Asking,
    scope: Scope,
    name: RepositoryName | None,
    found: Mapping[RepositoryName, Repository],
) -> Grant:
    """Decide one scope; a repository of another namespace is refused without a look."""
    actions = wanted(scope)
    if name is None:
        return Grant(scope.name, None, frozenset[Action](), actions)
    repository = found.get(name)
    rights = rights_in(tenancy, asking, name, repository)
    return Grant(
        scope.name,
        repository.id if repository and rights.actions else None,  # a token can be read: it tells of none to the rest
        actions & rights.actions,
        actions - rights.actions,
        rights.visible,
    )


def _name(stores: Stores, scope: Scope) -> RepositoryName | None:
    """Return the name of a repository that can be here."""
    here = scope.kind == "repository" and scope.name.startswith(f"{stores.limits.namespace}/")
    return RepositoryName(scope.name) if here else None


def _may_use_auth_tokens(user: User, tenancy: Tenancy, address: str) -> bool:
    return user.state is State.ACTIVE and _CAPABILITY in user.capabilities and may_sign_in(tenancy, address)


def _principal(user: User) -> Principal:
    return Principal(user.id, user.name, PrincipalKind.USER, user.groups)


def _ended() -> Unauthenticated:
    return Unauthenticated("this login has ended; log in again", error="invalid_token")
