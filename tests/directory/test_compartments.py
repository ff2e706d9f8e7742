from dataclasses import replace
from datetime import timedelta

import pytest
from tests.directory.acting import Retry, make_compartment, make_policy
from tests.factories import repository
from tests.fakes import NOW

from moorage.domain.directory import KEPT, Compartment, ResourceTags, State, WorkRequest
from moorage.domain.errors import (
    AlreadyExists,
    EtagChanged,
    LimitReached,
    NotFound,
    ParameterInvalid,
    RelatedNotFound,
    StateConflict,
)
from moorage.domain.tenancy import CompartmentNode
from moorage.operations.directory import compartments


def root(stores):
    return stores.directory.tenancy().id


def update(stores, compartment, **changes):
    return compartments.update_compartment(stores, stores.directory.tenancy(), compartment.id, **changes)


def move(stores, compartment, target, **rest):
    target_id = target if isinstance(target, str) else target.id
    return compartments.move_compartment(stores, stores.directory.tenancy(), compartment.id, target_id, **rest)


def delete(stores, compartment, **rest):
    return compartments.delete_compartment(stores, stores.directory.tenancy(), compartment.id, **rest)


def recover(stores, compartment, **rest):
    return compartments.recover_compartment(stores, stores.directory.tenancy(), compartment.id, **rest)


def chain(stores, depth, prefix="level"):
    """Make compartments in each other; return them from the top."""
    made = []
    for number in range(depth):
        made.append(make_compartment(stores, f"{prefix}{number}", made[-1].id if made else None))
    return made


def test_a_compartment_is_made_and_decided_by(stores):
    tags = ResourceTags({"a": "b"}, {"cost": {"centre": 1}})

    made = make_compartment(stores, tags=tags)

    assert made == stores.directory.get(Compartment, made.id)
    assert (root(stores), "project", State.ACTIVE, NOW, tags, 1) == (
        made.compartment_id,
        made.name,
        made.state,
        made.time_created,
        made.tags,
        made.version,
    )
    assert CompartmentNode(root(stores), "project", tags.defined) == stores.directory.tenancy().compartments[made.id]


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "a" * 101, "a\n"])
def test_a_name_has_letters_digits_and_three_signs(stores, name):
    with pytest.raises(ParameterInvalid, match=r"^name: "):
        make_compartment(stores, name)


@pytest.mark.parametrize("description", ["", "x" * 401])
def test_a_description_has_1_to_400_characters(stores, description):
    made = make_compartment(stores)

    with pytest.raises(ParameterInvalid, match=r"^description: "):
        update(stores, made, description=description)


def test_the_parent_must_be_there(stores):
    with pytest.raises(RelatedNotFound, match=r"^compartmentId: "):
        make_compartment(stores, parent="ocid1.compartment.moorage..absent")


def test_names_are_unique_among_siblings_alone(stores):
    first = make_compartment(stores, "same")
    make_compartment(stores, "same", first.id)

    with pytest.raises(AlreadyExists):
        make_compartment(stores, "SAME")


def test_compartments_are_six_deep(stores):
    lowest = chain(stores, 6)[-1]

    with pytest.raises(StateConflict, match="6 deep"):
        make_compartment(stores, "seventh", lowest.id)


def test_there_is_a_limit(narrow):
    chain(narrow, 2)

    with pytest.raises(LimitReached, match="2 is the limit"):
        make_compartment(narrow, "third")


def test_a_deleted_compartment_makes_room(narrow):
    delete(narrow, chain(narrow, 2)[-1])

    third = make_compartment(narrow, "third")
    with pytest.raises(LimitReached):
        recover(narrow, next(one for one in narrow.directory.all(Compartment) if one.state is State.DELETED))
    assert third.id in narrow.directory.tenancy().compartments


def test_the_root_is_a_compartment(stores):
    tenancy = stores.directory.tenancy()
    found = compartments.get_compartment(stores, tenancy, tenancy.id)

    assert (tenancy.id, tenancy.id, "ns") == (found.id, found.compartment_id, found.name)


def test_nothing_is_done_to_the_root(stores):
    tenancy = stores.directory.tenancy()
    made = make_compartment(stores)

    for refused in (
        lambda: compartments.update_compartment(stores, tenancy, tenancy.id, name="other"),
        lambda: compartments.delete_compartment(stores, tenancy, tenancy.id),
        lambda: compartments.move_compartment(stores, tenancy, tenancy.id, made.id),
        lambda: compartments.recover_compartment(stores, tenancy, tenancy.id),
    ):
        with pytest.raises(StateConflict, match="root"):
            refused()


