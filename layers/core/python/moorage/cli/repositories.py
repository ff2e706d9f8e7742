"""`moorage repository`."""

from collections.abc import Iterator

import click

from moorage.cli.output import as_json, open_registry, table, tell
from moorage.domain.errors import NameInvalid, NameUnknown
from moorage.domain.names import RepositoryName, parse_name
from moorage.domain.repository import Repository
from moorage.operations.repositories import create
from moorage.operations.repository_changes import adopt, change
from moorage.stores.base import Stores

_PAGE = 100


@click.group()
def repository() -> None:
    """Make and list repositories, and let everybody pull from one or only users."""


@repository.command("create")
@click.argument("name")
@click.option("--public", is_flag=True, help="Let everybody pull, without login.")
@as_json
@click.pass_context
def create_repository(context: click.Context, name: str, *, public: bool, as_json: bool) -> None:
    """Make a repository; NAME is <namespace>/<name>."""
    stores = open_registry(context)
    made = create(stores, _full_name(stores, name), "moorage repository create", public=public)
    tell(f"{made.name} is there, {_access(public=made.public)}", _fields(made), as_json=as_json)


@repository.command("list")
@as_json
@click.pass_context
def list_repositories(context: click.Context, *, as_json: bool) -> None:
    """List all repositories."""
    found = list(_all(open_registry(context)))
    rows = [(one.name, _access(public=one.public), one.time_created.isoformat()) for one in found]
    tell(table([("NAME", "ACCESS", "CREATED"), *rows]), [_fields(one) for one in found], as_json=as_json)


@repository.command("set-public")
@click.argument("name")
@click.option("--private", is_flag=True, help="The other way: only users may pull, from 5 minutes on at the latest.")
@as_json
@click.pass_context
def set_public(context: click.Context, name: str, *, private: bool, as_json: bool) -> None:
    """Let everybody pull, without login; NAME is <namespace>/<name>."""
    stores = open_registry(context)
    full_name = _full_name(stores, name)
    found = stores.repositories.find(full_name)
    if found is None:
        raise NameUnknown(f"there is no repository {full_name}", name=full_name)
    change(stores, found.id, lambda _: None, lambda record: record.with_access(public=not private))
    tell(
        f"{full_name} is {_access(public=not private)} now",
        {"name": full_name, "public": not private},
        as_json=as_json,
    )


@repository.command("adopt")
@as_json
@click.pass_context
def adopt_repositories(context: click.Context, *, as_json: bool) -> None:
    """Bring repositories that release 0.1 made into lists and limits; once, after an upgrade from it."""
    adopted = adopt(open_registry(context))
    tell(f"{adopted} repositories of release 0.1 are in lists and limits now", {"adopted": adopted}, as_json=as_json)


def _full_name(stores: Stores, text: str) -> RepositoryName:
    """Read `<namespace>/<name>`. Raises NameInvalid, which says the prefix, for a name of elsewhere."""
    prefix = f"{stores.limits.namespace}/"
    if not text.startswith(prefix):
        raise NameInvalid(f"repository names here start with {prefix}", name=text)
    return parse_name(text)


def _all(stores: Stores) -> Iterator[Repository]:
    after: str | None = ""
    while after is not None:
        page = stores.repositories.names(after, _PAGE)
        yield from page.items
        after = page.last


def _access(*, public: bool) -> str:
    return "public" if public else "private"


def _fields(made: Repository) -> dict[str, object]:
    return {
        "name": made.name,
        "id": made.id,
        "public": made.public,
        "time_created": made.time_created.isoformat(),
        "created_by": made.created_by,
    }
