"""The gateway of the tests does what it is there for, and HEAD tells true lengths through either kind of it."""

import base64
import functools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.gateway import Gateway, HeadLength, Quirks, TooLarge, functions_of
from tests.gateway.events import Request
from tests.routes.conftest import runner  # noqa: F401 - a fixture
from tests.routes.registry import CONFIG, HOST, Registry

from moorage.devserver.template import Template
from moorage.domain.digest import Digest

TEMPLATE = Template.read(Path("template.yaml"))
PATH = "/v2/acme/app/blobs/uploads/1"
LARGE = bytes(20_000)
MEBIBYTE = 1024 * 1024


class Functions(dict):
    """Every function of the template: notes its events, and returns what a test wants."""

    def __init__(self, returned=None, authorizer=lambda event: policy("Allow")):
        self.returned = returned or {"statusCode": 200, "headers": {}, "body": "", "isBase64Encoded": False}
        self.events = []
        self.called = []
        packages = ["v2_pull", "v2_push", "tokens", "artifacts", "identity"]
        super().__init__({package: functools.partial(self.call, package) for package in packages})
        self["authorizer"] = lambda event, _: authorizer(event)

    def call(self, package, event, _):
        self.called.append(package)
        self.events.append(event)
        return self.returned() if callable(self.returned) else self.returned


def policy(effect, resource="*", **context):
    statement = {"Effect": effect, "Action": "execute-api:Invoke", "Resource": resource}
    return {"principalId": "user:a", "policyDocument": {"Statement": [statement]}, "context": context}


def ask(functions, method="GET", target="/v2/acme/app/tags/list", headers=(), body=b"", clock=lambda: 0, **quirks):
    request = Request(method, target, (("Host", HOST), *headers), body, "203.0.113.7")
    return Gateway(TEMPLATE, functions, f"http://{HOST}", Quirks(**quirks), clock).answer(request)


def header(answer, name):
    return [value for key, value in answer.headers if key.lower() == name]


def returned(body=b"", **headers):
    return {
        "statusCode": 200,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }


@pytest.mark.parametrize("name", ["www-authenticate", "date", "server", "connection"])
def test_headers_that_the_gateway_takes_for_its_own_are_renamed(name):
    """
    platform.md A1: a function's challenge reaches no client under its name.
    """
    answer = ask(Functions({"statusCode": 401, "headers": {name: "the function's"}, "body": ""}))

    assert ["the function's"] == header(answer, f"x-amzn-remapped-{name}")
    assert "the function's" not in header(answer, name)


def test_a_length_is_that_of_the_body_whatever_the_function_says():
    answer = ask(Functions(returned(b"four", content_length="5")))

    assert (["4"], b"four") == (header(answer, "content-length"), answer.body)


@pytest.mark.parametrize(
    ("where", "expected"), [(HeadLength.KEPT, ["5"]), (HeadLength.BODY, ["4"]), (HeadLength.NONE, [])]
)
def test_a_length_for_head_comes_from_where_the_gateway_takes_it(where, expected):
    answer = ask(Functions(returned(b"four", content_length="5")), "HEAD", head_length=where)

    assert (expected, b"") == (header(answer, "content-length"), answer.body)


def test_bytes_pass_both_ways():
    """
    base64 in the event and in the answer; without BinaryMediaTypes neither is undone.
    """
    functions = Functions(returned(b"\xff\x00"))
    answer = ask(functions, "PATCH", PATH, body=b"\xff\x01")
    broken = ask(functions, "PATCH", PATH, body=b"\xff\x01", binary_requests=False, binary_answers=False)
    sent, wrong = functions.events

    assert (b"\xff\x01", True) == (base64.b64decode(sent["body"]), sent["isBase64Encoded"])
    assert b"\xff\x00" == answer.body
    assert ("\ufffd\x01", False, b"/wA=") == (wrong["body"], wrong["isBase64Encoded"], broken.body)


def test_an_event_has_the_path_encoded_and_every_value_of_query_and_headers():
    functions = Functions()
    ask(
        functions,
        target="/v2/acme/app/blobs/sha256%3Aab?tag=a&tag=b%2Bc",
        headers=[("accept", "a/b"), ("accept", "c/d")],
    )
    (event,) = functions.events

    assert "/v2/acme/app/blobs/sha256%3Aab" == event["path"]
    assert ({"tag": "b+c"}, {"tag": ["a", "b+c"]}) == (
        event["queryStringParameters"],
        event["multiValueQueryStringParameters"],
    )
    assert ("c/d", ["a/b", "c/d"]) == (event["headers"]["Accept"], event["multiValueHeaders"]["Accept"])