def test_a_list_shows_what_is_directly_in_a_compartment_or_all(stores):
    top, middle, lowest = chain(stores, 3)
    tenancy = stores.directory.tenancy()

    assert [top] == compartments.list_compartments(stores, tenancy, tenancy.id)
    assert [middle] == compartments.list_compartments(stores, tenancy, top.id)
    assert {top.id, middle.id, lowest.id} == {
        one.id for one in compartments.list_compartments(stores, tenancy, tenancy.id, subtree=True)
    }
    with pytest.raises(ParameterInvalid, match=r"^compartmentIdInSubtree: "):
        compartments.list_compartments(stores, tenancy, top.id, subtree=True)


def test_a_compartment_gets_another_name_description_and_tags(stores):
    made = make_compartment(stores)
    tags = ResourceTags({}, {"a": {"b": "c"}})

    changed = update(stores, made, name="other", description="another place", tags=lambda _: tags)

    assert replace(made, name="other", description="another place", tags=tags, version=2) == changed
    assert changed == stores.directory.get(Compartment, made.id)
    assert CompartmentNode(root(stores), "other", tags.defined) == stores.directory.tenancy().compartments[made.id]
    make_compartment(stores, made.name)


def test_what_is_not_named_stays(stores):
    made = make_compartment(stores, tags=ResourceTags({"a": "b"}))

    assert replace(made, description="x", version=2) == update(stores, made, description="x")


def test_a_name_that_a_sibling_has_is_refused(stores):
    make_compartment(stores, "other")
    made = make_compartment(stores)

    with pytest.raises(AlreadyExists):
        update(stores, made, name="other")


@pytest.mark.parametrize("act", [update, delete, recover, lambda *args, **rest: move(args[0], args[1], "x", **rest)])
def test_another_etag_is_refused(stores, act):
    made = make_compartment(stores)

    with pytest.raises(EtagChanged, match="1"):
        act(stores, made, if_match="2")


@pytest.mark.parametrize("act", [update, delete, recover, lambda *args, **rest: move(args[0], args[1], "x", **rest)])
def test_what_is_not_there_is_not_found(stores, act):
    made = make_compartment(stores)

    with pytest.raises(NotFound):
        act(stores, replace(made, id=f"{made.id}0"))


def test_a_move_takes_all_below_along(stores):
    top, middle, lowest = chain(stores, 3)
    target = make_compartment(stores, "target")

    moved, request = move(stores, middle, target, if_match="1")

    tenancy = stores.directory.tenancy()
    assert replace(middle, compartment_id=target.id, version=2) == moved
    assert [lowest.id, middle.id, target.id, tenancy.id] == list(tenancy.ancestors(lowest.id))
    assert [] == compartments.list_compartments(stores, tenancy, top.id)
    assert ("MOVE_COMPARTMENT", "MOVED", "SUCCEEDED", middle.id, target.id) == (
        request.name,
        request.action,
        request.status,
        request.resource_id,
        request.compartment_id,
    )
    assert request == stores.directory.get(WorkRequest, request.id)


def test_a_compartment_is_not_moved_into_itself_nor_below(stores):
    top, middle, _ = chain(stores, 3)

    for target in (top, middle):
        with pytest.raises(StateConflict, match="itself"):
            move(stores, top, target)


def test_a_compartment_is_not_moved_to_where_it_is(stores):
    top, middle, _ = chain(stores, 3)

    with pytest.raises(StateConflict, match="already"):
        move(stores, middle, top)


def test_a_target_has_another_name_and_no_child_of_the_name(stores):
    made = make_compartment(stores, "same")
    other = make_compartment(stores, "other")
    inner = make_compartment(stores, "Same", other.id)

    with pytest.raises(StateConflict, match="name"):
        move(stores, made, inner)
    with pytest.raises(AlreadyExists):
        move(stores, made, other)


def test_a_target_must_be_there(stores):
    with pytest.raises(RelatedNotFound, match=r"^targetCompartmentId: "):
        move(stores, make_compartment(stores), "ocid1.compartment.moorage..absent")


def test_a_move_keeps_to_six_levels(stores):
    top, second, *_ = chain(stores, 3)
    deep = chain(stores, 4, "deep")

    with pytest.raises(StateConflict, match="makes 7"):
        move(stores, top, deep[-1])
    move(stores, second, deep[-1])


def test_a_deleted_compartment_has_another_name_and_is_decided_by_no_more(stores, clock):
    made = make_compartment(stores)
    clock.advance(timedelta(minutes=1))

    deleted, request = delete(stores, made, if_match="1")

    assert deleted == stores.directory.get(Compartment, made.id)
    assert (State.DELETED, clock.now, 2) == (deleted.state, deleted.time_deleted, deleted.version)
    assert ("project", 8) == (deleted.name.partition(".")[0], len(deleted.name.partition(".")[2]))
    assert made.id not in stores.directory.tenancy().compartments
    assert ("DELETE_COMPARTMENT", "DELETED", "SUCCEEDED", made.id) == (
        request.name,
        request.action,
        request.status,
        request.resource_id,
    )
    make_compartment(stores)


