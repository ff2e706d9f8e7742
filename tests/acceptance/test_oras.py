"""oras: uploads by one PUT, takes a Location on its own host only, and follows referrers."""

import json
from pathlib import Path

import pytest

from .clients import log_in_oras
from .product import Login, Product
from .shell import Command, Shell, assert_rights

KIND = "application/vnd.example.report"


def push_file(name: str, reference: str) -> Command:
    return ("oras", "push", "--plain-http", "--artifact-type", KIND, "--format", "json", reference, name)


def write_report(folder: Path, text: str) -> Path:
    report = folder / "report.txt"
    report.write_text(text)
    return report


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_push_and_pull(
    product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str, host: str
) -> None:
    """An artifact comes back byte for byte and under its digest, whichever name the host goes by."""
    reference = f"{repository.replace('127.0.0.1', host)}:v1"
    log_in_oras(shell, f"{host}:{product.port}", writer)
    report = write_report(tmp_path, host)

    pushed = json.loads(shell.output(*push_file(report.name, reference), cwd=tmp_path))
    shell.run("oras", "pull", "--plain-http", "--output", tmp_path / "pulled", reference)

    descriptor = json.loads(shell.output("oras", "manifest", "fetch", "--plain-http", "--descriptor", reference))
    assert pushed["digest"] == descriptor["digest"]
    assert report.read_bytes() == (tmp_path / "pulled" / report.name).read_bytes()


def test_attach_and_discover(product: Product, writer: Login, shell: Shell, tmp_path: Path, repository: str) -> None:
    """What is attached to an artifact is listed as its referrer, by type too, and can be pulled."""
    log_in_oras(shell, product.registry, writer)
    report = write_report(tmp_path, "attached")
    shell.run(*push_file(report.name, f"{repository}:v1"), cwd=tmp_path)

    attach = ("oras", "attach", "--plain-http", "--artifact-type", "application/vnd.example.sbom", "--format", "json")
    attached = json.loads(shell.output(*attach, f"{repository}:v1", report.name, cwd=tmp_path))

    assert [attached["digest"]] == _referrers(shell, f"{repository}:v1")
    assert [attached["digest"]] == _referrers(shell, f"{repository}:v1", "application/vnd.example.sbom")
    assert [] == _referrers(shell, f"{repository}:v1", "application/vnd.example.other")
    shell.run("oras", "pull", "--plain-http", "-o", tmp_path / "pulled", f"{repository}@{attached['digest']}")
    assert report.read_bytes() == (tmp_path / "pulled" / report.name).read_bytes()


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
    log_in_oras(shell, product.registry, writer)
    for home in (shell, reader_shell, stranger):
        write_report(home.home, "rights")
    shell.run(*push_file("report.txt", f"{repository}:v1"))
    log_in_oras(reader_shell, product.registry, reader)

    push = push_file("report.txt", f"{repository}:v2")
    pull = ("oras", "pull", "--plain-http", "-o", tmp_path / "pulled", f"{repository}:v1")
    assert_rights(reader_shell, stranger, push, pull)


def _referrers(shell: Shell, reference: str, kind: str | None = None) -> list[str]:
    command = ["oras", "discover", "--plain-http", "--format", "json", reference]
    listing = json.loads(shell.output(*command, *(["--artifact-type", kind] if kind else [])))
    return [referrer["digest"] for referrer in listing["referrers"] or []]
