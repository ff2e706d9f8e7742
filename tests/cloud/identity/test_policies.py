"""Policies, dynamic groups, network sources, and the authentication policy."""

import pytest
from tests.cloud.identity.kinds import COMPARTMENT, DYNAMIC_GROUP, NETWORK_SOURCE, POLICY, RULE
from tests.cloud.plane import refusal

READ = ["Allow group pushers to read repos in tenancy"]
PASSWORDS = {
    "minimumPasswordLength": 12,
    "isUppercaseCharactersRequired": True,
    "isLowercaseCharactersRequired": True,
    "isNumericCharactersRequired": True,
    "isSpecialCharactersRequired": True,
    "isUsernameContainmentAllowed": False,
}


@pytest.mark.parametrize("name", ["Web.Readers_1-a", "n" * 100])
def test_a_policy_may_be_called(memory, name):
    assert POLICY.make(memory.as_(), name)["name"] == name


@pytest.mark.parametrize("name", ["a b", "a+b", "a@b", "a/b", "ü", "n\n"])
def test_a_policy_cannot_be_called(memory, name):
    answer = memory.as_().post("/policies", POLICY.body(memory, name))
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith("name")


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["Alow group pushers to read repos in tenancy"], "statements[0]: line 1, column 1"),
        ([*READ, "Allow group pushers to read"], "statements[1]: line 1, column 28"),
        (["Allow group nobodies to read repos in tenancy"], "statements[0]"),
        (["Allow group pushers to read repos in compartment nowhere"], "statements[0]"),
        ([], "statements"),
        ([7], "statements[0]"),
        ("Allow", "statements"),
        (["a" * 10_001], "statements[0]"),
    ],
)
def test_a_statement_that_means_nothing_says_where_it_goes_wrong(memory, statements, words):
    memory.group("pushers")
    caller = memory.as_()
    made = caller.post("/policies", POLICY.body(memory, "first", statements=statements))
    assert refusal(made) == (400, "InvalidParameter")
    assert made.json()["message"].startswith(words)
    policy = POLICY.make(caller, "second", statements=READ)
    changed = caller.put(POLICY.one(policy), {"statements": statements})
    assert (refusal(changed), changed.json()) == ((400, "InvalidParameter"), made.json())
    assert caller.get(POLICY.one(policy)).json() == policy


def test_a_policy_has_at_most_fifty_statements(memory):
    memory.group("pushers")
    caller = memory.as_()
    assert len(POLICY.make(caller, "first", statements=READ * 50)["statements"]) == 50
    answer = caller.post("/policies", POLICY.body(memory, "second", statements=READ * 51))
    assert answer.status == 400
    assert "50" in answer.json()["message"]


def test_a_statement_is_in_force_at_once_and_until_it_is_deleted(plane):
    caller = plane.as_()
    plane.user("alice", ["readers"])
    alice, path = plane.as_("alice"), f"/groups?compartmentId={plane.tenancy_id}"
    assert alice.get(path).status == 404
    policy = POLICY.make(caller, "first", statements=["Allow group readers to inspect groups in tenancy"])
    assert alice.get(path).status == 200
    caller.put(POLICY.one(policy), {"statements": ["Allow group readers to inspect users in tenancy"]})
    assert alice.get(path).status == 404
    caller.put(POLICY.one(policy), {"statements": ["Allow group readers to inspect groups in tenancy"]})
    assert alice.get(path).status == 200
    caller.delete(POLICY.one(policy))
    assert alice.get(path).status == 404


def test_a_policy_reaches_no_further_than_where_it_is_attached(plane):
    one = plane.compartment("one")
    answer = plane.as_().post("/policies", POLICY.body(plane, "first", compartmentId=one))
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith("statements[0]")


def test_whoever_manages_policies_of_a_compartment_manages_no_others(plane):
    one = plane.compartment("one")
    plane.user("lead", ["leads"])
    plane.policy("Allow group leads to manage policies in compartment one")
    lead = plane.as_("lead")
    statements = ["Allow group leads to read repos in compartment one"]
    made = POLICY.make(lead, "near", compartmentId=one, statements=statements)
    assert lead.get(f"/policies?compartmentId={one}").json() == [made]
    assert refusal(lead.post("/policies", POLICY.body(plane, "far"))) == (404, "NotAuthorizedOrNotFound")
    assert refusal(lead.get(f"/policies?compartmentId={plane.tenancy_id}")) == (404, "NotAuthorizedOrNotFound")


