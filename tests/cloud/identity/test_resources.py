"""What compartments, users, groups, dynamic groups, policies and network sources have in common."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.cloud.identity.kinds import COMPARTMENT, KINDS, NETWORK_SOURCE, USER, retry_token
from tests.cloud.plane import refusal

from moorage.domain.directory import Change

TAGS = {"freeformTags": {"Team": "blue"}, "definedTags": {"Operations": {"CostCenter": "42"}}}
ABSENT = "ocid1.{}.moorage..01kbzzzzzzzzzzzzzzzzzzzzzz"

_EACH_ITS_OWN = {"opc-request-id", "x-request-id", "x-amzn-requestid", "date", "x-amzn-remapped-date"}  # headers

kinds = pytest.mark.parametrize("kind", KINDS, ids=str)


@kinds
def test_a_resource_is_made_shown_changed_and_deleted(plane, kind):
    caller = plane.as_()
    made = caller.post(kind.path, kind.body(plane, "first", **TAGS))
    assert made.json() | TAGS == made.json()
    assert made.json()["lifecycleState"] == "ACTIVE"

    shown = caller.get(kind.one(made.json()))
    assert shown.json() == made.json()
    assert shown.headers["etag"] == made.headers["etag"]

    wanted = {"description": "another", **kind.changes}
    changed = caller.put(kind.one(made.json()), wanted)
    assert changed.json() == {**made.json(), **wanted}
    assert changed.headers["etag"] != made.headers["etag"]
    assert caller.get(kind.one(made.json())).json() == changed.json()

    assert caller.delete(kind.one(made.json())).status == kind.deleted
    if kind is not COMPARTMENT:  # of which a trace stays, so that it can be recovered
        assert refusal(caller.get(kind.one(made.json()))) == (404, "NotAuthorizedOrNotFound")
        assert caller.get(_list(plane, kind, name="first")).json() == []


@kinds
def test_a_field_that_is_not_given_stays_and_one_that_is_replaces_all_of_it(memory, kind):
    caller = memory.as_()
    made = kind.make(caller, "first", **TAGS)
    changed = caller.put(kind.one(made), {"freeformTags": {"Other": "1"}}).json()
    assert changed == {**made, "freeformTags": {"Other": "1"}}


@kinds
def test_a_change_leaves_alone_what_somebody_else_changes_at_the_same_time(memory, kind, monkeypatch):
    caller = memory.as_()
    made = kind.make(caller, "first", **TAGS)
    get = type(memory.stores.directory).get
    interrupted = []

    def then_somebody_changes_it(store, of, resource_id):
        found = get(store, of, resource_id)
        if resource_id == made["id"] and not interrupted:
            interrupted.append(True)
            tags = replace(found.tags, freeform={"Other": "1"})
            store.commit([Change(found, replace(found, tags=tags, version=found.version + 1))])
        return found

    monkeypatch.setattr(type(memory.stores.directory), "get", then_somebody_changes_it)
    given = {"description": "another", "definedTags": {"Operations": {"CostCenter": "7"}}}
    changed = caller.put(kind.one(made), given).json()
    assert {**made, **given, "freeformTags": {"Other": "1"}} == changed


@pytest.mark.parametrize("missing", ["compartmentId", "name", "description"])
def test_what_must_be_given_is_named_when_it_is_missing(memory, missing):
    for kind in KINDS:
        body = kind.body(memory, "first")
        del body[missing]
        answer = memory.as_().post(kind.path, body)
        assert refusal(answer) == (400, "MissingParameter")
        assert answer.json()["message"].startswith(missing)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "n" * 101),
        ("name", 7),
        ("name", None),
        ("name", "no/slash"),
        ("name", " padded "),
        ("description", ""),
        ("description", "d" * 401),
        ("description", ["d"]),
        ("compartmentId", ""),
        ("compartmentId", "c" * 256),
        ("freeformTags", {"key": 1}),
        ("freeformTags", {"k" * 101: "value"}),
        ("freeformTags", {"key": "v" * 257}),
        ("freeformTags", ["key"]),
        ("definedTags", {"Operations": "42"}),
        ("definedTags", {"Operations": {"Cost.Center": "42"}}),
    ],
)
def test_a_field_that_cannot_be_is_named(memory, field, value):
    for kind in KINDS:
        answer = memory.as_().post(kind.path, {**kind.body(memory, "first"), field: value})
        assert refusal(answer) == (400, "InvalidParameter")
        assert answer.json()["message"].startswith(field)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not COMPARTMENT], ids=str)
def test_a_name_is_taken_once_whatever_its_case(plane, kind):
    caller = plane.as_()
    kind.make(caller, "first")
    answer = caller.post(kind.path, kind.body(plane, "FIRST"))
    assert refusal(answer) == (409, "NotAuthorizedOrResourceAlreadyExists")


@kinds
def test_a_deleted_name_is_free_again(plane, kind):
    caller = plane.as_()
    caller.delete(kind.one(kind.make(caller, "first")))
    assert kind.make(caller, "first")["name"] == "first"


@kinds
@pytest.mark.parametrize("method", ["put", "delete"])
def test_a_stale_etag_changes_nothing(plane, kind, method):
    caller = plane.as_()
    made = caller.post(kind.path, kind.body(plane, "first"))
    now = caller.put(kind.one(made.json()), {"description": "newer"})
    stale = {"if-match": made.headers["etag"]}
    more = {"body": {"description": "lost"}} if method == "put" else {}
    assert refusal(getattr(caller, method)(kind.one(made.json()), headers=stale, **more)) == (412, "NoEtagMatch")
    assert caller.get(kind.one(made.json())).json() == now.json()


@kinds
def test_the_etag_of_the_resource_lets_a_change_through(memory, kind):
    caller = memory.as_()
    answer = caller.post(kind.path, kind.body(memory, "first"))
    for quoted in ("{}", '"{}"', 'W/"{}"', "*"):
        match = {"if-match": quoted.format(answer.headers["etag"])}
        answer = caller.put(kind.one(answer.json()), {"description": "newer"}, headers=match)
        assert answer.status == 200


@kinds
def test_the_same_request_with_its_retry_token_makes_one_resource(plane, kind):
    caller, token = plane.as_(), retry_token()
    first, again = (caller.post(kind.path, kind.body(plane, "first"), headers=token) for _ in range(2))
    assert (first.json(), first.headers["etag"]) == (again.json(), again.headers["etag"])
    assert len(caller.get(_list(plane, kind, name="first")).json()) == 1


@kinds
def test_a_retry_token_is_not_for_another_request(plane, kind):
    caller, token = plane.as_(), retry_token()
    caller.post(kind.path, kind.body(plane, "first"), headers=token)
    answer = caller.post(kind.path, kind.body(plane, "second"), headers=token)
    assert refusal(answer) == (409, "InvalidatedRetryToken")
    assert caller.get(_list(plane, kind, name="second")).json() == []


@kinds
def test_a_retry_token_is_over_when_what_it_made_has_changed(plane, kind):
    caller, token = plane.as_(), retry_token()
    made = caller.post(kind.path, kind.body(plane, "first"), headers=token).json()
    caller.put(kind.one(made), {"description": "newer"})
    answer = caller.post(kind.path, kind.body(plane, "first"), headers=token)
    assert refusal(answer) == (409, "InvalidatedRetryToken")


@kinds
def test_a_retry_token_is_over_when_what_it_made_is_gone(plane, kind):
    caller, token = plane.as_(), retry_token()
    made = caller.post(kind.path, kind.body(plane, "first"), headers=token).json()
    caller.delete(kind.one(made))
    answer = caller.post(kind.path, kind.body(plane, "first"), headers=token)
    assert refusal(answer) == (409, "InvalidatedRetryToken")


@kinds
def test_a_retry_token_is_remembered_for_a_day(memory, kind):
    caller, token = memory.as_(), retry_token()
    caller.post(kind.path, kind.body(memory, "first"), headers=token)
    memory.registry.clock.advance(timedelta(hours=24, seconds=1))
    assert caller.post(kind.path, kind.body(memory, "second"), headers=token).json()["name"] == "second"


@kinds
def test_a_retry_token_is_its_users_own(memory, kind):
    memory.user("other", ["Administrators"])
    token = retry_token()
    memory.as_().post(kind.path, kind.body(memory, "first"), headers=token)
    assert memory.as_("other").post(kind.path, kind.body(memory, "second"), headers=token).status == 200


@kinds
def test_what_is_not_there_and_what_is_not_for_the_caller_look_the_same(memory, kind):
    made = kind.make(memory.as_(), "first")
    absent = ABSENT.format(kind.name.replace("-", ""))
    stranger = memory.as_("stranger")
    for method, body in (("GET", None), ("PUT", {"description": "d"}), ("DELETE", None)):
        forbidden = stranger.send(method, kind.one(made), body)
        missing = [caller.send(method, f"{kind.path}/{absent}", body) for caller in (stranger, memory.as_())]
        for answer in missing:
            assert (answer.status, answer.body) == (forbidden.status, forbidden.body)
            assert _told(answer) == _told(forbidden)


@kinds
def test_a_compartment_that_is_not_there_takes_and_lists_nothing(memory, kind):
    caller = memory.as_()
    absent = ABSENT.format("compartment")
    made = caller.post(kind.path, kind.body(memory, "first", compartmentId=absent))
    assert refusal(made) == (404, "NotAuthorizedOrNotFound")
    assert refusal(caller.get(f"{kind.path}?compartmentId={absent}")) == (404, "NotAuthorizedOrNotFound")


@pytest.mark.parametrize("kind", [USER, NETWORK_SOURCE, KINDS[2], KINDS[3]], ids=str)
def test_users_groups_and_networks_are_in_the_root_alone(memory, kind):
    caller, below = memory.as_(), memory.compartment("below")
    for answer in (
        caller.post(kind.path, kind.body(memory, "first", compartmentId=below)),
        caller.get(f"{kind.path}?compartmentId={below}"),
    ):
        assert refusal(answer) == (400, "InvalidParameter")
        assert answer.json()["message"].startswith("compartmentId")


@kinds
def test_an_unknown_field_or_parameter_is_passed_over(memory, kind):
    caller = memory.as_()
    made = kind.make(caller, "first", isShiny=True)
    assert "isShiny" not in made
    assert caller.get(_list(memory, kind, name="first", isShiny="true")).json() == [made]


@pytest.mark.parametrize("body", [b"{", b"[]", b"", b'{"name": "a", "name": "b"}', b'"text"'])
def test_a_body_that_is_no_object_is_told(memory, body):
    for kind in KINDS:
        assert refusal(memory.as_().post(kind.path, body)) == (400, "CannotParseRequest")


def _list(plane, kind, **parameters):
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return f"{kind.path}?compartmentId={plane.tenancy_id}&{query}"


def _told(answer):
    return {name: value for name, value in answer.headers.items() if name not in _EACH_ITS_OWN}
