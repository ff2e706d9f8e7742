"""The tree of compartments: how deep, what moves where, what is deleted and comes back."""

from datetime import timedelta

import pytest
from tests.cloud.identity.kinds import COMPARTMENT, POLICY, retry_token
from tests.cloud.identity.test_lists import pages
from tests.cloud.plane import refusal


def compartment(caller, name, parent=None):
    return COMPARTMENT.make(caller, name, **({"compartmentId": parent} if parent else {}))["id"]


def chain(caller, *names):
    """Make compartments, each in the one before, and return their ids."""
    made = []
    for name in names:
        made.append(compartment(caller, name, made[-1] if made else None))
    return made


def state(caller, one):
    return caller.get(f"/compartments/{one}").json()["lifecycleState"]


def move(caller, one, target, headers=()):
    return caller.post(f"/compartments/{one}/actions/moveCompartment", {"targetCompartmentId": target}, headers)


def recover(caller, one, headers=()):
    return caller.post(f"/compartments/{one}/actions/recoverCompartment", headers=headers)


def listed(caller, parent, **parameters):
    found = pages(caller, "/compartments", compartmentId=parent, **parameters)
    return {one["name"] for page in found for one in page}


def test_the_root_is_shown_as_the_compartment_that_it_is(plane):
    caller = plane.as_()
    root = caller.get(f"/compartments/{plane.tenancy_id}").json()
    assert (root["id"], root["compartmentId"], root["name"]) == (plane.tenancy_id, plane.tenancy_id, "acme")
    assert plane.tenancy_id not in [one["id"] for one in caller.get(f"/compartments?compartmentId={plane.tenancy_id}&"
                                                                     "compartmentIdInSubtree=true").json()]  # fmt: skip


@pytest.mark.parametrize("path", ["", "/actions/moveCompartment", "/actions/recoverCompartment"])
def test_the_root_is_neither_changed_nor_moved_nor_deleted(memory, path):
    caller = memory.as_()
    other = compartment(caller, "other")
    target = f"/compartments/{memory.tenancy_id}{path}"
    if path:
        assert refusal(caller.post(target, {"targetCompartmentId": other})) == (409, "Conflict")
    else:
        assert refusal(caller.put(target, {"description": "d"})) == (409, "Conflict")
        assert refusal(caller.delete(target)) == (409, "Conflict")


def test_a_list_has_children_and_on_demand_all_below_the_root(plane):
    caller = plane.as_()
    one, two, _ = chain(caller, "one", "two", "three")
    compartment(caller, "other")
    assert listed(caller, plane.tenancy_id) == {"one", "other"}
    assert listed(caller, plane.tenancy_id, compartmentIdInSubtree="false") == {"one", "other"}
    assert listed(caller, plane.tenancy_id, compartmentIdInSubtree="true", limit=2) == {"one", "two", "three", "other"}
    assert listed(caller, one) == {"two"}
    assert listed(caller, two) == {"three"}


@pytest.mark.parametrize("value", ["True", "1", "yes", ""])
def test_a_boolean_is_true_or_false(memory, value):
    answer = memory.as_().get(f"/compartments?compartmentId={memory.tenancy_id}&compartmentIdInSubtree={value}")
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith("compartmentIdInSubtree")


def test_all_below_is_for_the_root_alone(memory):
    caller = memory.as_()
    one = compartment(caller, "one")
    answer = caller.get(f"/compartments?compartmentId={one}&compartmentIdInSubtree=true")
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith("compartmentIdInSubtree")


def test_accessible_compartments_are_those_in_which_or_below_which_the_caller_inspects_something(plane):
    one, _ = chain(plane.as_(), "one", "two")
    compartment(plane.as_(), "other")
    plane.user("reader", ["readers"])
    plane.policy("Allow group readers to inspect repos in compartment one:two")
    reader, root = plane.as_("reader"), plane.tenancy_id
    path = f"/compartments?compartmentId={root}&accessLevel=ACCESSIBLE&compartmentIdInSubtree=true"
    found = {made["name"]: made for made in reader.get(path).json()}
    assert found.keys() == {"one", "two"}
    assert all(made["isAccessible"] for made in found.values())
    assert "freeformTags" in found["two"]
    assert "freeformTags" not in found["one"]  # seen only because of what is below it
    assert listed(reader, one, accessLevel="ACCESSIBLE") == {"two"}
    assert refusal(reader.get(f"/compartments?compartmentId={root}")) == (404, "NotAuthorizedOrNotFound")
    assert listed(plane.as_(), root, accessLevel="ACCESSIBLE", compartmentIdInSubtree="true") == {"one", "two", "other"}
    stranger = plane.as_("stranger").get(path)
    assert refusal(stranger) == (404, "NotAuthorizedOrNotFound")