def test_a_statement_names_its_compartment_by_the_path_that_it_has_now(plane):
    caller = plane.as_()
    one, other = (COMPARTMENT.make(caller, name)["id"] for name in ("one", "other"))
    inner = COMPARTMENT.make(caller, "inner", compartmentId=one)["id"]
    says = "Allow any-user  to read repos in compartment {} where request.user.name = 'one:inner'"
    policy = POLICY.make(caller, "first", statements=[says.format("one:inner"), says.format(f"id {inner}")])
    assert caller.post(f"/compartments/{inner}/actions/moveCompartment", {"targetCompartmentId": other}).status == 202
    COMPARTMENT.make(caller, "inner", compartmentId=one)  # another one of the old path
    caller.put(f"/compartments/{inner}", {"name": "within"})

    shown = caller.get(POLICY.one(policy)).json()
    assert shown == {**policy, "statements": [says.format("other:within"), says.format(f"id {inner}")]}
    assert shown in caller.get(f"/policies?compartmentId={plane.tenancy_id}").json()
    assert caller.put(POLICY.one(policy), {"statements": shown["statements"]}).json() == shown
    assert {inner} == {statement.location for statement in plane.tenancy.policies[policy["id"]].statements}

    caller.delete(f"/compartments/{inner}")
    name = caller.get(f"/compartments/{inner}").json()["name"]
    assert says.format(f"other:{name}") == caller.get(POLICY.one(policy)).json()["statements"][0]


@pytest.mark.parametrize(
    ("given", "shown"),
    [("2026-01-31", "2026-01-31"), ("2026-01-31T00:00:00.000Z", "2026-01-31"), ("", None)],
)
def test_a_policy_has_a_version_date_or_none(memory, given, shown):
    made = POLICY.make(memory.as_(), "first", versionDate=given)
    assert made.get("versionDate") == shown


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"versionDate": ""}, None),
        ({"versionDate": "", "statements": READ}, None),
        ({"versionDate": "2026-02-01"}, "2026-02-01"),
        ({"versionDate": "2026-02-01T00:00:00Z"}, "2026-02-01"),
        ({"statements": READ}, "2026-01-31"),
        ({}, "2026-01-31"),
    ],
)
def test_a_version_date_is_changed_taken_away_or_left(memory, changes, shown):
    memory.group("pushers")
    policy = POLICY.make(memory.as_(), "first", versionDate="2026-01-31")
    changed = memory.as_().put(POLICY.one(policy), changes)
    assert (changed.status, changed.json().get("versionDate")) == (200, shown)
    assert memory.as_().get(POLICY.one(policy)).json() == changed.json()


@pytest.mark.parametrize(
    "given", ["yesterday", "2026-02-30", "26-1-1", "2026-01-31 ", "Today", "T", "2026-01-31Tx", 20260131]
)
def test_a_version_date_that_is_none_is_refused(memory, given):
    answer = memory.as_().post("/policies", POLICY.body(memory, "first", versionDate=given))
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith("versionDate")


@pytest.mark.parametrize("rule", ["", "instance.id", "all {instance.id = 'a'", "where x = 'y'", "r" * 100_001])
def test_a_matching_rule_that_means_nothing_is_refused(memory, rule):
    caller = memory.as_()
    made = caller.post("/dynamicGroups", DYNAMIC_GROUP.body(memory, "first", matchingRule=rule))
    assert refusal(made) == (400, "InvalidParameter")
    assert made.json()["message"].startswith("matchingRule")
    group = DYNAMIC_GROUP.make(caller, "second")
    assert caller.put(DYNAMIC_GROUP.one(group), {"matchingRule": rule}).json() == made.json()
    assert caller.get(DYNAMIC_GROUP.one(group)).json()["matchingRule"] == RULE


def test_a_dynamic_group_needs_a_rule(memory):
    body = DYNAMIC_GROUP.body(memory, "first")
    del body["matchingRule"]
    assert refusal(memory.as_().post("/dynamicGroups", body)) == (400, "MissingParameter")


def test_groups_and_dynamic_groups_share_their_names(plane):
    DYNAMIC_GROUP.make(plane.as_(), "first")
    answer = plane.as_().post("/groups", {**DYNAMIC_GROUP.body(plane, "First")})
    assert refusal(answer) == (409, "NotAuthorizedOrResourceAlreadyExists")


