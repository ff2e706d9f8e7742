"""Repositories that release 0.1 made: in no list, no count and no limit, until they are adopted, moved or deleted."""

import pytest
from tests.contract.test_repository_records import compartment
from tests.contract.test_schema import recorded
from tests.factories import ROOT, limits, repository
from tests.fakes import NOW

from moorage.domain.repository import Sort
from moorage.operations.repository_changes import adopt
from moorage.stores import keys

MADE = repository()
NEW = {"compartment_id", "immutable", "version", "stored"}  # fields that release 0.1 did not write


@pytest.fixture
def backend(aws):
    """A table as release 0.1 left it: a repository with a layer of 1000 bytes."""
    with aws.backend(limits(images=400, storage_bytes=200 * 1000)) as opened:
        rows = [row for row in recorded("1.0") if row["kind"]["S"] in {"name", "repository", "count"}]
        for row in rows:
            if row["kind"]["S"] == "count":
                row["pk"] = {"S": keys.repository(MADE.id)}
        opened.load([{name: value for name, value in row.items() if name not in NEW} for row in rows])
        yield opened


def listed(stores, where, sort):
    return [
        place.repository_id
        for place in stores.repositories.listed(where, sort, "", 10, descending=False, deleted=False).items
    ]


def test_it_is_in_the_root(backend):
    stores = backend.stores

    assert MADE == stores.repositories.find(MADE.name)
    record = stores.repositories.get(MADE.id)
    assert (MADE, 1, False) == (record.repository, record.version, record.placed)
    assert [] == listed(stores, ROOT, Sort.DISPLAY_NAME)


def test_it_is_adopted_once(backend):
    stores = backend.stores
    before = stores.repositories.counts(MADE.id)

    assert [1, 0] == [adopt(stores), adopt(stores)]

    assert stores.repositories.get(MADE.id).placed
    for where in (ROOT, None):
        assert 1 == stores.repositories.total(where)
        for sort in Sort:
            assert [MADE.id] == listed(stores, where, sort)
    assert before == stores.repositories.counts(MADE.id)
    left = 200 * 1000 - before.bytes
    assert 0 < before.bytes
    assert stores.manifests.take_room(1, left)
    assert not stores.manifests.take_room(1, left + 1)


def test_a_move_adopts_it(backend):
    stores = backend.stores
    where = compartment(stores)

    assert stores.repositories.move(stores.repositories.get(MADE.id), where)

    assert stores.repositories.get(MADE.id).placed
    assert [1, 1, 0] == [stores.repositories.total(of) for of in (None, where, ROOT)]
    assert [[MADE.id]] * 2 == [listed(stores, of, Sort.TIME_CREATED) for of in (None, where)]


def test_a_delete_counts_nothing_twice(backend):
    stores = backend.stores

    assert stores.repositories.delete(stores.repositories.get(MADE.id), NOW)
    stores.repositories.close(MADE.id)

    assert [0, 0] == [stores.repositories.total(of) for of in (None, ROOT)]
    assert stores.manifests.take_room(1, 200 * 1000)
    assert not stores.manifests.take_room(1, 200 * 1000 + 1)
    assert 0 == adopt(stores)
