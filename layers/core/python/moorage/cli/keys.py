"""`moorage key`."""

import click

from moorage.cli.output import as_json, open_registry, table, tell
from moorage.domain.identity import SigningKey
from moorage.operations.keys import rotate_keys


@click.group()
def key() -> None:
    """Rotate and list the keys that sign tokens."""


@key.command("rotate")
@click.option("--now", "end_now", is_flag=True, help="End what older keys signed at once: everybody logs in again.")
@as_json
@click.pass_context
def rotate(context: click.Context, *, end_now: bool, as_json: bool) -> None:
    """Make a key that signs from now on.

    Older keys sign nothing any more. What they signed stays good until the last refresh token of theirs is over, in
    90 days; with --now it ends at once, which takes 10 seconds at most to reach every function.
    """
    new = rotate_keys(open_registry(context), end_now=end_now)
    tell(f"key {new.kid} signs from now on", _fields(new), as_json=as_json)


@key.command("list")
@as_json
@click.pass_context
def list_keys(context: click.Context, *, as_json: bool) -> None:
    """List the keys that verify tokens, newest first; the first one signs."""
    fields = [_fields(one) for one in open_registry(context).identity.trust().keys]
    rows = [(str(one["kid"]), str(one["time_created"]), str(one["time_retired"] or "")) for one in fields]
    tell(table([("KID", "CREATED", "ENDS"), *rows]), fields, as_json=as_json)


def _fields(one: SigningKey) -> dict[str, str | None]:
    ends = one.time_retired.isoformat() if one.time_retired else None
    return {"kid": one.kid, "time_created": one.time_created.isoformat(), "time_retired": ends}