@pytest.mark.parametrize(
    ("recorded", "method", "target"),
    [
        ("rest_get", "GET", "/v2/acme/app/manifests/v1"),
        ("rest_put_blob", "PUT", f"{PATH}?digest=sha256:ab"),
    ],
)
def test_events_have_the_fields_of_recorded_ones(recorded, method, target):
    functions = Functions()
    ask(functions, method, target, body=b"x" if method == "PUT" else b"")
    (event,), sent = functions.events, json.loads(Path(f"events/{recorded}.json").read_text(encoding="utf-8"))

    assert set(sent) == set(event)
    assert set(sent["requestContext"]) == set(event["requestContext"])
    assert {name: type(value) for name, value in sent.items()} == {name: type(value) for name, value in event.items()}


def test_an_authorizer_is_asked_with_the_fields_of_a_recorded_event():
    """
    But for the body, which `sam local` sends along.
    """
    events = []
    ask(Functions(authorizer=lambda event: events.append(event) or policy("Allow")), target="/v2/acme/app/manifests/v1")
    sent = json.loads(Path("events/authorizer.json").read_text(encoding="utf-8"))

    assert set(sent) - {"body", "isBase64Encoded"} == set(events[0])
    assert set(sent["requestContext"]) == set(events[0]["requestContext"])
    assert "/live/GET/v2/acme/app/manifests/v1" in events[0]["methodArn"]


def test_an_event_has_no_length_and_a_range_under_another_name():
    functions = Functions()
    ask(functions, headers=[("range", "bytes=0-1"), ("content-length", "0"), ("transfer-encoding", "chunked")])
    names = {name.lower() for name in functions.events[0]["headers"]}

    assert "x-amzn-remapped-range" in names
    assert not {"range", "content-length", "transfer-encoding"} & names


@pytest.mark.parametrize(("method", "target"), [("GET", "/"), ("POST", "/v2/"), ("OPTIONS", "/v2/acme/app/tags/list")])
def test_what_the_template_does_not_route_is_answered_by_the_gateway(method, target):
    functions = Functions()
    answer = ask(functions, method, target)

    assert (404, []) == (answer.status, functions.events)
    assert "UNSUPPORTED" == json.loads(answer.body)["errors"][0]["code"]


def test_whoever_the_authorizer_does_not_know_is_sent_to_the_token_endpoint():
    """
    The template's challenge, under its own name: the one way in which a REST API sends it.
    """

    def refuse(_):
        raise RuntimeError("Unauthorized")

    functions = Functions(authorizer=refuse)
    answer = ask(functions)

    challenge = f'Bearer realm="http://{HOST}/20180419/docker/token",service="{HOST}"'
    assert (401, [challenge]) == (answer.status, header(answer, "www-authenticate"))
    assert [] == functions.events


def test_an_authorizer_that_fails_is_a_server_error():
    def fail(_):
        raise RuntimeError("something else")

    assert 500 <= ask(Functions(authorizer=fail)).status


@pytest.mark.parametrize(
    ("resource", "expected"),
    [("*", 200), ("arn:*/GET/v2/acme/app/tags/list", 200), ("arn:*/GET/v2/acme/other/*", 403), ("arn:*/PUT/*", 403)],
)
def test_a_policy_says_which_paths_are_open(resource, expected):
    assert expected == ask(Functions(authorizer=lambda _: policy("Allow", resource))).status


def test_a_function_is_told_what_the_authorizer_found():
    functions = Functions(authorizer=lambda event: policy("Allow", event["methodArn"], who="a"))
    ask(functions)

    assert {"principalId": "user:a", "who": "a"} == functions.events[0]["requestContext"]["authorizer"]


