"""What surrounds every operation: who may, ids, etags, retry tokens, and in which order it is looked at."""

import json

import pytest
from tests.cloud.plane import refusal, send

from moorage.web.cloud.contract import BODY_LIMIT, read_contract

REPOSITORIES = "/container/repositories"
ABSENT = "ocid1.containerrepo.moorage..01arz3ndektsv4rrffq69g5fav"
OPERATIONS = [
    pytest.param(operation, id=operation.id)
    for name in ("artifacts", "identity")
    for operation in read_contract(name).operations.values()
]


def repository(plane, **body):
    """Return the body of a request for a repository."""
    return {"compartmentId": plane.tenancy_id, "displayName": "project/app", **body}


# Who calls.


@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_operation_answers_a_stranger(memory, operation):
    """
    Whatever he asks for: not even what is wrong with it.
    """
    for path in (operation.path, f"{operation.path}/", f"{operation.path}?limit=no"):
        assert (401, "NotAuthenticated") == refusal(memory.nobody().send(operation.method, path, b"{"))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("path", ["/20160918/nothing", "/20160918/container/nothing", "/20160918/users/a/b/c/d"])
def test_a_stranger_does_not_learn_what_there_is(memory, method, path):
    answer = memory.nobody().send(method, path)

    assert 401 == answer.status
    assert answer.headers["opc-request-id"]
    assert "www-authenticate" not in answer.headers


def test_a_path_that_is_none(memory):
    assert (404, "NotFound") == refusal(memory.as_().get("/nothing"))


@pytest.mark.parametrize("path", ["/users/%0A", "/users%0A", "/container/repositories/%0A", "/nothing%0Aelse"])
def test_a_line_feed_does_not_end_a_path(memory, path):
    whole = f"{path}?compartmentId={memory.tenancy_id}"

    assert 404 == refusal(memory.as_().get(whole))[0]
    assert (401, "NotAuthenticated") == refusal(memory.nobody().get(whole))


def test_a_method_that_a_path_does_not_take(memory):
    answer = memory.as_().send("PATCH", f"{REPOSITORIES}/{ABSENT}", {})

    assert (405, "MethodNotAllowed") == refusal(answer)
    assert "DELETE, GET, PUT" == answer.headers["allow"]


@pytest.mark.parametrize("path", [REPOSITORIES, "/users", "/compartments"])
def test_paths_may_end_in_a_slash(memory, path):
    query = f"?compartmentId={memory.tenancy_id}"
    plain, slashed = (memory.as_().get(path + query) for path in (path, f"{path}/"))

    assert (200, plain.json()) == (plain.status, slashed.json())


# In which order.


def test_who_then_what_then_whether(plane):
    """
    401 before 400 before 404 before 412.
    """
    wrong_everywhere = (f"{REPOSITORIES}/{ABSENT}", {"isPublic": "perhaps"}, {"if-match": "no"})
    forbidden = (f"{REPOSITORIES}/{ABSENT}", {"isPublic": True}, {"if-match": "no"})

    assert 401 == plane.nobody().put(*wrong_everywhere).status
    assert (400, "InvalidParameter") == refusal(plane.as_("nobody-in-particular").put(*wrong_everywhere))
    assert (404, "NotAuthorizedOrNotFound") == refusal(plane.as_("nobody-in-particular").put(*forbidden))
    assert (404, "NotAuthorizedOrNotFound") == refusal(plane.as_().put(*forbidden))


def test_absent_and_forbidden_look_the_same(plane):
    made = plane.as_().post(REPOSITORIES, repository(plane)).json()
    stranger = plane.as_("stranger")
    forbidden, absent = (stranger.get(f"{REPOSITORIES}/{one}", {"opc-request-id": "x"}) for one in (made["id"], ABSENT))

    assert (404, "NotAuthorizedOrNotFound") == refusal(forbidden)
    assert (forbidden.status, forbidden.body) == (absent.status, absent.body)
    assert _named(forbidden) == _named(absent)


def _named(answer):
    changing = {"opc-request-id", "x-request-id", "date", "x-amzn-requestid"}
    return {name: value for name, value in answer.headers.items() if name not in changing}


