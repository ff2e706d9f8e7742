"""The whole product on one machine and one port, laid out by `template.yaml`."""

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO, cast

import boto3
import uvicorn
from starlette.applications import Starlette

from moorage.devserver.administrator import Administrator
from moorage.devserver.aws import CannotStart, running_aws
from moorage.devserver.front import BlobFront
from moorage.devserver.process import become, clear, published, stop_on_signals
from moorage.devserver.schedule import Schedule
from moorage.devserver.strict import REGION, Endpoints, make_credentials, running_strict
from moorage.devserver.template import Template, load_app
from moorage.relay import server as relay
from moorage.wiring import SettingInvalid, open_site, open_stores, read_settings

NAMES = {"Table": "moorage", "Bucket": "moorage-blobs"}
_STOP_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    host: str
    port: int
    state: Path
    template: Path
    strict: bool = False


def run(options: Options, environ: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM. Raises CannotStart."""
    stopping = stop_on_signals()
    with ExitStack() as stack:
        template, listener, terminal = stack.enter_context(starting(options))
        aws = stack.enter_context(_standing_in(options, environ))
        environment = _environment(template, environ, port_of(listener), aws)
        become(environment)
        app, administrator = _assemble(template, environment, aws, _kept(options) if options.strict else None)
        registry = f"localhost:{port_of(listener)}"
        files = administrator.files(options.state, registry, environment["AWS_REGION"])
        stack.enter_context(published(options.state, environment, files))
        stack.enter_context(Schedule(template.functions()))
        terminal.write(_welcome(administrator, registry, options))
        terminal.flush()
        if not stopping.is_set():
            server_of(app).run([listener])


@contextmanager
def starting(options: Options) -> Iterator[tuple[Template, socket.socket, TextIO]]:
    """Take port and folder; yield the template, the port's listener and the terminal. Raises CannotStart."""
    if not options.template.is_file():
        raise CannotStart(f"there is no {options.template}; start it in the folder that has one")
    template = Template.read(options.template)
    with _listen(options.host, options.port) as listener:
        clear(options.state)
        with _output_to(options.state / "server.log") as terminal:
            yield template, listener, terminal


@contextmanager
def _standing_in(options: Options, environ: Mapping[str, str]) -> Iterator[Endpoints]:
    """Run what stands in for AWS: moto, which forgets and forgives, or what does neither."""
    if options.strict:
        with running_strict(_kept(options), environ) as endpoints:
            yield endpoints
    else:
        with running_aws(options.state / "tmp", environ) as url:
            yield Endpoints(url, url, make_credentials(), REGION)


def _kept(options: Options) -> Path:
    return options.state / "aws"


def _assemble(
    template: Template, environment: Mapping[str, str], aws: Endpoints, kept: Path | None
) -> tuple[Starlette, Administrator]:
    """Make table, bucket, application and administrator; return the latter two."""
    table, bucket = environment["MOORAGE_TABLE"], environment["MOORAGE_BUCKET"]
    dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
    if table not in dynamodb.list_tables()["TableNames"]:
        template.create_table(dynamodb, table, without=())
    if bucket not in [found["Name"] for found in s3.list_buckets()["Buckets"]]:
        template.create_bucket(s3, bucket, without=aws.bucket_without)
    try:
        settings = read_settings(environment)
    except SettingInvalid as error:
        raise CannotStart(str(error)) from error
    stores = open_stores(settings)
    administrator = Administrator.make_or_read(stores, kept) if kept else Administrator.make(stores)
    sys.path.append(str(template.code))
    front = BlobFront(bucket, aws.s3, aws.credentials, aws.region)
    app = load_app(template, stores, open_site(settings, stores), [front.route()])
    return app, administrator


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started; clients who come early wait. Raises CannotStart."""
    try:
        return relay.listen(host, port)
    except relay.CannotListen as error:
        raise CannotStart(f"{error}; choose another: PORT={port + 1}") from error


def port_of(listener: socket.socket) -> int:
    """Return the port that was asked for, or chosen for 0."""
    return int(listener.getsockname()[1])


@contextmanager
def _output_to(path: Path) -> Iterator[TextIO]:
    """Send standard output and error to the log, as Lambda does with what functions write; yield the terminal.

    It is done beneath Python: a logger has taken hold of `sys.stdout` when it was imported.
    """
    streams = [cast("TextIOWrapper", stream) for stream in (sys.stdout, sys.stderr)]
    with ExitStack() as stack:
        terminal = stack.enter_context(os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8"))
        log = stack.enter_context(path.open("w", encoding="utf-8"))
        for stream in streams:
            stream.reconfigure(line_buffering=True)
            kept = os.dup(stream.fileno())
            stack.callback(os.close, kept)
            stack.callback(os.dup2, kept, stream.fileno())
            os.dup2(log.fileno(), stream.fileno())
            stack.callback(stream.flush)
        yield terminal


def _environment(template: Template, environ: Mapping[str, str], port: int, aws: Endpoints) -> dict[str, str]:
    """Return the functions' environment: the template's, as it is here; what the user has set wins, but for AWS."""
    hosts = ("localhost", "127.0.0.1", "[::1]", "host.docker.internal")
    return {
        **template.variables(NAMES),
        "MOORAGE_ORIGINS": " ".join(f"http://{host}:{port}" for host in hosts),
        "MOORAGE_BODY_LIMIT": "none",
        "MOORAGE_BLOB_FRONT": "host",
        **{name: value for name, value in environ.items() if name.startswith("MOORAGE_")},
        **aws.environment(),
    }


def _welcome(administrator: Administrator, registry: str, options: Options) -> str:
    state = options.state
    fate = f"stays in {_kept(options)}" if options.strict else "is gone"
    return f"""Moorage is ready on http://{registry}; what is stored {fate} when it stops (Ctrl-C).

{administrator.lines(state, registry)}
For scripts: {state / "credentials.json"}. For the command line: . {state / "env"}. Log: {state / "server.log"}.
"""


class WithoutQuery(logging.Filter):
    """Cuts the query off the paths of the access log: presigned URLs are secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass."""
        if isinstance(record.args, tuple) and len(record.args) == 5:  # client, method, path, version, status
            client, method, path, *rest = record.args
            record.args = (client, method, str(path).partition("?")[0], *rest)
        return True


def server_of(app: Starlette) -> uvicorn.Server:
    """Return a server of an application, which writes a line for each request and forgets presigned queries."""
    handler = {
        "class": "logging.StreamHandler",
        "stream": "ext://sys.stdout",
        "formatter": "line",
        "filters": ["without_query"],
    }
    logging_config = {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"without_query": {"()": WithoutQuery}},
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"log": handler},
        "loggers": {"uvicorn": {"handlers": ["log"], "level": "INFO", "propagate": False}},
    }
    return relay.make_server(app, stop_seconds=_STOP_SECONDS, log_config=logging_config)
