"""The implementations of storage that suites run on."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

import pytest
from tests.contract.backends import REGION, Aws, Backend, MemoryBackend

import moorage
from moorage.devserver.aws import running_aws
from moorage.devserver.strict import Endpoints, running_strict
from moorage.operations import buffers
from moorage.operations.buffers import Buffers
from moorage.stores.base import Limits
from moorage.stores.presign import Credentials

MakeBackend = Callable[[Limits], Backend]

STRICT = "--strict-stand-ins"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        STRICT,
        action="store_true",
        help="run what needs DynamoDB and S3, and nothing else, on stand-ins as strict as AWS",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what needs storage on each implementation; memory is no stricter the second time."""
    if "make_backend" in metafunc.fixturenames:
        strict = metafunc.config.getoption(STRICT)
        metafunc.parametrize("make_backend", ["strict"] if strict else ["memory", "dynamodb"], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With strict stand-ins, leave out what never reaches them."""
    if config.getoption(STRICT):
        kept = [item for item in items if {"aws", "make_backend"} & set(getattr(item, "fixturenames", ()))]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


@pytest.fixture(scope="session")
def aws(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """What stands in for AWS, in processes of its own, for all the tests that ask for it."""
    folder = tmp_path_factory.mktemp("aws")
    running = running_strict(folder) if pytestconfig.getoption(STRICT) else running_moto(folder)
    with pytest.MonkeyPatch.context() as patch, running as endpoints:
        patch.setenv("AWS_ACCESS_KEY_ID", endpoints.credentials.access_key)
        patch.setenv("AWS_SECRET_ACCESS_KEY", endpoints.credentials.secret_key)
        yield Aws(endpoints)
    shutil.rmtree(folder)


@contextmanager
def running_moto(folder: Path) -> Iterator[Endpoints]:
    library = str(Path(moorage.__file__).parents[1])
    with running_aws(folder, {**os.environ, "PYTHONPATH": library}) as url:
        yield Endpoints(url, url, Credentials("test", "test"), REGION)


@pytest.fixture
def make_backend(request: pytest.FixtureRequest) -> Iterator[MakeBackend]:
    """Make empty stores of one implementation, with these limits."""
    with ExitStack() as opened:

        def make(given: Limits) -> Backend:
            return opened.enter_context(opener(request, given))

        yield make


def opener(request: pytest.FixtureRequest, given: Limits) -> AbstractContextManager[Backend]:
    if request.param == "memory":
        return nullcontext(MemoryBackend(given))
    server: Aws = request.getfixturevalue("aws")
    return server.backend(given)


@pytest.fixture(scope="session", autouse=True)
def ample_memory() -> Iterator[None]:
    """Processes that die in tests only seem to, and give no memory back: others are not to wait for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(buffers, "PROCESS", Buffers(2**50))
        yield
