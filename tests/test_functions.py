"""The functions as Lambda runs them: events in the form of API Gateway and EventBridge, through the real handlers."""

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.cloud.signing import Request, signed
from tests.contract.backends import TEMPLATE

from moorage.devserver.template import Template
from moorage.domain.digest import Digest

ROOT = Path(__file__).parents[1]
EVENTS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "events").glob("*.json")}
NAME = "moorage/app"
SMALL, LARGE = b"{}", b"layer" * 10_000
SIGNED = {
    "http_namespace": "identity",
    "http_users": "identity",
    "http_repository": "artifacts",
    "http_repositories": "artifacts",
}


@pytest.fixture(scope="module")
def environment(aws, tmp_path_factory):
    """What the template gives every function, for a table and a bucket of these tests alone."""
    template = Template.read(TEMPLATE)
    names = {"Table": "functions", "Bucket": "functions-blobs"}
    template.create_table(aws.dynamodb, names["Table"])
    template.create_bucket(aws.s3, names["Bucket"], without=aws.endpoints.bucket_without)
    return {
        **os.environ,
        **template.variables(names),
        "MOORAGE_ORIGINS": "https://registry.example.com",
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("functions", "layers/core/python")),
        **aws.endpoints.environment(),
    }


@pytest.fixture(scope="module")
def made(environment):
    """The first administrator, as `moorage bootstrap` made it."""
    return json.loads(run(environment, ["-m", "moorage.cli", "bootstrap", "--json"]))


@pytest.fixture(scope="module")
def administrator(made):
    """The Basic header of the first administrator."""
    return "Basic " + base64.b64encode(f"{made['username']}:{made['auth_token']}".encode()).decode()


def run(environment, arguments, sent=""):
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, input=sent, stdout=subprocess.PIPE, text=True, timeout=60, check=True
    ).stdout


def invoke(environment, *calls):
    return json.loads(run(environment, [str(ROOT / "tests" / "lambdas.py")], json.dumps(calls)).splitlines()[-1])


def rest(method, path, *, token=None, query=None, body=None, **headers):
    """Return API Gateway's event for a request; BinaryMediaTypes make every body base64."""
    sent = {**headers, **({"Authorization": token} if token else {})}
    event = recorded("rest_challenge")
    event |= {"httpMethod": method, "path": path, "pathParameters": {"proxy": path.removeprefix("/v2/")}}
    event["requestContext"] |= {"httpMethod": method, "path": path}
    event["headers"] |= sent
    event["multiValueHeaders"] |= {name: [value] for name, value in sent.items()}
    if query:
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = {name: [value] for name, value in query.items()}
    if body is not None:
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    return event


def recorded(name, *, authorization="", session=""):
    """Return a recorded event, with a secret that is good here, and an upload session that is open here."""
    text = json.dumps(EVENTS[name])
    for kind in ("Basic", "Bearer", "Signature"):
        text = text.replace(f"{kind} <secret>", authorization)
    if session:
        text = text.replace(EVENTS[name]["path"].rpartition("/")[2], session)
    return json.loads(text)


def signed_anew(name, made, **changes):
    """Return a recorded event, perhaps with other fields, signed now by the administrator's key."""
    event = {**recorded(name), **changes}
    headers = event["headers"] | {"Date": format_datetime(datetime.now(UTC), usegmt=True)}
    target = "?".join(filter(None, [event["rawPath"], event["rawQueryString"]]))
    request = Request(event["requestContext"]["http"]["method"], target, tuple(headers.items()))
    key = load_pem_private_key(made["private_key"].encode(), None)
    sent = signed(request, f"{made['tenancy']}/{made['user']}/{made['fingerprint']}", key)
    return event | {"headers": headers | {"Authorization": sent.header("authorization")}}


def token_for(environment, administrator, name=NAME):
    event = recorded("http_token", authorization=administrator)
    event["rawQueryString"] = urlencode({"scope": f"repository:{name}:pull,push"})
    (answer,) = invoke(environment, ("tokens", event))
    return "Bearer " + json.loads(content(answer))["token"]


def header(answer, name):
    return {key.lower(): value for key, value in answer["headers"].items()}.get(name)


def content(answer):
    return base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()


def test_every_recorded_event_is_answered(environment, administrator):
    """
    What `make events` recorded: a login, a push and a pull, with what the gateway and the schedule add.
    """
    (login,) = invoke(environment, ("tokens", recorded("http_token", authorization=administrator)))
    bearer = "Bearer " + json.loads(content(login))["token"]
    (opened,) = invoke(environment, ("v2_push", recorded("rest_post_session", authorization=bearer)))
    session = header(opened, "location").rpartition("/")[2]
    packages = {
        "rest_challenge": "v2_pull",
        "authorizer": "authorizer",
        "rest_post": "v2_push",
        "rest_put_blob": "v2_push",
        "rest_put_manifest": "v2_push",
        "rest_get": "v2_pull",
        "rest_head": "v2_pull",
        "schedule": "sweeping",
    }
    calls = {
        name: (
            package,
            recorded(name, authorization=bearer, session=session if name == "rest_put_blob" else ""),
        )
        for name, package in packages.items()
    }

    answers = dict(zip(calls, invoke(environment, *calls.values()), strict=True))

    assert set(EVENTS) == {*answers, "http_token", "rest_post_session", *SIGNED}
    statuses = {name: answer["statusCode"] for name, answer in answers.items() if "statusCode" in answer}
    assert {
        "rest_challenge": 401,
        "rest_post": 201,
        "rest_put_blob": 201,
        "rest_put_manifest": 201,
        "rest_get": 200,
        "rest_head": 200,
    } == statuses
    pushed = base64.b64decode(EVENTS["rest_put_manifest"]["body"])
    assert pushed == content(answers["rest_get"])
    assert str(Digest.of(pushed)) == header(answers["rest_head"], "docker-content-digest")
    (statement,) = answers["authorizer"]["policyDocument"]["Statement"]
    assert ("Allow", EVENTS["authorizer"]["methodArn"]) == (statement["Effect"], statement["Resource"])
    assert {"upload_sessions": 0} == answers["schedule"]


