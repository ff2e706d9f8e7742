"""A public repository is pulled without a login, by every family of clients, and still pushed with one."""

from pathlib import Path

import pytest

from .clients import crane_append, log_in_crane, push_image
from .engines import Engine, docker_shell
from .images import write_layer
from .product import Login, Product
from .shell import UNKNOWN, Command, Shell, assert_says, digest_in


@pytest.fixture(scope="module")
def public_name(product: Product) -> str:
    return product.create_public_repository("public/image")


@pytest.fixture(scope="module")
def pushed(product: Product, writer: Login, public_name: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image in the public repository: its digest."""
    folder = tmp_path_factory.mktemp("public")
    shell = Shell(folder / "writer")
    log_in_crane(shell, product.registry, writer)
    return push_image(shell, folder / "layer.tar", f"{product.registry}/{public_name}:v1")


PULLS: dict[str, Command] = {
    "crane": ("crane", "pull", "--insecure", "REFERENCE", "pulled"),
    "regctl": ("regctl", "--host", "reg=REGISTRY,tls=disabled", "image", "export", "REFERENCE", "pulled"),
    "skopeo": ("skopeo", "copy", "--insecure-policy", "--src-tls-verify=false", "docker://REFERENCE", "dir:pulled"),
    "oras": ("oras", "copy", "--from-plain-http", "--to-oci-layout", "REFERENCE", "pulled:v1"),
}


@pytest.mark.parametrize("client", PULLS)
def test_pull_without_login(product: Product, pushed: str, public_name: str, stranger: Shell, client: str) -> None:
    """A client without any credential pulls by digest and by tag."""
    for suffix in (":v1", f"@{pushed}"):
        reference = f"{product.registry}/{public_name}{suffix}"
        words = (str(word) for word in PULLS[client])
        stranger.run(*(word.replace("REFERENCE", reference).replace("REGISTRY", product.registry) for word in words))


def test_engine_pulls_without_login(
    product: Product, pushed: str, public_name: str, engine: Engine, tmp_path: Path
) -> None:
    """An engine pulls without a login, in either store."""
    docker = docker_shell(engine, tmp_path / "docker")

    assert pushed == digest_in(docker.output("docker", "pull", f"{product.registry}/{public_name}:v1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_either_host_name(product: Product, pushed: str, public_name: str, stranger: Shell, host: str) -> None:
    """Whichever name the host goes by, crane and oras are not sent to the other."""
    reference = f"{host}:{product.port}/{public_name}:v1"

    assert pushed == stranger.output("crane", "digest", "--insecure", reference)
    stranger.run("oras", "copy", "--from-plain-http", "--to-oci-layout", reference, f"pulled-{host}:v1")


def test_push_needs_a_login(product: Product, pushed: str, public_name: str, stranger: Shell, tmp_path: Path) -> None:
    """Public means pulled by all, not pushed by all."""
    layer = write_layer(tmp_path / "layer.tar", "stranger")

    said = stranger.refused(*crane_append(layer, f"{product.registry}/{public_name}:v2"))

    assert_says(UNKNOWN, said)
