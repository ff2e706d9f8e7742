from dataclasses import replace
from datetime import timedelta

import pytest
from tests.directory.resources import (
    BARE,
    EVERY_FIELD,
    ROOT,
    compartment,
    dynamic_group,
    group,
    network_source,
    ocid,
    policy,
    remembered,
    statement,
    tenancy,
    user,
    work_request,
)
from tests.factories import repository
from tests.fakes import NOW

from moorage.domain.directory import Change, Compartment, DynamicGroup, Group, NetworkSource, Policy, State, User
from moorage.domain.identity import ANY_USER, Guard
from moorage.domain.ocid import Kind, make_ocid
from moorage.domain.tenancy import PolicyNode, Tenancy
from moorage.stores.base import Changed, NameTaken, Occupied, RowFull

ADDRESS = "192.0.2.1"
LATER = NOW + timedelta(seconds=1)


@pytest.fixture
def directory(stores):
    return stores.directory


def create(directory, *made, **rest):
    directory.commit([Change(None, one) for one in made], **rest)


# Resources


@pytest.mark.parametrize("made", [*EVERY_FIELD, *BARE], ids=lambda made: type(made).__name__)
def test_a_resource_reads_as_written(directory, made):
    assert directory.get(type(made), made.id) is None

    create(directory, made)

    assert made == directory.get(type(made), made.id)
    assert [made] == directory.all(type(made))


def test_a_resource_is_of_one_kind(directory):
    create(directory, group())

    assert directory.get(DynamicGroup, group().id) is None
    assert [] == directory.all(DynamicGroup)
    assert [] == directory.all(User)


def test_resources_of_a_kind_are_in_the_order_of_their_ids(directory):
    made = [user(f"user{number}", id=make_ocid(Kind.USER, f"{number:026}")) for number in range(30)]
    for one in reversed(made):
        create(directory, one)

    assert made == directory.all(User)


def test_a_change_replaces_what_was_read(directory):
    create(directory, group())
    changed = group(description="other", members=1, version=2)

    directory.commit([Change(group(), changed)])

    assert changed == directory.get(Group, group().id)


@pytest.mark.parametrize("read", [None, group(version=1), group(version=3)], ids=["absent", "older", "newer"])
@pytest.mark.parametrize("after", [group(version=9), None], ids=["change", "removal"])
def test_what_is_not_as_read_stays(directory, read, after):
    create(directory, group())
    directory.commit([Change(group(), group(description="second", version=2))])

    with pytest.raises((Changed, NameTaken) if read is None else Changed):
        directory.commit([Change(read, after or (group() if read is None else None))])

    assert group(description="second", version=2) == directory.get(Group, group().id)


def test_what_has_gone_is_not_changed(directory):
    with pytest.raises(Changed):
        directory.commit([Change(group(), group(version=2))])
    with pytest.raises(Changed):
        directory.commit([Change(group(), None)])


def test_a_removed_resource_has_gone(directory, unchanged):
    with unchanged():
        create(directory, group())
        directory.commit([Change(group(), None)])


def test_all_changes_are_made_or_none(directory):
    create(directory, group())
    stale = Change(group(version=5), group(version=6))

    with pytest.raises(Changed):
        directory.commit([Change(None, user()), stale])

    assert directory.get(User, user().id) is None
    assert directory.find(User, "alice") is None

    directory.commit([Change(None, user()), Change(group(), group(members=1, version=2))])
    assert (user(), 1) == (directory.get(User, user().id), directory.get(Group, group().id).members)


# Names


@pytest.mark.parametrize("made", [user(), group(), dynamic_group(), policy(), network_source()])
def test_a_name_finds_who_has_it(directory, made):
    assert directory.find(type(made), made.name) is None

    create(directory, made)

    assert made.id == directory.find(type(made), made.name)
    assert made.id == directory.find(type(made), made.name.upper())


@pytest.mark.parametrize("made", [user(), group(), dynamic_group(), policy(), network_source(), compartment()])
def test_names_are_unique_and_differ_by_more_than_case(directory, made):
    create(directory, made)
    other = replace(made, id=made.id[:-1] + "x", name=made.name.upper())

    with pytest.raises(NameTaken):
        create(directory, other)

    create(directory, replace(other, name="other"))