def test_every_recorded_event_of_the_cloud_plane_is_answered(environment, made):
    """
    In the order in which they were recorded.
    """
    calls = [(package, signed_anew(name, made)) for name, package in SIGNED.items()]
    answers = dict(zip(SIGNED, invoke(environment, *calls), strict=True))
    read = {name: json.loads(content(answer)) for name, answer in answers.items()}

    assert dict.fromkeys(SIGNED, 200) == {name: answer["statusCode"] for name, answer in answers.items()}
    assert "moorage" == read["http_namespace"]
    assert ["administrator"] == [user["name"] for user in read["http_users"]]
    assert ("recorded/app", made["user"]) == tuple(
        read["http_repository"][name] for name in ("displayName", "createdBy")
    )
    assert [] == read["http_repositories"]["items"]
    assert all(header(answer, "opc-request-id") for answer in answers.values())


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("http_namespace", {"rawPath": "/"}),
        ("http_users", {"rawPath": "/users"}),
        ("http_repositories", {"rawPath": "/container/repositories"}),
    ],
)
def test_the_base_path_that_a_mapping_cuts_off_is_signed_all_the_same(environment, made, name, changes):
    """
    As behind a domain: the event's path lacks what the client has sent and signed.
    """
    event = signed_anew(name, made)
    event["requestContext"]["http"]["path"] = changes["rawPath"]
    (answer,) = invoke(environment, (SIGNED[name], event | changes))

    assert 200 == answer["statusCode"], content(answer)


@pytest.mark.parametrize("name", ["http_users", "http_repository"])
def test_what_was_recorded_long_ago_is_refused(environment, name):
    """
    As clients read it: a code, a message, an id.
    """
    (answer,) = invoke(environment, (SIGNED[name], recorded(name)))

    assert (401, "NotAuthenticated") == (answer["statusCode"], json.loads(content(answer))["code"])
    assert header(answer, "opc-request-id")


def test_recorded_events_hold_no_secret():
    """
    Passwords and tokens are replaced before they are written.
    """
    sent = [
        event["headers"]["Authorization"] for event in EVENTS.values() if "Authorization" in event.get("headers", {})
    ]

    assert {"Basic <secret>", "Bearer <secret>", "Signature <secret>"} == set(sent)


def test_a_request_without_token_is_challenged(environment):
    """
    The realm is the registry's own, over https, whatever reached the function.
    """
    (answer,) = invoke(environment, ("v2_pull", EVENTS["rest_challenge"]))

    assert 401 == answer["statusCode"]
    realm = 'realm="https://registry.example.com/20180419/docker/token",service="registry.example.com"'
    assert f"Bearer {realm}" == header(answer, "www-authenticate")


def test_an_image_is_pushed_and_pulled_through_functions(aws, environment, administrator):
    """
    Token, two blobs, a manifest, and all of it back, in new processes; bytes above 16 KiB are S3's to send.
    """
    token = token_for(environment, administrator)
    config, layer = ({"mediaType": "x/y", "digest": str(Digest.of(data)), "size": len(data)} for data in (SMALL, LARGE))
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [layer],
        }
    ).encode()
    blobs = f"/v2/{NAME}/blobs"

    pushed = invoke(
        environment,
        *(
            (
                "v2_push",
                rest("POST", f"{blobs}/uploads/", token=token, query={"digest": str(Digest.of(data))}, body=data),
            )
            for data in (SMALL, LARGE)
        ),
        ("v2_push", rest("PUT", f"/v2/{NAME}/manifests/v1", token=token, body=manifest)),
    )
    tag, small, large, head = invoke(
        environment,
        ("v2_pull", rest("GET", f"/v2/{NAME}/manifests/v1", token=token)),
        ("v2_pull", rest("GET", f"{blobs}/{config['digest']}", token=token)),
        ("v2_pull", rest("GET", f"{blobs}/{layer['digest']}", token=token)),
        ("v2_pull", rest("HEAD", f"{blobs}/{layer['digest']}", token=token)),
    )

    assert [201, 201, 201] == [answer["statusCode"] for answer in pushed]
    assert (200, manifest) == (tag["statusCode"], content(tag))
    assert (200, SMALL) == (small["statusCode"], content(small))
    assert 307 == large["statusCode"]
    assert header(large, "location").startswith(f"{aws.endpoints.s3}/functions-blobs/blobs/")
    assert (200, str(len(LARGE))) == (head["statusCode"], header(head, "content-length"))


def test_a_body_beyond_what_an_event_carries_is_refused(environment, administrator):
    """
    4 MiB are the limit of a function, and the answer says what to do.
    """
    token = token_for(environment, administrator)
    (opened,) = invoke(environment, ("v2_push", rest("POST", f"/v2/{NAME}/blobs/uploads/", token=token)))
    body = bytes(4 * 1024 * 1024 + 1)

    (answer,) = invoke(environment, ("v2_push", rest("PATCH", header(opened, "location"), token=token, body=body)))

    assert 413 == answer["statusCode"]
    assert "in chunks" in json.loads(content(answer))["errors"][0]["message"]


def test_the_sweep_runs_on_schedule(environment):
    """
    It finds nothing to do in a registry without uploads, and says so.
    """
    (answer,) = invoke(environment, ("sweeping", EVENTS["schedule"]))

    assert {"upload_sessions": 0} == answer
