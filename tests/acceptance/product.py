"""The local server under test, its accounts and its command line."""

import json
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from .shell import ROOT, inherited_environment

START_SECONDS = 60
STOP_SECONDS = 15
SERVER_ERROR = re.compile(r'^Traceback|"status":5\d\d|" 5\d\d$')
PUSHES = [f"request.permission = 'REPOSITORY_{verb}'" for verb in ("INSPECT", "READ", "UPDATE", "CREATE")]
GRANTS = {
    "writer": f"manage repos in tenancy where any {{{', '.join(PUSHES)}}}",
    "reader": "read repos in tenancy",
}
PYTHONPATH = f"{ROOT / 'functions'}:{ROOT / 'layers' / 'core' / 'python'}"


@dataclass(frozen=True)
class Login:
    """What `docker login` takes."""

    username: str
    password: str


@dataclass(frozen=True)
class Product:
    """A running local server."""

    port: int
    namespace: str
    administrator: Login
    settings: dict[str, str]
    credentials: dict[str, str]

    @property
    def registry(self) -> str:
        """Return the address that every engine trusts without TLS."""
        return f"127.0.0.1:{self.port}"

    def cli(self, *arguments: str) -> str:
        """Run the product's command line against this server."""
        done = subprocess.run(
            [sys.executable, "-m", "moorage.cli", *arguments],
            env=inherited_environment(PYTHONPATH=PYTHONPATH) | self.settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"moorage {shlex.join(arguments)}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def create_user(self, role: str) -> Login:
        """Create a user in a group with a policy, all named after what they may, and return the login."""
        name = f"acceptance-{role}"
        self.cli("group", "create", name)
        self.cli("policy", "create", name, "--statement", f"Allow group {name} to {GRANTS[role]}")
        self.cli("user", "create", name, "--group", name)
        made = json.loads(self.cli("auth-token", "create", name, "--json"))
        return Login(made["username"], made["auth_token"])

    def create_public_repository(self, name: str) -> str:
        """Create a repository that anyone may pull from and return its full name."""
        full_name = f"{self.namespace}/{name}"
        self.cli("repository", "create", full_name, "--public")
        return full_name


@contextmanager
def running_product(folder: Path, *, aws: str = "moto", **settings: str) -> Iterator[Product]:
    """Start the local server, wait until it answers, and stop it as Ctrl-C would.

    With strict stand-ins for AWS it keeps what it stores, in `folder`.
    """
    port, state, log = free_port(), folder / "state", folder / "console.log"
    command = [sys.executable, "-m", "moorage.devserver", "--port", str(port), "--state", str(state), "--aws", aws]
    environment = inherited_environment(PYTHONPATH=PYTHONPATH, **settings)
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_until_ready(server, port, state, log)
        yield _product(port, state)
    finally:
        code = _interrupt(server)
        lines = _copy_the_log(state)
        if aws == "moto":  # pytest keeps its folders for some runs: a log is worth that, gigabytes of blobs are not
            shutil.rmtree(state, ignore_errors=True)
    assert code is not None, f"the server had to be killed {STOP_SECONDS} s after the interrupt:\n{_tail(log)}"
    assert lines, "the server wrote no log"
    broken = [line for line in lines if SERVER_ERROR.search(line)]
    assert not broken, "the server failed in what it was asked:\n" + "\n".join(broken[:20])


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _product(port: int, state: Path) -> Product:
    credentials = json.loads((state / "credentials.json").read_text())
    administrator = Login(credentials["username"], credentials["password"])
    exports = (shlex.split(line) for line in (state / "env").read_text().splitlines())
    settings = dict(words[1].split("=", 1) for words in exports if words[:1] == ["export"])
    return Product(port, credentials["namespace"], administrator, settings, credentials)


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, state: Path, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the server ended with {server.returncode}:\n{_tail(log)}"
        if (state / "credentials.json").exists() and _challenges(port):
            return
        time.sleep(0.2)
    raise AssertionError(f"the server was not ready after {START_SECONDS} s:\n{_tail(log)}")


def _challenges(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/v2/").status_code == httpx.codes.UNAUTHORIZED
    except httpx.TransportError:
        return False


def _interrupt(server: subprocess.Popen[bytes]) -> int | None:
    server.send_signal(signal.SIGINT)
    try:
        return server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
        return None


def _copy_the_log(state: Path) -> list[str]:
    log = state / "server.log"
    lines = log.read_text().splitlines() if log.exists() else []
    (state.parent / "server.log").write_text("\n".join(lines))
    return lines


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-40:])
