"""The relay's image: built, run read-only as nobody, pushed to and pulled from, stopped in the middle of an upload."""

import hashlib
import http.client
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .clients import crane_append, log_in_crane, log_in_oras
from .engines import docker_shell, running_engine
from .images import MIB, file_digest, write_large_file, write_layer
from .relay import IMAGE, Relay, build_image, health, running_relay, running_storage
from .shell import Shell

LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
STOP_SECONDS = 60


@pytest.fixture(scope="module")
def relay() -> Iterator[Relay]:
    with (
        tempfile.TemporaryDirectory(prefix="relay-") as name,
        running_engine("classic", Path(name)) as engine,
        running_storage(Path(name) / "storage") as (settings, login),
    ):
        docker = docker_shell(engine, Path(name) / "docker")
        build_image(docker, Path(name))
        with running_relay(docker, settings, login) as running:
            yield running


def test_a_client_that_sends_one_patch_pushes_and_pulls(relay: Relay, shell: Shell, tmp_path: Path) -> None:
    log_in_crane(shell, relay.registry, relay.login)
    image = f"{relay.registry}/moorage/relay/crane:1"

    shell.run(*crane_append(write_layer(tmp_path / "layer.tar", "relay", 20 * MIB), image))
    shell.run("crane", "validate", "--insecure", "--remote", image)


def test_a_client_that_sends_one_put_pushes_and_pulls(relay: Relay, shell: Shell, tmp_path: Path) -> None:
    log_in_oras(shell, relay.registry, relay.login)
    digest = write_large_file(tmp_path / "blob", "relay", 50 * MIB)
    artifact = f"{relay.registry}/moorage/relay/oras:1"

    shell.run("oras", "push", "--plain-http", artifact, f"blob:{LAYER}", cwd=tmp_path)
    shell.run("oras", "pull", "--plain-http", "--output", tmp_path / "pulled", artifact)

    assert digest == file_digest(tmp_path / "pulled" / "blob")


def test_it_is_well_as_far_as_a_load_balancer_and_the_engine_know(relay: Relay) -> None:
    answer = health(relay)
    assert (200, "no-store") == (answer.status, answer.headers["cache-control"])

    end = time.monotonic() + STOP_SECONDS
    while "healthy" != relay.inspect(".State.Health.Status"):
        assert time.monotonic() < end, relay.inspect("json .State.Health")
        time.sleep(0.5)


def test_it_is_nobody_and_writes_nothing(relay: Relay) -> None:
    assert "65532:65532" == relay.inspect(".Config.User")
    assert "true" == relay.inspect(".HostConfig.ReadonlyRootfs")
    assert "" == relay.docker.output("docker", "diff", relay.name)


def test_it_loads_bytecode_that_was_made_with_it(relay: Relay) -> None:
    """No module is compiled when it starts: that would be done again at each start, since nothing can be written."""
    script = (
        "import importlib.util, pathlib, sys, moorage.relay.app, v2_push.routes;"
        "specs = [getattr(module, '__spec__', None) for module in sys.modules.values()];"
        "files = [spec for spec in specs if spec and spec.has_location];"
        "print(*[s.origin for s in files if s.origin.startswith('/opt') and s.origin.endswith('.py')"
        " and not pathlib.Path(s.cached).exists()])"
    )

    assert "" == relay.docker.output("docker", "run", "--rm", "--entrypoint=python3", IMAGE, "-c", script)


def test_what_it_writes_to_its_log_is_json_as_the_functions_write_it(relay: Relay) -> None:
    httpx.get(f"http://{relay.registry}/v2/")

    assert {"request", "ready"} <= {line["message"] for line in relay.log()}


# The last one: the relay is gone afterwards.
def test_an_upload_that_is_in_flight_when_it_is_told_to_stop_ends_well(relay: Relay) -> None:
    data = os.urandom(24 * MIB)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    name = "moorage/relay/stopped"
    basic = (relay.login.username, relay.login.password)
    query = {"service": relay.registry, "scope": f"repository:{name}:pull,push"}
    token = httpx.get(f"http://{relay.registry}/20180419/docker/token", params=query, auth=basic).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    location = httpx.post(f"http://{relay.registry}/v2/{name}/blobs/uploads/", headers=headers).headers["location"]

    client = http.client.HTTPConnection("127.0.0.1", relay.port, timeout=STOP_SECONDS)
    client.putrequest("PUT", f"{location}?digest={digest}")
    for header, value in {**headers, "content-length": str(len(data))}.items():
        client.putheader(header, value)
    client.endheaders(data[: 12 * MIB])
    relay.docker.run("docker", "kill", "--signal=TERM", relay.name)
    _wait_until_nobody_listens(relay)
    client.send(data[12 * MIB :])
    answer = client.getresponse()
    answer.read()
    client.close()

    assert 201 == answer.status
    assert "0" == relay.docker.output("docker", "wait", relay.name, seconds=STOP_SECONDS)


def _wait_until_nobody_listens(relay: Relay) -> None:
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        try:
            assert 503 == health(relay).status
        except (OSError, http.client.HTTPException):
            return
        time.sleep(0.05)
    raise AssertionError("it still takes connections")
