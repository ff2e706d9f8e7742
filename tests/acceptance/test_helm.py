"""helm, of both generations: charts by one PUT, and the manifest by digest first."""

from pathlib import Path

import pytest

from .clients import log_in_helm
from .product import Login, Product
from .shell import Command, Shell, assert_rights, digest_in

CHART = """\
apiVersion: v2
name: {name}
version: {version}
description: a chart that the acceptance tests push
"""
TEMPLATE = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}
"""

pytestmark = pytest.mark.parametrize("helm", ["helm3", "helm4"])


def package(shell: Shell, helm: str, name: str, version: str = "1.0.0") -> Path:
    """Make a packaged chart."""
    chart = shell.home / name
    (chart / "templates").mkdir(parents=True, exist_ok=True)
    (chart / "Chart.yaml").write_text(CHART.format(name=name, version=version))
    (chart / "templates" / "configmap.yaml").write_text(TEMPLATE)
    shell.run(helm, "package", chart, "--destination", shell.home)
    return shell.home / f"{name}-{version}.tgz"


def push(helm: str, chart: Path, repository: str) -> Command:
    return (helm, "push", chart, f"oci://{repository}", "--plain-http")


def pull(helm: str, repository: str, name: str, folder: Path) -> Command:
    chart = f"oci://{repository}/{name}"
    return (helm, "pull", chart, "--version", "1.0.0", "--plain-http", "--destination", folder)


def test_push_and_pull(
    product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str, helm: str
) -> None:
    """A chart comes back byte for byte under its digest, and renders."""
    log_in_helm(shell, helm, product.registry, writer)
    chart = package(shell, helm, "boat")

    pushed = shell.run(*push(helm, chart, repository))
    pulled = shell.run(*pull(helm, repository, "boat", tmp_path))

    assert digest_in(pushed.stdout + pushed.stderr) == digest_in(pulled.stdout + pulled.stderr)
    assert chart.read_bytes() == (tmp_path / chart.name).read_bytes()
    reference = f"oci://{repository}/boat"
    assert "ConfigMap" in shell.output(helm, "template", "anchor", reference, "--version", "1.0.0", "--plain-http")


def test_version_with_build_metadata(
    product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str, helm: str
) -> None:
    """A plus sign, which no tag may have, is stored as an underscore and comes back."""
    log_in_helm(shell, helm, product.registry, writer)

    shell.run(*push(helm, package(shell, helm, "boat", "1.0.0+build.7"), repository))
    reference = f"oci://{repository}/boat"
    shell.run(helm, "pull", reference, "--version", "1.0.0+build.7", "--plain-http", "--destination", tmp_path)

    assert (tmp_path / "boat-1.0.0+build.7.tgz").exists()


def test_rights(
    product: Product,
    writer: Login,
    reader: Login,
    shell: Shell,
    reader_shell: Shell,
    stranger: Shell,
    tmp_path: Path,
    repository: str,
    helm: str,
) -> None:
    """A reader pulls and may not push; who never logged in may do neither."""
    log_in_helm(shell, helm, product.registry, writer)
    log_in_helm(reader_shell, helm, product.registry, reader)
    shell.run(*push(helm, package(shell, helm, "boat"), repository))

    other = push(helm, package(shell, helm, "boat", "2.0.0"), repository)
    assert_rights(reader_shell, stranger, other, pull(helm, repository, "boat", tmp_path))
