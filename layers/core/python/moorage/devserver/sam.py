"""The functions as `sam local` runs them, in containers, on strict stand-ins.

`sam build` makes the packages that `sam deploy` would send, and `sam local start-api` serves the template's routes. Of
the template only values of variables are others here: which table and bucket, and where.
"""

import http.client
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import boto3

from moorage.devserver.administrator import Administrator
from moorage.devserver.aws import CannotStart
from moorage.devserver.engine import HOST_NAME, Engine
from moorage.devserver.server import NAMES
from moorage.devserver.strict import Endpoints
from moorage.devserver.template import Template
from moorage.wiring import SettingInvalid, open_stores, read_settings

_TOOLS = Path(".tools")
_STAND_IN_IMAGE = _TOOLS / "images" / "lambda-python3.13.tar"
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_BUILD_SECONDS = 600
_START_SECONDS = 120
_STOP_SECONDS = 60
_LOG_TAIL = 3000


@dataclass(frozen=True, slots=True)
class Sam:
    """SAM's command line, the environment it runs in, and the folder where it builds and writes its log."""

    program: Path
    environment: Mapping[str, str]
    architecture: str
    folder: Path

    @property
    def log(self) -> Path:
        """Return where SAM and the functions write."""
        return self.folder / "sam.log"

    def run_build(self, source: Path) -> None:
        """Build the packages. Raises CannotStart."""
        command = [str(self.program), "build", "--template", str(source), "--build-dir", str(self._build)]
        with self.log.open("ab") as log:
            done = subprocess.run(  # noqa: S603 - found where the user told us to look
                [*command, *self._parameters],
                env=dict(self.environment),
                stdout=log,
                stderr=log,
                timeout=_BUILD_SECONDS,
                check=False,
            )
        if done.returncode:
            raise CannotStart(f"sam build failed:\n{self.said()}")

    def set_variables(self, variables: Mapping[str, str]) -> None:
        """Say what the functions' environment is here, where the template's cannot be."""
        self._variables.write_text(json.dumps({"Parameters": dict(variables)}), encoding="utf-8")

    def local(self, command: str, *arguments: str) -> list[str]:
        """Return a command of `sam local`."""
        return [
            *(str(self.program), "local", command, *arguments, "--template", str(self._build / "template.yaml")),
            *("--env-vars", str(self._variables), *self._parameters),
            *("--skip-pull-image", "--add-host", f"{HOST_NAME}:host-gateway"),
        ]

    def packages(self) -> list[Path]:
        """Return the folders that containers of functions have mounted."""
        return [path for path in self._build.iterdir() if path.is_dir()]

    def said(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL:]

    @property
    def _build(self) -> Path:
        return self.folder / "build"

    @property
    def _variables(self) -> Path:
        return self.folder / "variables.json"

    @property
    def _parameters(self) -> list[str]:
        return ["--parameter-overrides", f"Architecture={self.architecture}"]


def find_sam(engine: Engine, folder: Path, environ: Mapping[str, str]) -> Sam:
    """Find SAM, and make sure of the image that it runs functions in. Raises CannotStart."""
    search = os.pathsep.join([str((_TOOLS / "sam" / "bin").absolute()), environ.get("PATH", "")])
    program = shutil.which("sam", path=search)
    if program is None:
        raise CannotStart(
            "sam is missing: pip install aws-sam-cli, or tests/acceptance/install.sh puts it into .tools/"
        )
    architecture = _ARCHITECTURES.get(platform.machine().lower())
    if architecture is None:
        raise CannotStart(f"Lambda has no processor like this machine's, {platform.machine()}")
    image = f"public.ecr.aws/lambda/python:3.13-{architecture}"
    if not engine.has_image(image):
        if _STAND_IN_IMAGE.exists():
            engine.import_image(_STAND_IN_IMAGE, image)
        else:
            engine.pull_image(image)
    environment = {
        **{name: value for name, value in engine.environment.items() if not name.startswith("AWS_")},
        "PATH": f"{_TOOLS.absolute()}{os.pathsep}{environ.get('PATH', '')}",  # sam build wants a python3.13 there
        "ARCHITECTURE": architecture,  # for functions/Makefile, which sees no parameters
        "SAM_CLI_TELEMETRY": "0",
    }
    return Sam(Path(program), environment, architecture, folder.absolute())


def settings_for(template: Template, environ: Mapping[str, str], port: int) -> dict[str, str]:
    """Return our settings: the template's, as they are here; what the user has set wins."""
    hosts = ("localhost", "127.0.0.1", "[::1]", HOST_NAME)
    return {
        **{name: value for name, value in template.variables(NAMES).items() if name.startswith("MOORAGE_")},
        "MOORAGE_ORIGINS": " ".join(f"http://{host}:{port}" for host in hosts),
        "MOORAGE_PUBLIC_ENDPOINT": f"http://localhost:{port}",
        **{name: value for name, value in environ.items() if name.startswith("MOORAGE_")},
    }


def variables_for(settings: Mapping[str, str], endpoints: Endpoints) -> dict[str, str]:
    """Return the functions' environment: the settings, and the stand-ins as containers reach them."""
    return {
        **settings,
        "AWS_ENDPOINT_URL": _from_inside(endpoints.dynamodb),
        "AWS_ENDPOINT_URL_S3": _from_inside(endpoints.s3),
    }


def fill(template: Template, settings: Mapping[str, str], endpoints: Endpoints) -> Administrator:
    """Make table, bucket and administrator with this process's own AWS environment. Raises CannotStart."""
    template.create_table(boto3.client("dynamodb"), settings["MOORAGE_TABLE"])
    template.create_bucket(boto3.client("s3"), settings["MOORAGE_BUCKET"], without=endpoints.bucket_without)
    try:
        return Administrator.make(open_stores(read_settings({**os.environ, **settings})))
    except SettingInvalid as error:
        raise CannotStart(str(error)) from error


@contextmanager
def running_api(sam: Sam, engine: Engine, endpoints: Endpoints) -> Iterator[int]:
    """Run `sam local start-api`, and yield its port once a function has answered. Raises CannotStart."""
    port = _free_port()
    command = sam.local("start-api", "--warm-containers", "EAGER", "--port", str(port))
    with sam.log.open("ab") as log:
        server = subprocess.Popen(  # noqa: S603 - found where the user told us to look
            command,
            env={**sam.environment, **identity(endpoints)},
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the parent, which ends one after the other
        )
    try:
        end = time.monotonic() + _START_SECONDS
        while not _challenges(port):
            if server.poll() is not None or time.monotonic() > end:
                raise CannotStart(f"sam local start-api does not serve:\n{sam.said()}")
            time.sleep(0.5)
        yield port
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        engine.remove_containers(sam.packages())  # SAM forgets one now and then


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _from_inside(url: str) -> str:
    """Return the URL of something on this machine as a container reaches it."""
    return f"http://{HOST_NAME}:{urlsplit(url).port}"


def identity(endpoints: Endpoints) -> dict[str, str]:
    """Return what SAM hands on to functions as their role's credentials."""
    return {name: value for name, value in endpoints.environment().items() if "_ENDPOINT_URL_" not in name}


def _challenges(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status == HTTPStatus.UNAUTHORIZED
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
