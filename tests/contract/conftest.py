from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from tests.contract.backends import Backend
from tests.contract.watched import watch
from tests.factories import limits

from moorage.stores.base import Limits, Stores

IMAGES = 400  # two in each shard


@pytest.fixture
def backend(make_backend: Callable[[Limits], Backend]) -> Backend:
    return make_backend(limits(images=IMAGES))


@pytest.fixture
def stores(backend: Backend) -> Stores:
    """The stores, each of whose refusals is checked to have changed nothing."""
    return watch(backend.stores, backend.everything)


@pytest.fixture
def unchanged(backend: Backend) -> Callable[[], AbstractContextManager[None]]:
    """Check that what a block does changes nothing."""

    @contextmanager
    def checked() -> Iterator[None]:
        before = backend.everything()
        yield
        assert before == backend.everything()

    return checked
