"""The check that goes with every test of this folder: a store that refuses and writes all the same is caught."""

from dataclasses import replace

import pytest
from tests.contract.backends import MemoryBackend
from tests.contract.watched import watch
from tests.factories import limits, repository

from moorage.stores.memory.repositories import MemoryRepositories


class Sloppy(MemoryRepositories):
    """Overwrites what it then says is taken."""

    def create(self, repository):
        made = super().create(repository)
        self._rows.repositories[repository.id] = repository
        return made


class Clumsy(MemoryRepositories):
    """Fails after half of its work."""

    def create(self, repository):
        self._rows.repositories[repository.id] = repository
        raise LookupError


@pytest.mark.parametrize("store", [Sloppy, Clumsy])
def test_a_refusal_that_changes_something_fails_the_test(store):
    backend = MemoryBackend(limits())
    backend.stores.repositories.create(repository())
    stores = watch(replace(backend.stores, repositories=store(backend.rows, limits())), backend.everything)

    with pytest.raises(AssertionError, match=r"create .* and changed something"):
        stores.repositories.create(repository(created_by="mallory"))


def test_a_clean_refusal_passes():
    backend = MemoryBackend(limits())
    backend.stores.repositories.create(repository())
    stores = watch(backend.stores, backend.everything)

    assert not stores.repositories.create(repository(created_by="mallory"))
