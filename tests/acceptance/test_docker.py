"""Docker Engine: the classic store uploads by PATCH without a length, the containerd store by one PUT."""

from pathlib import Path

import pytest

from .clients import log_in_docker
from .engines import Engine, docker_shell
from .images import GREETING, MIB, write_context
from .product import Login, Product
from .shell import Shell, assert_rights, digest_in


@pytest.fixture
def docker(engine: Engine, tmp_path: Path) -> Shell:
    return docker_shell(engine, tmp_path / "docker")


def build(shell: Shell, reference: str, size: int = MIB) -> None:
    context = write_context(shell.home / "context", reference, size)
    shell.run("docker", "build", "--quiet", "--tag", reference, context)


def test_push_and_pull(product: Product, writer: Login, docker: Shell, repository: str) -> None:
    """An image comes back under the digest that the push reported, and runs."""
    log_in_docker(docker, product.registry, writer)
    build(docker, f"{repository}:v1", 32 * MIB)

    pushed = digest_in(docker.output("docker", "push", f"{repository}:v1"))
    docker.run("docker", "rmi", f"{repository}:v1")
    pulled = digest_in(docker.output("docker", "pull", f"{repository}:v1"))

    assert pushed == pulled
    assert GREETING in docker.run("docker", "run", "--rm", "--network", "none", f"{repository}@{pulled}").stderr


def test_push_under_another_name(product: Product, writer: Login, docker: Shell, repository: str) -> None:
    """A second repository gets the layers by mounting them, and has the same digest."""
    log_in_docker(docker, product.registry, writer)
    build(docker, f"{repository}/one:v1")
    docker.run("docker", "tag", f"{repository}/one:v1", f"{repository}/two:v1")

    first = docker.output("docker", "push", f"{repository}/one:v1")
    second = docker.output("docker", "push", f"{repository}/two:v1")

    assert digest_in(first) == digest_in(second)


def test_rights(
    product: Product, writer: Login, reader: Login, docker: Shell, engine: Engine, tmp_path: Path, repository: str
) -> None:
    """A reader pulls and may not push; who never logged in may do neither."""
    reader_shell, stranger = (docker_shell(engine, tmp_path / name) for name in ("reader", "stranger"))
    log_in_docker(docker, product.registry, writer)
    build(docker, f"{repository}:v1")
    docker.run("docker", "push", f"{repository}:v1")
    log_in_docker(reader_shell, product.registry, reader)
    build(docker, f"{repository}:v2", 2 * MIB)

    push = ("docker", "push", f"{repository}:v2")
    assert_rights(reader_shell, stranger, push, ("docker", "pull", f"{repository}:v1"))


def test_wrong_password(product: Product, writer: Login, docker: Shell) -> None:
    """A login with a wrong password is refused."""
    said = docker.refused("docker", "login", "-u", writer.username, "-p", "wrong", product.registry)

    assert "unauthorized" in said.lower()
