"""The gateway's authorizer refuses exactly what the functions would answer with 401, and in doubt lets nothing pass."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.routing import compile_path
from tests.contract.backends import REGION, MemoryBackend
from tests.factories import limits
from tests.fakes import NOW
from tests.sites import KEY, SERVICE, Keys, site
from tests.strategies import bounded

import v2_pull.routes
import v2_push.routes
from authorizer.answers import Unauthorized, make_handler
from authorizer.gate import admit
from moorage.domain.access import ANONYMOUS, Access, Action, Catalog, Grant, Principal
from moorage.domain.errors import Unauthenticated, Unavailable
from moorage.operations.keys import make_signing_key
from moorage.web.paths import SPEC_METHODS, pattern_of
from moorage.web.shim import serve
from moorage.web.tokens import issue_access
from moorage.web.watch import logger

ROOT = Path(__file__).parents[1]
REST = json.loads((ROOT / "events" / "rest_challenge.json").read_text(encoding="utf-8"))
ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/live/GET/v2/"
SITE = site(keys=Keys(KEY))
STRANGER = make_signing_key(NOW)
ALICE = Principal("ocid1.user.moorage..a", "alice")
CONTEXT = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 29_000)

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
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
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
