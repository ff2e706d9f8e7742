"""The functions as Lambda runs them: events in the form of API Gateway and EventBridge, through the real handlers."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.contract.backends import TEMPLATE

from moorage.devserver.template import Template
from moorage.domain.digest import Digest

ROOT = Path(__file__).parents[1]
EVENTS = {path.stem: json.loads(path.read_text()) for path in (ROOT / "events").glob("*.json")}
NAME = "moorage/app"
SMALL, LARGE = b"{}", b"layer" * 10_000


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
def administrator(environment):
    """The Basic header of the first administrator, as `moorage bootstrap` made it."""
    made = json.loads(run(environment, ["-m", "moorage.cli", "bootstrap", "--json"]))
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
    for kind in ("Basic", "Bearer"):
        text = text.replace(f"{kind} <secret>", authorization)
    if session:
        text = text.replace(EVENTS[name]["path"].rpartition("/")[2], session)
    return json.loads(text)


def token_for(environment, administrator, name=NAME):
    event = recorded("http_token", authorization=administrator)
    for query, scope in (("queryStringParameters", str), ("multiValueQueryStringParameters", lambda one: [one])):
        event[query]["scope"] = scope(f"repository:{name}:pull,push")
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

    assert set(EVENTS) == {*answers, "http_token", "rest_post_session"}
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


def test_recorded_events_hold_no_secret():
    """
    Passwords and tokens are replaced before they are written.
    """
    sent = [
        event["headers"]["Authorization"] for event in EVENTS.values() if "Authorization" in event.get("headers", {})
    ]

    assert {"Basic <secret>", "Bearer <secret>"} == set(sent)


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
