"""Users and their auth tokens: made, changed and removed."""

from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass, replace

from moorage.domain.access import Role
from moorage.domain.identity import AUTH_TOKENS_PER_USER, AuthToken, User, hash_password, parse_user_name
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.operations.keys import rotate_keys
from moorage.stores.base import Stores

DESCRIPTION_LIMIT = 100  # characters

_PASSWORD_BYTES = 20  # 160 bits: 32 letters and digits
_PAGE = 100


class Refused(Exception):
    """What was asked of users and auth tokens cannot be done; the message says why, and what can."""


@dataclass(frozen=True, slots=True)
class Password:
    """A new auth token with its password, which nobody can read again."""

    user: User
    auth_token: AuthToken
    text: str


def bootstrap(stores: Stores, name: str) -> Password:
    """Make the signing key, if there is none, and the first administrator. Raises Refused when there is one."""
    if stores.identity.signing_key() is None:
        rotate_keys(stores)
    if any(_administrators(stores)):
        raise Refused(
            "there is an administrator already; `moorage user create` and `moorage auth-token create` make more"
        )
    auth_token, text = _make_auth_token(stores, "made by bootstrap")
    user = _create(stores, name, Role.ADMINISTRATOR, (auth_token,))
    return Password(user, auth_token, text)


def create_user(stores: Stores, name: str, role: Role) -> User:
    """Make a user, who cannot log in before an auth token is made. Raises NameInvalid and Refused."""
    return _create(stores, name, role, ())


def list_users(stores: Stores) -> Iterator[User]:
    """Yield all users in the order of names."""
    after: str | None = ""
    while after is not None:
        page = stores.identity.users(after, _PAGE)
        yield from page.items
        after = page.last


def set_role(stores: Stores, name: str, role: Role) -> User:
    """Give a user another role; tokens that are out say the old one for 5 minutes at most. Raises Refused."""
    user = find_user(stores, name)
    if role is not Role.ADMINISTRATOR:
        _keep_an_administrator(stores, user)
    return _update(stores, replace(user, role=role))


def remove_user(stores: Stores, name: str) -> None:
    """Remove a user and the auth tokens; tokens that are out last 5 minutes at most. Raises Refused."""
    user = find_user(stores, name)
    _keep_an_administrator(stores, user)
    stores.identity.remove(user.name)


def create_auth_token(stores: Stores, name: str, description: str) -> Password:
    """Make a password for a user, to be shown once. Raises Refused beyond two."""
    user = find_user(stores, name)
    if len(user.auth_tokens) >= AUTH_TOKENS_PER_USER:
        raise Refused(f"{name} has {AUTH_TOKENS_PER_USER} auth tokens already; remove one first")
    if len(description) > DESCRIPTION_LIMIT:
        raise Refused(f"a description has at most {DESCRIPTION_LIMIT} characters")
    auth_token, text = _make_auth_token(stores, description)
    updated = _update(stores, replace(user, auth_tokens=(*user.auth_tokens, auth_token)))
    return Password(updated, auth_token, text)


def remove_auth_token(stores: Stores, name: str, auth_token_id: str) -> None:
    """End an auth token, and every login that was made with it. Raises Refused."""
    user = find_user(stores, name)
    kept = tuple(auth_token for auth_token in user.auth_tokens if auth_token.id != auth_token_id)
    if kept == user.auth_tokens:
        raise Refused(f"{name} has no auth token {auth_token_id}")
    _update(stores, replace(user, auth_tokens=kept))


def find_user(stores: Stores, name: str) -> User:
    """Return a user. Raises NameInvalid, and Refused when there is none of that name."""
    user = stores.identity.get(parse_user_name(name))
    if user is None:
        raise Refused(f"there is no user {name}")
    return user


def _create(stores: Stores, name: str, role: Role, auth_tokens: tuple[AuthToken, ...]) -> User:
    user = User(parse_user_name(name), role, auth_tokens, stores.clock(), version=1)
    if not stores.identity.create(user):
        raise Refused(f"there is a user {name} already")
    return user


def _update(stores: Stores, user: User) -> User:
    """Write a changed user over the one that was read."""
    updated = replace(user, version=user.version + 1)
    if not stores.identity.update(updated):
        raise Refused(f"{user.name} was changed by somebody else at the same time; try again")
    return updated


def _make_auth_token(stores: Stores, description: str) -> tuple[AuthToken, str]:
    now = stores.clock()
    text = b32encode(stores.entropy(_PASSWORD_BYTES)).decode().lower()
    token_id = make_ulid(now, stores.entropy(ENTROPY_BYTES))
    return AuthToken(token_id, hash_password(text), description, now), text


def _keep_an_administrator(stores: Stores, user: User) -> None:
    """Refuse to lose the last administrator. Two people who remove each other at once are not prevented."""
    if user.role is Role.ADMINISTRATOR and not any(other.name != user.name for other in _administrators(stores)):
        raise Refused(f"{user.name} is the last administrator; make another one first")


def _administrators(stores: Stores) -> Iterator[User]:
    return (user for user in list_users(stores) if user.role is Role.ADMINISTRATOR)
