"""Functions as `sam build` packs them, run by the runtime's Python beside a stand-in for DynamoDB and S3."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.bench.backend import KEYS, running_backend
from tests.bench.client import Client
from tests.bench.images import make_image, make_layer
from tests.bench.registry import NAMESPACE, ROOT, environment_of, prepare, serving
from tests.cloud.signing import signed, unsigned

from moorage.devserver.template import load_app
from moorage.operations.directory.bootstrap import Bootstrapped
from moorage.relay.server import listen
from moorage.web.watch import logger

PYTHON = ROOT / ".tools" / "python3.13"
PROCESS = Path(__file__).with_name("lambda_process.py")
PACKAGES = {
    "v2_pull": "V2Pull",
    "v2_push": "V2Push",
    "tokens": "Tokens",
    "artifacts": "Artifacts",
    "identity": "Identity",
    "authorizer": "Authorizer",
    "sweeping": "Sweeping",
}
REPOSITORY = f"{NAMESPACE}/app"

_SECONDS = 180

Event = dict[str, Any]


class CannotBuild(Exception):
    """There is no Python 3.13, or the build failed."""


@dataclass(frozen=True, slots=True)
class Packaged:
    """Packages for this machine, the environment of functions, and a registry with one image."""

    folder: Path
    environment: Mapping[str, str]
    address: str
    token: str
    manifest: str  # digest
    layer: str  # digest
    made: Bootstrapped

    def event(self, method: str, path: str, query: Mapping[str, str] | None = None, *, token: bool = True) -> Event:
        """Return what API Gateway sends a function for a request."""
        event: Event = deepcopy(json.loads((ROOT / "events" / "rest_challenge.json").read_text(encoding="utf-8")))
        event |= {"httpMethod": method, "path": path, "methodArn": "arn:aws:execute-api:eu-central-1:1:a/live/GET/v2/"}
        headers = {"Host": self.address, **({"Authorization": self.token} if token else {})}
        event["headers"] |= headers
        event["multiValueHeaders"] |= {name: [value] for name, value in headers.items()}
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = query and {name: [value] for name, value in query.items()}
        return event

    def signed_event(self, path: str, query: str = "") -> Event:
        """Return what API Gateway sends a function of the cloud plane for a GET that the administrator signs."""
        event: Event = json.loads((ROOT / "events" / "http_users.json").read_text(encoding="utf-8"))
        key = load_pem_private_key(self.made.private_key_pem.encode(), None)
        key_id = f"{self.made.tenancy_id}/{self.made.user.id}/{self.made.api_key_fingerprint}"
        target = f"{path}?{query}" if query else path
        request = signed(unsigned("GET", target, self.address, datetime.now(UTC)), key_id, key)
        event["requestContext"]["http"] |= {"method": "GET", "path": path}
        return event | {"rawPath": path, "rawQueryString": query, "headers": dict(request.headers)}

    def run(self, package: str, first: Event, warm: Mapping[str, Event] | None = None, *options: str) -> Any:
        """Start a function, and return what `lambda_process.py` says; the text of its errors with `options`."""
        command = [str(PYTHON), "-I", "-S", *options, str(PROCESS), str(self.folder / package), package]
        done = subprocess.run(
            command,
            env=dict(self.environment),
            input=json.dumps({"first": first, "warm": warm or {}}),
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
        return done.stderr if options else json.loads(done.stdout.splitlines()[-1])


@contextmanager
def packaged(*packages: str) -> Iterator[Packaged]:
    """Build packages, push an image, and keep the stand-in while functions are measured. Raises CannotBuild."""
    with tempfile.TemporaryDirectory() as name, running_backend() as endpoint, listen("127.0.0.1", 0) as listener:
        folder = Path(name)
        _build(folder, packages)
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        prepared = prepare(endpoint, address)
        logger.setLevel("ERROR")
        image = make_image(make_layer("packaged", 20_000), seed="packaged")
        with serving(load_app(prepared.template, prepared.stores, prepared.site), listener):
            client = Client(address, prepared.login)
            client.authorize(f"repository:{REPOSITORY}:pull,push")
            client.push(REPOSITORY, "latest", image, chunked=False)
            token = client.bearer
            client.close()
            yield Packaged(
                folder=folder,
                environment={**environment_of(prepared.template, endpoint, address), **KEYS},
                address=address,
                token=token,
                manifest=image.manifest.digest,
                layer=image.layers[0].digest,
                made=prepared.made,
            )


def _build(folder: Path, packages: Sequence[str]) -> None:
    for package in packages:
        command = ["make", "--makefile", str(ROOT / "functions" / "Makefile"), f"build-{PACKAGES[package]}"]
        environment = {**os.environ, "ARCHITECTURE": "x86_64", "ARTIFACTS_DIR": str(folder / package)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_SECONDS)
        if done.returncode:
            raise CannotBuild(done.stderr.strip()[-500:])