# Answers.


def test_an_answer_is_json_with_an_etag_and_the_ids(plane):
    answer = plane.as_().post(REPOSITORIES, repository(plane), {"opc-request-id": "mine"})

    assert (200, "application/json") == (answer.status, answer.headers["content-type"])
    assert answer.headers["etag"]
    assert answer.headers["opc-request-id"] == f"mine/{answer.headers['x-request-id']}"


def test_204_has_no_body(plane):
    made = plane.as_().post(REPOSITORIES, repository(plane)).json()
    answer = plane.as_().delete(f"{REPOSITORIES}/{made['id']}")

    assert (204, b"") == (answer.status, answer.body)
    assert answer.headers["opc-request-id"]


def test_a_list_without_more_has_no_next_page(plane):
    answer = plane.as_().get(f"{REPOSITORIES}?compartmentId={plane.tenancy_id}")

    assert 200 == answer.status
    assert "opc-next-page" not in answer.headers


def test_a_page_is_of_one_list(memory):
    """
    Of one operation, with its filters and its order; how many are on a page is free.
    """
    for name in ("alice", "bob", "carol"):
        memory.user(name)
        memory.group(f"{name}s")
    asked = f"compartmentId={memory.tenancy_id}"
    page = memory.as_().get(f"/users?{asked}&limit=1").headers["opc-next-page"]
    others = ("/groups?", "/users?name=bob&", "/users?lifecycleState=ACTIVE&", "/users?sortBy=NAME&")

    for other in others:
        assert (400, "InvalidParameter") == refusal(memory.as_().get(f"{other}{asked}&limit=1&page={page}"))
    assert 3 == len(memory.as_().get(f"/users?{asked}&limit=9&page={page}").json())


# Bodies.


def test_a_body_has_a_limit(memory):
    fitting = json.dumps(repository(memory, more="x")).encode()
    fitting = fitting.replace(b'"x"', b'"' + b"x" * (BODY_LIMIT - len(fitting) + 1) + b'"')
    over = fitting + b" "

    assert BODY_LIMIT == len(fitting)
    assert 200 == memory.as_().post(REPOSITORIES, fitting).status
    assert (413, "RequestEntityTooLarge") == refusal(memory.as_().post(REPOSITORIES, over))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "CannotParseRequest"),
        (b"{", "CannotParseRequest"),
        (b"[]", "CannotParseRequest"),
        (b"{}", "MissingParameter"),
        (b'{"compartmentId":1}', "MissingParameter"),
        (b'{"compartmentId":1,"displayName":"a"}', "InvalidParameter"),
    ],
)
def test_a_bad_body_is_refused_before_anything_is_done(memory, body, code):
    answer = memory.as_().post(REPOSITORIES, body)

    assert (400, code) == refusal(answer)


# Etags.


@pytest.mark.parametrize("written", ["{}", '"{}"', 'W/"{}"', " {} ", "*"])
def test_if_match_names_the_state_that_is(plane, written):
    made = plane.as_().post(REPOSITORIES, repository(plane))
    path, etag = f"{REPOSITORIES}/{made.json()['id']}", made.headers["etag"]
    answer = plane.as_().put(path, {"isPublic": True}, {"if-match": written.format(etag)})

    assert 200 == answer.status
    assert etag != answer.headers["etag"]


@pytest.mark.parametrize("written", ["0", '"0"', "old", '"*"', "W/*"])
def test_if_match_that_names_another_state_changes_nothing(plane, written):
    made = plane.as_().post(REPOSITORIES, repository(plane)).json()
    path = f"{REPOSITORIES}/{made['id']}"

    answer = plane.as_().put(path, {"isPublic": True}, {"if-match": written})
    assert (412, "NoEtagMatch") == refusal(answer)


@pytest.mark.parametrize("written", ["", " ", '""', 'W/""', "W/", '"'])
def test_if_match_that_names_no_state_is_not_taken_for_none(memory, written):
    """
    A script whose variable is empty would delete what somebody has just changed.
    """
    path = f"{REPOSITORIES}/{memory.as_().post(REPOSITORIES, repository(memory)).json()['id']}"
    answer = memory.as_().delete(path, {"if-match": written})

    assert (400, "InvalidParameter") == refusal(answer)
    assert answer.json()["message"].startswith("if-match: ")
    assert "AVAILABLE" == memory.as_().get(path).json()["lifecycleState"]


