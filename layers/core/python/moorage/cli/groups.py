"""`moorage group`."""

import click

from moorage.cli.named import find, taking
from moorage.cli.output import as_json, open_registry, table, tell
from moorage.domain.directory import Group, User, membership_ocid
from moorage.domain.errors import AlreadyExists, NotFound
from moorage.operations.directory import groups


@click.group()
def group() -> None:
    """Make, list and remove groups, and say who is in them."""


@group.command("create")
@click.argument("name")
@click.option("--description", default="made by moorage group create", show_default=True)
@as_json
@click.pass_context
def create_group(context: click.Context, name: str, description: str, *, as_json: bool) -> None:
    """Make a group; what it may do, policies say."""
    stores = open_registry(context)
    with taking(Group, name):
        made = groups.create_group(stores, stores.directory.tenancy(), name=name, description=description)
    tell(f"made group {made.name}", _fields(made), as_json=as_json)


@group.command("list")
@as_json
@click.pass_context
def list_groups(context: click.Context, *, as_json: bool) -> None:
    """List all groups."""
    found = sorted(open_registry(context).directory.all(Group), key=lambda one: one.name)
    rows = [(one.name, str(one.members), one.description) for one in found]
    tell(table([("NAME", "USERS", "DESCRIPTION"), *rows]), [_fields(one) for one in found], as_json=as_json)


@group.command("remove")
@click.argument("name")
@as_json
@click.pass_context
def remove_group(context: click.Context, name: str, *, as_json: bool) -> None:
    """Remove a group that nobody is in."""
    stores = open_registry(context)
    found = find(stores, Group, name)
    groups.delete_group(stores, stores.directory.tenancy(), found.id)
    tell(f"removed group {found.name}", {"removed": found.name}, as_json=as_json)


@group.command("add-user")
@click.argument("name", metavar="GROUP")
@click.argument("user_name", metavar="USER")
@as_json
@click.pass_context
def add_user(context: click.Context, name: str, user_name: str, *, as_json: bool) -> None:
    """Put a user into a group."""
    stores = open_registry(context)
    chosen, user = find(stores, Group, name), find(stores, User, user_name)
    try:
        groups.add_user_to_group(stores, stores.directory.tenancy(), user.id, chosen.id)
    except AlreadyExists as error:
        raise click.ClickException(f"{user.name} is in {chosen.name} already") from error
    tell(f"{user.name} is in {chosen.name} now", {"group": chosen.name, "user": user.name}, as_json=as_json)


@group.command("remove-user")
@click.argument("name", metavar="GROUP")
@click.argument("user_name", metavar="USER")
@as_json
@click.pass_context
def remove_user(context: click.Context, name: str, user_name: str, *, as_json: bool) -> None:
    """Take a user out of a group; never the last one out of Administrators."""
    stores = open_registry(context)
    chosen, user = find(stores, Group, name), find(stores, User, user_name)
    try:
        groups.remove_user_from_group(stores, stores.directory.tenancy(), membership_ocid(user.id, chosen.id))
    except NotFound as error:
        raise click.ClickException(f"{user.name} is not in {chosen.name}") from error
    tell(f"{user.name} is not in {chosen.name} any more", {"group": chosen.name, "user": user.name}, as_json=as_json)


def _fields(one: Group) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "users": one.members,
        "time_created": one.time_created.isoformat(),
    }
