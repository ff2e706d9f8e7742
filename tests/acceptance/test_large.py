"""A layer of 1 GiB, from a client that sends one PATCH and from one that sends one PUT."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .clients import log_in_oras, log_in_skopeo
from .images import MIB, file_digest, write_large_file, write_layout
from .product import Login, Product
from .shell import Shell

GIB = 1024 * MIB
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that is gone after the test, whatever pytest keeps."""
    with tempfile.TemporaryDirectory(prefix="large-") as name:
        yield Path(name)


def test_by_patch(product: Product, writer: Login, folder: Path, repository: str) -> None:
    """skopeo: POST, one PATCH of everything, an empty PUT."""
    shell = Shell(folder / "home")
    log_in_skopeo(shell, product.registry, writer)
    digest = write_large_file(folder / "blob", "patch", GIB)
    write_layout(folder / "image", folder / "blob", digest, LAYER)
    copy = ("skopeo", "copy", "--insecure-policy", "--preserve-digests")

    image = f"docker://{repository}:v1"
    shell.run(*copy, "--dest-tls-verify=false", f"oci:{folder / 'image'}", image, seconds=180)
    shell.run(*copy, "--src-tls-verify=false", image, f"oci:{folder / 'pulled'}", seconds=180)

    assert digest == file_digest(folder / "pulled" / "blobs" / "sha256" / digest.removeprefix("sha256:"))


def test_by_put(product: Product, writer: Login, folder: Path, repository: str) -> None:
    """oras: POST, one PUT of everything."""
    shell = Shell(folder / "home")
    log_in_oras(shell, product.registry, writer)
    digest = write_large_file(folder / "blob", "put", GIB)

    artifact = f"{repository}:v1"
    shell.run("oras", "push", "--plain-http", artifact, f"blob:{LAYER}", cwd=folder, seconds=180)
    shell.run("oras", "pull", "--plain-http", "--output", folder / "pulled", artifact, seconds=180)

    assert digest == file_digest(folder / "pulled" / "blob")