# Retry tokens.


def test_a_request_that_is_sent_again_gets_what_it_made(plane):
    """
    As SDKs do after a timeout, with another request id.
    """
    again = [plane.as_().post(REPOSITORIES, repository(plane), {"opc-retry-token": "t" * 64}) for _ in range(3)]

    assert [200, 200, 200] == [answer.status for answer in again]
    assert 1 == len({answer.body for answer in again})
    assert 1 == len({answer.headers["etag"] for answer in again})


def test_without_a_token_it_is_another_request(plane):
    plane.as_().post(REPOSITORIES, repository(plane))

    assert (409, "NotAuthorizedOrResourceAlreadyExists") == refusal(plane.as_().post(REPOSITORIES, repository(plane)))


def test_a_token_is_for_one_request(plane):
    token = {"opc-retry-token": "t"}
    plane.as_().post(REPOSITORIES, repository(plane), token)
    answer = plane.as_().post(REPOSITORIES, repository(plane, displayName="project/other"), token)

    assert (409, "InvalidatedRetryToken") == refusal(answer)


def test_a_body_whose_properties_come_in_another_order_is_the_same_request(memory):
    """
    Languages whose maps have no order send it so.
    """
    body = repository(memory, freeformTags={"a": "1", "b": "2"})
    turned = {name: body[name] for name in reversed(body)} | {"freeformTags": {"b": "2", "a": "1"}}
    first, again = (memory.as_().post(REPOSITORIES, one, {"opc-retry-token": "t"}) for one in (body, turned))

    assert list(body) != list(turned)
    assert (200, first.json()["id"]) == (again.status, again.json()["id"])


def test_a_token_is_its_callers(plane):
    plane.policy("Allow group pushers to manage repos in tenancy") if plane.group("pushers") else None
    plane.user("bob", ["pushers"])
    token = {"opc-retry-token": "t"}
    plane.as_().post(REPOSITORIES, repository(plane), token)
    answer = plane.as_("bob").post(REPOSITORIES, repository(plane, displayName="project/other"), token)

    assert 200 == answer.status


def test_a_token_whose_resource_has_gone_is_used_up(plane):
    token = {"opc-retry-token": "t"}
    made = plane.as_().post(REPOSITORIES, repository(plane), token).json()
    plane.as_().delete(f"{REPOSITORIES}/{made['id']}")

    assert (409, "InvalidatedRetryToken") == refusal(plane.as_().post(REPOSITORIES, repository(plane), token))


@pytest.mark.parametrize("token", ["", "t" * 65, "ü"])
def test_a_token_has_its_length(memory, token):
    answer = memory.as_().post(REPOSITORIES, repository(memory), {"opc-retry-token": token})

    assert (400, "InvalidParameter") == refusal(answer)
    assert "opc-retry-token" in answer.json()["message"]


def test_an_answer_tells_a_request_that_came_unsigned_nothing_about_the_body(memory):
    """
    A tampered one is as good as none.
    """
    request = memory.as_().request("POST", REPOSITORIES, repository(memory))
    tampered = request.put("x-content-sha256", None)

    assert (401, "NotAuthenticated") == refusal(send(memory.registry, tampered))


def test_the_same_request_many_times_at_once_makes_one(plane):
    caller = plane.as_()
    requests = [caller.request("POST", REPOSITORIES, repository(plane), {"opc-retry-token": "t"}) for _ in range(8)]
    answers_at_once = caller.all_at_once(*requests)

    assert {200} == {one.status for one in answers_at_once}
    assert 1 == len({one.json()["id"] for one in answers_at_once})


@pytest.mark.parametrize("target", ["/n", "/n/", "/n?compartmentId=ocid1.tenancy.moorage..acme"])
def test_the_namespace_is_below_no_version(plane, target):
    answer = plane.as_().get(target)

    assert (200, "acme") == (answer.status, answer.json())
