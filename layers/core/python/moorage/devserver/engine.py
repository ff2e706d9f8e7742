"""The Docker engine that `sam local` runs functions in: the one that answers, else one of our own meanwhile."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from moorage.devserver.aws import CannotStart

HOST_NAME = "host.docker.internal"  # what a container calls the machine, when started with host-gateway

_START_SECONDS = 60
_STOP_SECONDS = 30
_CALL_SECONDS = 600  # a pull may take a while
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"  # where engines are, and no user's PATH


@dataclass(frozen=True, slots=True)
class Engine:
    """A running engine, and the environment in which its clients find it."""

    environment: Mapping[str, str]

    def has_image(self, name: str) -> bool:
        """Whether an image is there already."""
        return self._call("image", "inspect", name).returncode == 0

    def import_image(self, archive: Path, name: str) -> None:
        """Make an image of a root file system. Raises CannotStart."""
        done = self._call("import", str(archive), name)
        if done.returncode:
            raise CannotStart(f"cannot import {archive}: {done.stderr.strip()}")

    def pull_image(self, name: str) -> None:
        """Fetch an image. Raises CannotStart."""
        done = self._call("pull", "--quiet", name)
        if done.returncode:
            raise CannotStart(f"cannot pull {name}: {done.stderr.strip()}")

    def remove_containers(self, mounted: Iterable[Path]) -> None:
        """Remove the containers that have one of these folders mounted."""
        for folder in mounted:
            found = self._call("ps", "--all", "--quiet", "--filter", f"volume={folder}").stdout.split()
            if found:
                self._call("rm", "--force", *found)

    def listen_address(self) -> str:
        """Return an address of this machine that containers reach: the engine's bridge, or loopback if it is elsewhere.

        Where the engine has a machine of its own (as on macOS), it forwards the host's name to the loopback.
        """
        subnets = self._call("network", "inspect", "bridge", "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}")
        for subnet in subnets.stdout.split():
            address = str(ip_network(subnet)[1])
            if _is_here(address):
                return address
        return "127.0.0.1"

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - no shell, our own arguments
            [_docker(self.environment), *arguments],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=_CALL_SECONDS,
            check=False,
        )


@contextmanager
def running_engine(environ: Mapping[str, str]) -> Iterator[Engine]:
    """Yield the engine that answers, or run one. Raises CannotStart."""
    address = _call_address(environ)
    if address:
        yield Engine({**environ, "DOCKER_HOST": address})
        return
    daemon = shutil.which("dockerd", path=f"{environ.get('PATH', '')}:{_SYSTEM_PATH}")
    if daemon is None or os.geteuid() != 0:
        raise CannotStart(
            "functions run in containers, and no Docker engine answers: start one, or say in DOCKER_HOST where it is "
            "(root may also let Moorage run the machine's dockerd)"
        )
    # Sockets have short names, and images are large: neither belongs into the state folder.
    with (
        tempfile.TemporaryDirectory(prefix="moorage-", ignore_cleanup_errors=True) as folder,
        _daemon(daemon, Path(folder), environ) as own,
    ):
        yield Engine({**environ, "DOCKER_HOST": own})


@contextmanager
def _daemon(program: str, folder: Path, environ: Mapping[str, str]) -> Iterator[str]:
    address = f"unix://{folder / 'sock'}"
    settings = {"PATH": f"{environ.get('PATH', '')}:{_SYSTEM_PATH}", "HOME": str(folder)}
    with _bridge(settings) as (bridge, gateway):
        command = [
            *(program, "--host", address, "--pidfile", str(folder / "pid")),
            *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
            *("--bridge", bridge, "--host-gateway-ip", gateway, "--iptables=false", "--ip6tables=false"),
        ]
        with _running(command, settings, address, folder / "log"):
            yield address


@contextmanager
def _bridge(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Make a network of our own: another engine removes the usual one when it starts without any."""
    number = os.getpid()
    name, gateway = f"moorage{number % 10_000_000}", f"10.{192 + number // 256 % 32}.{number % 256}.1"
    commands = [f"link add {name} type bridge", f"address add {gateway}/24 dev {name}", f"link set {name} up"]
    try:
        for command in commands:
            _ip(command, settings)
        yield name, gateway
    finally:
        _ip(f"link delete {name}", settings)


def _ip(command: str, settings: Mapping[str, str]) -> None:
    """Run iproute2. Raises CannotStart."""
    program = shutil.which("ip", path=settings["PATH"])
    if program is None:
        raise CannotStart("dockerd needs a network, and there is no ip command (iproute2) to make it")
    done = subprocess.run([program, *command.split()], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise CannotStart(f"ip {command}: {done.stderr.strip()}")


@contextmanager
def _running(command: list[str], settings: Mapping[str, str], address: str, log: Path) -> Iterator[None]:
    """Run the engine until it answers, and on."""
    with log.open("wb") as output:
        daemon = subprocess.Popen(  # noqa: S603 - the machine's own
            command,
            env=dict(settings),
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the parent, whose containers end first
        )
    try:
        end = time.monotonic() + _START_SECONDS
        while not _call_address({**settings, "DOCKER_HOST": address}):
            if daemon.poll() is not None or time.monotonic() > end:
                said = log.read_text(errors="replace")[-2000:]
                raise CannotStart(f"no Docker engine answers, and dockerd does not start:\n{said}")
            time.sleep(0.2)
        yield
    finally:
        daemon.terminate()
        try:
            daemon.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _call_address(environ: Mapping[str, str]) -> str | None:
    """Return the address of the engine that Docker's own client speaks to, if it answers."""
    call = [_docker(environ), "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    ask = [_docker(environ), "version", "--format", "{{.Server.Version}}"]
    answers = [
        subprocess.run(  # noqa: S603
            command, env=dict(environ), capture_output=True, text=True, timeout=_CALL_SECONDS, check=False
        )
        for command in (call, ask)
    ]
    if any(answer.returncode for answer in answers):
        return None
    return environ.get("DOCKER_HOST") or answers[0].stdout.strip()


def _docker(environ: Mapping[str, str]) -> str:
    found = shutil.which("docker", path=environ.get("PATH"))
    if found is None:
        raise CannotStart("functions run in containers, and there is no docker command on PATH")
    return found


def _is_here(address: str) -> bool:
    try:
        with socket.create_server((address, 0)):
            return True
    except OSError:
        return False
