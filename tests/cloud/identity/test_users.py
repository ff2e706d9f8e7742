"""Users, and who is in which group."""

from datetime import timedelta

import pytest
from tests.cloud.identity.kinds import GROUP, USER, retry_token
from tests.cloud.identity.test_lists import pages
from tests.cloud.plane import refusal

from moorage.domain.directory import CAPABILITIES, State, membership_ocid

ABSENT = "ocid1.user.moorage..01kbzzzzzzzzzzzzzzzzzzzzzz"


def join(caller, user, group, headers=()):
    return caller.post("/userGroupMemberships", {"userId": user["id"], "groupId": group["id"]}, headers)


def memberships(caller, **parameters):
    found = pages(caller, "/userGroupMemberships", compartmentId=caller.plane.tenancy_id, **parameters)
    return [(one["userId"], one["groupId"]) for page in found for one in page]


@pytest.mark.parametrize("name", ["alice", "Alice.B-c_d", "a+b@example.com", "n" * 100])
def test_a_user_may_be_called(memory, name):
    assert USER.make(memory.as_(), name)["name"] == name


@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "ü", "a\n", "n" * 101, ""])
def test_a_user_cannot_be_called(memory, name):
    answer = memory.as_().post("/users", USER.body(memory, name))
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith("name")


def test_a_new_user_is_in_no_group_and_can_use_everything(plane):
    caller = plane.as_()
    made = USER.make(caller, "first")
    assert made["capabilities"] == dict.fromkeys(CAPABILITIES, True)
    assert (made["isMfaActivated"], made["emailVerified"]) == (False, False)
    assert memberships(caller, userId=made["id"]) == []


def test_what_is_not_known_of_a_user_is_left_out(memory):
    answer = memory.as_().post(
        "/users", {"compartmentId": memory.tenancy_id, "name": "first", "description": "the first"}
    )
    assert {"email", "emailVerified", "dbUserName", "inactiveStatus"}.isdisjoint(answer.json())


def test_the_name_of_a_user_stays(memory):
    caller = memory.as_()
    made = USER.make(caller, "first")
    changed = caller.put(USER.one(made), {"name": "other", "dbUserName": "FIRST"}).json()
    assert (changed["name"], changed["dbUserName"]) == ("first", "FIRST")


def test_an_empty_email_is_none(memory):
    caller = memory.as_()
    made = USER.make(caller, "first", email="first@example.com")
    assert "email" not in USER.make(caller, "second", email="")
    assert {"email", "emailVerified"}.isdisjoint(caller.put(USER.one(made), {"email": ""}).json())


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "e" * 255), ("email", "e"), ("email", "a@b\n"), ("email", 1), ("dbUserName", "d" * 202)],
)
def test_a_field_of_a_user_that_cannot_be_is_named(memory, field, value):
    caller = memory.as_()
    answer = caller.put(USER.one(USER.make(caller, "first")), {field: value})
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith(field)


def test_capabilities_that_are_not_named_stay(plane):
    caller = plane.as_()
    path = f"{USER.one(USER.make(caller, 'first'))}/capabilities"
    assert caller.put(path, {"canUseDBCredentials": False}).json()["capabilities"]["canUseDbCredentials"] is False
    capabilities = caller.put(path, {"canUseApiKeys": False, "canUseDBCredentials": True}).json()["capabilities"]
    assert capabilities == {**dict.fromkeys(CAPABILITIES, True), "canUseApiKeys": False}
    assert refusal(caller.put(path, {"canUseApiKeys": "no"})) == (400, "InvalidParameter")
    assert refusal(caller.put(path, {"canUseApiKeys": True}, {"if-match": "1"})) == (412, "NoEtagMatch")


def test_a_user_who_cannot_use_api_keys_signs_nothing(plane):
    alice = plane.as_("alice")
    assert alice.get("/n").status == 200
    path = f"/users/{alice.user.id}/capabilities"
    plane.as_().put(path, {"canUseApiKeys": False})
    assert refusal(alice.get("/n")) == (401, "NotAuthenticated")
    plane.as_().put(path, {"canUseApiKeys": True})
    assert alice.get("/n").status == 200


