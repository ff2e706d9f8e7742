"""DynamoDB and S3 as strict as AWS, on this machine: ministack and versitygw, each in a process of its own.

They check signatures, checksums and order, their transactions are atomic, and what they store outlives them. They are
not installed with Moorage: they are looked for in `MOORAGE_STAND_INS`, in `.tools/`, and on PATH.
"""

import http.client
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from moorage.devserver.aws import CannotStart
from moorage.devserver.template import TLS_ONLY
from moorage.stores.presign import Credentials

REGION = "eu-central-1"
START_SECONDS = 30

# Properties of the template's bucket that versitygw does not know, and answers with 501.
_UNKNOWN = ("BucketEncryption", "LifecycleConfiguration", "PublicAccessBlockConfiguration")
_TRIES = 3  # a port that was free can be taken by somebody else before the program has it
_TOOLS = Path(".tools")
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the stand-ins are, and whose requests they answer."""

    dynamodb: str
    s3: str
    credentials: Credentials
    region: str
    bucket_without: Collection[str] = (TLS_ONLY,)  # properties that a bucket here cannot have

    def environment(self) -> dict[str, str]:
        """Return what leads an AWS SDK to them, and nowhere else."""
        one_for_both = {"AWS_ENDPOINT_URL": self.s3}
        each = {"AWS_ENDPOINT_URL_DYNAMODB": self.dynamodb, "AWS_ENDPOINT_URL_S3": self.s3}
        return {
            **(one_for_both if self.dynamodb == self.s3 else each),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_key,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }


def make_credentials() -> Credentials:
    """Make up credentials that no AWS account has."""
    return Credentials(f"LOCAL{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))


@contextmanager
def running_strict(
    folder: Path, environ: Mapping[str, str] = os.environ, *, address: str = "127.0.0.1", region: str = REGION
) -> Iterator[Endpoints]:
    """Run both with their data in `folder`, and yield where they listen: `address`, each on a free port.

    Credentials are made up each time; the data is everybody's who has them. Raises CannotStart.
    """
    credentials = make_credentials()
    ministack, versitygw = (_find(program, environ) for program in ("ministack", "versitygw"))
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    usual = {name: value for name, value in environ.items() if not name.startswith("AWS_")}
    with ExitStack() as stack:
        dynamodb = stack.enter_context(
            _running(
                [ministack],
                address,
                folder / "dynamodb.log",
                lambda port: usual | _ministack(folder / "dynamodb", credentials, region, address, port),
                "/_ministack/health",
            )
        )
        data, versions = folder / "s3", folder / "s3-versions"
        for path in (data, versions):
            path.mkdir(exist_ok=True)
        s3 = stack.enter_context(
            _running(
                [versitygw, "--quiet", "--health", "/health", "posix", "--versioning-dir", str(versions), str(data)],
                address,
                folder / "s3.log",
                lambda port: usual | _versitygw(credentials, region, address, port),
                "/health",
            )
        )
        yield Endpoints(dynamodb, s3, credentials, region, (*_UNKNOWN, TLS_ONLY))


@contextmanager
def _running(
    arguments: Sequence[str | Path], address: str, log: Path, settings: Callable[[int], dict[str, str]], health: str
) -> Iterator[str]:
    """Run a program, which its environment tells on which port; yield its URL once it answers there."""
    with ExitStack() as stack:
        for _ in range(_TRIES):
            port = _free_port(address)
            keeper = stack.enter_context(_kept(arguments, settings(port), log))
            if _answers(keeper, address, port, health):
                yield f"http://{address}:{port}"
                return
    raise CannotStart(f"{Path(arguments[0]).name} did not start: {log} says why")


@contextmanager
def _kept(
    arguments: Sequence[str | Path], environ: Mapping[str, str], log: Path
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program under a keeper."""
    with log.open("ab") as output:
        keeper = subprocess.Popen(  # noqa: S603 - found where the user told us to look
            [sys.executable, "-m", "moorage.devserver.keeper", *arguments],
            env={**environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the parent, which still needs the tables to finish requests
        )
    try:
        yield keeper
    finally:
        cast("IO[bytes]", keeper.stdin).close()
        keeper.wait()


def _answers(keeper: "subprocess.Popen[bytes]", address: str, port: int, health: str) -> bool:
    """Wait until the program answers, or has ended."""
    end = time.monotonic() + START_SECONDS
    while keeper.poll() is None and time.monotonic() < end:
        connection = http.client.HTTPConnection(address, port, timeout=START_SECONDS)
        try:
            connection.request("GET", health)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return keeper.poll() is None
        except (OSError, http.client.HTTPException):
            time.sleep(_POLL_SECONDS)
        finally:
            connection.close()
    return False


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as listener:
        return int(listener.getsockname()[1])


def _find(program: str, environ: Mapping[str, str]) -> Path:
    """Find a program. Raises CannotStart."""
    search = (environ.get("MOORAGE_STAND_INS"), _TOOLS / "bin", _TOOLS / program / "bin", environ.get("PATH"))
    found = shutil.which(program, path=os.pathsep.join(str(path) for path in search if path))
    if found is None:
        raise CannotStart(
            f"{program} is missing: tests/acceptance/install.sh puts it into .tools/; "
            "MOORAGE_STAND_INS and PATH are searched as well"
        )
    return Path(found).absolute()


def _ministack(state: Path, credentials: Credentials, region: str, address: str, port: int) -> dict[str, str]:
    return {
        "BIND_HOST": address,
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "MINISTACK_REGION": region,
        "SERVICES": "dynamodb",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state),
        "TMPDIR": str(state.parent),
        "LOG_LEVEL": "WARNING",
        "IOT_MTLS_ENABLED": "0",  # it would listen on one port for all
        "DOCKER_HOST": f"unix://{state / 'no-docker'}",  # it would remove containers that it takes for its own
    }


def _versitygw(credentials: Credentials, region: str, address: str, port: int) -> dict[str, str]:
    return {
        "VGW_PORT": f"{address}:{port}",
        "ROOT_ACCESS_KEY_ID": credentials.access_key,
        "ROOT_SECRET_ACCESS_KEY": credentials.secret_key,
        "VGW_REGION": region,
    }
