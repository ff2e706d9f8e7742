"""The implementations of storage that suites run on."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

import pytest
from tests.contract.backends import Aws, Backend, MemoryBackend

import moorage
from moorage.devserver.aws import running_aws
from moorage.stores.base import Limits

MakeBackend = Callable[[Limits], Backend]


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """moto in a process of its own, for all the tests that ask for it."""
    library = str(Path(moorage.__file__).parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        with running_aws(tmp_path_factory.mktemp("aws"), {**os.environ, "PYTHONPATH": library}) as endpoint:
            yield Aws(endpoint)


@pytest.fixture(params=["memory", "dynamodb"])
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
