"""podman: compresses on the way, so its PATCH has no length."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .images import MIB, write_context
from .product import Login, Product
from .shell import Command, Shell, assert_rights

# What a container needs on a machine without systemd and with low limits; the default of the engine is not installed.
CONFIGURATION = """\
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
POLICY = '{"default": [{"type": "insecureAcceptAnything"}]}'


@pytest.fixture
def storage() -> Iterator[Path]:
    # The engine takes no run folder with a long name.
    with tempfile.TemporaryDirectory(prefix="podman-") as folder:
        yield Path(folder)


def podman_shell(home: Path) -> Shell:
    shell = Shell(home, CONTAINERS_CONF=str(home / "containers.conf"), REGISTRY_AUTH_FILE=str(home / "auth.json"))
    (home / "containers.conf").write_text(CONFIGURATION)
    (home / "auth.json").write_text("{}")
    (home / ".config" / "containers").mkdir()
    (home / ".config" / "containers" / "policy.json").write_text(POLICY)
    return shell


def podman(storage: Path, *arguments: str | Path) -> Command:
    # Files copied per layer: slower than an overlay, but nothing is mounted that could be left behind.
    folders = ("--root", storage / "root", "--runroot", storage / "run", "--storage-driver", "vfs")
    return ("podman", *folders, *arguments)


def log_in(shell: Shell, storage: Path, registry: str, login: Login) -> None:
    flags = ("--tls-verify=false", "-u", login.username, "--password-stdin")
    shell.run(*podman(storage, "login", *flags, registry), stdin=login.password)


def build(shell: Shell, storage: Path, reference: str) -> None:
    context = write_context(shell.home / "context", reference, 8 * MIB)
    shell.run(*podman(storage, "build", "--isolation", "chroot", "--tag", reference, context))


def push(storage: Path, reference: str) -> Command:
    return podman(storage, "push", "--tls-verify=false", "--digestfile", storage / "digest", reference)


def pull(storage: Path, reference: str) -> Command:
    return podman(storage, "pull", "--tls-verify=false", reference)


def test_push_and_pull(product: Product, writer: Login, storage: Path, tmp_path: Path, repository: str) -> None:
    """An image comes back under the digest that podman wrote down."""
    shell = podman_shell(tmp_path / "writer")
    log_in(shell, storage, product.registry, writer)
    build(shell, storage, f"{repository}:v1")

    shell.run(*push(storage, f"{repository}:v1"))
    shell.run(*podman(storage, "rmi", "--force", f"{repository}:v1"))
    shell.run(*pull(storage, f"{repository}:v1"))

    pulled = shell.output(*podman(storage, "image", "inspect", "--format", "{{.Digest}}", f"{repository}:v1"))
    assert (storage / "digest").read_text() == pulled


def test_rights(product: Product, writer: Login, reader: Login, storage: Path, tmp_path: Path, repository: str) -> None:
    """A reader pulls and may not push; who never logged in may do neither."""
    shell, reader_shell, stranger = (podman_shell(tmp_path / name) for name in ("writer", "reader", "stranger"))
    log_in(shell, storage, product.registry, writer)
    log_in(reader_shell, storage, product.registry, reader)
    build(shell, storage, f"{repository}:v1")
    shell.run(*push(storage, f"{repository}:v1"))

    assert_rights(reader_shell, stranger, push(storage, f"{repository}:v1"), pull(storage, f"{repository}:v1"))
