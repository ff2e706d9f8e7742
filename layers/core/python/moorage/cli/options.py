"""Options that several commands have."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from moorage.cli.files import FilePath, check_name
from moorage.cli.profiles import Profile

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--profile",
        "profile_name",
        default="DEFAULT",
        show_default=True,
        callback=check_name,
        help="Name of the profile.",
    ),
    click.option("--config-file", type=FilePath(), help="Add the profile to this file, such as ~/.oci/config."),
    click.option("--key-file", type=FilePath(), help="Write the private key to this file, not yet there."),
)


def with_profile(command: F) -> F:
    """Give a command the options that say where a profile goes."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_profile(profile_name: str, config_file: Path | None, key_file: Path | None) -> Profile:
    """Return where a profile goes, if it can. Raises ClickException."""
    profile = Profile(profile_name, config_file, key_file)
    profile.check()
    return profile
