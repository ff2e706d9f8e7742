"""buildx: an index of several platforms with its attestations, pushed by BuildKit."""

import json
from pathlib import Path

import pytest

from .clients import log_in_crane, log_in_docker
from .engines import Engine, docker_shell
from .images import write_context
from .product import Login, Product
from .shell import Command, Shell, assert_rights

PLATFORMS = ("linux/amd64", "linux/arm64")

pytestmark = pytest.mark.parametrize("engine", ["containerd"], indirect=True)


@pytest.fixture
def buildx(engine: Engine, tmp_path: Path) -> Shell:
    return docker_shell(engine, tmp_path / "buildx")


def build_and_push(context: Path, reference: str, metadata: Path) -> Command:
    flags = ("--platform", ",".join(PLATFORMS), "--provenance", "mode=max", "--push", "--metadata-file", metadata)
    return ("docker", "buildx", "build", *flags, "--tag", reference, context)


def test_index_with_attestations(
    product: Product, writer: Login, buildx: Shell, shell: Shell, tmp_path: Path, repository: str
) -> None:
    """The index names both platforms and an attestation of each, and every child is there."""
    log_in_docker(buildx, product.registry, writer)
    log_in_crane(shell, product.registry, writer)
    context = write_context(tmp_path / "context", repository)

    buildx.run(*build_and_push(context, f"{repository}:v1", tmp_path / "metadata.json"))

    pushed = json.loads((tmp_path / "metadata.json").read_text())["containerimage.digest"]
    index = json.loads(shell.output("crane", "manifest", "--insecure", f"{repository}:v1"))
    platforms = [f"{child['platform']['os']}/{child['platform']['architecture']}" for child in index["manifests"]]
    assert pushed == shell.output("crane", "digest", "--insecure", f"{repository}:v1")
    assert [*PLATFORMS, "unknown/unknown", "unknown/unknown"] == sorted(platforms)
    for child in index["manifests"]:
        # Not "crane validate": an attestation's layers are none of an image's.
        shell.run("crane", "pull", "--insecure", f"{repository}@{child['digest']}", tmp_path / "pulled.tar")


def test_pull_of_one_platform(product: Product, writer: Login, buildx: Shell, tmp_path: Path, repository: str) -> None:
    """The engine pulls the platform that it is asked for out of the index."""
    log_in_docker(buildx, product.registry, writer)
    context = write_context(tmp_path / "context", repository)
    buildx.run(*build_and_push(context, f"{repository}:v1", tmp_path / "metadata.json"))

    buildx.run("docker", "pull", "--platform", "linux/arm64", f"{repository}:v1")

    architecture = buildx.output(
        *("docker", "image", "inspect", "--platform", "linux/arm64", "--format", "{{.Architecture}}"),
        f"{repository}:v1",
    )
    assert "arm64" == architecture


def test_rights(
    product: Product, writer: Login, reader: Login, buildx: Shell, engine: Engine, tmp_path: Path, repository: str
) -> None:
    """A reader pulls and may not push; who never logged in may do neither."""
    reader_shell, stranger = (docker_shell(engine, tmp_path / name) for name in ("reader", "stranger"))
    log_in_docker(buildx, product.registry, writer)
    log_in_docker(reader_shell, product.registry, reader)
    context = write_context(tmp_path / "context", repository)
    buildx.run(*build_and_push(context, f"{repository}:v1", tmp_path / "metadata.json"))

    push = build_and_push(write_context(tmp_path / "other", "other"), f"{repository}:v2", tmp_path / "other.json")
    assert_rights(reader_shell, stranger, push, ("docker", "pull", f"{repository}:v1"))