def test_a_name_is_free_in_every_other_compartment(plane):
    caller = plane.as_()
    one = compartment(caller, "one")
    compartment(caller, "same")
    compartment(caller, "same", one)
    again = caller.post("/compartments", COMPARTMENT.body(plane, "SAME", compartmentId=one))
    assert refusal(again) == (409, "NotAuthorizedOrResourceAlreadyExists")
    other = compartment(caller, "other", one)
    renamed = caller.put(f"/compartments/{other}", {"name": "same"})
    assert refusal(renamed) == (409, "NotAuthorizedOrResourceAlreadyExists")


def test_there_are_six_levels_below_the_root(plane):
    caller = plane.as_()
    made = chain(caller, *"abcdef")
    answer = caller.post("/compartments", COMPARTMENT.body(plane, "g", compartmentId=made[-1]))
    assert refusal(answer)[0] in {400, 409}
    assert "6" in answer.json()["message"]
    other = chain(caller, "x", "y")
    assert refusal(move(caller, other[0], made[4])) == (409, "Conflict")
    assert move(caller, other[0], made[3]).status == 202


def test_a_compartment_is_deleted_by_a_work_request_and_keeps_another_name(plane):
    caller = plane.as_()
    one = compartment(caller, "one")
    answer = caller.delete(f"/compartments/{one}")
    assert (answer.status, answer.body) == (202, b"")
    request = caller.get(f"/workRequests/{answer.headers['opc-work-request-id']}").json()
    assert (request["status"], request["operationType"], request["percentComplete"]) == (
        "SUCCEEDED",
        "DELETE_COMPARTMENT",
        100,
    )
    assert request["resources"] == [
        {
            "identifier": one,
            "entityType": "compartment",
            "actionType": "DELETED",
            "entityUri": f"/20160918/compartments/{one}",
        }
    ]
    deleted = caller.get(f"/compartments/{one}").json()
    assert deleted["lifecycleState"] == "DELETED"
    assert deleted["name"].startswith("one.")
    assert len(deleted["name"]) == len("one.") + 8
    assert listed(caller, plane.tenancy_id, lifecycleState="ACTIVE") == set()
    assert listed(caller, plane.tenancy_id, lifecycleState="DELETED") == {deleted["name"]}


def test_whoever_deletes_or_moves_a_compartment_sees_how_that_goes(plane):
    one, two = (compartment(plane.as_(), name) for name in ("one", "two"))
    plane.user("manager", ["managers"])
    plane.policy("Allow group managers to manage compartments in compartment one")
    manager = plane.as_("manager")

    request = manager.delete(f"/compartments/{one}").headers["opc-work-request-id"]

    assert manager.get(f"/workRequests/{request}").json()["status"] == "SUCCEEDED"
    assert refusal(plane.as_("stranger").get(f"/workRequests/{request}")) == (404, "NotAuthorizedOrNotFound")
    others = plane.as_().delete(f"/compartments/{two}").headers["opc-work-request-id"]
    assert refusal(manager.get(f"/workRequests/{others}")) == (404, "NotAuthorizedOrNotFound")


def test_deleted_compartments_are_accessible_where_they_were(plane):
    one, two = chain(plane.as_(), "one", "two")
    plane.as_().delete(f"/compartments/{two}")
    query = {"accessLevel": "ACCESSIBLE", "compartmentIdInSubtree": "true", "lifecycleState": "DELETED"}

    assert len(listed(plane.as_(), plane.tenancy_id, **query)) == 1
    plane.user("reader", ["readers"])
    plane.policy("Allow group readers to inspect repos in compartment one")
    assert len(listed(plane.as_("reader"), one, accessLevel="ACCESSIBLE", lifecycleState="DELETED")) == 1


