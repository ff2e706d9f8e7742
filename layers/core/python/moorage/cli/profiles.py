"""A profile for `oci`: who signs, and with which key. Printed, or written to the files that `oci` reads."""

import os
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

import click

from moorage.cli.files import make_way, naming, read_config
from moorage.operations.directory.credentials import KeyPair
from moorage.stores.base import Stores

KEY_FILE = "~/.oci/moorage.pem"  # where a profile expects a key that is printed


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the two halves go: a profile of a configuration, and a file with the private key; or to the screen."""

    name: str
    config_file: Path | None
    key_file: Path | None

    def check(self) -> None:
        """Make folders, and refuse what could not be written, before anything else is made. Raises ClickException."""
        if self.config_file and not self.key_file:
            raise click.UsageError("--config-file needs --key-file: the profile names it")
        for file in filter(None, (self.config_file, self.key_file)):
            make_way(file)
        if self.key_file and self.key_file.exists():
            raise click.ClickException(f"{self.key_file} is there already")
        if self.config_file and self.name in _profiles(self.config_file):
            raise click.ClickException(f"{self.config_file} has a profile {self.name} already")

    def save(self, text: str, private_key: str) -> None:
        """Write what has a file to go to; only its owner can read it."""
        if self.key_file:
            _append(self.key_file, private_key)
        if self.config_file:
            _append(self.config_file, ("\n" if read_config(self.config_file) else "") + text)

    def text(self, stores: Stores, user_id: str, fingerprint: str) -> str:
        """Return the profile, as a configuration has it."""
        lines = {
            "user": user_id,
            "fingerprint": fingerprint,
            "tenancy": stores.directory.tenancy().id,
            "region": os.environ.get("AWS_REGION", "local"),
            "key_file": str(self.key_file or KEY_FILE),
        }
        return "".join([f"[{self.name}]\n", *(f"{name}={value}\n" for name, value in lines.items())])


def tell_pair(profile: Profile, text: str, pair: KeyPair) -> str:
    """Return what people read of a new key, after what has a file was written."""
    lines = [f"profile {profile.name} written to {profile.config_file}" if profile.config_file else text.rstrip()]
    if profile.key_file:
        lines.append(f"private key written to {profile.key_file}")
    else:
        lines += [f"The private key, for {KEY_FILE}; it is not shown again:", pair.private_key_pem.rstrip()]
    return "\n".join(lines)


def _profiles(config_file: Path) -> set[str]:
    """Return the profiles of a configuration. Raises ClickException for what is none."""
    parser = ConfigParser(interpolation=None, default_section="\0")
    text = read_config(config_file)
    with naming(config_file):
        parser.read_string(text)
    return set(parser.sections())


def _append(file: Path, text: str) -> None:
    with naming(file):
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as output:
            output.write(text)
