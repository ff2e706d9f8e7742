"""Clients behind the tests' gateway: its challenge names no scope, and no request of theirs is larger than an event."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.gateway import Quirks
from tests.gateway.server import Deployment

from .clients import crane_append, log_in_crane, log_in_docker, log_in_helm, log_in_oras, log_in_regctl, log_in_skopeo
from .conftest import slug
from .engines import Engine, docker_shell
from .images import GREETING, MIB, file_digest, write_context, write_large_file, write_layer, write_layout
from .product import Login
from .shell import UNKNOWN, Shell, assert_says, digest_in
from .test_helm import package, pull, push
from .test_oras import push_file, write_report
from .test_skopeo import LAYER, copy


@pytest.fixture(scope="session")
def deployment(aws: Any) -> Deployment:
    return Deployment(aws.dynamodb, aws.s3, aws.endpoints.environment(), "clients")


@pytest.fixture(scope="session")
def registry(deployment: Deployment) -> Iterator[str]:
    with deployment.behind(Quirks()) as url:
        yield url.removeprefix("http://")


@pytest.fixture(scope="session")
def administrator(deployment: Deployment) -> Login:
    return Login(deployment.username, deployment.password)


@pytest.fixture
def repository(request: pytest.FixtureRequest, deployment: Deployment, registry: str) -> str:
    return f"{registry}/{deployment.namespace}/{slug(request)}"


def test_docker(engine: Engine, registry: str, administrator: Login, repository: str, tmp_path: Path) -> None:
    """An image of 2 MiB, by either store."""
    shell = docker_shell(engine, tmp_path / "docker")
    log_in_docker(shell, registry, administrator)
    shell.run(
        "docker", "build", "--quiet", "--tag", repository, write_context(tmp_path / "context", repository, 2 * MIB)
    )

    pushed = digest_in(shell.output("docker", "push", repository))
    shell.run("docker", "rmi", repository)
    pulled = digest_in(shell.output("docker", "pull", repository))

    assert pushed == pulled
    assert GREETING in shell.run("docker", "run", "--rm", "--network", "none", repository).stderr


def test_crane(
    registry: str, administrator: Login, repository: str, shell: Shell, stranger: Shell, tmp_path: Path
) -> None:
    """A push and a pull; who never logged in is refused as unknown, and a layer that does not fit with advice."""
    log_in_crane(shell, registry, administrator)
    shell.run(*crane_append(write_layer(tmp_path / "layer.tar", repository), repository))
    shell.run("crane", "validate", "--insecure", "--remote", repository)

    assert_says(UNKNOWN, stranger.refused("crane", "validate", "--insecure", "--remote", repository))
    large = write_layer(tmp_path / "large.tar", "large", 7 * MIB)
    assert "SIZE_INVALID" in shell.refused(*crane_append(large, f"{repository}:large"))


def test_oras(registry: str, administrator: Login, repository: str, shell: Shell, tmp_path: Path) -> None:
    log_in_oras(shell, registry, administrator)
    report = write_report(tmp_path, "behind a gateway")
    shell.run(*push_file(report.name, f"{repository}:v1"), cwd=tmp_path)
    shell.run("oras", "pull", "--plain-http", "--output", tmp_path / "pulled", f"{repository}:v1")

    assert report.read_bytes() == (tmp_path / "pulled" / report.name).read_bytes()


def test_skopeo(registry: str, administrator: Login, repository: str, shell: Shell, tmp_path: Path) -> None:
    log_in_skopeo(shell, registry, administrator)
    layer = write_layer(tmp_path / "layer.tar", repository)
    digest = write_layout(tmp_path / "image", layer, file_digest(layer), LAYER)
    shell.run(*copy(f"oci:{tmp_path / 'image'}", f"docker://{repository}:v1"))

    inspected = json.loads(shell.output("skopeo", "inspect", "--tls-verify=false", f"docker://{repository}:v1"))
    assert digest == inspected["Digest"]


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_helm(registry: str, administrator: Login, repository: str, shell: Shell, tmp_path: Path, helm: str) -> None:
    log_in_helm(shell, helm, registry, administrator)
    chart = package(shell, helm, "boat")
    shell.run(*push(helm, chart, repository))
    shell.run(*pull(helm, repository, "boat", tmp_path))

    assert chart.read_bytes() == (tmp_path / chart.name).read_bytes()


def test_regctl(registry: str, administrator: Login, repository: str, shell: Shell, tmp_path: Path) -> None:
    """12 MiB in chunks."""
    log_in_regctl(shell, registry, administrator)
    shell.run("regctl", "registry", "set", "--skip-check", "--blob-chunk", str(MIB), "--blob-max", str(MIB), registry)
    digest = write_large_file(tmp_path / "layer.tar", "chunks", 12 * MIB)
    pushed = write_layout(tmp_path / "image", tmp_path / "layer.tar", digest, LAYER)
    shell.run("regctl", "image", "copy", f"ocidir://{tmp_path / 'image'}@{pushed}", f"{repository}:v1")
    shell.run("regctl", "image", "copy", f"{repository}:v1", f"ocidir://{tmp_path / 'pulled'}:v1")

    assert digest == file_digest(tmp_path / "pulled" / "blobs" / "sha256" / digest.removeprefix("sha256:"))
