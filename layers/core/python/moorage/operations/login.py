"""Who a password belongs to, and what the token that they ask for may carry."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import ceil

from moorage.domain.access import Access, Action, Grant, Principal, Role, Scope, permitted, wanted
from moorage.domain.errors import NameInvalid, TooManyRequests, Unauthenticated
from moorage.domain.identity import (
    ANY_USER,
    AUTH_TOKENS_PER_USER,
    FREE_FAILURES_ANY_USER,
    AuthToken,
    User,
    parse_user_name,
)
from moorage.domain.names import RepositoryName
from moorage.stores.base import Stores

_NOBODY = User(
    name="",
    role=Role.NONE,
    auth_tokens=(AuthToken("", "0" * 64, "", datetime.fromtimestamp(0, UTC)),) * AUTH_TOKENS_PER_USER,
    time_created=datetime.fromtimestamp(0, UTC),
    version=0,
)


def log_in(stores: Stores, name: str, password: str, address: str) -> tuple[User, AuthToken] | None:
    """Return the user and the auth token that the password is; None, and one failure more, for a wrong one.

    A user that does not exist costs and answers the same as a wrong password. Raises TooManyRequests, without looking
    at the password, while this address has to wait.
    """
    now = stores.clock()
    user, guard, address_guard = stores.identity.login(name, address, now)
    wait = max(guard.wait(now), address_guard.wait(now, FREE_FAILURES_ANY_USER))
    if wait > timedelta():
        raise TooManyRequests("too many wrong passwords; wait before the next", retry_after=ceil(wait.total_seconds()))
    auth_token = (user or _NOBODY).auth_token(password)
    if user and auth_token:
        return user, auth_token
    stores.identity.failed(name, address, now)
    stores.identity.failed(ANY_USER, address, now)
    return None


def log_in_again(stores: Stores, name: str, auth_token_id: str) -> tuple[User, AuthToken]:
    """Return a user as it is now, when the auth token of the first login still exists. Raises Unauthenticated."""
    user = stores.identity.get(name)
    auth_tokens = user.auth_tokens if user else ()
    auth_token = next((auth_token for auth_token in auth_tokens if auth_token.id == auth_token_id), None)
    if not user or not auth_token:
        raise Unauthenticated("this login has ended; log in again", error="invalid_token")
    return user, auth_token


def parse_login_name(text: str, namespace: str) -> str:
    """Read `<namespace>/<user>`. Raises Unauthenticated, which says the prefix, for a user of elsewhere."""
    if not text.startswith(f"{namespace}/"):
        raise Unauthenticated(f"log in as {namespace}/<user>; user names here start with {namespace}/")
    try:
        return parse_user_name(text.removeprefix(f"{namespace}/"))
    except NameInvalid as error:
        raise Unauthenticated(error.message) from error  # whoever cannot exist is refused like the rest


def grant_scopes(stores: Stores, principal: Principal, scopes: Iterable[Scope]) -> Access:
    """Say what a token carries: what was asked, split into what is allowed and what is refused. One read a name."""
    asked = tuple(scopes)
    grants = tuple(_grant(stores, principal, scope) for scope in asked if scope.kind == "repository")
    may_list = principal.anonymous or Action.PULL in permitted(principal, public=False)
    return Access(principal, grants, catalog=may_list and any(scope.kind == "registry" for scope in asked))


def _grant(stores: Stores, principal: Principal, scope: Scope) -> Grant:
    """Decide one scope; a repository that does not exist gets the answer of one that is not public."""
    actions = wanted(scope)
    if not scope.name.startswith(f"{stores.limits.namespace}/"):
        return Grant(scope.name, None, frozenset(), actions)
    repository = stores.repositories.find(RepositoryName(scope.name))
    allowed = actions & permitted(principal, public=repository is not None and repository.public)
    return Grant(scope.name, repository.id if repository else None, allowed, actions - allowed)
