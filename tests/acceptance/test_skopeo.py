"""skopeo: uploads by one PATCH, and sends its credentials wherever a Location points."""

import json
from pathlib import Path

from .clients import log_in_skopeo
from .images import file_digest, write_layer, write_layout
from .product import Login, Product
from .shell import Command, Shell, assert_rights

LAYER = "application/vnd.oci.image.layer.v1.tar"


def copy(source: str, target: str) -> Command:
    # The layers stay as they are: skopeo would compress them, and so make another image.
    flags = ("--insecure-policy", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false")
    return ("skopeo", "copy", *flags, source, target)


def write_image(folder: Path, seed: str) -> str:
    layer = write_layer(folder.with_suffix(".tar"), seed)
    return write_layout(folder, layer, file_digest(layer), LAYER)


def test_push_inspect_and_pull(product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """An image comes back as the layout that it was, and is inspected from afar."""
    log_in_skopeo(shell, product.registry, writer)
    digest = write_image(tmp_path / "image", repository)

    shell.run(*copy(f"oci:{tmp_path / 'image'}", f"docker://{repository}:v1"))
    shell.run(*copy(f"docker://{repository}:v1", f"oci:{tmp_path / 'pulled'}:v1"))

    inspected = json.loads(shell.output("skopeo", "inspect", "--tls-verify=false", f"docker://{repository}:v1"))
    index = json.loads((tmp_path / "pulled" / "index.json").read_text())
    assert (digest, ["v1"]) == (inspected["Digest"], inspected["RepoTags"])
    assert [digest] == [manifest["digest"] for manifest in index["manifests"]]


def test_push_of_a_docker_archive(
    product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str
) -> None:
    """A Docker schema 2 image, whose layers are compressed on the way, has the digest that skopeo wrote down."""
    log_in_skopeo(shell, product.registry, writer)
    write_image(tmp_path / "image", repository)
    shell.run(*copy(f"oci:{tmp_path / 'image'}", f"dir:{tmp_path / 'folder'}"))

    convert = ("skopeo", "copy", "--insecure-policy", "--dest-tls-verify=false", "--format", "v2s2")
    shell.run(*convert, "--digestfile", tmp_path / "digest", f"dir:{tmp_path / 'folder'}", f"docker://{repository}:v2")

    inspect = ("skopeo", "inspect", "--tls-verify=false", f"docker://{repository}:v2")
    raw = json.loads(shell.output(*inspect, "--raw"))
    assert "application/vnd.docker.distribution.manifest.v2+json" == raw["mediaType"]
    assert (tmp_path / "digest").read_text() == json.loads(shell.output(*inspect))["Digest"]


def test_delete(product: Product, shell: Shell, tmp_path: Path, repository: str) -> None:
    """A deleted image is gone."""
    log_in_skopeo(shell, product.registry, product.administrator)
    write_image(tmp_path / "image", repository)
    shell.run(*copy(f"oci:{tmp_path / 'image'}", f"docker://{repository}:v1"))

    shell.run("skopeo", "delete", "--tls-verify=false", f"docker://{repository}:v1")

    assert "unknown" in shell.refused("skopeo", "inspect", "--tls-verify=false", f"docker://{repository}:v1")


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
    log_in_skopeo(shell, product.registry, writer)
    write_image(tmp_path / "image", repository)
    write_image(tmp_path / "other", "other")
    shell.run(*copy(f"oci:{tmp_path / 'image'}", f"docker://{repository}:v1"))
    log_in_skopeo(reader_shell, product.registry, reader)

    push = copy(f"oci:{tmp_path / 'other'}", f"docker://{repository}:v2")
    pull = copy(f"docker://{repository}:v1", f"dir:{tmp_path / 'pulled'}")
    assert_rights(reader_shell, stranger, push, pull)
