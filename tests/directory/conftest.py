import pytest
from tests.factories import limits
from tests.fakes import Clock, Dice

from moorage.stores.base import DirectoryLimits, Stores
from moorage.stores.memory import memory_stores


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stores(clock) -> Stores:
    return memory_stores(limits(), clock=clock, entropy=Dice())


@pytest.fixture
def narrow(clock) -> Stores:
    """Stores that hold two of everything."""
    return memory_stores(limits(directory=DirectoryLimits(2, 2, 2, 2, 3, 2, 2, 2)), clock=clock, entropy=Dice())
