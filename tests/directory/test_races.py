"""Many at once, in memory and on DynamoDB: each change is whole, and what must hold holds in the end."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from tests.directory.acting import (
    Retry,
    make_compartment,
    make_dynamic_group,
    make_group,
    make_policy,
    make_user,
)
from tests.directory.invariants import check
from tests.factories import limits, repository

from moorage.domain.directory import ADMINISTRATORS, Compartment, Group, State, User, membership_ocid
from moorage.domain.errors import (
    AlreadyExists,
    LimitReached,
    RegistryError,
    RelatedNotFound,
    StateConflict,
    Unavailable,
)
from moorage.operations.directory import compartments, groups, users
from moorage.stores.base import CompartmentGone, DirectoryLimits, Stores

THREADS = 8


@pytest.fixture
def stores(make_backend) -> Stores:
    """Stores with dice that many may throw."""
    return replace(make_backend(limits(directory=DirectoryLimits(users=20))).stores, entropy=os.urandom)


def race(*calls: Callable[[], object]) -> list[object]:
    """Call all at once; return what each answers, or the fact that it raises. What is told to come again, does."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        start.wait(10)
        while True:
            try:
                return call()
            except Unavailable:
                continue
            except RegistryError as error:
                return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def of(kind, results):
    return [one for one in results if isinstance(one, kind)]


def test_one_of_many_gets_a_name(stores):
    results = race(*[lambda: make_user(stores)] * THREADS)

    ((winner,), losers) = of(User, results), of(AlreadyExists, results)
    assert (THREADS - 1, [winner]) == (len(losers), stores.directory.all(User))
    check(stores)


def test_groups_and_dynamic_groups_of_one_name_are_one(stores):
    results = race(*[lambda: make_group(stores, "x"), lambda: make_dynamic_group(stores, "x")] * 2)

    assert 3 == len(of(AlreadyExists, results))
    check(stores)


def test_users_that_are_added_at_once_are_all_counted(stores):
    group = make_group(stores)
    made = [make_user(stores, f"user{number}") for number in range(THREADS)]
    tenancy = stores.directory.tenancy()

    race(*[lambda one=one: groups.add_user_to_group(stores, tenancy, one.id, group.id) for one in made])

    assert THREADS == stores.directory.get(Group, group.id).members
    check(stores)


def test_a_limit_is_exact(stores):
    for number in range(20 - 2):
        make_user(stores, f"user{number}")

    results = race(*[lambda number=number: make_user(stores, f"late{number}") for number in range(THREADS)])

    assert (2, THREADS - 2) == (len(of(User, results)), len(of(LimitReached, results)))
    assert 20 == len(stores.directory.all(User))
    check(stores)


def test_one_administrator_stays_when_all_are_removed_at_once(stores):
    group = make_group(stores, ADMINISTRATORS)
    made = [make_user(stores, f"user{number}", group) for number in range(4)]
    tenancy = stores.directory.tenancy()

    results = race(
        *[
            lambda one=one: groups.remove_user_from_group(stores, tenancy, membership_ocid(one.id, group.id))
            for one in made
        ]
    )

    assert 1 == len(of(StateConflict, results))
    assert 1 == stores.directory.get(Group, group.id).members
    check(stores)


def test_a_user_is_not_deleted_while_put_into_a_group(stores):
    group, user = make_group(stores), make_user(stores)
    tenancy = stores.directory.tenancy()

    added, deleted = race(
        lambda: groups.add_user_to_group(stores, tenancy, user.id, group.id),
        lambda: users.delete_user(stores, tenancy, user.id),
    )

    assert isinstance(added, RelatedNotFound) is (deleted is None)
    check(stores)


def test_a_group_is_not_deleted_while_a_user_comes_into_it(stores):
    group, user = make_group(stores), make_user(stores)
    tenancy = stores.directory.tenancy()

    added, deleted = race(
        lambda: groups.add_user_to_group(stores, tenancy, user.id, group.id),
        lambda: groups.delete_group(stores, tenancy, group.id),
    )

    assert isinstance(added, RelatedNotFound) is (deleted is None)
    check(stores)


@pytest.mark.parametrize("what", ["policy", "compartment", "repository"])
def test_nothing_is_put_into_a_compartment_that_is_deleted(stores, what):
    place = make_compartment(stores)
    tenancy = stores.directory.tenancy()
    statement = "Allow any-user to read repos in compartment project"

    def create_repository():
        try:
            return stores.repositories.create(repository(compartment_id=place.id))
        except CompartmentGone as error:
            raise RelatedNotFound("compartmentId") from error

    made, deleted = race(
        {
            "policy": lambda: make_policy(stores, statement, compartment=place.id),
            "compartment": lambda: make_compartment(stores, "inner", place.id),
            "repository": create_repository,
        }[what],
        lambda: compartments.delete_compartment(stores, tenancy, place.id),
    )

    assert isinstance(made, RelatedNotFound) is not isinstance(deleted, StateConflict)
    state = stores.directory.get(Compartment, place.id).state
    assert state is (State.ACTIVE if isinstance(deleted, StateConflict) else State.DELETED)
    check(stores)


def test_compartments_are_not_moved_into_each_other(stores):
    one, other = make_compartment(stores, "one"), make_compartment(stores, "other")
    tenancy = stores.directory.tenancy()

    results = race(
        lambda: compartments.move_compartment(stores, tenancy, one.id, other.id),
        lambda: compartments.move_compartment(stores, tenancy, other.id, one.id),
    )

    assert 1 == len(of(StateConflict, results))
    check(stores)


def test_changes_of_many_kinds_at_once_are_all_made(stores):
    results = race(
        lambda: make_user(stores),
        lambda: make_group(stores),
        lambda: make_dynamic_group(stores),
        lambda: make_compartment(stores),
        lambda: make_policy(stores),
        lambda: make_user(stores, "bob"),
    )

    assert [] == of(RegistryError, results)
    assert 6 == stores.directory.tenancy().version
    check(stores)


def test_a_request_that_is_sent_twice_at_once_is_done_once(stores):
    """
    The second hears that it shall come again, and then finds what the first one made.
    """
    retry = Retry(stores)

    def send():
        found = stores.directory.remembered("somebody", "token")
        return stores.directory.get(Group, found.resource_id) if found else make_group(stores, remember=retry)

    results = race(*[send] * 4)

    assert 1 == len({one.id for one in of(Group, results)})
    assert (4, 1) == (len(of(Group, results)), len(stores.directory.all(Group)))
    check(stores)
