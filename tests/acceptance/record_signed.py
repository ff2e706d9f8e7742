"""`python -m tests.acceptance.record_signed`: records what the SDKs send and sign, into tests/cloud/recorded/.

Each runs the core list through a proxy that keeps every request as it came over the wire. What tests/cloud replays is
a choice of them: of each kind of request the first.
"""

import base64
import http.client
import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from .product import Product, free_port, running_product
from .shell import ROOT, Shell
from .test_sdk import prefix_of, push_image, run_core_list

FOLDER = ROOT / "tests" / "cloud" / "recorded"
VERSIONS = {"typescript": "2.139.1", "go": "65.129.0", "java": "3.47.0"}
MOST = 14

_ID = re.compile(r"ocid1\.[^/?&]+|[0-9a-f]{2}(?:(?:%3A|:)[0-9a-f]{2}){15}")


class Recorder(ThreadingHTTPServer):
    """Keeps requests, and passes them on with the Host that they were signed for."""

    def __init__(self, port: int, behind: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.behind = behind
        self.recorded: list[dict[str, Any]] = []


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    server: Recorder
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Keep the request, and answer as the registry does."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = list(self.headers.items())
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.server.recorded.append(
            {
                "time": now,
                "method": self.command,
                "target": self.path,
                "headers": [[name.lower(), value] for name, value in headers],
                "body": base64.b64encode(body).decode(),
            }
        )
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        behind.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            behind.putheader(name, value)
        behind.endheaders(body or None)
        answer = behind.getresponse()
        content = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "content-length"}:
                self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        behind.close()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def recording(product: Product, port: int) -> Iterator[Recorder]:
    """Stand before the registry."""
    recorder = Recorder(port, product.port)
    Thread(target=recorder.serve_forever, daemon=True).start()
    try:
        yield recorder
    finally:
        recorder.shutdown()
        recorder.server_close()


def chosen(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first of each kind, and those with odd queries before others."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for request in requests:
        path, _, query = request["target"].partition("?")
        names = ",".join(sorted(part.partition("=")[0] for part in query.split("&")))
        first.setdefault((request["method"], f"{_ID.sub('ID', path)}?{names}"), request)
    found = list(first.values())
    odd = [request for request in found if "%" in request["target"] or "*" in request["target"]]
    by_method = {request["method"]: request for request in found}
    order = [*odd, *by_method.values(), *found]
    unique = {id(request): request for request in order}
    return sorted(list(unique.values())[:MOST], key=requests.index)


def main() -> None:
    """Record every SDK."""
    with tempfile.TemporaryDirectory(prefix="signed-") as name:
        folder, port = Path(name), free_port()
        origins = f"http://localhost:{port} http://127.0.0.1:{port}"
        with running_product(folder, MOORAGE_ORIGINS=origins) as product, recording(product, port) as recorder:
            lines = Path(product.credentials["oci_config_file"]).read_text().splitlines()
            fields = dict(re.split(r"\s*=\s*", line, maxsplit=1) for line in lines if "=" in line)
            private = load_pem_private_key(Path(fields["key_file"]).read_bytes(), None)
            public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
            for language, version in VERSIONS.items():
                login = product.administrator
                repository = f"{product.namespace}/{prefix_of(language)}/app"
                shell = Shell(folder / f"crane-{language}")
                push_image(shell, product.registry, login.username, login.password, repository)
                recorder.recorded.clear()
                endpoint = f"http://localhost:{port}"
                run_core_list(language, endpoint, product.credentials, product.namespace, folder / language)
                document = {
                    "client": language,
                    "version": version,
                    "public_key": public,
                    "token": None,
                    "requests": chosen(recorder.recorded),
                }
                file = FOLDER / f"{language}.json"
                file.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
