"""The gateway's authorizer refuses exactly what the functions would answer with 401, and in doubt lets nothing pass."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import compile_path
from tests.contract.backends import REGION, MemoryBackend
from tests.factories import limits
from tests.fakes import NOW, Clock
from tests.sites import KEY, SERVICE, Keys, site
from tests.strategies import bounded

import v2_pull.routes
import v2_push.routes
from authorizer.answers import Unauthorized, make_handler
from authorizer.gate import admit
from moorage.domain.access import ANONYMOUS, Access, Action, Catalog, Grant, Principal
from moorage.domain.errors import Unauthenticated, Unavailable
from moorage.domain.identity import EVERYBODY, Trust
from moorage.operations.keys import make_signing_key, rotate_keys
from moorage.stores.dynamodb.keyring import TrustReader
from moorage.stores.keys import SCHEMA
from moorage.stores.presign import Credentials
from moorage.web.paths import SPEC_METHODS, pattern_of
from moorage.web.shim import serve
from moorage.web.tokens import Keyring, issue_access
from moorage.web.watch import logger

ROOT = Path(__file__).parents[1]
REST = json.loads((ROOT / "events" / "rest_challenge.json").read_text(encoding="utf-8"))
ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/live/GET/v2/"
SITE = site(keys=Keys(KEY))
STRANGER = make_signing_key(NOW)
ALICE = Principal("ocid1.user.moorage..a", "alice")
CONTEXT = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 29_000)
CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a session token")

NAMES = ["acme/app", "acme/other", "acme/x/blobs/uploads", "acme/manifests", "elsewhere/app", "Acme/app", "acme%2Fapp"]
TAILS = [
    "tags/list",
    "tags/list%0A",
    "manifests/latest",
    "manifests/sha256%3A" + 64 * "a",
    "referrers/sha256:" + 64 * "a",
    "blobs/uploads",
    "blobs/uploads/",
    "blobs/uploads/01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "blobs/sha256:" + 64 * "a",
    "blobs/" + 20 * "%2F",
    "elsewhere",
]
WHOLE = ["/v2", "/v2/", "/v2/_catalog", "/v2/_catalog/", "/v2//", "/v1/", "/v2/%FF", "/v2/tags/list", "/v2/%5Fcatalog"]
PATHS = [*WHOLE, *(f"/v2/{name}/{tail}" for name in NAMES for tail in TAILS)]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

actions = st.frozensets(st.sampled_from(Action))
names = st.sampled_from([name for name in NAMES if "%" not in name])
grants = st.builds(Grant, names, st.none() | st.just("id"), actions, actions, st.booleans())
principals = st.sampled_from([ANONYMOUS, ALICE])
accesses = st.builds(Access, principals, st.lists(grants, max_size=3).map(tuple), st.sampled_from(Catalog))


def token(access, key=KEY, at=NOW):
    return issue_access(access, key, service=SERVICE, token_id="1", now=at)[0]


valid = st.builds(token, accesses)
bad = st.sampled_from(["", "x", token(Access(ALICE), STRANGER), token(Access(ALICE), at=NOW - timedelta(hours=1))])
headers = (
    st.just([])
    | st.builds("{} {}".format, st.sampled_from(["Bearer", "bearer", "Basic", "Bearer "]), valid | bad).map(
        lambda one: [one]
    )
    | st.lists(valid.map("Bearer {}".format), min_size=2, max_size=2)
)


def request(method, path, *authorization):
    event = json.loads(json.dumps(REST))
    event |= {"httpMethod": method, "path": path, "methodArn": ARN}
    if authorization:
        event["headers"]["Authorization"] = authorization[-1]
        event["multiValueHeaders"]["Authorization"] = list(authorization)
    return event


@pytest.fixture(scope="module")
def challenged():
    """
    Whether the function that the gateway would ask answers 401, in a registry that holds nothing and makes nothing.
    """
    stores = MemoryBackend(limits(create_on_push=False)).stores
    logger.setLevel("ERROR")
    with closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        reading, writing = (serve(api, stores, SITE) for api in (v2_pull.routes.API, v2_push.routes.API))

        def answers(event):
            handler = reading if event["httpMethod"] in {"GET", "HEAD"} else writing
            return handler(event, CONTEXT)["statusCode"] == 401

        yield answers
        asyncio.set_event_loop(None)
    logger.setLevel("INFO")


def refused(event):
    try:
        admit(event, SITE)
    except Unauthenticated:
        return True
    return False


def only(allowed="", refused="", principal=ALICE, *, visible=True):
    """Return what a token says that names one repository."""
    allowed, refused = (frozenset(map(Action, words.split())) for words in (allowed, refused))
    return Access(principal, (Grant("acme/app", None, allowed, refused, visible),))


@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param([], id="no token"),
        pytest.param([f"Bearer {token(Access(ALICE), STRANGER)}"], id="of another key"),
        pytest.param([f"Bearer {token(Access(ALICE))}"], id="for nothing"),
        pytest.param([f"Bearer {token(Access(ALICE, catalog=Catalog.PUBLIC))}"], id="for the catalog"),
        pytest.param([f"Bearer {token(only('pull'))}"], id="to pull"),
        pytest.param([f"Bearer {token(only('pull', 'push delete'))}"], id="to pull, and the rest was refused"),
        pytest.param([f"Bearer {token(only('', 'pull push delete', visible=False))}"], id="all was refused"),
        pytest.param([f"Bearer {token(only('pull', 'push delete', ANONYMOUS))}"], id="of nobody in particular"),
        pytest.param([f"Bearer {token(only('pull push delete'))}"], id="to do all"),
        pytest.param(2 * [f"Bearer {token(only('pull push delete'))}"], id="two at once"),
    ],
)
def test_it_refuses_what_the_functions_would_challenge_and_nothing_else(challenged, authorization):
    """
    Every path with every method.
    """
    events = [request(method, path, *authorization) for method in METHODS for path in PATHS]

    answers = [challenged(event) for event in events]
    assert [] == [
        (event["httpMethod"], event["path"])
        for event, answer in zip(events, answers, strict=True)
        if refused(event) != answer
    ]
    assert False in answers  # there is always what passes


@bounded
@given(st.sampled_from(METHODS), st.sampled_from(PATHS), headers)
def test_whatever_the_token_says(challenged, method, path, authorization):
    event = request(method, path, *authorization)

    assert challenged(event) == refused(event)


@pytest.mark.parametrize("path", SPEC_METHODS)
def test_paths_are_matched_as_the_router_matches_them(path):
    assert compile_path(path)[0] == pattern_of(path)


def test_a_request_that_may_pass_gets_a_policy_for_itself_alone():
    event = request("GET", "/v2/", f"Bearer {token(Access(ALICE))}")

    assert {
        "principalId": "alice",
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": ARN}],
        },
    } == make_handler(SITE)(event, CONTEXT)


def test_a_refusal_is_the_word_that_the_gateway_knows_and_a_line_without_secrets(capsys):
    text = token(Access(ALICE), STRANGER)

    with pytest.raises(Unauthorized, match=r"^Unauthorized$"):
        make_handler(SITE)(request("GET", "/v2/acme/app/tags/list", f"Bearer {text}"), CONTEXT)

    line = capsys.readouterr().out
    logged = json.loads(line)
    assert ("GET", "/v2/acme/app/tags/list", REST["requestContext"]["requestId"]) == (
        logged["method"],
        logged["path"],
        logged["request_id"],
    )
    assert "the token is not valid, or no longer" == logged["reason"]
    assert not [part for part in text.split(".") if part in line]


def test_without_keys_nothing_passes_and_nothing_is_called_unauthorized():
    """
    A client that is told 401 throws its token away; this one shall come again.
    """

    def unreadable():
        raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        make_handler(site(keys=unreadable))(request("GET", "/v2/", f"Bearer {token(Access(ALICE))}"), CONTEXT)


# The reader of the keys.


def reader(endpoint, table="table", namespace="ns", at=NOW):
    return TrustReader(table, namespace, region=REGION, endpoint=endpoint, credentials=CREDENTIALS, clock=lambda: at)


def test_it_reads_the_keys_that_the_store_reads(aws):
    """
    A new one, and the one before, which has an end; and the revocations beside them.
    """
    with aws.backend(limits()) as backend:
        rotate_keys(backend.stores)
        rotate_keys(backend.stores)
        backend.stores.identity.revoke("ocid1.user.moorage..a", NOW)
        backend.stores.identity.revoke(EVERYBODY, NOW + timedelta(seconds=1))
        expected = backend.stores.identity.trust()
        table = backend.stores.identity._table._name

        read = reader(aws.endpoints.dynamodb, table, limits().namespace, datetime.now(UTC))()

    assert (2, 2) == (len(expected.keys), len(expected.revoked))
    assert {key.kid: key for key in expected.keys} == {key.kid: key for key in read.keys}
    assert expected.revoked == read.revoked


@contextmanager
def dynamodb(*answers):
    """Answer requests one after another, and keep what came."""
    came = []
    waiting = list(answers)

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self):
            came.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            status, body = waiting.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", came
        finally:
            server.shutdown()
            thread.join()


def test_it_signs_as_botocore_signs():
    with dynamodb((200, {"Items": []})) as (endpoint, came):
        assert Trust(()) == reader(endpoint)()
    [(sent, body)] = came
    signed = {name: sent[name] for name in ("content-type", "x-amz-target")}
    expected = AWSRequest("POST", f"{endpoint}/", headers=signed, data=body)
    now = NOW.replace(tzinfo=None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.auth.get_current_datetime", lambda: now)
        account = BotocoreCredentials(CREDENTIALS.access_key, CREDENTIALS.secret_key, CREDENTIALS.token)
        SigV4Auth(account, "dynamodb", REGION).add_auth(expected)

    assert expected.headers["Authorization"] == sent["authorization"]
    assert CREDENTIALS.token == sent["x-amz-security-token"]


def test_it_reads_every_page():
    row = {
        "sk": {"S": "PUBLIC#1"},
        "public": {"S": KEY.public},
        "time_created": {"S": "2030-01-02T03:04:05.678000+0000"},
    }
    more = {"pk": {"S": "KEYRING#ns"}, "sk": {"S": "PUBLIC#1"}}
    pages = (200, {"Items": [row], "LastEvaluatedKey": more}), (200, {"Items": [row | {"sk": {"S": "PUBLIC#2"}}]})

    with dynamodb(*pages) as (endpoint, came):
        assert ["1", "2"] == [key.kid for key in reader(endpoint)().keys]

    assert [None, more] == [json.loads(body).get("ExclusiveStartKey") for _, body in came]


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        pytest.param([500, 200], Trust(()), id="once more after an error of theirs"),
        pytest.param([400, 200], Trust(()), id="once more after a throttle"),
        pytest.param([500, 500], Unavailable, id="no third time"),
    ],
)
def test_it_asks_twice_at_most(statuses, outcome):
    with dynamodb(*((status, {"Items": []}) for status in statuses)) as (endpoint, came):
        if outcome is Unavailable:
            with pytest.raises(Unavailable):
                reader(endpoint)()
        else:
            assert outcome == reader(endpoint)()

    assert len(statuses) == len(came)


@pytest.mark.parametrize("row", ["PUBLIC#1", "REVOKED#*", "ELSE#1"])
def test_what_a_later_release_wrote_is_told_so(row):
    """
    It may mean anything: a key that is none, or a revocation that is not seen.
    """
    later = {"sk": {"S": row}, "schema": {"S": f"{int(SCHEMA.partition('.')[0]) + 1}.0"}}

    with dynamodb((200, {"Items": [later]})) as (endpoint, _), pytest.raises(Unavailable, match="upgrade this one"):
        reader(endpoint)()


def test_a_revocation_reaches_it_in_ten_seconds():
    """
    Other seconds cost no read.
    """
    clock = Clock()
    revoked = {"sk": {"S": "REVOKED#ocid1.user.moorage..a"}, "time": {"S": "2030-01-02T03:04:05.678000+0000"}}
    key = {"sk": {"S": f"PUBLIC#{KEY.kid}"}, "public": {"S": KEY.public}, "time_created": revoked["time"]}
    event = request("GET", "/v2/", f"Bearer {token(Access(ALICE))}")

    with dynamodb((200, {"Items": [key]}), (200, {"Items": [key, revoked]})) as (endpoint, came):
        handler = make_handler(replace(SITE, keyring=Keyring(reader(endpoint), clock)))
        for _ in range(2):
            handler(event, CONTEXT)
            clock.advance(timedelta(seconds=9))
        assert 1 == len(came)
        clock.advance(timedelta(seconds=1))
        with pytest.raises(Unauthorized):
            handler(event, CONTEXT)
    assert 2 == len(came)


def test_nobody_who_answers_is_unavailable():
    with dynamodb() as (endpoint, _):
        pass

    with pytest.raises(Unavailable):
        reader(endpoint)()


# The function.


def run(script, **environ):
    """Run the function as Lambda does: in a process of its own, with what the template gives it."""
    environment = {
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("functions", "layers/core/python")),
        "MOORAGE_TABLE": "table",
        "MOORAGE_BUCKET": "bucket",
        "MOORAGE_NAMESPACE": "acme",
        "MOORAGE_ORIGINS": "https://registry.example.com",
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret_key,
        **environ,
    }
    return subprocess.run(
        [sys.executable, "-c", f"import json, sys, authorizer.app as app; event = json.load(sys.stdin); {script}"],
        env=environment,
        input=json.dumps(request("GET", "/v2/")),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_under_sam_local_everything_passes():
    """
    There the functions send the challenge: `sam local` has no answers of the gateway itself.
    """
    passed = run("print(json.dumps(app.handler(event, None)))", AWS_SAM_LOCAL="true")

    assert "Allow" == json.loads(passed.stdout)["policyDocument"]["Statement"][0]["Effect"], passed.stderr


def test_elsewhere_a_request_without_token_does_not():
    stopped = run("app.handler(event, None)")

    assert stopped.stderr.rstrip().endswith("Unauthorized: Unauthorized")