def test_the_name_of_a_deleted_compartment_has_at_most_100_characters(stores):
    deleted, _ = delete(stores, make_compartment(stores, "x" * 100))

    assert 100 == len(deleted.name)


def test_a_deleted_compartment_is_shown_for_90_days(stores, clock):
    deleted, _ = delete(stores, make_compartment(stores))
    tenancy = stores.directory.tenancy()

    clock.advance(KEPT - timedelta(seconds=1))
    assert deleted == compartments.get_compartment(stores, tenancy, deleted.id)
    assert [deleted] == compartments.list_compartments(stores, tenancy, tenancy.id)

    clock.advance(timedelta(seconds=1))
    assert [] == compartments.list_compartments(stores, tenancy, tenancy.id)
    for gone in (lambda: compartments.get_compartment(stores, tenancy, deleted.id), lambda: recover(stores, deleted)):
        with pytest.raises(NotFound):
            gone()


def test_what_is_deleted_is_changed_no_more(stores):
    deleted, _ = delete(stores, make_compartment(stores))
    target = make_compartment(stores, "target")

    for refused in (
        lambda: update(stores, deleted, name="x"),
        lambda: move(stores, deleted, target),
        lambda: delete(stores, deleted),
    ):
        with pytest.raises(StateConflict, match="DELETED"):
            refused()


def test_only_an_empty_compartment_is_deleted(stores):
    made = make_compartment(stores)
    child = make_compartment(stores, "child", made.id)
    with pytest.raises(StateConflict, match="compartments"):
        delete(stores, made)
    delete(stores, child)

    policy = make_policy(stores, "Allow any-user to read repos in compartment project", compartment=made.id)
    with pytest.raises(StateConflict, match="policies"):
        delete(stores, made)

    assert policy.id in stores.directory.tenancy().policies
    assert State.ACTIVE is stores.directory.get(Compartment, made.id).state


def test_a_compartment_with_a_repository_is_not_deleted(stores):
    made = make_compartment(stores)
    stores.repositories.create(repository(compartment_id=made.id))

    with pytest.raises(StateConflict, match="repositories"):
        delete(stores, made)

    assert made == stores.directory.get(Compartment, made.id)


def test_a_deleted_compartment_is_recovered_under_its_new_name(stores):
    deleted, _ = delete(stores, make_compartment(stores))
    make_compartment(stores)

    recovered = recover(stores, deleted, if_match="2")

    assert replace(deleted, state=State.ACTIVE, time_deleted=None, version=3) == recovered
    assert deleted.name == stores.directory.tenancy().compartments[recovered.id].name


def test_the_name_of_a_deleted_compartment_is_kept_for_it(stores):
    deleted, _ = delete(stores, make_compartment(stores))
    elsewhere = make_compartment(stores, "elsewhere")
    named = make_compartment(stores, deleted.name.upper(), elsewhere.id)

    with pytest.raises(AlreadyExists):
        make_compartment(stores, deleted.name.upper())
    with pytest.raises(AlreadyExists):
        update(stores, elsewhere, name=deleted.name)
    with pytest.raises(AlreadyExists):
        move(stores, named, root(stores))
    assert deleted.name == recover(stores, deleted).name


def test_only_what_is_deleted_is_recovered(stores):
    with pytest.raises(StateConflict, match="ACTIVE"):
        recover(stores, make_compartment(stores))


def test_a_compartment_is_not_recovered_into_a_deleted_one(stores):
    parent = make_compartment(stores)
    child, _ = delete(stores, make_compartment(stores, "child", parent.id))
    parent, _ = delete(stores, parent)

    with pytest.raises(StateConflict, match="has been deleted"):
        recover(stores, child)
    recover(stores, parent)
    recover(stores, child)


def test_a_compartment_is_recovered_within_six_levels(stores):
    made = chain(stores, 3)
    lowest, _ = delete(stores, made[-1])
    target = chain(stores, 5, "deep")[-1]
    move(stores, made[1], target)

    with pytest.raises(StateConflict, match="makes 7"):
        recover(stores, replace(lowest))


def test_a_retry_token_is_stored_with_what_it_made(stores):
    made = make_compartment(stores, remember=Retry(stores))
    _, request = move(stores, made, make_compartment(stores, "target"), remember=Retry(stores, "other"))

    assert (made.id, "1") == (
        stores.directory.remembered("somebody", "token").resource_id,
        stores.directory.remembered("somebody", "token").version,
    )
    assert request.id == stores.directory.remembered("somebody", "other").resource_id
