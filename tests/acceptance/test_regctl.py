"""regctl: the one client that uploads in chunks."""

from pathlib import Path

from .clients import log_in_regctl
from .images import MIB, file_digest, write_layer, write_layout
from .product import Login, Product
from .shell import Command, Shell, assert_rights

KIND = "application/vnd.example.report"
LAYER = "application/vnd.oci.image.layer.v1.tar"


def put_artifact(file: Path, reference: str) -> Command:
    return ("regctl", "artifact", "put", "--artifact-type", KIND, "--file", file, reference)


def write_report(folder: Path, text: str) -> Path:
    report = folder / "report.txt"
    report.write_text(text)
    return report


def test_artifact(product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """An artifact, whose blobs regctl first tries to mount from anywhere, comes back byte for byte."""
    log_in_regctl(shell, product.registry, writer)
    report = write_report(tmp_path, repository)

    shell.run(*put_artifact(report, f"{repository}:v1"))

    assert report.read_text() == shell.output("regctl", "artifact", "get", f"{repository}:v1")
    assert ["v1"] == shell.output("regctl", "tag", "ls", repository).split()


def test_chunked_image(product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """A layer sent in chunks of 1 MiB, each with its range, is put together again."""
    log_in_regctl(shell, product.registry, writer)
    shell.run(
        "regctl", "registry", "set", "--skip-check", "--blob-chunk", str(MIB), "--blob-max", str(MIB), product.registry
    )
    layer = write_layer(tmp_path / "layer.tar", repository, 5 * MIB + 12345)
    layer_digest = file_digest(layer)
    pushed = write_layout(tmp_path / "image", layer, layer_digest, LAYER)

    copy = ("regctl", "image", "copy", "--verbosity", "debug")
    said = shell.run(*copy, f"ocidir://{tmp_path / 'image'}@{pushed}", f"{repository}:v1").stderr
    shell.run(*copy, f"{repository}:v1", f"ocidir://{tmp_path / 'pulled'}:v1")

    assert said.count("Next chunk upload location") >= 6, said
    assert pushed == shell.output("regctl", "image", "digest", f"{repository}:v1")
    assert layer_digest == file_digest(tmp_path / "pulled" / "blobs" / "sha256" / layer_digest.removeprefix("sha256:"))


def test_image_import(product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """An exported image is imported again under its digest."""
    log_in_regctl(shell, product.registry, writer)
    layer = write_layer(tmp_path / "layer.tar", repository, 3 * MIB)
    pushed = write_layout(tmp_path / "image", layer, file_digest(layer), LAYER)
    shell.run("regctl", "image", "export", f"ocidir://{tmp_path / 'image'}@{pushed}", tmp_path / "image.tar")

    shell.run("regctl", "image", "import", f"{repository}:v1", tmp_path / "image.tar")

    assert pushed == shell.output("regctl", "image", "digest", f"{repository}:v1")


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
    log_in_regctl(shell, product.registry, writer)
    log_in_regctl(reader_shell, product.registry, reader)
    stranger.run("regctl", "registry", "set", "--skip-check", "--tls", "disabled", product.registry)
    shell.run(*put_artifact(write_report(tmp_path, "rights"), f"{repository}:v1"))

    push = put_artifact(write_report(tmp_path, "other"), f"{repository}:v2")
    assert_rights(reader_shell, stranger, push, ("regctl", "artifact", "get", f"{repository}:v1"))
