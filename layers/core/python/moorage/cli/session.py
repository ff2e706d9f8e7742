"""`moorage session`."""

import os
import re
import shlex
from datetime import timedelta
from pathlib import Path

import click

from moorage.cli.files import FilePath, check_name, make_way, naming, read_config
from moorage.cli.output import as_json, open_registry, tell
from moorage.domain.ocid import tenancy_ocid
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.operations.directory.credentials import read_api_key
from moorage.operations.session import SESSION_LIFE, Session, begin_session
from moorage.stores.base import Stores
from moorage.web.cloud.sessions import write_jwk, write_pem
from moorage.web.tokens import issue_session

_HOURS = int(SESSION_LIFE.total_seconds()) // 3600
_CONFIG = "~/.oci/config"
_CONFIG_VARIABLE = "OCI_CLI_CONFIG_FILE"  # of `oci`


@click.group()
def session() -> None:
    """Begin sessions, which sign requests of `oci` and the SDKs for some hours."""


@session.command("create")
@click.argument("user", required=False)
@click.option("--role", help="ARN of a role, for a machine: dynamic groups say which machines may do what.")
@click.option("--hours", type=click.IntRange(1, _HOURS), default=1, show_default=True, help="How long it lasts.")
@click.option(
    "--profile",
    default="moorage-session",
    show_default=True,
    callback=check_name,
    help="Name of the profile for `oci`.",
)
@click.option(
    "--config-file",
    type=FilePath(),
    envvar=_CONFIG_VARIABLE,
    show_envvar=True,
    default=_CONFIG,
    show_default=True,
    help="Where it goes.",
)
@click.option("--region", envvar="AWS_REGION", default="", help="Region in the profile; AWS_REGION if left out.")
@as_json
@click.pass_context
def create(
    context: click.Context,
    user: str | None,
    role: str | None,
    hours: int,
    profile: str,
    config_file: Path,
    region: str,
    *,
    as_json: bool,
) -> None:
    """Begin a session of USER, or of a machine with --role, and write a profile for `oci --auth security_token`.

    Key and token go into files beside the configuration that nobody else can read. A session ends by itself; to end it
    before, `moorage revoke`.
    """
    if bool(user) is bool(role):
        raise click.UsageError("give a user or --role")
    _check_profile(config_file, profile)
    stores = open_registry(context)
    made = begin_session(stores, user=user, role=role)
    life = timedelta(hours=hours)
    make_way(config_file)
    files = _write_files(config_file.parent / "sessions" / profile, made, _token(stores, made, life))
    fields = {
        "fingerprint": read_api_key(write_pem(made.public_key), made.now).fingerprint,
        "tenancy": tenancy_ocid(stores.limits.namespace),
        "region": region or "local",
        "key_file": str(files[0]),
        "security_token_file": str(files[1]),
    }
    _write_profile(config_file, profile, fields)
    ends = (made.now + life).isoformat(timespec="seconds")
    text = f"{made.principal.name} until {ends}:\n  oci os ns get {_options(config_file, profile)}"
    tell(text, {"profile": profile, "config_file": str(config_file), "time_expires": ends, **fields}, as_json=as_json)


def _token(stores: Stores, made: Session, life: timedelta) -> str:
    return issue_session(
        made.principal,
        write_jwk(made.public_key),
        made.signing_key,
        tenancy_id=tenancy_ocid(stores.limits.namespace),
        token_id=make_ulid(made.now, stores.entropy(ENTROPY_BYTES)),
        now=made.now,
        life=life,
    )


def _options(config_file: Path, profile: str) -> str:
    """Return what makes `oci` use the profile, behind a command: before it, a profile can be taken for a service."""
    usual = config_file == Path(_CONFIG).expanduser().absolute() and not os.environ.get(_CONFIG_VARIABLE)
    elsewhere = "" if usual else f"--config-file {shlex.quote(str(config_file))} "
    origin = (os.environ.get("MOORAGE_ORIGINS") or "...").split()[0]
    return f"{elsewhere}--profile {profile} --auth security_token --endpoint {origin}"


def _write_files(folder: Path, made: Session, token: str) -> tuple[Path, Path]:
    """Write key and token, for the owner's eyes alone."""
    key_file, token_file = folder / "key.pem", folder / "token"
    for file, text in ((key_file, made.private_key_pem), (token_file, token)):
        make_way(file)
        _write(file, text)
    return key_file, token_file


def _check_profile(config_file: Path, profile: str) -> None:
    """Refuse to replace a profile that is not of a session."""
    section = _section(config_file, profile)
    if section and "security_token_file" not in section[0]:
        raise click.BadParameter(f"{config_file} has a profile {profile} that is no session's", param_hint="--profile")


def _write_profile(config_file: Path, profile: str, fields: dict[str, str]) -> None:
    """Put the profile into the file, in the place of an older session's; nothing else changes."""
    text = read_config(config_file)
    section = "\n".join([f"[{profile}]", *(f"{name}={value}" for name, value in fields.items()), ""])
    if found := _section(config_file, profile):
        text = text.replace(found[0], section)
    else:
        text = f"{text.rstrip()}\n\n{section}".lstrip()
    _write(config_file, text)


def _write(file: Path, text: str) -> None:
    with naming(file):
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")


def _section(config_file: Path, profile: str) -> re.Match[str] | None:
    text = read_config(config_file)
    return re.search(rf"^\[{re.escape(profile)}\][^\n]*\n?(?:(?!\[)[^\n]*\n?)*", text, re.MULTILINE)
