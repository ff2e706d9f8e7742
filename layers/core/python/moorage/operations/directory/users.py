"""Users and what they are able to do."""

import re
from collections.abc import Mapping
from dataclasses import replace

from moorage.domain.directory import CAPABILITIES, Change, ResourceTags, State, User
from moorage.domain.errors import ParameterInvalid, StateConflict
from moorage.domain.ocid import Kind
from moorage.domain.tenancy import Tenancy
from moorage.operations.directory.administrators import keep_an_administrator
from moorage.operations.directory.changing import (
    Remember,
    Retag,
    beginning,
    changed,
    commit,
    create,
    read,
    require_room,
    revised,
    settle,
)
from moorage.operations.directory.fields import check_new_description, check_user_name
from moorage.stores.base import Stores

_EMAIL = re.compile(r"(?=.{3,254}\Z)[^@\s]+@[^@\s]+")


def create_user(
    stores: Stores,
    tenancy: Tenancy,
    *,
    name: str,
    description: str,
    email: str | None = None,
    tags: ResourceTags | None = None,
    remember: Remember | None = None,
) -> User:
    """Make a user that is in no group and has no credentials yet."""
    user = User(
        email=_check_email(email) or None,
        **beginning(stores, Kind.USER, tenancy.id, check_user_name(name), description, tags),
    )

    def step(current: Tenancy) -> User:
        require_room(current.users, stores.limits.directory.users, "users")
        return create(stores, user, revised(current, users=current.users + 1), remember)

    return settle(stores, tenancy, step, remember)


def update_user(
    stores: Stores,
    tenancy: Tenancy,
    user_id: str,
    *,
    description: str | None = None,
    email: str | None = None,
    db_user_name: str | None = None,
    tags: Retag | None = None,
    if_match: str | None = None,
) -> User:
    """Describe a user otherwise; the name stays. An empty email takes away the one that there is."""
    given = {
        "description": check_new_description(description),
        "email": _check_email(email),
        "db_user_name": db_user_name,
    }

    def step(_: Tenancy) -> User:
        before = read(stores, User, user_id, if_match)
        after = changed(before, tags=tags, **given)
        after = replace(after, email=after.email or None)
        commit(stores, [Change(before, after)])
        return after

    return settle(stores, tenancy, step)


def update_user_state(
    stores: Stores, tenancy: Tenancy, user_id: str, *, blocked: bool | None, if_match: str | None = None
) -> User:
    """Unblock a user; nobody is blocked by hand."""
    if blocked:
        raise ParameterInvalid("blocked", "must be false: users can be unblocked, not blocked")

    def step(_: Tenancy) -> User:
        before = read(stores, User, user_id, if_match)
        after = replace(changed(before, state=State.ACTIVE), inactive_status=None)
        commit(stores, [Change(before, after)])
        return after

    return settle(stores, tenancy, step)


def update_user_capabilities(
    stores: Stores,
    tenancy: Tenancy,
    user_id: str,
    capabilities: Mapping[str, bool],
    *,
    if_match: str | None = None,
) -> User:
    """Let a user use some kinds of credentials, and not others; those that are not named stay as they are.

    The last administrator who signs requests goes on to.
    """
    unknown = capabilities.keys() - set(CAPABILITIES)
    if unknown:
        raise ParameterInvalid(min(unknown), f"must be one of {', '.join(CAPABILITIES)}")

    def step(current: Tenancy) -> User:
        before = read(stores, User, user_id, if_match)
        had = {name: name in before.capabilities for name in CAPABILITIES}
        now = frozenset(name for name, able in {**had, **capabilities}.items() if able)
        after = replace(changed(before), capabilities=now)
        commit(stores, [Change(before, after)], keep_an_administrator(stores, current, before, after))
        return after

    return settle(stores, tenancy, step)


def delete_user(stores: Stores, tenancy: Tenancy, user_id: str, *, if_match: str | None = None) -> None:
    """Delete a user that is in no group, with all its credentials."""

    def step(current: Tenancy) -> None:
        user = read(stores, User, user_id, if_match)
        if user.memberships:
            raise StateConflict("the user is in a group; take the user out of all groups first")
        commit(stores, [Change(user, None)], revised(current, users=current.users - 1))

    settle(stores, tenancy, step)


def _check_email(email: str | None) -> str | None:
    """Return an email address, empty for none. Raises ParameterInvalid."""
    if email and not _EMAIL.fullmatch(email):
        raise ParameterInvalid(
            "email", f"must be an address such as ana@example.com, of at most 254 characters, not {email[:60]!r}"
        )
    return email
