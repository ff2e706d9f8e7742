"""The whole product on one machine and one port, laid out by `template.yaml`."""

import json
import logging
import os
import secrets
import shlex
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TextIO, cast

import boto3
import uvicorn
from starlette.applications import Starlette

from moorage.devserver.aws import CannotStart, running_aws
from moorage.devserver.front import BlobFront
from moorage.devserver.schedule import Schedule
from moorage.devserver.template import Template, load_app
from moorage.operations.identity import bootstrap
from moorage.stores.presign import Credentials
from moorage.wiring import SettingInvalid, open_site, open_stores, read_settings

ADMINISTRATOR = "admin"

_REGION = "eu-central-1"
_NAMES = {"Table": "moorage", "Bucket": "moorage-blobs"}
_PUBLISHED = ("env", "credentials.json")  # in this order: scripts wait for the last
_KEEP_ALIVE_SECONDS = 75
_STOP_SECONDS = 3
_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    host: str
    port: int
    state: Path
    template: Path


def run(options: Options, environ: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM. Raises CannotStart."""
    stopping = _stop_on_signals()
    if not options.template.is_file():
        raise CannotStart(f"there is no {options.template}; start it in the folder that has one")
    template = Template.read(options.template)
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(options.host, options.port))
        _clear(options.state)
        terminal = stack.enter_context(_output_to(options.state / "server.log"))
        endpoint = stack.enter_context(running_aws(options.state / "tmp", environ))
        environment = _environment(template, environ, _port(listener), endpoint)
        _become(environment)
        app, login = _assemble(template, environment, _port(listener))
        stack.enter_context(_published(options.state, login, environment))
        stack.enter_context(Schedule(template.functions()))
        terminal.write(_welcome(login, options.state))
        terminal.flush()
        if not stopping.is_set():
            _server(app).run([listener])


def _assemble(template: Template, environment: Mapping[str, str], port: int) -> tuple[Starlette, dict[str, str]]:
    """Make table, bucket, administrator and application; return the latter, and how to log in."""
    bucket = environment["MOORAGE_BUCKET"]
    template.create_table(boto3.client("dynamodb"), environment["MOORAGE_TABLE"])
    template.create_bucket(boto3.client("s3"), bucket)
    try:
        settings = read_settings(environment)
    except SettingInvalid as error:
        raise CannotStart(str(error)) from error
    stores = open_stores(settings)
    password = bootstrap(stores, ADMINISTRATOR)
    sys.path.append(str(template.code))
    credentials = Credentials(environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"])
    front = BlobFront(bucket, environment["AWS_ENDPOINT_URL"], credentials, environment["AWS_REGION"])
    app = load_app(template, stores, open_site(settings, stores), [front.route()])
    namespace = settings.limits.namespace
    login = {
        "registry": f"localhost:{port}",
        "namespace": namespace,
        "username": f"{namespace}/{password.user.name}",
        "password": password.text,
    }
    return app, login


def _stop_on_signals() -> threading.Event:
    """End the process in good order, whatever it is doing, and say so: an exit raised in a finalizer is swallowed."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        sys.exit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else is started; clients who come early wait. Raises CannotStart."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(
        family, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # named, or asyncio leaves Nagle's delay on
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotStart(
            f"cannot listen on {host} port {port}: {_reason(error)}; choose another: make dev PORT={port + 1}"
        ) from error
    return listener


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)


def _port(listener: socket.socket) -> int:
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


def _environment(template: Template, environ: Mapping[str, str], port: int, endpoint: str) -> dict[str, str]:
    """Return the functions' environment: the template's, as it is here; what the user has set wins, but for AWS."""
    hosts = ("localhost", "127.0.0.1", "[::1]", "host.docker.internal")
    return {
        **template.variables(_NAMES),
        "MOORAGE_ORIGINS": " ".join(f"http://{host}:{port}" for host in hosts),
        "MOORAGE_BODY_LIMIT": "none",
        "MOORAGE_BLOB_FRONT": "host",
        **{name: value for name, value in environ.items() if name.startswith("MOORAGE_")},
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": _REGION,
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": f"LOCAL{secrets.token_hex(8).upper()}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _become(environment: Mapping[str, str]) -> None:
    """Make it this process's environment, with nothing left of the user's own AWS account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(environment)


def _clear(state: Path) -> None:
    """Make the folder, without what a server that was killed has left."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _PUBLISHED:
        (state / name).unlink(missing_ok=True)


@contextmanager
def _published(state: Path, login: Mapping[str, str], environment: Mapping[str, str]) -> Iterator[None]:
    """Write files that only the owner reads, each at once as a whole; they are true only while the server runs."""
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())]
    for name, text in zip(_PUBLISHED, ("".join(exports), json.dumps(login, indent=2) + "\n"), strict=True):
        with tempfile.NamedTemporaryFile("w", dir=state, delete=False, encoding="utf-8") as file:  # made with mode 600
            file.write(text)
        Path(file.name).replace(state / name)
    try:
        yield
    finally:
        _clear(state)


def _welcome(login: Mapping[str, str], state: Path) -> str:
    image = f"{login['registry']}/{login['namespace']}/hello:1"
    return f"""Moorage is ready on http://{login["registry"]}; what is stored is gone when it stops (Ctrl-C).

  user      {login["username"]}
  password  {login["password"]}

  echo {login["password"]} | docker login {login["registry"]} --username {login["username"]} --password-stdin
  docker pull hello-world
  docker tag hello-world {image}
  docker push {image}
  docker pull {image}

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


def _server(app: Starlette) -> uvicorn.Server:
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
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            lifespan="off",
            log_config=logging_config,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
    )