def test_a_user_is_unblocked_and_never_blocked(plane):
    caller = plane.as_()
    blocked = plane.user("blocked", state=State.INACTIVE, inactive_status=4)
    path = f"/users/{blocked.id}"
    shown = caller.get(path).json()
    assert (shown["lifecycleState"], shown["inactiveStatus"]) == ("INACTIVE", 4)
    assert refusal(caller.put(f"{path}/state", {"blocked": True})) == (400, "InvalidParameter")
    answer = caller.put(f"{path}/state", {"blocked": False})
    assert answer.json()["lifecycleState"] == "ACTIVE"
    assert "inactiveStatus" not in answer.json()
    assert answer.headers["etag"] == caller.get(path).headers["etag"]
    assert refusal(caller.put(f"{path}/state", {"blocked": False}, {"if-match": "1"})) == (412, "NoEtagMatch")


def test_a_user_in_a_group_is_not_deleted_nor_a_group_with_a_user(plane):
    caller = plane.as_()
    user, group = USER.make(caller, "first"), GROUP.make(caller, "pushers")
    made = join(caller, user, group).json()
    for path in (USER.one(user), GROUP.one(group)):
        assert refusal(caller.delete(path)) == (409, "Conflict")
    assert caller.delete(f"/userGroupMemberships/{made['id']}").status == 204
    for path in (USER.one(user), GROUP.one(group)):
        assert caller.delete(path).status == 204


def test_a_membership_is_made_shown_listed_and_removed(plane):
    caller = plane.as_()
    user, group = USER.make(caller, "first"), GROUP.make(caller, "pushers")
    made = join(caller, user, group)
    path = f"/userGroupMemberships/{made.json()['id']}"
    shown = caller.get(path)
    assert (shown.json(), shown.headers["etag"]) == (made.json(), made.headers["etag"])
    assert memberships(caller, userId=user["id"]) == [(user["id"], group["id"])]
    assert memberships(caller, userId=user["id"], groupId=group["id"]) == [(user["id"], group["id"])]
    assert refusal(caller.delete(path, {"if-match": "0"})) == (412, "NoEtagMatch")
    assert caller.delete(path, {"if-match": made.headers["etag"]}).status == 204
    assert memberships(caller, userId=user["id"], groupId=group["id"]) == []
    assert refusal(caller.get(path)) == (404, "NotAuthorizedOrNotFound")
    assert refusal(caller.delete(path)) == (404, "NotAuthorizedOrNotFound")


def test_memberships_are_listed_page_after_page(plane):
    caller, group = plane.as_(), GROUP.make(plane.as_(), "pushers")
    users = [USER.make(caller, f"user-{number}") for number in range(5)]
    for user in users:
        plane.registry.clock.advance(timedelta(seconds=1))
        join(caller, user, group)
    wanted = [(user["id"], group["id"]) for user in users]
    for limit in (1, 2, 5, 6):
        assert memberships(caller, groupId=group["id"], limit=limit) == wanted


def test_a_list_of_memberships_is_of_a_user_or_a_group(memory):
    caller = memory.as_()
    answer = caller.get(f"/userGroupMemberships?compartmentId={memory.tenancy_id}")
    assert refusal(answer) == (400, "MissingParameter")
    assert "userId" in answer.json()["message"]
    for parameter in ("userId", "groupId"):
        path = f"/userGroupMemberships?compartmentId={memory.tenancy_id}&{parameter}=nobody"
        assert refusal(caller.get(path)) == (404, "NotAuthorizedOrNotFound")


def test_a_user_is_in_a_group_once(plane):
    caller = plane.as_()
    user, group = USER.make(caller, "first"), GROUP.make(caller, "pushers")
    join(caller, user, group)
    assert refusal(join(caller, user, group)) == (409, "NotAuthorizedOrResourceAlreadyExists")


def test_a_membership_sent_again_with_its_retry_token_is_answered_again(plane):
    caller, token = plane.as_(), retry_token()
    user, group = USER.make(caller, "first"), GROUP.make(caller, "pushers")
    first, again = (join(caller, user, group, token) for _ in range(2))
    assert (first.json(), first.headers["etag"]) == (again.json(), again.headers["etag"])
    caller.delete(f"/userGroupMemberships/{first.json()['id']}")
    assert refusal(join(caller, user, group, token)) == (409, "InvalidatedRetryToken")


@pytest.mark.parametrize("absent", ["userId", "groupId"])
def test_a_membership_of_what_is_not_there_names_it(memory, absent):
    caller = memory.as_()
    body = {"userId": USER.make(caller, "first")["id"], "groupId": GROUP.make(caller, "pushers")["id"], absent: ABSENT}
    answer = caller.post("/userGroupMemberships", body)
    assert refusal(answer) == (400, "RelatedResourceNotAuthorizedOrNotFound")
    assert answer.json()["message"].startswith(absent)
    assert refusal(memory.as_("stranger").post("/userGroupMemberships", body)) == (404, "NotAuthorizedOrNotFound")


