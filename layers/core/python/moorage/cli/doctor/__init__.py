"""`moorage doctor`: what a deployment does to a client, checked from the client's side alone."""

import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click

from moorage.cli.doctor import cloud, data, front
from moorage.cli.doctor.checks import run
from moorage.cli.doctor.client import Client, Unanswered, Untrusted
from moorage.cli.doctor.findings import Report
from moorage.cli.doctor.signer import Profile, ProfileInvalid
from moorage.cli.doctor.visit import Login, Visit
from moorage.cli.output import as_json, tell
from moorage.domain.errors import NameInvalid
from moorage.domain.names import parse_name

_URL = re.compile(r"https?://[^/?#@\s]+/?")


@click.command()
@click.argument("url", metavar="URL")
@click.option("--username", envvar="MOORAGE_USERNAME", required=True, help="<namespace>/<user>, as for docker login.")
@click.option("--password", envvar="MOORAGE_PASSWORD", help="An auth token; better from the variable, or from stdin.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--repository", help="Where to push to.  [default: <namespace>/doctor]")
@click.option("--oci-config", type=click.Path(path_type=Path), help="A file like ~/.oci/config: tries signed requests.")
@click.option("--oci-profile", help="The profile of that file.  [default: DEFAULT]")
@click.option("--timeout", default=40.0, show_default=True, help="Seconds to wait for an answer.")
@as_json
@click.pass_context
def doctor(
    context: click.Context,
    url: str,
    username: str,
    password: str | None,
    repository: str | None,
    oci_config: Path | None,
    oci_profile: str | None,
    timeout: float,
    *,
    password_stdin: bool,
    as_json: bool,
) -> None:
    """Log in, push, pull, and say what is wrong with a deployment and which setting to change.

    URL is https://<host>[:<port>]. What is pushed is deleted again. Exit code: 0 all is well, 1 a check failed, 2 the
    checks could not be made.
    """
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.UsageError("a password is needed: MOORAGE_PASSWORD, --password-stdin or --password")
    if oci_profile and not oci_config:
        raise click.UsageError("--oci-profile needs --oci-config: the file that has it")
    if not _URL.fullmatch(url):
        raise click.BadParameter("it is https://<host>[:<port>], without a path", param_hint="URL")
    repository = repository or f"{username.partition('/')[0]}/doctor"
    try:
        parse_name(repository)
    except NameInvalid as error:
        raise click.BadParameter(error.message, param_hint="--repository") from error
    try:
        profile = Profile.read(oci_config, oci_profile or "DEFAULT") if oci_config else None
    except ProfileInvalid as error:
        raise click.BadParameter(str(error), param_hint="--oci-config") from error
    parts = urlsplit(url)
    client = Client(f"{parts.scheme}://{parts.netloc.lower()}", timeout)
    report = examine(Visit(client, Login(username, password), repository, profile))
    tell(report.text(), report.document(), as_json=as_json)
    context.exit(report.exit_code)


def examine(visit: Visit) -> Report:
    """Make all checks of one visit, and leave as little as possible behind."""
    report = Report(visit.client.origin, visit.repository)
    try:
        visit.client.send("GET", "/v2/")
    except Untrusted:
        pass  # the first check tells
    except Unanswered as error:
        report.stopped = str(error)
        return report
    run(front.BEFORE, visit, report)
    if not report.stopped:
        try:
            signed = cloud.SIGNED if visit.profile else ()
            run((*data.CHECKS, *front.AFTER, *cloud.UNSIGNED, *signed), visit, report)
        finally:
            data.clean_up(visit, report)
    return report