@pytest.mark.parametrize("size", [4 * MEBIBYTE, 4 * MEBIBYTE + MEBIBYTE // 4])
def test_a_body_that_an_event_has_room_for_passes(size):
    assert 200 == ask(Functions(), "PATCH", PATH, body=bytes(size)).status


@pytest.mark.parametrize("size", [5 * MEBIBYTE, 11 * MEBIBYTE])
def test_a_body_that_no_event_has_room_for_is_413_in_the_words_of_the_template(size):
    """
    About 4.5 MB: base64 in an event of 6 MB.
    """
    functions = Functions()
    answer = ask(functions, "PATCH", PATH, body=bytes(size))

    assert (413, []) == (answer.status, functions.events)
    assert "SIZE_INVALID" == json.loads(answer.body)["errors"][0]["code"]
    assert 502 == ask(functions, "PATCH", PATH, body=bytes(size), too_large=TooLarge.BROKEN).status


@pytest.mark.parametrize(
    "returned",
    [returned(bytes(5 * MEBIBYTE)), None, {"body": "no status"}, {"statusCode": 200, "body": b"bytes"}, "text"],
    ids=["larger than an event", "nothing", "no status", "no JSON", "no answer"],
)
def test_what_is_no_answer_is_502(returned):
    assert 502 == ask(Functions(lambda: returned)).status


def test_a_function_that_fails_is_502():
    def fail():
        raise ValueError("a defect")

    assert 502 == ask(Functions(fail)).status


@pytest.mark.parametrize(("seconds", "expected"), [(28, 200), (30, 504)])
def test_a_function_has_29_seconds(seconds, expected):
    """
    By a clock that the function moves.
    """
    now = [0]
    functions = Functions(lambda: now.append(seconds) or returned())

    assert expected == ask(functions, clock=lambda: now[-1]).status


@pytest.mark.parametrize(("size", "passes"), [(9_000, True), (11_000, False)])
def test_headers_have_10240_bytes(size, passes):
    assert passes == (200 == ask(Functions(), headers=[("authorization", "x" * size)]).status)
    assert passes == (200 == ask(Functions(), target="/20180419/docker/token", headers=[("a", "x" * size)]).status)


def registry_behind(runner, quirks, *, head_filler):  # noqa: F811 - the fixture's value
    def front(registry):
        functions = functions_of(TEMPLATE, registry.stores, replace(registry.site, head_filler=head_filler))
        return Gateway(TEMPLATE, functions, f"http://{HOST}", quirks)

    return Registry(MemoryBackend(limits(namespace="acme")), runner, front)


@pytest.fixture(params=["the gateway keeps lengths", "the gateway measures bodies"])
def client(request, runner):  # noqa: F811 - the fixture's value
    """A client of a registry whose MOORAGE_HEAD_BODY is right for its gateway."""
    measures = request.param == "the gateway measures bodies"
    quirks = Quirks(head_length=HeadLength.BODY if measures else HeadLength.KEPT)
    return registry_behind(runner, quirks, head_filler=measures).client()


def test_head_of_a_manifest_tells_its_length(client):
    data, digest = client.push_image("latest", LARGE)

    for reference in ("latest", digest):
        answer = client.expect(200, client.head(f"manifests/{reference}"))
        assert (str(len(data)), b"") == (answer.headers["content-length"], answer.body)


def test_head_of_a_blob_in_its_row_tells_its_length(client):
    answer = client.head(f"blobs/{client.push_blob(CONFIG)}")

    assert (200, str(len(CONFIG))) == (answer.status, answer.headers["content-length"])


def test_head_of_what_is_not_there_has_no_body(client):
    answer = client.head(f"blobs/{Digest.of(b'absent')}")

    assert (404, b"") == (answer.status, answer.body)


def test_head_of_a_blob_in_the_bucket_is_answered_or_sent_to_who_knows(runner):  # noqa: F811 - the fixture's value
    """
    No event has room for a layer's bytes; the URL is signed for HEAD.
    """
    kept, measured = (
        registry_behind(runner, Quirks(head_length=where), head_filler=filler).client()
        for where, filler in ((HeadLength.KEPT, False), (HeadLength.BODY, True))
    )
    here = kept.head(f"blobs/{kept.push_blob(LARGE)}")
    there = measured.head(f"blobs/{(digest := measured.push_blob(LARGE))}")

    assert (200, str(len(LARGE))) == (here.status, here.headers["content-length"])
    assert (307, str(digest)) == (there.status, there.headers["docker-content-digest"])
    assert "method=HEAD" in there.headers["location"]


def test_without_the_setting_a_gateway_that_measures_tells_0(runner):  # noqa: F811 - the fixture's value
    """
    What `moorage doctor` is there to find.
    """
    client = registry_behind(runner, Quirks(head_length=HeadLength.BODY), head_filler=False).client()
    client.push_image("latest")

    assert "0" == client.head("manifests/latest").headers["content-length"]
