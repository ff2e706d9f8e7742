"""`moorage user`."""

from typing import Any

import click

from moorage.cli.named import find, taking
from moorage.cli.output import as_json, open_registry, table, tell
from moorage.domain.directory import ADMINISTRATORS, Group, User, membership_ocid
from moorage.domain.tenancy import Tenancy
from moorage.operations.directory import groups, users
from moorage.stores.base import Stores


@click.group()
def user() -> None:
    """Make, list and remove users."""


@user.command("create")
@click.argument("name")
@click.option("--group", "group_names", multiple=True, help="A group to put the user into; can be given again.")
@click.option("--description", default="made by moorage user create", show_default=True)
@click.option("--email", help="Where to reach the user.")
@as_json
@click.pass_context
def create_user(
    context: click.Context,
    name: str,
    group_names: tuple[str, ...],
    description: str,
    email: str | None,
    *,
    as_json: bool,
) -> None:
    """Make a user; `moorage auth-token create` then makes the password, `moorage api-key create` a key for `oci`."""
    stores = open_registry(context)
    tenancy = stores.directory.tenancy()
    chosen = [find(stores, Group, group_name) for group_name in dict.fromkeys(group_names)]
    with taking(User, name):
        made = users.create_user(stores, tenancy, name=name, description=description, email=email)
    for group in chosen:
        made, _ = groups.add_user_to_group(stores, tenancy, made.id, group.id)
    into = f", in {', '.join(group.name for group in chosen)}" if chosen else ""
    tell(f"made user {login(stores, made)}{into}", fields(stores, tenancy, made), as_json=as_json)


@user.command("list")
@as_json
@click.pass_context
def list_users(context: click.Context, *, as_json: bool) -> None:
    """List all users."""
    stores = open_registry(context)
    tenancy = stores.directory.tenancy()
    found = [fields(stores, tenancy, one) for one in sorted(stores.directory.all(User), key=lambda one: one.name)]
    rows = [
        (one["username"], ", ".join(one["groups"]), str(len(one["auth_tokens"])), str(len(one["api_keys"])))
        for one in found
    ]
    tell(table([("USERNAME", "GROUPS", "AUTH TOKENS", "API KEYS"), *rows]), found, as_json=as_json)


@user.command("remove")
@click.argument("name")
@as_json
@click.pass_context
def remove_user(context: click.Context, name: str, *, as_json: bool) -> None:
    """Remove a user from all groups, and then with all credentials; never the last administrator."""
    stores = open_registry(context)
    tenancy = stores.directory.tenancy()
    found = find(stores, User, name)
    # That of administrators first: when it is refused, nothing has changed.
    for group_id in sorted(found.groups, key=lambda one: tenancy.groups.get(one) != ADMINISTRATORS):
        groups.remove_user_from_group(stores, tenancy, membership_ocid(found.id, group_id))
    users.delete_user(stores, tenancy, found.id)
    tell(f"removed user {found.name}", {"removed": found.name}, as_json=as_json)


def login(stores: Stores, one: User) -> str:
    """Return the name that a user logs in by."""
    return f"{stores.limits.namespace}/{one.name}"


def fields(stores: Stores, tenancy: Tenancy, one: User) -> dict[str, Any]:
    """Return what scripts read of a user."""
    return {
        "id": one.id,
        "name": one.name,
        "username": login(stores, one),
        "groups": sorted(tenancy.groups.get(group_id, group_id) for group_id in one.groups),
        "auth_tokens": [
            {"id": token.id, "description": token.description, "time_created": token.time_created.isoformat()}
            for token in one.auth_tokens
        ],
        "api_keys": [
            {"fingerprint": key.fingerprint, "time_created": key.time_created.isoformat()} for key in one.api_keys
        ],
        "time_created": one.time_created.isoformat(),
    }
