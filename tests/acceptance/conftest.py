"""The server under test, the accounts, and one home per test."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conformance import Report, Tell
from .engines import Engine, running_engine
from .product import Login, Product, running_product
from .shell import Shell


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running_product(tmp_path_factory.mktemp("product")) as server:
        yield server


@pytest.fixture(scope="session")
def sparse_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A second server, one that takes manifests whose layers are missing, as a mirror does."""
    with running_product(tmp_path_factory.mktemp("sparse"), MOORAGE_SPARSE="all") as server:
        yield server


@pytest.fixture(scope="session")
def literal_product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A third server, one that looks nowhere for a blob whose mount names no source."""
    with running_product(tmp_path_factory.mktemp("literal"), MOORAGE_AUTOMATIC_MOUNT="false") as server:
        yield server


@pytest.fixture(scope="session")
def writer(product: Product) -> Login:
    return product.create_user("writer")


@pytest.fixture(scope="session")
def reader(product: Product) -> Login:
    return product.create_user("reader")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The home of who may push."""
    return Shell(tmp_path / "writer")


@pytest.fixture
def reader_shell(tmp_path: Path) -> Shell:
    """The home of who may only pull."""
    return Shell(tmp_path / "reader")


@pytest.fixture
def stranger(tmp_path: Path) -> Shell:
    """The home of one who never logged in."""
    return Shell(tmp_path / "stranger")


@pytest.fixture
def repository(request: pytest.FixtureRequest, product: Product) -> str:
    """A repository of this test alone, with the registry's address."""
    return f"{product.registry}/{product.namespace}/{slug(request)}"


@pytest.fixture(scope="session", params=["classic", "containerd"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    # Sockets have short names, and images are large: neither belongs into pytest's own folders.
    with (
        tempfile.TemporaryDirectory(prefix="engine-") as folder,
        running_engine(request.param, Path(folder)) as started,
    ):
        yield started


@pytest.fixture
def tell(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Print one line of counts, and one for each remark, whatever is captured."""
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    assert terminal is not None

    def line(report: Report, *remarks: str) -> None:
        with capsys.disabled():
            for said in (f"\n{request.node.name}: {report.counts}", *remarks):
                terminal.write_line(said)

    return line


def slug(request: pytest.FixtureRequest) -> str:
    """Return the names of module and test as a repository's name."""
    module = request.module.__name__.rpartition(".test_")[2]
    return f"{module}/{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower()).strip('-')}".replace("_", "-")