def test_groups_and_dynamic_groups_share_names(directory):
    create(directory, group("same"))

    with pytest.raises(NameTaken):
        create(directory, dynamic_group("same"))
    assert group("same").id == directory.find(DynamicGroup, "same")


def test_other_kinds_do_not_share_names(directory):
    create(directory, user("same"), group("same"), policy("same"), network_source("same"), compartment("same"))

    kinds = (User, Group, Policy, NetworkSource)
    assert 4 == len({directory.find(kind, "same") for kind in kinds} - {None})


def test_compartments_are_unique_in_their_parent(directory):
    below = compartment(id=ocid(Kind.COMPARTMENT, "below"), compartment_id=compartment().id)

    create(directory, compartment(), below)
    with pytest.raises(NameTaken):
        create(directory, compartment(id=ocid(Kind.COMPARTMENT, "twin")))


def test_of_work_requests_no_name_is_kept(directory):
    create(directory, work_request(name="DELETE_COMPARTMENT"))
    create(directory, work_request("second", name="DELETE_COMPARTMENT"))


def test_a_new_name_frees_the_old_one(directory):
    create(directory, compartment())
    directory.commit([Change(compartment(), replace(compartment(), name="other", version=2))])

    create(directory, compartment(id=ocid(Kind.COMPARTMENT, "next")))
    with pytest.raises(NameTaken):
        create(directory, compartment("other"))


def test_a_name_can_change_its_case(directory):
    create(directory, compartment())

    directory.commit([Change(compartment(), replace(compartment(), name="PROJECT", version=2))])

    with pytest.raises(NameTaken):
        create(directory, compartment(id=ocid(Kind.COMPARTMENT, "next")))


def test_a_compartment_that_moves_takes_its_name_along(directory):
    parent = compartment("parent")
    create(directory, parent, compartment())
    directory.commit([Change(compartment(), compartment(compartment_id=parent.id, version=2))])

    create(directory, compartment(id=ocid(Kind.COMPARTMENT, "next")))
    with pytest.raises(NameTaken):
        create(directory, compartment(id=ocid(Kind.COMPARTMENT, "last"), compartment_id=parent.id))


def test_a_deleted_compartment_gives_its_name_back_until_it_is_recovered(directory):
    create(directory, compartment())
    deleted = compartment(state=State.DELETED, time_deleted=NOW, version=2)
    directory.commit([Change(compartment(), deleted)])
    create(directory, compartment(id=ocid(Kind.COMPARTMENT, "next")))

    with pytest.raises(NameTaken):
        directory.commit([Change(deleted, compartment(version=3))])
    directory.commit([Change(deleted, replace(compartment(), name="project.1", version=3))])

    assert State.ACTIVE is directory.get(Compartment, compartment().id).state


def test_a_removed_resource_gives_its_name_back(directory):
    create(directory, user())
    directory.commit([Change(user(), None)])

    create(directory, user(id=ocid(Kind.USER, "next")))

    assert ocid(Kind.USER, "next") == directory.find(User, "alice")


def test_in_a_compartment_that_is_to_be_vacant_is_no_repository(stores):
    create(stores.directory, compartment(), compartment("other"))
    deleting = [Change(compartment(), compartment(state=State.DELETED, time_deleted=NOW, version=2))]
    stores.repositories.create(repository(compartment_id=compartment().id))
    stores.repositories.create(repository("acme/other", compartment_id=compartment("other").id))

    with pytest.raises(Occupied):
        stores.directory.commit(deleting, vacant=compartment().id)
    stores.repositories.move(stores.repositories.get(repository().id), ROOT)
    stores.directory.commit(deleting, vacant=compartment().id)

    assert State.DELETED is stores.directory.get(Compartment, compartment().id).state


# What decisions read


def test_before_bootstrap_there_is_nothing_to_decide_by(directory):
    assert Tenancy(ROOT) == directory.tenancy()
    assert (None, Tenancy(ROOT)) == directory.user_and_tenancy(user().id)


