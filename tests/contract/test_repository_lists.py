"""The lists of repositories: in two orders, both ways, of a compartment and of all, and of deleted ones."""

from datetime import timedelta
from itertools import product

import pytest
from tests.contract.test_repository_records import compartment
from tests.factories import ROOT, repository
from tests.fakes import NOW

from moorage.domain.repository import Sort
from moorage.domain.ulid import make_ulid

NAMES = ["ns/b", "ns/a", "ns/a-b", "ns/a/b", "ns/a0"]  # in the order of making


@pytest.fixture
def made(stores):
    """Repositories in the root and in a compartment, and one of another compartment that is in no list of theirs."""
    where, elsewhere = compartment(stores), compartment(stores, "c2")
    made = {}
    for place, name in enumerate(NAMES):
        for of in (ROOT, where):
            full = f"{name}-{'c' if of == where else 'r'}"
            ulid = make_ulid(NOW + timedelta(seconds=place), full.encode().ljust(10)[-10:])
            made[full] = repository(full, id=ulid, compartment_id=of)
    made["elsewhere"] = repository("ns/elsewhere", compartment_id=elsewhere)
    for one in made.values():
        assert stores.repositories.create(one)
    return where


def read(stores, where, sort, limit=100, *, descending=False, deleted=False):
    """Return the names of a whole list, read by pages of `limit`, and how many pages that took."""
    found, after, pages = [], "", 0
    while after is not None:
        page = stores.repositories.listed(where, sort, after, limit, descending=descending, deleted=deleted)
        assert len(page.items) <= limit
        found += [place.repository_id for place in page.items]
        after, pages = page.last, pages + 1
    records = stores.repositories.records(found)
    return [records[one].repository.name for one in found], pages


def test_a_compartment_is_listed_in_both_orders_without_gap(stores, made, subtests):
    for descending, limit in product([False, True], [1, 2, 3, 5, 100]):
        with subtests.test(descending=descending, limit=limit):
            step = -1 if descending else 1

            by_name, _ = read(stores, made, Sort.DISPLAY_NAME, limit, descending=descending)
            by_time, pages = read(stores, made, Sort.TIME_CREATED, limit, descending=descending)

            assert sorted([f"{name}-c" for name in NAMES])[::step] == by_name
            assert [f"{name}-c" for name in NAMES][::step] == by_time
            assert -(-len(NAMES) // limit) == pages, "the last page says that it is"


def test_all_of_a_namespace_are_listed_in_both_orders(stores, made, subtests):
    for descending in (False, True):
        with subtests.test(descending=descending):
            step = -1 if descending else 1

            by_name, _ = read(stores, None, Sort.DISPLAY_NAME, 3, descending=descending)
            by_time, _ = read(stores, None, Sort.TIME_CREATED, 3, descending=descending)

            assert sorted(by_name)[::step] == by_name
            assert 2 * len(NAMES) + 1 == len(set(by_time)) == len(by_time)
            assert set(by_name) == set(by_time)
            timed = [name for name in by_time if name.endswith("-r")]
            assert [f"{name}-r" for name in NAMES][::step] == timed


def test_a_list_goes_on_where_a_repository_has_gone(stores, made):
    first = stores.repositories.listed(made, Sort.DISPLAY_NAME, "", 2, descending=True, deleted=False)
    gone = stores.repositories.get(first.items[-1].repository_id)
    assert stores.repositories.delete(gone, NOW)

    rest = stores.repositories.listed(made, Sort.DISPLAY_NAME, first.last, 100, descending=True, deleted=False)

    assert len(NAMES) - 2 == len(rest.items)
    assert gone.repository.id not in {place.repository_id for place in rest.items}


def test_moved_repositories_change_their_list(stores, made):
    one = stores.repositories.get(stores.repositories.find("ns/a-c").id)
    assert stores.repositories.move(one, ROOT)

    for sort in Sort:
        assert "ns/a-c" in read(stores, ROOT, sort)[0]
        assert "ns/a-c" not in read(stores, made, sort)[0]
        assert "ns/a-c" in read(stores, None, sort)[0]


@pytest.mark.parametrize(("sort", "descending"), [*product(Sort, [False, True])])
def test_deleted_repositories_are_in_lists_of_their_own(stores, made, sort, descending):
    for name in ("ns/b-c", "ns/a-c", "ns/a-r"):
        record = stores.repositories.get(stores.repositories.find(name).id)
        assert stores.repositories.delete(record, NOW)
    made_first = ["ns/b-c", "ns/a-c"] if sort is Sort.TIME_CREATED else ["ns/a-c", "ns/b-c"]

    assert made_first[:: -1 if descending else 1] == read(stores, made, sort, 1, descending=descending, deleted=True)[0]
    assert 3 == len(read(stores, None, sort, 2, descending=descending, deleted=True)[0])
    for where in (made, None):
        assert not {"ns/b-c", "ns/a-c"} & set(read(stores, where, sort)[0])


def test_a_name_that_is_used_again_is_in_both_lists(stores, made):
    for _ in range(3):
        record = stores.repositories.get(stores.repositories.find("ns/a-c").id)
        assert stores.repositories.delete(record, NOW)
        assert stores.repositories.create(
            repository("ns/a-c", id=make_ulid(NOW, stores.entropy(10)), compartment_id=made)
        )

    assert ["ns/a-c"] * 3 == read(stores, made, Sort.DISPLAY_NAME, 2, deleted=True)[0]
    assert 1 == read(stores, made, Sort.DISPLAY_NAME)[0].count("ns/a-c")
