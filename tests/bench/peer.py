"""The peer beside it: distribution with its S3 driver, built here by `go install`."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from tests.bench.backend import REGION
from tests.bench.client import Client
from tests.bench.registry import ROOT

VERSION = "3.1.2"
MODULE = f"github.com/distribution/distribution/v3/cmd/registry@v{VERSION}"

_TOOLS = ROOT / ".tools"
_PROGRAM = _TOOLS / "built" / "distribution" / "registry"
_BUILD_SECONDS = 900
_START_SECONDS = 20
_BUCKET = "distribution-{name}"
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage:
  s3: {{accesskey: {access_key}, secretkey: {secret_key}, region: {region}, regionendpoint: "{endpoint}",
       forcepathstyle: true, bucket: {bucket}}}
{cache}http: {{addr: "127.0.0.1:{port}", secret: bench}}
"""
_CACHE = "  cache: {blobdescriptor: inmemory}\n"


class CannotBeHad(Exception):
    """The peer is not on this machine and could not be built; the message says why."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A running peer."""

    client: Client
    address: str
    process_id: int

    def cpu_seconds(self) -> float:
        """Return the CPU time that it has used, as Linux tells it: in steps of 10 ms."""
        fields = Path(f"/proc/{self.process_id}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def install(environment: Mapping[str, str]) -> None:
    """Build the peer below .tools, once, with the environment of the user: it may need a proxy. Raises CannotBeHad."""
    if _PROGRAM.exists():
        return
    go = shutil.which("go", path=f"{_TOOLS / 'go' / 'bin'}:{environment.get('PATH', '')}")
    if go is None:
        raise CannotBeHad("there is no go on this machine")
    folders = {"GOPATH": "gopath", "GOMODCACHE": "gopath/mod", "GOCACHE": "gocache"}
    variables = {name: str(_TOOLS / folder) for name, folder in folders.items()}
    variables |= {"GOBIN": str(_PROGRAM.parent), "GOTOOLCHAIN": "local", "GOFLAGS": "-p=2 -trimpath -modcacherw"}
    try:
        subprocess.run(
            [go, "install", "-ldflags=-s -w", MODULE],
            env={**environment, **variables},
            check=True,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise CannotBeHad(f"go install failed: {error.stderr.strip().splitlines()[-1]}") from error
    except subprocess.TimeoutExpired as error:
        raise CannotBeHad(f"go install took more than {_BUILD_SECONDS} s") from error


@contextmanager
def running_peer(folder: Path, endpoint: str, *, cached: bool) -> Iterator[Peer]:
    """Serve from a bucket of its own; `cached` keeps what it knows of blobs in memory. Raises CannotBeHad."""
    bucket = _BUCKET.format(name="cached" if cached else "plain")
    s3 = boto3.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    port = _free_port()
    config = folder / f"{bucket}.yml"
    config.write_text(
        _CONFIG.format(
            access_key=os.environ["AWS_ACCESS_KEY_ID"],
            secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            region=REGION,
            endpoint=endpoint,
            bucket=bucket,
            port=port,
            cache=_CACHE if cached else "",
        )
    )
    log = folder / f"{bucket}.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "OTEL_TRACES_EXPORTER": "none"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_PROGRAM, "serve", config], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    client = Client(f"127.0.0.1:{port}")
    try:
        _wait(client, process, log)
        yield Peer(client, f"127.0.0.1:{port}", process.pid)
    finally:
        client.close()
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(client: Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            client.get("/v2/")
        except OSError as error:
            client.close()
            if process.poll() is not None or time.monotonic() > end:
                raise CannotBeHad(f"it does not start: {log.read_text(errors='replace')[-500:]}") from error
            time.sleep(0.1)
        else:
            return