def test_a_network_source_keeps_its_lists(plane):
    caller = plane.as_()
    virtual = [{"vcnId": "vpc-1", "ipRanges": ["10.0.0.0/16"]}]
    made = NETWORK_SOURCE.make(caller, "office", virtualSourceList=virtual)
    assert (made["publicSourceList"], made["virtualSourceList"]) == (["203.0.113.0/24", "198.51.100.7"], virtual)
    assert made["services"] == ["all"]
    changed = caller.put(NETWORK_SOURCE.one(made), {"virtualSourceList": []}).json()
    assert changed == {**made, "virtualSourceList": []}
    assert caller.get(f"/networkSources?compartmentId={plane.tenancy_id}").json() == [changed]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("publicSourceList", ["everywhere"], "publicSourceList[0]"),
        ("publicSourceList", ["192.0.2.0/24", "192.0.2.1/24"], "publicSourceList[1]"),
        ("publicSourceList", ["192.0.2.0/33"], "publicSourceList[0]"),
        ("publicSourceList", ["192.0.2.1"] * 101, "publicSourceList"),
        ("publicSourceList", "192.0.2.1", "publicSourceList"),
        ("virtualSourceList", [{"vcnId": "vpc-1"}], "virtualSourceList[0].ipRanges"),
        ("virtualSourceList", [{"vcnId": "vpc-1", "ipRanges": ["x"]}], "virtualSourceList[0].ipRanges[0]"),
        ("services", [], "services"),
        ("services", ["all", "none"], "services"),
    ],
)
def test_a_network_that_is_none_is_named(memory, field, value, named):
    answer = memory.as_().post("/networkSources", NETWORK_SOURCE.body(memory, "office", **{field: value}))
    assert answer.status == 400
    assert answer.json()["message"].startswith(named)


def test_the_authentication_policy_is_there_from_the_start_and_is_changed_field_by_field(plane):
    caller, path = plane.as_(), f"/authenticationPolicies/{plane.tenancy_id}"
    first = caller.get(path)
    shown = {"compartmentId": plane.tenancy_id, "passwordPolicy": PASSWORDS, "networkPolicy": {"networkSourceIds": []}}
    assert first.json() == shown
    changed = caller.put(path, {"passwordPolicy": {"minimumPasswordLength": 20}}, {"if-match": first.headers["etag"]})
    assert changed.json() == {**shown, "passwordPolicy": {**PASSWORDS, "minimumPasswordLength": 20}}
    assert (caller.get(path).json(), caller.get(path).headers["etag"]) == (changed.json(), changed.headers["etag"])
    assert refusal(caller.put(path, {}, {"if-match": first.headers["etag"]})) == (412, "NoEtagMatch")
    bad = caller.put(path, {"passwordPolicy": {"minimumPasswordLength": 0}})
    assert refusal(bad) == (400, "InvalidParameter")
    assert bad.json()["message"].startswith("passwordPolicy.minimumPasswordLength")


def test_users_sign_in_from_chosen_networks(plane):
    caller, path = plane.as_(), f"/authenticationPolicies/{plane.tenancy_id}"
    here = NETWORK_SOURCE.make(caller, "here")  # the address of the tests is in it
    sources = {"networkPolicy": {"networkSourceIds": [here["id"]]}}
    assert caller.put(path, sources).json()["networkPolicy"] == sources["networkPolicy"]
    assert refusal(caller.delete(NETWORK_SOURCE.one(here))) == (409, "Conflict")
    assert caller.get(path).status == 200
    caller.put(NETWORK_SOURCE.one(here), {"publicSourceList": ["192.0.2.0/24"]})
    assert refusal(caller.get(path)) == (401, "NotAuthenticated")


def test_nobody_locks_the_own_address_out(plane):
    caller, path = plane.as_(), f"/authenticationPolicies/{plane.tenancy_id}"
    there = NETWORK_SOURCE.make(caller, "there", publicSourceList=["192.0.2.0/24"])
    here = NETWORK_SOURCE.make(caller, "here")
    answer = caller.put(path, {"networkPolicy": {"networkSourceIds": [there["id"]]}})
    assert refusal(answer) == (409, "Conflict")
    assert answer.json()["message"].startswith("networkPolicy.networkSourceIds")
    both = {"networkPolicy": {"networkSourceIds": [there["id"], here["id"]]}}
    assert caller.put(path, both).json()["networkPolicy"] == both["networkPolicy"]


def test_a_network_source_that_is_not_there_cannot_be_chosen(memory):
    answer = memory.as_().put(
        f"/authenticationPolicies/{memory.tenancy_id}", {"networkPolicy": {"networkSourceIds": ["ocid1.absent"]}}
    )
    assert refusal(answer) == (400, "RelatedResourceNotAuthorizedOrNotFound")
    assert answer.json()["message"].startswith("networkPolicy.networkSourceIds")


def test_only_the_tenancy_has_an_authentication_policy(plane):
    one = plane.compartment("one")
    for compartment in (one, "ocid1.tenancy.moorage..other"):
        path = f"/authenticationPolicies/{compartment}"
        assert refusal(plane.as_().get(path)) == (404, "NotAuthorizedOrNotFound")
        assert refusal(plane.as_().put(path, {})) == (404, "NotAuthorizedOrNotFound")
    assert refusal(plane.as_("alice").get(f"/authenticationPolicies/{plane.tenancy_id}"))[0] == 404
