"""The record of a repository: made, changed, moved, deleted, each in one transaction."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import OTHER_REPOSITORY, ROOT, commit, limits, link, manifest, repository, ulid
from tests.fakes import NOW

from moorage.domain.content import Counts
from moorage.domain.directory import Change, Compartment, Remembered, State
from moorage.domain.repository import (
    Configuration,
    Description,
    Readme,
    ReadmeFormat,
    RepositoryRecord,
    RepositoryState,
)
from moorage.domain.ulid import make_ulid
from moorage.stores.base import Changed, CompartmentGone, RepositoriesFull, ShardFull

DESCRIPTION = Description(Readme("# App", ReadmeFormat.MARKDOWN), {"team": "one"}, {"ops": {"cost": 5}})
REMEMBERED = Remembered(
    principal_id="alice", token="token", fingerprint="f", resource_id=repository().id, version="1", time=NOW
)


def compartment(stores, name="c1", state=State.ACTIVE):
    made = Compartment(
        id=f"ocid1.compartment.moorage..{name}",
        compartment_id=ROOT,
        name=name,
        description=name,
        time_created=NOW,
        state=state,
    )
    stores.directory.commit([Change(None, made)])
    return made.id


def record(stores, **changes):
    stores.repositories.create(repository(**changes), DESCRIPTION)
    return stores.repositories.get(repository(**changes).id)


def test_a_new_repository_has_all_that_it_was_made_with(stores):
    assert RepositoryRecord(repository(immutable=True), DESCRIPTION) == record(stores, immutable=True)
    assert repository(immutable=True) == stores.repositories.find("acme/app")
    assert 1 == stores.repositories.total(None)
    assert 1 == stores.repositories.total(ROOT)


@pytest.mark.parametrize("description", [Description(), Description(Readme("", ReadmeFormat.PLAIN))])
def test_a_description_may_be_next_to_nothing(stores, description):
    stores.repositories.create(repository(), description)

    assert description == stores.repositories.get(repository().id).description


def test_records_are_read_many_at_once(stores):
    stores.repositories.create(repository("one"))
    stores.repositories.create(repository("two"))

    found = stores.repositories.records([repository("one").id, ulid("gone"), repository("two").id])

    assert {repository("one").id, repository("two").id} == found.keys()
    assert stores.repositories.get(ulid("gone")) is None


def test_a_repository_is_made_in_a_compartment(stores):
    where = compartment(stores)

    assert stores.repositories.create(repository(compartment_id=where))

    assert [1, 1, 0] == [stores.repositories.total(of) for of in (None, where, ROOT)]
    assert where == stores.repositories.find("acme/app").compartment_id


@pytest.mark.parametrize("state", [State.DELETED, State.DELETING, None])
def test_no_repository_is_made_where_no_compartment_is(stores, state):
    where = compartment(stores, state=state) if state else "ocid1.compartment.moorage..gone"

    with pytest.raises(CompartmentGone):
        stores.repositories.create(repository(compartment_id=where))


def test_the_limit_of_repositories_is_exact(make_backend):
    stores = make_backend(limits(repositories=2)).stores
    assert stores.repositories.create(repository("one"))
    assert stores.repositories.create(repository("two"))

    with pytest.raises(RepositoriesFull):
        stores.repositories.create(repository("three"))
    assert not stores.repositories.create(repository("two", id=OTHER_REPOSITORY)), "a taken name is told first"
    assert 2 == stores.repositories.total(None)


def test_a_deleted_repository_makes_room(make_backend):
    stores = make_backend(limits(repositories=1)).stores
    gone = record(stores)
    assert stores.repositories.delete(gone, NOW)

    assert stores.repositories.create(repository("next"))


def test_a_retry_token_makes_one_repository(stores):
    assert stores.repositories.create(repository(), remember=REMEMBERED)
    assert REMEMBERED == stores.directory.remembered("alice", "token")

    with pytest.raises(Changed):
        stores.repositories.create(repository("other"), remember=REMEMBERED)
    later = replace(REMEMBERED, time=NOW + timedelta(hours=24))
    assert stores.repositories.create(repository("other"), remember=later)


def test_an_update_replaces_what_may_change(stores):
    before = record(stores)
    changed = replace(before.with_access(public=True, immutable=True), description=Description(), version=2)

    assert stores.repositories.update(changed)

    assert changed == stores.repositories.get(before.repository.id)
    assert repository(public=True, immutable=True) == stores.repositories.find("acme/app")


def test_an_update_of_what_was_not_read_is_a_miss(stores):
    before = record(stores)
    assert stores.repositories.update(replace(before.with_access(public=True), version=2))

    assert not stores.repositories.update(replace(before.with_access(immutable=True), version=2))
    assert not stores.repositories.update(replace(before, version=4))
    assert not stores.repositories.update(RepositoryRecord(repository("gone"), version=2))


def test_a_move_takes_the_repository_and_its_numbers(stores):
    before, where = record(stores), compartment(stores)

    assert stores.repositories.move(before, where, REMEMBERED)

    after = stores.repositories.get(before.repository.id)
    assert replace(before, repository=repository(compartment_id=where), version=2) == after
    assert repository(compartment_id=where) == stores.repositories.find("acme/app")
    assert [1, 1, 0] == [stores.repositories.total(of) for of in (None, where, ROOT)]
    assert REMEMBERED == stores.directory.remembered("alice", "token")
    assert stores.repositories.move(after, ROOT)
    assert [1, 0, 1] == [stores.repositories.total(of) for of in (None, where, ROOT)]


def test_a_move_that_is_refused_moves_nothing(stores):
    before, where = record(stores), compartment(stores)
    closed = compartment(stores, "closed", State.DELETED)

    assert not stores.repositories.move(replace(before, version=2), where)
    with pytest.raises(CompartmentGone):
        stores.repositories.move(before, closed)
    stores.repositories.create(repository("other"), remember=REMEMBERED)
    with pytest.raises(Changed):
        stores.repositories.move(before, where, REMEMBERED)


def test_a_deleted_repository_frees_its_name_and_keeps_its_record(stores):
    before = record(stores)

    assert stores.repositories.delete(before, NOW)

    assert stores.repositories.find("acme/app") is None
    gone = repository(state=RepositoryState.DELETING)
    assert RepositoryRecord(gone, DESCRIPTION, 2, NOW) == stores.repositories.get(gone.id)
    assert [0, 0] == [stores.repositories.total(of) for of in (None, ROOT)]
    assert [] == stores.repositories.by_ids([gone.id])
    assert stores.repositories.create(repository(id=OTHER_REPOSITORY))
    assert OTHER_REPOSITORY == stores.repositories.find("acme/app").id


def test_a_deleted_repository_changes_no_more(stores):
    before, where = record(stores), compartment(stores)
    stores.repositories.delete(before, NOW)
    gone = stores.repositories.get(before.repository.id)

    assert not stores.repositories.delete(before, NOW + timedelta(seconds=1))
    assert not stores.repositories.delete(gone, NOW + timedelta(seconds=1))
    assert not stores.repositories.update(replace(gone, version=3))
    assert not stores.repositories.move(gone, where)


def test_a_closed_repository_takes_nothing_and_gives_its_bytes_back_once(make_backend):
    stores = make_backend(limits(storage_bytes=200 * 10)).stores
    made, layer = repository(id=link().repository_id), link(size=10)
    stores.repositories.create(made)
    stores.links.attach(layer)
    stores.manifests.commit(commit(manifest(shard=3), counted=(layer,)))
    assert not stores.manifests.take_room(7, 2000)

    for _ in range(2):
        stores.repositories.close(made.id)
        assert stores.manifests.take_room(7, 2000)
        assert not stores.manifests.take_room(7, 2001)

    assert Counts(images=1, layers=1, bytes=10, closed=True) == stores.repositories.counts(made.id)
    for shard in (0, 3, 199):
        with pytest.raises(ShardFull):
            stores.manifests.commit(commit(manifest("late", shard=shard)))


def test_the_last_push_is_that_of_the_newest_image(stores):
    assert stores.repositories.last_push(link().repository_id) is None
    for place in (2, 3, 1):
        at = NOW + timedelta(minutes=place)
        pushed = manifest(f"at {place}", shard=place, listed=make_ulid(at, bytes(10)))
        stores.manifests.commit(commit(pushed))

    assert NOW + timedelta(minutes=3) == stores.repositories.last_push(link().repository_id)


@pytest.mark.parametrize("told", [True, False])
def test_the_deployment_says_what_nobody_configured(make_backend, told):
    stores = make_backend(limits(create_on_push=told)).stores

    assert Configuration(told) == stores.repositories.configuration()
    assert stores.repositories.configure(Configuration(create_on_push=not told, version=1))
    assert Configuration(not told, 1) == stores.repositories.configuration()
    assert stores.repositories.configure(Configuration(create_on_push=told, version=2))
    assert Configuration(told, 2) == stores.repositories.configuration()


def test_a_configuration_that_was_not_read_is_not_replaced(stores):
    stores.repositories.configure(Configuration(create_on_push=True, version=1))

    assert not stores.repositories.configure(Configuration(create_on_push=False, version=1))
    assert not stores.repositories.configure(Configuration(create_on_push=False, version=3))
