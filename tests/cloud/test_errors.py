"""Every fact has its answer on the cloud plane: a code that clients know, words for people, and nothing more."""

import inspect
import json
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from moorage.domain import errors
from moorage.web.cloud.errors import CLOUD, cloud_error, request_id

# ocir.md 1.7: status and code go together.
CODES = {
    (400, "CannotParseRequest"),
    (400, "InvalidParameter"),
    (400, "MissingParameter"),
    (400, "LimitExceeded"),
    (400, "RelatedResourceNotAuthorizedOrNotFound"),
    (401, "NotAuthenticated"),
    (404, "NotAuthorizedOrNotFound"),
    (405, "MethodNotAllowed"),
    (408, "RequestTimeout"),
    (409, "Conflict"),
    (409, "InvalidatedRetryToken"),
    (409, "NotAuthorizedOrResourceAlreadyExists"),
    (412, "NoEtagMatch"),
    (413, "RequestEntityTooLarge"),
    (429, "TooManyRequests"),
    (503, "ServiceUnavailable"),
}
FACTS = [
    fact
    for _, fact in inspect.getmembers(errors, inspect.isclass)
    if issubclass(fact, errors.RegistryError) and fact is not errors.RegistryError
]
ARGUMENTS = {
    errors.ParameterInvalid: {"field": "displayName", "message": "is bad"},
    errors.ParameterMissing: {"field": "displayName"},
    errors.RelatedNotFound: {"field": "compartmentId"},
    errors.NotFound: {},
    errors.AlreadyExists: {},
    errors.TooManyRequests: {"message": "slow down", "retry_after": 7},
    errors.UploadOutOfOrder: {"message": "no", "offset": 1},
    errors.RangeUnsatisfiable: {"message": "no", "size": 1},
}


def request(*headers):
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": pairs, "request_id": "ours"}
    return Request({**scope, "app": SimpleNamespace()})


def told(error, *headers):
    answer = cloud_error(request(*headers), error)
    return answer.status_code, json.loads(answer.body), answer.headers


@pytest.mark.parametrize("fact", FACTS)
def test_every_fact_has_a_code_that_clients_know(fact):
    status, body, headers = told(fact(**ARGUMENTS.get(fact, {"message": "some words"})))

    assert {"code", "message"} == body.keys()
    assert (status, body["code"]) in CODES
    assert body["message"]
    assert ("application/json", "ours") == (headers["content-type"], headers["opc-request-id"])


def test_no_fact_is_left_out():
    assert set(FACTS) == CLOUD.keys()
    assert CODES == set(CLOUD.values())


def test_whatever_is_absent_is_told_as_what_is_forbidden_is():
    """
    Status, body and headers: nobody learns what there is.
    """
    absent = [fact for fact, (_, code) in CLOUD.items() if code == "NotAuthorizedOrNotFound"]
    answers = [told(fact(**ARGUMENTS.get(fact, {"message": fact.__name__}))) for fact in absent]

    assert {errors.NotFound, errors.Denied, errors.NameUnknown, errors.ManifestUnknown} <= set(absent)
    assert 1 == len({str((status, body, sorted(headers.items()))) for status, body, headers in answers})


def test_what_is_no_fact_shows_no_internals():
    status, body, headers = told(RuntimeError("table of alice"))

    assert (500, "InternalServerError") == (status, body["code"])
    assert "alice" not in body["message"]
    assert "ours" == headers["opc-request-id"]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(errors.Unavailable("no answer"), "2"), (errors.TooManyRequests("slow down", retry_after=7), "7")],
)
def test_what_may_be_sent_again_says_when(error, seconds):
    assert seconds == told(error)[2]["retry-after"]


def test_what_clients_retry_is_what_can_help():
    """
    Every SDK sends 409 IncorrectState, 429, 500 and 503 again, and 409 Conflict never.
    """
    assert {errors.TooManyRequests, errors.Unavailable} == {
        fact for fact, (status, code) in CLOUD.items() if status in {429, 500, 503} or code == "IncorrectState"
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("C5380FEE733B4F54A62F7FD54A8B2EF0", "C5380FEE733B4F54A62F7FD54A8B2EF0/ours"),
        ("5DFA2E2F-0A2B-4C3D", "5DFA2E2F-0A2B-4C3D/ours"),
        ("a/b/c", "a/b/c/ours"),
        ("x" * 98, f"{'x' * 98}/ours"),
        ("x" * 99, "ours"),
        ("", "ours"),
        ("a b", "ours"),
        ("a\nb", "ours"),
        ("é", "ours"),
    ],
)
def test_an_answer_has_the_id_of_its_request_and_ours(given, expected):
    assert expected == request_id(request(("opc-request-id", given)))
    assert expected == told(errors.NotFound(), ("opc-request-id", given))[2]["opc-request-id"]
