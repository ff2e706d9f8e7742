"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from moorage.cli.profiles import Profile

F = TypeVar("F", bound=Callable[..., Any])

_FILE = click.Path(dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option("--profile", "profile_name", default="DEFAULT", show_default=True, help="Name of the profile."),
    click.option("--config-file", type=_FILE, help="Add the profile to this file, such as ~/.oci/config."),
    click.option("--key-file", type=_FILE, help="Write the private key to this file, which must not be there yet."),
)


def with_profile(command: F) -> F:
    """Give a command the options that say where a profile goes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_profile(profile_name: str, config_file: Path | None, key_file: Path | None) -> Profile:
    """Return where a profile goes, if it can. Raises ClickException."""
    profile = Profile(profile_name, *(file.expanduser() if file else None for file in (config_file, key_file)))
    profile.check()
    return profile
