"""`moorage restore`."""

import os
import sys
from datetime import UTC, datetime

import click

from moorage.cli.output import as_json, tell
from moorage.domain.history import Found
from moorage.operations import restore as operations
from moorage.wiring import open_history, read_settings


class _Instant(click.ParamType[datetime]):
    name = "instant"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read a time with its zone: without, nobody knows which instant is meant."""
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            instant = None
        if instant is None or instant.tzinfo is None:
            self.fail(f"{value!r} is no instant; write it as 2026-01-31T12:00:00Z", param, ctx)
        if instant >= datetime.now(UTC):
            self.fail(f"{value} has not been yet", param, ctx)
        return instant


@click.command()
@click.option("--to", "instant", type=_Instant(), help="The instant to go back to, as 2026-01-31T12:00:00Z.")
@click.option("--table", "name", help="Name of the table to make; with --check, of the table to check.")
@click.option("--check", is_flag=True, help="Change nothing: look for the object of every row.")
@as_json
def restore(instant: datetime | None, name: str | None, *, check: bool, as_json: bool) -> None:
    """Go back to one instant: a table as it was then, and every object that it names.

    The table that is there is not touched. When it is done, let MOORAGE_TABLE name the new one. It can be repeated
    when it was interrupted. docs/operations.md says what to do before and after.
    """
    if check and instant:
        raise click.UsageError("--check looks at what is there; leave out --to")
    if not check and not (instant and name):
        raise click.UsageError("give --to and --table, or --check")
    settings = read_settings(os.environ)
    table, objects = open_history(settings)
    if instant and name:
        _tell(operations.restore(table, objects, instant, name), "brought back", as_json=as_json)
    else:
        _tell(operations.check(table, objects, name or settings.table), "could be brought back", as_json=as_json)


def _tell(found: Found, fate: str, *, as_json: bool) -> None:
    """Print what was found; exit status 1 when not every object is there."""
    there = found.named - len(found.deleted) - len(found.missing)
    lines = [f"{found.named} objects named, {there} there, {len(found.deleted)} {fate}, {len(found.missing)} missing"]
    lines += [f"deleted, {fate}: {key}, named by {row}" for key, row in found.deleted.items()]
    lines += [f"missing: {key}, named by {row}" for key, row in found.missing.items()]
    document = {"named": found.named, "deleted": found.deleted, "missing": found.missing}
    tell("\n".join(lines), document, as_json=as_json)
    if found.missing or (found.deleted and fate != "brought back"):
        sys.exit(1)
