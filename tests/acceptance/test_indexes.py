"""A multi-platform index, put together by one client and taken apart by others."""

import json
from pathlib import Path

from .clients import log_in_crane, log_in_oras, log_in_skopeo
from .images import write_layer
from .product import Login, Product
from .shell import Shell, digest_in

PLATFORMS = ("linux/amd64", "linux/arm64/v8")


def push_platforms(shell: Shell, folder: Path, repository: str) -> list[str]:
    """Push an image per platform and return their references."""
    references = []
    for platform in PLATFORMS:
        reference = f"{repository}:{platform.replace('/', '-')}"
        layer = write_layer(folder / "layer.tar", reference)
        shell.run("crane", "append", "--insecure", "--new_layer", layer, "--new_tag", reference)
        changed = shell.output("crane", "mutate", "--insecure", "--set-platform", platform, reference)
        references.append(f"{repository}@{digest_in(changed)}")
    return references


def test_index(product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """An index is valid with all its children, and each client finds its platform in it."""
    log_in_crane(shell, product.registry, writer)
    log_in_oras(shell, product.registry, writer)
    log_in_skopeo(shell, product.registry, writer)
    children = push_platforms(shell, tmp_path, repository)

    members = [argument for child in children for argument in ("--manifest", child)]
    pushed = digest_in(shell.output("crane", "index", "append", "--insecure", *members, "--tag", f"{repository}:v1"))

    shell.run("crane", "validate", "--insecure", "--remote", f"{repository}:v1")
    assert pushed == shell.output("crane", "digest", "--insecure", f"{repository}:v1")
    for platform, child in zip(PLATFORMS, children, strict=True):
        found = shell.output("crane", "digest", "--insecure", "--platform", platform, f"{repository}:v1")
        fetch = ("oras", "manifest", "fetch", "--plain-http", "--descriptor", "--platform", platform)
        assert child == f"{repository}@{found}"
        assert found == json.loads(shell.output(*fetch, f"{repository}:v1"))["digest"]

    inspect = ("skopeo", "inspect", "--tls-verify=false", "--override-arch", "arm64")
    assert "arm64" == json.loads(shell.output(*inspect, f"docker://{repository}:v1"))["Architecture"]


def test_copy_of_an_index(product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """A whole index comes out of the registry, and goes into another repository, under its digest."""
    log_in_crane(shell, product.registry, writer)
    log_in_oras(shell, product.registry, writer)
    members = [argument for child in push_platforms(shell, tmp_path, repository) for argument in ("--manifest", child)]
    pushed = digest_in(shell.output("crane", "index", "append", "--insecure", *members, "--tag", f"{repository}:v1"))

    layout = f"{tmp_path / 'copied'}:v1"
    shell.run("oras", "copy", "--from-plain-http", "--to-oci-layout", f"{repository}:v1", layout)
    shell.run("oras", "copy", "--from-oci-layout", "--to-plain-http", layout, f"{repository}/copy:v2")

    assert pushed == shell.output("crane", "digest", "--insecure", f"{repository}/copy:v2")
    shell.run("crane", "validate", "--insecure", "--remote", f"{repository}/copy:v2")
