"""The registry under measurement: every function of `template.yaml`, with its settings, under uvicorn."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import uvicorn
from tests.bench.backend import REGION
from tests.bench.client import Client, Login

from moorage.devserver.template import Template, load_app
from moorage.operations.identity import bootstrap
from moorage.stores.base import Stores
from moorage.web.watch import logger
from moorage.wiring import open_site, open_stores, read_settings

ROOT = Path(__file__).parents[2]
NAMESPACE = "bench"
TABLE = "moorage"
BUCKET = "moorage-blobs"

_START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Registry:
    """A running registry."""

    address: str
    login: Login
    stores: Stores

    @contextmanager
    def client(self, *scopes: str) -> Iterator[Client]:
        """Open a client that has its token."""
        client = Client(self.address, self.login)
        try:
            client.authorize(*scopes)
            yield client
        finally:
            client.close()


@contextmanager
def running_registry(endpoint: str) -> Iterator[Registry]:
    """Make table, bucket and administrator, and serve: bodies of 4 MiB, presigned URLs of the bucket itself."""
    template = Template.read(ROOT / "template.yaml")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        settings = read_settings(
            {
                **template.variables({"Table": TABLE, "Bucket": BUCKET}),
                "MOORAGE_NAMESPACE": NAMESPACE,
                "MOORAGE_ORIGINS": f"http://{address}",
                "AWS_REGION": REGION,
                "AWS_ENDPOINT_URL": endpoint,
            }
        )
        template.create_table(boto3.client("dynamodb", endpoint_url=endpoint), TABLE)
        template.create_bucket(boto3.client("s3", endpoint_url=endpoint), BUCKET)
        stores = open_stores(settings)
        password = bootstrap(stores, "admin")
        sys.path.append(str(template.code))
        logger.setLevel("ERROR")
        app = load_app(template, stores, open_site(settings, stores))
        login = Login(f"{NAMESPACE}/{password.user.name}", password.text)
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_level="error", timeout_graceful_shutdown=3))
        with _serving(server, listener):
            yield Registry(address, login, stores)


@contextmanager
def _serving(server: uvicorn.Server, listener: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    end = time.monotonic() + _START_SECONDS
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