def test_the_last_administrator_stays(plane):
    caller = plane.as_()
    group = plane.group("Administrators")
    mine = caller.get(f"/userGroupMemberships?compartmentId={plane.tenancy_id}&groupId={group}").json()[0]
    assert refusal(caller.delete(f"/userGroupMemberships/{mine['id']}")) == (409, "Conflict")
    assert refusal(caller.delete(f"/users/{caller.user.id}")) == (409, "Conflict")
    assert refusal(caller.delete(f"/groups/{group}")) == (409, "Conflict")
    join(caller, {"id": plane.as_("other").user.id}, {"id": group})
    assert caller.delete(f"/userGroupMemberships/{mine['id']}").status == 204


def test_the_last_administrator_goes_on_to_sign(plane):
    caller, able = plane.as_(), {"canUseApiKeys": False}
    mine = f"/users/{caller.user.id}"
    key = caller.get(f"{mine}/apiKeys").json()[0]["fingerprint"]
    join(caller, USER.make(caller, "keyless"), {"id": plane.group("Administrators")})

    membership = membership_ocid(caller.user.id, plane.group("Administrators"))
    for answer in (
        caller.put(f"{mine}/capabilities", able),
        caller.delete(f"{mine}/apiKeys/{key}"),
        caller.delete(f"/userGroupMemberships/{membership}"),
    ):
        assert refusal(answer) == (409, "Conflict")
        assert "administrator is the last administrator who can sign requests" in answer.json()["message"]
    other = plane.as_("other")
    join(caller, {"id": other.user.id}, {"id": plane.group("Administrators")})
    assert caller.delete(f"{mine}/apiKeys/{key}").status == 204
    assert refusal(other.put(f"/users/{other.user.id}/capabilities", able)) == (409, "Conflict")


def test_of_two_administrators_who_leave_at_once_one_stays(plane):
    caller, other = plane.as_(), plane.as_("other")
    join(caller, {"id": other.user.id}, {"id": plane.group("Administrators")})
    mine = membership_ocid(caller.user.id, plane.group("Administrators"))
    leave = [
        caller.request("DELETE", f"/userGroupMemberships/{mine}"),
        other.request("PUT", f"/users/{other.user.id}/capabilities", {"canUseApiKeys": False}),
    ]

    left = [answer.status for answer in caller.all_at_once(*leave)]

    assert left in ([204, 409], [409, 200])


def test_the_group_of_administrators_and_its_policy_are_not_deleted(plane):
    caller = plane.as_()
    path = f"/policies?compartmentId={plane.tenancy_id}"
    policy = next(one for one in caller.get(path).json() if one["name"] == "Tenant Admin Policy")
    assert refusal(caller.delete(f"/policies/{policy['id']}")) == (409, "Conflict")
    allowed = ["Allow group Administrators to inspect repos in tenancy"]
    assert refusal(caller.put(f"/policies/{policy['id']}", {"statements": allowed})) == (409, "Conflict")


def test_a_deleted_user_signs_nothing(plane):
    alice = plane.as_("alice")
    plane.as_().delete(f"/users/{alice.user.id}")
    assert refusal(alice.get("/n")) == (401, "NotAuthenticated")


def test_group_managers_limited_to_one_group_touch_no_other(plane):
    caller = plane.as_()
    user = USER.make(caller, "first")
    mine, other = GROUP.make(caller, "mine"), GROUP.make(caller, "other")
    plane.user("lead", ["leads"])
    plane.policy(
        "Allow group leads to use users in tenancy",
        "Allow group leads to use groups in tenancy where target.group.name = 'mine'",
    )
    lead = plane.as_("lead")
    assert join(lead, user, mine).status == 200
    assert refusal(join(lead, user, other)) == (404, "NotAuthorizedOrNotFound")
    assert lead.get(GROUP.one(mine)).status == 200
    assert refusal(lead.get(GROUP.one(other))) == (404, "NotAuthorizedOrNotFound")
    # A list names no group: the condition does not apply, and does not grant.
    listed = lead.get(f"/groups?compartmentId={plane.tenancy_id}")
    assert refusal(listed) == (404, "NotAuthorizedOrNotFound")
