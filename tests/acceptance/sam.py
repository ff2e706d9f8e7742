"""`make sam` under test: the functions in containers, behind what stands in for API Gateway."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .product import PYTHONPATH, Login, Product
from .shell import ROOT, inherited_environment

START_SECONDS = 300
STOP_SECONDS = 90
INVOKE_SECONDS = 120
BROKEN = re.compile(r'"status":5\d\d|" 5\d\d -$')  # SAM itself writes tracebacks when it stops
IMAGES_OF_SAM = "public.ecr.aws/lambda/python"


@dataclass(frozen=True)
class SamProduct(Product):
    """The registry as `sam local` serves it."""

    state: Path
    said: str

    def sweep(self) -> object:
        """Invoke the sweep by the line that `make sam` printed, and return its answer."""
        (line,) = [line for line in self.said.splitlines() if " local invoke Sweeping " in line]
        environment = inherited_environment(SAM_CLI_TELEMETRY="0") | self.settings
        done = subprocess.run(
            shlex.split(line),
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=INVOKE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{line}:\n{done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def containers(self) -> list[str]:
        """Return the containers of functions that the engine has."""
        listing = ["docker", "ps", "--all", "--format", "{{.Image}}"]
        environment = inherited_environment() | self.settings
        found = subprocess.run(listing, env=environment, capture_output=True, text=True, timeout=60, check=True)
        return [image for image in found.stdout.split() if image.startswith(IMAGES_OF_SAM)]


@contextmanager
def running_sam(folder: Path, **environ: str) -> Iterator[SamProduct]:
    """Run `make sam`, and stop it as Ctrl-C would: every container goes, and no request has failed."""
    state, log = folder / "sam", folder / "console.log"
    command = [sys.executable, "-m", "moorage.devserver.sam_server", "--port", "0", "--state", str(state)]
    environment = inherited_environment(PYTHONPATH=PYTHONPATH, **environ)
    with log.open("w") as output:
        server = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
    try:
        product = _wait(server, state, log)
        yield product
    finally:
        server.send_signal(signal.SIGINT)
        try:
            code = server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            code = server.wait()
    assert code == 0, f"it ended with {code}:\n{log.read_text()[-4000:]}"
    socket = Path(product.settings["DOCKER_HOST"].removeprefix("unix://"))
    assert not socket.exists() or product.containers() == [], "containers of functions are left"
    lines = (state / "sam.log").read_text().splitlines()
    broken = [line for line in lines if BROKEN.search(line)]
    assert not broken, "functions failed in what they were asked:\n" + "\n".join(broken[:20])


def _wait(server: subprocess.Popen[bytes], state: Path, log: Path) -> SamProduct:
    deadline = time.monotonic() + START_SECONDS
    while not ((state / "credentials.json").exists() and "Logs: " in (said := log.read_text())):
        assert server.poll() is None, f"it ended with {server.returncode}:\n{log.read_text()[-4000:]}"
        assert time.monotonic() < deadline, f"not ready after {START_SECONDS} s:\n{log.read_text()[-4000:]}"
        time.sleep(0.2)
    login = json.loads((state / "credentials.json").read_text())
    exports = (shlex.split(line) for line in (state / "env").read_text().splitlines())
    settings = dict(words[1].split("=", 1) for words in exports if words[:1] == ["export"])
    administrator = Login(login["username"], login["password"])
    port = int(login["registry"].rpartition(":")[2])
    return SamProduct(port, login["namespace"], administrator, settings, login, state, said)
