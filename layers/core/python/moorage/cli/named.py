"""Resources by the names that people know them by."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import click

from moorage.domain.directory import DynamicGroup, Group, NetworkSource, Policy, Resource, User
from moorage.domain.errors import AlreadyExists
from moorage.domain.tenancy import Tenancy
from moorage.stores.base import Stores

ResourceT = TypeVar("ResourceT", bound=Resource)

_WORDS: Mapping[type[Resource], str] = {
    User: "user",
    Group: "group",
    DynamicGroup: "dynamic group",
    Policy: "policy",
    NetworkSource: "network source",
}


def find(stores: Stores, kind: type[ResourceT], name: str) -> ResourceT:
    """Return the resource that has a name. Raises ClickException."""
    resource_id = stores.directory.find(kind, name)
    found = stores.directory.get(kind, resource_id) if resource_id else None
    if found is None:
        raise click.ClickException(f"there is no {_WORDS[kind]} {name}")
    return found


def find_compartment(tenancy: Tenancy, path: str | None) -> str:
    """Return the id of a compartment by the names from below the root, `A:B`, or by its id; the root for none."""
    if path is None or tenancy.holds(path):
        return path or tenancy.id
    found = tenancy.id
    for name in path.split(":"):
        children = {key.casefold(): value for key, value in tenancy.children(found).items()}
        if name.casefold() not in children:
            raise click.ClickException(f"there is no compartment {path}; its name is that from below the root, A:B")
        found = children[name.casefold()]
    return found


@contextmanager
def taking(kind: type[Resource], name: str) -> Iterator[None]:
    """Say in the words of a command that a name is taken."""
    try:
        yield
    except AlreadyExists as error:
        raise click.ClickException(f"there is a {_WORDS[kind]} {name} already") from error
