"""The gateway as an HTTP server, over a table and a bucket of its own."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from tests.gateway.gateway import Gateway, functions_of
from tests.gateway.quirks import Quirks

from moorage.devserver.template import Template
from moorage.operations.directory.bootstrap import bootstrap
from moorage.stores.base import Stores
from moorage.wiring import open_site, open_stores, read_settings

ROOT = Path(__file__).parents[2]
START_SECONDS = 10


@dataclass(frozen=True)
class Certificate:
    """Files that uvicorn serves https with."""

    chain: Path
    key: Path


class Deployment:
    """What a deployer would have made: a table, a bucket, an administrator; each gateway is a front of the same."""

    def __init__(self, dynamodb: Any, s3: Any, environment: Mapping[str, str], name: str = "deployed") -> None:
        self._template = Template.read(ROOT / "template.yaml")
        self._environment = {**self._template.variables({"Table": name, "Bucket": f"{name}-blobs"}), **environment}
        self._template.create_table(dynamodb, name)
        self._template.create_bucket(s3, f"{name}-blobs")
        self.namespace = self._environment["MOORAGE_NAMESPACE"]
        self.made = bootstrap(self._open("http://localhost")[0], "administrator")
        self.username, self.password = f"{self.namespace}/{self.made.user.name}", self.made.auth_token_text

    @contextmanager
    def behind(
        self, quirks: Quirks, port: int = 0, certificate: Certificate | None = None, **settings: str
    ) -> Iterator[str]:
        """Serve it behind a gateway and yield the URL."""
        # The protocol is named, or asyncio leaves Nagle's delay on.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen()
            origin = f"{'https' if certificate else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
            stores, site = self._open(origin, **settings)
            app = Gateway(self._template, functions_of(self._template, stores, site), origin, quirks)
            with _serving(app, listener, certificate):
                try:
                    yield origin
                finally:
                    app.close()

    def write_profile(self, folder: Path) -> Path:
        """Write the administrator's profile of `oci`, and the key that it names; return where it is."""
        key, config = folder / "key.pem", folder / "config"
        key.write_text(self.made.private_key_pem, encoding="utf-8")
        profile = {
            "user": self.made.user.id,
            "fingerprint": self.made.api_key_fingerprint,
            "tenancy": self.made.tenancy_id,
            "region": "eu-central-1",
            "key_file": str(key),
        }
        lines = ["[DEFAULT]", *(f"{name}={value}" for name, value in profile.items()), ""]
        config.write_text("\n".join(lines), encoding="utf-8")
        return config

    def stores(self) -> Stores:
        """Open what is stored, for a look."""
        return self._open("http://localhost")[0]

    def _open(self, origin: str, **settings: str) -> tuple[Stores, Any]:
        read = read_settings({**self._environment, "MOORAGE_ORIGINS": origin, **settings})
        stores = open_stores(read)
        return stores, open_site(read, stores)


@contextmanager
def _serving(app: Any, listener: socket.socket, certificate: Certificate | None) -> Iterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",
            lifespan="off",
            log_level="warning",
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate and certificate.chain,
            ssl_keyfile=certificate and certificate.key,
        )
    )
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the gateway does not start"
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
