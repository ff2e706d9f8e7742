"""Docker engines of this test run: one per image store, on sockets and data folders of their own."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .shell import MACHINE_PATH, NEWER, Shell, path_of

START_SECONDS = 60
STOP_SECONDS = 30
CONTAINERD_STORE = {"features": {"containerd-snapshotter": True}}


@dataclass(frozen=True)
class Engine:
    """A running engine and the name of its image store."""

    store: str
    address: str


@contextmanager
def running_engine(store: str, folder: Path) -> Iterator[Engine]:
    """Start the engine of the machine (classic store) or the newer one (containerd store)."""
    engine = Engine(store, f"unix://{folder / 'sock'}")
    search = MACHINE_PATH if store == "classic" else f"{NEWER / 'sbin'}:{NEWER / 'bin'}:{MACHINE_PATH}"
    configuration = folder / "daemon.json"
    configuration.write_text(json.dumps({} if store == "classic" else CONTAINERD_STORE))
    command = [
        path_of("dockerd", search),
        *("--config-file", str(configuration), "--pidfile", str(folder / "pid"), "--host", engine.address),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
        # Nothing here needs a container network, and the machine's own is left as it is.
        *("--bridge", "none", "--iptables=false", "--ip6tables=false"),
    ]
    log = folder / "engine.log"
    with log.open("w") as output:
        daemon = subprocess.Popen(
            command, env={"PATH": search, "HOME": str(folder)}, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_ready(daemon, engine, folder, log)
        yield engine
    finally:
        _stop(daemon)
        for mounted in (folder / "exec" / "netns").glob("*"):  # of containers on the machine's own network
            subprocess.run(["umount", mounted], check=False, capture_output=True)


def docker_shell(engine: Engine, home: Path) -> Shell:
    """Return a shell whose docker command, buildx included, drives the engine."""
    shell = Shell(home, DOCKER_HOST=engine.address, DOCKER_CLI_HINTS="false")
    plugins = home / ".docker" / "cli-plugins"
    plugins.mkdir(exist_ok=True)
    (plugins / "docker-buildx").symlink_to(path_of("docker-buildx", shell.environment["PATH"]))
    return shell


def _wait_until_ready(daemon: subprocess.Popen[bytes], engine: Engine, folder: Path, log: Path) -> None:
    shell = Shell(folder / "probe", DOCKER_HOST=engine.address)
    deadline = time.monotonic() + START_SECONDS
    while not (folder / "sock").exists():
        assert daemon.poll() is None, f"dockerd ended with {daemon.returncode}:\n{log.read_text()[-4000:]}"
        assert time.monotonic() < deadline, f"dockerd was not ready after {START_SECONDS} s:\n{log.read_text()[-4000:]}"
        time.sleep(0.2)
    driver = shell.output("docker", "info", "--format", "{{.DriverStatus}}")
    assert ("io.containerd.snapshotter" in driver) is (engine.store == "containerd"), driver


def _stop(daemon: subprocess.Popen[bytes]) -> None:
    daemon.terminate()
    try:
        daemon.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