def test_a_deleted_compartment_is_not_accessible_by_what_is_beside_it(plane):
    chain(plane.as_(), "one", "two")
    plane.user("reader", ["readers"])
    plane.policy("Allow group readers to inspect repos in compartment one:two")
    secret = compartment(plane.as_(), "secret")
    plane.as_().delete(f"/compartments/{secret}")

    found = listed(plane.as_("reader"), plane.tenancy_id, accessLevel="ACCESSIBLE", compartmentIdInSubtree="true")
    assert {"one", "two"} == found


def test_a_deleted_compartment_is_shown_for_90_days(memory):
    caller = memory.as_()
    one = compartment(caller, "one")
    request = caller.delete(f"/compartments/{one}").headers["opc-work-request-id"]
    memory.registry.clock.advance(timedelta(days=90) - timedelta(seconds=1))
    assert state(caller, one) == "DELETED"
    assert caller.get(f"/workRequests/{request}").status == 200
    memory.registry.clock.advance(timedelta(seconds=2))
    assert refusal(caller.get(f"/compartments/{one}")) == (404, "NotAuthorizedOrNotFound")
    assert refusal(recover(caller, one)) == (404, "NotAuthorizedOrNotFound")
    assert refusal(caller.get(f"/workRequests/{request}")) == (404, "NotAuthorizedOrNotFound")
    assert caller.get(f"/workRequests?compartmentId={memory.tenancy_id}").json() == []


def test_a_compartment_with_something_in_it_is_not_deleted(plane):
    caller = plane.as_()
    one, _ = chain(caller, "one", "two")
    assert refusal(caller.delete(f"/compartments/{one}")) == (409, "Conflict")
    three = compartment(caller, "three")
    POLICY.make(caller, "inside", compartmentId=three,
                statements=["Allow group Administrators to read repos in compartment three"])  # fmt: skip
    assert refusal(caller.delete(f"/compartments/{three}")) == (409, "Conflict")
    assert {state(caller, one), state(caller, three)} == {"ACTIVE"}


def test_a_deleted_compartment_is_gone_for_everything_but_recovery(plane):
    caller = plane.as_()
    one, other = compartment(caller, "one"), compartment(caller, "other")
    caller.delete(f"/compartments/{one}")
    inside = caller.post("/compartments", COMPARTMENT.body(plane, "two", compartmentId=one))
    assert refusal(inside) == (404, "NotAuthorizedOrNotFound")
    assert refusal(caller.put(f"/compartments/{one}", {"description": "d"})) == (409, "Conflict")
    assert refusal(caller.delete(f"/compartments/{one}")) == (409, "Conflict")
    assert refusal(move(caller, one, other)) == (409, "Conflict")
    assert refusal(move(caller, other, one)) == (400, "RelatedResourceNotAuthorizedOrNotFound")


def test_a_recovered_compartment_is_active_under_the_name_that_it_was_deleted_by(plane):
    caller = plane.as_()
    one = compartment(caller, "one")
    caller.delete(f"/compartments/{one}")
    answer = recover(caller, one)
    assert answer.json()["lifecycleState"] == "ACTIVE"
    assert answer.json()["name"].startswith("one.")
    assert answer.headers["etag"] == caller.get(f"/compartments/{one}").headers["etag"]
    assert refusal(recover(caller, one)) == (409, "Conflict")
    assert compartment(caller, "two", one)


def test_an_etag_guards_recovery_and_moves(plane):
    caller = plane.as_()
    one, other = compartment(caller, "one"), compartment(caller, "other")
    stale = {"if-match": "0"}
    assert refusal(move(caller, one, other, stale)) == (412, "NoEtagMatch")
    caller.delete(f"/compartments/{one}")
    assert refusal(recover(caller, one, stale)) == (412, "NoEtagMatch")
    fresh = {"if-match": caller.get(f"/compartments/{one}").headers["etag"]}
    assert recover(caller, one, fresh).status == 200


