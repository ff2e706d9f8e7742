"""crane: uploads by one PATCH, and checks what it pulls more closely than others."""

from pathlib import Path

import pytest

from .clients import crane_append, log_in_crane, push_image
from .images import file_digest, write_layer
from .product import Login, Product
from .shell import DENIED, Shell, assert_rights, assert_says


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_push_and_pull(
    product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str, host: str
) -> None:
    """What crane pushed is valid, and comes back under the same digest, whichever name the host goes by."""
    name = repository.replace("127.0.0.1", host)
    log_in_crane(shell, f"{host}:{product.port}", writer)

    pushed = push_image(shell, tmp_path / "layer.tar", f"{name}:v1")

    shell.run("crane", "validate", "--insecure", "--remote", f"{name}:v1")
    shell.run("crane", "pull", "--insecure", "--format", "oci", f"{name}:v1", tmp_path / "layout")
    assert pushed == shell.output("crane", "digest", "--insecure", f"{name}:v1")
    assert pushed == file_digest(tmp_path / "layout" / "blobs" / "sha256" / pushed.removeprefix("sha256:"))
    assert ["v1"] == shell.output("crane", "ls", "--insecure", name).split()


def test_copy_to_another_repository(
    product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str
) -> None:
    """A copy inside the registry mounts the blobs of its source and keeps the digest."""
    log_in_crane(shell, product.registry, writer)
    pushed = push_image(shell, tmp_path / "layer.tar", f"{repository}/source:v1")

    shell.run("crane", "copy", "--insecure", f"{repository}/source:v1", f"{repository}/target:v2")

    assert pushed == shell.output("crane", "digest", "--insecure", f"{repository}/target:v2")
    shell.run("crane", "validate", "--insecure", "--remote", f"{repository}/target:v2")


def test_delete(product: Product, writer: Login, reader: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """Whoever may push deletes; an image deleted by its digest is gone, and its tag with it."""
    log_in_crane(shell, product.registry, writer)
    pushed = push_image(shell, tmp_path / "layer.tar", f"{repository}:v1")
    delete = ("crane", "delete", "--insecure", f"{repository}@{pushed}")

    log_in_crane(shell, product.registry, reader)
    assert_says(DENIED, shell.refused(*delete))
    log_in_crane(shell, product.registry, writer)
    shell.run(*delete)

    assert "MANIFEST_UNKNOWN" in shell.refused("crane", "manifest", "--insecure", f"{repository}:v1")


def test_rights(
    product: Product,
    writer: Login,
    reader: Login,
    shell: Shell,
    reader_shell: Shell,
    stranger: Shell,
    tmp_path: Path,
    repository: str,
) -> None:
    """A reader pulls and may not push; who never logged in may do neither."""
    log_in_crane(shell, product.registry, writer)
    push_image(shell, tmp_path / "layer.tar", f"{repository}:v1")
    log_in_crane(reader_shell, product.registry, reader)

    push = crane_append(write_layer(tmp_path / "other.tar", "other"), f"{repository}:v2")
    pull = ("crane", "pull", "--insecure", f"{repository}:v1", tmp_path / "pulled.tar")
    assert_rights(reader_shell, stranger, push, pull)
