"""`moorage policy`."""

import click

from moorage.cli.named import find, find_compartment, taking
from moorage.cli.output import as_json, open_registry, table, tell
from moorage.domain.directory import Policy
from moorage.domain.tenancy import Tenancy
from moorage.operations.directory import policies


@click.group()
def policy() -> None:
    """Make, list and remove policies: who may do what, where."""


@policy.command("create")
@click.argument("name")
@click.option("--statement", "statements", multiple=True, required=True, help="What it allows; can be given again.")
@click.option("--compartment", help="Where it is attached: A:B from below the root, or an OCID. The root by default.")
@click.option("--description", default="made by moorage policy create", show_default=True)
@as_json
@click.pass_context
def create_policy(
    context: click.Context,
    name: str,
    statements: tuple[str, ...],
    compartment: str | None,
    description: str,
    *,
    as_json: bool,
) -> None:
    """Attach a policy to a compartment, for example with the statement 'Allow group dev to read repos in tenancy'."""
    stores = open_registry(context)
    tenancy = stores.directory.tenancy()
    place = find_compartment(tenancy, compartment)
    with taking(Policy, name):
        made = policies.create_policy(stores, tenancy, place, name=name, description=description, statements=statements)
    document = _fields(stores.directory.tenancy(), made)
    tell(f"made policy {made.name} in {_path(tenancy, place)}", document, as_json=as_json)


@policy.command("list")
@as_json
@click.pass_context
def list_policies(context: click.Context, *, as_json: bool) -> None:
    """List all policies with their statements."""
    stores = open_registry(context)
    found = sorted(stores.directory.all(Policy), key=lambda one: one.name)
    tenancy = stores.directory.tenancy()
    rows = [
        (one.name, _path(tenancy, one.compartment_id), statement)
        for one in found
        for statement in policies.texts_of(tenancy, one)
    ]
    documents = [_fields(tenancy, one) for one in found]
    tell(table([("NAME", "COMPARTMENT", "STATEMENT"), *rows]), documents, as_json=as_json)


@policy.command("remove")
@click.argument("name")
@as_json
@click.pass_context
def remove_policy(context: click.Context, name: str, *, as_json: bool) -> None:
    """Remove a policy; it is in force for new tokens at once, and for those that are out within 5 minutes."""
    stores = open_registry(context)
    found = find(stores, Policy, name)
    policies.delete_policy(stores, stores.directory.tenancy(), found.id)
    tell(f"removed policy {found.name}", {"removed": found.name}, as_json=as_json)


def _path(tenancy: Tenancy, compartment_id: str) -> str:
    """Return the names from below the root, and for the root the word that statements have for it."""
    names = [tenancy.compartments[one].name for one in tenancy.ancestors(compartment_id) if one != tenancy.id]
    return ":".join(reversed(names)) or "tenancy"


def _fields(tenancy: Tenancy, one: Policy) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "description": one.description,
        "compartment": _path(tenancy, one.compartment_id),
        "statements": policies.texts_of(tenancy, one),
        "time_created": one.time_created.isoformat(),
    }
