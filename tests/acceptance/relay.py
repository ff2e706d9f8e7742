"""The relay's image, built here, and containers of it on the strict stand-ins."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3

from moorage.devserver.strict import Endpoints, running_strict
from moorage.devserver.template import Template

from .product import PYTHONPATH, Login, free_port
from .shell import ROOT, TOOLS, Shell, inherited_environment

BASE = "relay-base"
IMAGE = "moorage-relay"
PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST")  # what pip's own configuration may say of an index

_NAMES = {"Table": "moorage", "Bucket": "moorage-blobs"}
_START_SECONDS = 60


@dataclass(frozen=True)
class Relay:
    """A container of the relay."""

    docker: Shell
    name: str
    port: int
    login: Login

    @property
    def registry(self) -> str:
        return f"127.0.0.1:{self.port}"

    def inspect(self, path: str) -> str:
        """Return what the engine knows of it."""
        return self.docker.output("docker", "inspect", "--format", f"{{{{{path}}}}}", self.name)

    def log(self) -> list[dict[str, object]]:
        """Return its log: every line of it is JSON."""
        lines = self.docker.run("docker", "logs", self.name).stdout.splitlines()
        return [json.loads(line) for line in lines]


def build_image(docker: Shell, folder: Path) -> None:
    """Build the image on the stand-in of its base, with the index and the certificates that pip has here."""
    docker.run("docker", "import", TOOLS / "images" / "python3.13-root.tar", BASE)
    (folder / "pip.conf").write_text(_pip_configuration())
    secrets = [f"--secret=id=pip.conf,src={folder / 'pip.conf'}"]
    if certificates := os.environ.get("PIP_CERT"):
        secrets.append(f"--secret=id=ca.crt,src={certificates}")
    proxies = [f"--build-arg={name}" for name in os.environ if name.lower().endswith("_proxy")]
    docker.environment.update({name: os.environ[name] for name in os.environ if name.lower().endswith("_proxy")})
    docker.run(
        *("docker", "buildx", "build", "--load", "--network=host", f"--build-arg=BASE={BASE}", *secrets, *proxies),
        *("--file", "layers/relay/Containerfile", "--tag", IMAGE, "."),
        cwd=ROOT,
        seconds=300,
    )


def _pip_configuration() -> str:
    said = [
        f"{name.removeprefix('PIP_').lower().replace('_', '-')} = {os.environ[name]}\n"
        for name in PIP
        if name in os.environ
    ]
    certificates = ["cert = /run/secrets/ca.crt\n"] if "PIP_CERT" in os.environ else []
    return "".join(["[global]\n", *said, *certificates])


@contextmanager
def running_storage(folder: Path) -> Iterator[tuple[dict[str, str], Login]]:
    """Run the stand-ins with table, bucket and administrator; yield the relay's settings, but where it is."""
    with running_strict(folder) as endpoints:
        settings = _lay_out(endpoints)
        done = subprocess.run(
            [sys.executable, "-m", "moorage.cli", "bootstrap", "--json"],
            env=inherited_environment(PYTHONPATH=PYTHONPATH, **settings, MOORAGE_ORIGINS="http://localhost"),
            check=True,
            capture_output=True,
            timeout=60,
        )
        made = json.loads(done.stdout)
        yield settings, Login(made["username"], made["auth_token"])


@contextmanager
def running_relay(docker: Shell, settings: dict[str, str], login: Login) -> Iterator[Relay]:
    """Run a container as it is meant to run: nobody's user, a file system that is read-only, and no more memory."""
    port = free_port()
    relay = Relay(docker, f"relay-{port}", port, login)
    variables = {**settings, "MOORAGE_ORIGINS": f"http://{relay.registry}", "HOST": "127.0.0.1", "PORT": str(port)}
    docker.run(
        *("docker", "run", "--detach", "--name", relay.name, "--network=host", "--read-only", "--memory=512m"),
        *("--cap-drop=ALL", "--security-opt=no-new-privileges"),
        *(f"--env={name}={value}" for name, value in variables.items()),
        IMAGE,
    )
    try:
        _wait(relay)
        yield relay
    finally:
        docker.attempt("docker", "rm", "--force", relay.name)


def health(relay: Relay) -> http.client.HTTPResponse:
    """Ask for its health. Raises OSError where nobody listens any more."""
    connection = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=10)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


def _wait(relay: Relay) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            health(relay)
        except OSError:
            said = relay.docker.attempt("docker", "logs", relay.name)
            assert relay.inspect(".State.Running") == "true", f"the relay ended: {said.stdout}{said.stderr}"
            assert time.monotonic() < end, f"the relay does not answer: {said.stdout}{said.stderr}"
            time.sleep(0.2)
        else:
            return


def _lay_out(endpoints: Endpoints) -> dict[str, str]:
    template = Template.read(ROOT / "template.yaml")
    keys = {
        "region_name": endpoints.region,
        "aws_access_key_id": endpoints.credentials.access_key,
        "aws_secret_access_key": endpoints.credentials.secret_key,
    }
    template.create_table(boto3.client("dynamodb", endpoint_url=endpoints.dynamodb, **keys), _NAMES["Table"])
    s3 = boto3.client("s3", endpoint_url=endpoints.s3, **keys)
    template.create_bucket(s3, _NAMES["Bucket"], without=endpoints.bucket_without)
    files = {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"}
    environment = {name: value for name, value in endpoints.environment().items() if name not in files}
    limits = {"MOORAGE_BODY_LIMIT"}  # the relay has none
    variables = {name: value for name, value in template.variables(_NAMES).items() if name not in limits}
    return {**variables, **environment}
