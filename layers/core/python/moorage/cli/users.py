"""`moorage bootstrap`, `moorage user` and `moorage auth-token`."""

from typing import Any

import click

from moorage.cli.output import as_json, open_registry, table, tell
from moorage.domain.access import Role
from moorage.domain.identity import User
from moorage.operations import identity
from moorage.stores.base import Stores

_role = click.option("--role", type=click.Choice([role.value for role in Role]), required=True)


@click.command()
@click.option("--user", "name", default="administrator", show_default=True, help="Name of the first administrator.")
@as_json
@click.pass_context
def bootstrap(context: click.Context, name: str, *, as_json: bool) -> None:
    """Make the signing key and the first administrator, whose auth token is printed once."""
    stores = open_registry(context)
    _tell_password(stores, identity.bootstrap(stores, name), as_json=as_json)


@click.group()
def user() -> None:
    """Make, list, change and remove users."""


@user.command("create")
@click.argument("name")
@_role
@as_json
@click.pass_context
def create_user(context: click.Context, name: str, role: str, *, as_json: bool) -> None:
    """Make a user; `moorage auth-token create` then makes the password."""
    stores = open_registry(context)
    made = identity.create_user(stores, name, Role(role))
    tell(f"made user {_login(stores, made)}, {made.role}", _user(stores, made), as_json=as_json)


@user.command("list")
@as_json
@click.pass_context
def list_users(context: click.Context, *, as_json: bool) -> None:
    """List all users."""
    stores = open_registry(context)
    users = list(identity.list_users(stores))
    rows = [(_login(stores, one), one.role.value, str(len(one.auth_tokens))) for one in users]
    text = table([("USERNAME", "ROLE", "AUTH TOKENS"), *rows])
    tell(text, [_user(stores, one) for one in users], as_json=as_json)


@user.command("set-role")
@click.argument("name")
@_role
@as_json
@click.pass_context
def set_role(context: click.Context, name: str, role: str, *, as_json: bool) -> None:
    """Give a user another role."""
    stores = open_registry(context)
    changed = identity.set_role(stores, name, Role(role))
    tell(f"{_login(stores, changed)} is {changed.role} now", _user(stores, changed), as_json=as_json)


@user.command("remove")
@click.argument("name")
@as_json
@click.pass_context
def remove_user(context: click.Context, name: str, *, as_json: bool) -> None:
    """Remove a user with all auth tokens."""
    stores = open_registry(context)
    identity.remove_user(stores, name)
    tell(f"removed user {name}", {"removed": name}, as_json=as_json)


@click.group("auth-token")
def auth_token() -> None:
    """Make, list and remove auth tokens: the passwords for `docker login`."""


@auth_token.command("create")
@click.argument("name", metavar="USER")
@click.option("--description", default="", help="What it is for.")
@as_json
@click.pass_context
def create_auth_token(context: click.Context, name: str, description: str, *, as_json: bool) -> None:
    """Make an auth token; it is printed once."""
    stores = open_registry(context)
    _tell_password(stores, identity.create_auth_token(stores, name, description), as_json=as_json)


@auth_token.command("list")
@click.argument("name", metavar="USER")
@as_json
@click.pass_context
def list_auth_tokens(context: click.Context, name: str, *, as_json: bool) -> None:
    """List a user's auth tokens, without the secrets."""
    fields = _auth_tokens(identity.find_user(open_registry(context), name))
    rows = [(one["id"], one["time_created"], one["description"]) for one in fields]
    tell(table([("ID", "CREATED", "DESCRIPTION"), *rows]), fields, as_json=as_json)


@auth_token.command("remove")
@click.argument("name", metavar="USER")
@click.argument("auth_token_id", metavar="ID")
@as_json
@click.pass_context
def remove_auth_token(context: click.Context, name: str, auth_token_id: str, *, as_json: bool) -> None:
    """Remove an auth token; logins that were made with it end within 5 minutes."""
    identity.remove_auth_token(open_registry(context), name, auth_token_id)
    tell(f"removed auth token {auth_token_id} of {name}", {"removed": auth_token_id}, as_json=as_json)


def _tell_password(stores: Stores, password: identity.Password, *, as_json: bool) -> None:
    username = _login(stores, password.user)
    text = (
        f"username:   {username}\nauth token: {password.text}\nThe auth token is the password; it is not shown again."
    )
    document = {"username": username, "auth_token": password.text, "id": password.auth_token.id}
    tell(text, document, as_json=as_json)


def _login(stores: Stores, user: User) -> str:
    return f"{stores.limits.namespace}/{user.name}"


def _user(stores: Stores, user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "username": _login(stores, user),
        "role": user.role.value,
        "auth_tokens": _auth_tokens(user),
        "time_created": user.time_created.isoformat(),
    }


def _auth_tokens(user: User) -> list[dict[str, str]]:
    return [
        {"id": one.id, "description": one.description, "time_created": one.time_created.isoformat()}
        for one in user.auth_tokens
    ]
