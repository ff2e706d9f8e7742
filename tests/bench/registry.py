"""The registry under measurement: every function of `template.yaml`, with its settings, under uvicorn."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError
from tests.bench.backend import REGION
from tests.bench.client import Client, Login

from moorage.devserver.template import Template, load_app
from moorage.operations.directory.bootstrap import Bootstrapped, bootstrap
from moorage.relay.server import listen, make_server
from moorage.stores.base import Stores
from moorage.web.site import Site
from moorage.web.watch import logger
from moorage.wiring import open_site, open_stores, read_settings

ROOT = Path(__file__).parents[2]
NAMESPACE = "bench"
TABLE = "moorage"
BUCKET = "moorage-blobs"
SERVER = "registry under measurement"  # the thread's name

_START_SECONDS = 30

sys.path.append(str(ROOT / "functions"))  # packages of functions are found by name, as on Lambda


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry."""

    address: str
    login: Login
    stores: Stores
    made: Bootstrapped

    @contextmanager
    def client(self, *scopes: str) -> Iterator[Client]:
        """Open a client that has its token."""
        client = Client(self.address, self.login)
        try:
            client.authorize(*scopes)
            yield client
        finally:
            client.close()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A registry that does not serve yet: table, bucket and administrator are there."""

    template: Template
    stores: Stores
    site: Site
    login: Login
    made: Bootstrapped


def environment_of(template: Template, endpoint: str, address: str) -> dict[str, str]:
    """Return what the template gives every function."""
    return {
        **template.variables({"Table": TABLE, "Bucket": BUCKET}),
        "MOORAGE_NAMESPACE": NAMESPACE,
        "MOORAGE_ORIGINS": f"http://{address}",
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
    }


def prepare(endpoint: str, address: str) -> Prepared:
    """Make table, bucket and administrator: bodies of 4 MiB, presigned URLs of the bucket itself."""
    template = Template.read(ROOT / "template.yaml")
    settings = read_settings(environment_of(template, endpoint, address))
    template.create_table(boto3.client("dynamodb", endpoint_url=endpoint), TABLE)
    with _tolerating_less():
        template.create_bucket(boto3.client("s3", endpoint_url=endpoint), BUCKET)
    stores = open_stores(settings)
    made = bootstrap(stores, "admin")
    login = Login(f"{NAMESPACE}/{made.user.name}", made.auth_token_text)
    return Prepared(template, stores, open_site(settings, stores), login, made)


@contextmanager
def running_registry(endpoint: str) -> Iterator[Registry]:
    """Serve all that the template routes."""
    with listen("127.0.0.1", 0) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        prepared = prepare(endpoint, address)
        logger.setLevel("ERROR")
        with serving(load_app(prepared.template, prepared.stores, prepared.site), listener):
            yield Registry(address, prepared.login, prepared.stores, prepared.made)


@contextmanager
def serving(app: Any, listener: socket.socket) -> Iterator[None]:
    """Serve an ASGI application in a thread, as the relay and the local server do."""
    server = make_server(app, stop_seconds=3, log_config=None)
    thread = threading.Thread(target=server.run, args=([listener],), name=SERVER, daemon=True)
    thread.start()
    end = time.monotonic() + _START_SECONDS
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def _tolerating_less() -> Iterator[None]:
    """Let a stand-in go without what it does not know: access blocks and lifecycles change nothing that is measured."""
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotImplemented":
            raise