def test_a_tenancy_reads_as_written(directory):
    create(directory, user(), tenancy=tenancy())

    assert tenancy() == directory.tenancy()
    assert (user(), tenancy()) == directory.user_and_tenancy(user().id)
    assert (None, tenancy()) == directory.user_and_tenancy(user("bob").id)


@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_tenancy_that_was_changed_meanwhile_is_not_replaced(directory, version):
    directory.commit([], tenancy(1))
    directory.commit([], tenancy(2))

    with pytest.raises(Changed):
        create(directory, group(), tenancy=tenancy(version, users=9))

    assert tenancy(2) == directory.tenancy()
    directory.commit([], tenancy(3, users=9))
    assert tenancy(3, users=9) == directory.tenancy()


def test_a_tenancy_that_does_not_fit_its_row_is_refused(directory):
    texts = [f"{number}{hash(str(number) * 9)}" for number in range(40_000)]
    many = tuple(statement(text=text, subjects=(text[::-1],)) for text in texts)

    with pytest.raises(RowFull):
        create(directory, group(), tenancy=tenancy(policies={"p": PolicyNode(ROOT, "p", many)}))


def test_a_resource_that_does_not_fit_its_row_is_refused(directory):
    with pytest.raises(RowFull):
        create(directory, policy(description="x" * 400_000))


def test_a_tenancy_of_a_thousand_compartments_and_500_statements_fits(directory):
    compartments = {
        ocid(Kind.COMPARTMENT, str(number)): replace(tenancy().compartments[compartment().id], name=f"c{number}")
        for number in range(1000)
    }
    policies = {
        f"p{number}": PolicyNode(ROOT, "p", tuple(statement(text=f"{number}.{one} {'x' * 200}") for one in range(50)))
        for number in range(10)
    }
    large = tenancy(compartments=compartments, policies=policies)

    directory.commit([], large)

    assert large == directory.tenancy()


# Arriving


def test_a_login_reads_the_user_what_decides_and_the_guards(stores):
    create(stores.directory, user(), tenancy=tenancy())
    stores.identity.failed("alice", ADDRESS, NOW)
    stores.identity.failed(ANY_USER, ADDRESS, NOW)
    stores.identity.failed(ANY_USER, ADDRESS, LATER)

    arriving = stores.directory.arrive("alice", ADDRESS, LATER)

    assert (user(), tenancy()) == (arriving.user, arriving.tenancy)
    assert (Guard(1, NOW), Guard(2, LATER)) == (arriving.guard, arriving.address_guard)


@pytest.mark.parametrize("name", ["bob", "Alice", "ALICE"])
def test_a_login_needs_the_very_name(stores, name):
    create(stores.directory, user(), tenancy=tenancy())
    stores.identity.failed(name, ADDRESS, NOW)

    arriving = stores.directory.arrive(name, ADDRESS, NOW)

    assert (None, tenancy()) == (arriving.user, arriving.tenancy)
    assert (Guard(1, NOW), Guard()) == (arriving.guard, arriving.address_guard)


# Retry tokens


def test_a_retry_token_reads_as_written(directory):
    assert directory.remembered(user().id, "token") is None

    create(directory, group(), remember=remembered())

    assert remembered() == directory.remembered(user().id, "token")
    assert directory.remembered(user().id, "other") is None
    assert directory.remembered(user("bob").id, "token") is None


def test_a_used_retry_token_makes_nothing_more(directory):
    create(directory, group(), remember=remembered())

    with pytest.raises(Changed):
        create(directory, group("other"), remember=remembered(fingerprint="1" * 64))

    create(directory, group("other"), remember=remembered("second"))


def test_a_retry_token_counts_for_each_principal(directory):
    create(directory, group(), remember=remembered())

    create(directory, group("other"), remember=remembered(principal_id=user("bob").id))


def test_a_retry_token_is_forgotten_after_a_day(stores):
    old = remembered(time=stores.clock() - timedelta(hours=24))
    create(stores.directory, group(), remember=old)

    assert stores.directory.remembered(old.principal_id, old.token) is None
    create(stores.directory, group("other"), remember=remembered(time=stores.clock()))
    assert stores.directory.remembered(old.principal_id, old.token) is not None