def test_a_move_takes_all_below_along(plane):
    caller = plane.as_()
    one, two, three = chain(caller, "one", "two", "three")
    other = compartment(caller, "other")
    answer = move(caller, two, other)
    assert (answer.status, answer.body) == (202, b"")
    request = caller.get(f"/workRequests/{answer.headers['opc-work-request-id']}").json()
    assert (request["status"], request["operationType"]) == ("SUCCEEDED", "MOVE_COMPARTMENT")
    assert caller.get(f"/compartments/{two}").json()["compartmentId"] == other
    assert caller.get(f"/compartments/{three}").json()["compartmentId"] == two
    assert (listed(caller, one), listed(caller, other)) == (set(), {"two"})


def test_a_move_sent_again_with_its_retry_token_moves_once(plane):
    caller, token = plane.as_(), retry_token()
    one, other = compartment(caller, "one"), compartment(caller, "other")
    first, again = (move(caller, one, other, token) for _ in range(2))
    assert first.headers["opc-work-request-id"] == again.headers["opc-work-request-id"]
    assert len(caller.get(f"/workRequests?compartmentId={other}").json()) == 1


def test_a_compartment_does_not_move_where_it_cannot_be(plane):
    caller = plane.as_()
    one, two, three = chain(caller, "one", "two", "three")
    other = compartment(caller, "other")
    compartment(caller, "two", other)
    same = compartment(caller, "three", other)
    for moved, target in (
        (one, one),  # into itself
        (one, three),  # below itself
        (two, one),  # where it is
        (three, same),  # into one of its own name
    ):
        assert refusal(move(caller, moved, target)) == (409, "Conflict")
    taken = move(caller, two, other)  # which has one of that name
    assert refusal(taken) in {(409, "Conflict"), (409, "NotAuthorizedOrResourceAlreadyExists")}
    absent = move(caller, two, "ocid1.compartment.moorage..absent")
    assert refusal(absent) == (400, "RelatedResourceNotAuthorizedOrNotFound")
    assert absent.json()["message"].startswith("targetCompartmentId")
    assert listed(caller, one) == {"two"}


def test_a_move_needs_everything_in_the_lowest_compartment_around_both_places(plane):
    one, two, three = chain(plane.as_(), "one", "two", "three")
    beside, other = compartment(plane.as_(), "beside", one), compartment(plane.as_(), "other")
    plane.user("mover", ["movers"])
    plane.policy("Allow group movers to manage all-resources in compartment one")
    mover = plane.as_("mover")
    for moved, target in ((three, other), (other, two), (two, plane.tenancy_id), (three, "ocid1.compartment.absent")):
        assert refusal(move(mover, moved, target)) == (404, "NotAuthorizedOrNotFound")
    assert move(mover, three, beside).status == 202
    plane.user("keeper", ["keepers"])
    plane.policy("Allow group keepers to manage compartments in tenancy")
    assert refusal(move(plane.as_("keeper"), three, two)) == (404, "NotAuthorizedOrNotFound")


def test_policies_of_above_cover_a_compartment_where_it_is_now(plane):
    one, other = compartment(plane.as_(), "one"), compartment(plane.as_(), "other")
    plane.user("reader", ["readers"])
    plane.policy("Allow group readers to inspect compartments in compartment other")
    reader = plane.as_("reader")
    assert reader.get(f"/compartments/{one}").status == 404
    move(plane.as_(), one, other)
    assert reader.get(f"/compartments/{one}").status == 200


def test_work_requests_are_listed_newest_first_by_compartment_and_by_resource(plane):
    caller = plane.as_()
    made = []
    for name in "abcde":
        plane.registry.clock.advance(timedelta(seconds=1))
        made.append(compartment(caller, name))
        caller.delete(f"/compartments/{made[-1]}")
    found = [one for page in pages(caller, "/workRequests", compartmentId=plane.tenancy_id, limit=2) for one in page]
    assert [one["resources"][0]["identifier"] for one in found] == list(reversed(made))
    path = f"/workRequests?compartmentId={plane.tenancy_id}&resourceIdentifier="
    assert caller.get(path + made[2]).json() == [found[2]]
    assert caller.get(path + "nothing").json() == []
    assert refusal(plane.as_("stranger").get(f"/workRequests/{found[0]['id']}")) == (404, "NotAuthorizedOrNotFound")
    assert refusal(caller.get("/workRequests/ocid1.workrequest.moorage..a")) == (404, "NotAuthorizedOrNotFound")
