"""How commands get at storage, and how they print."""

import json
import os
from typing import cast

import click

from moorage.stores.base import Stores
from moorage.wiring import open_stores, read_settings

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def open_registry(context: click.Context) -> Stores:
    """Return the stores that the environment names, or that the caller brought."""
    root = context.find_root()
    if root.obj is None:
        root.obj = open_stores(read_settings(os.environ))
    return cast("Stores", root.obj)


def tell(text: str, document: object, *, as_json: bool) -> None:
    """Print the text for people, or the document for scripts."""
    click.echo(json.dumps(document) if as_json else text)


def table(rows: list[tuple[str, ...]]) -> str:
    """Align columns; the first row is their heads."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
