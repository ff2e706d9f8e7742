"""The authorizer's own reader of the keys: signed by itself, twice at most, and never longer ago than ten seconds."""

import json
from contextlib import contextmanager
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
from tests.contract.backends import REGION
from tests.factories import limits
from tests.fakes import NOW, Clock
from tests.sites import KEY, SERVICE, site

from authorizer.answers import Unauthorized, make_handler
from moorage.domain.access import Access, Principal
from moorage.domain.errors import Unavailable
from moorage.domain.identity import EVERYBODY, Trust
from moorage.operations.keys import rotate_keys
from moorage.stores.dynamodb.keyring import TrustReader
from moorage.stores.keys import SCHEMA
from moorage.stores.presign import Credentials
from moorage.web.tokens import Keyring, issue_access

CHALLENGE = Path(__file__).parents[1] / "events" / "rest_challenge.json"
ALICE = Principal("ocid1.user.moorage..a", "alice")
CONTEXT = SimpleNamespace(aws_request_id="1", get_remaining_time_in_millis=lambda: 29_000)
ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/live/GET/v2/"
CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a session token")


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
    token, _ = issue_access(Access(ALICE), KEY, service=SERVICE, token_id="1", now=NOW)
    event = json.loads(CHALLENGE.read_text(encoding="utf-8")) | {"methodArn": ARN}
    event["multiValueHeaders"]["Authorization"] = [f"Bearer {token}"]

    with dynamodb((200, {"Items": [key]}), (200, {"Items": [key, revoked]})) as (endpoint, came):
        handler = make_handler(replace(site(), keyring=Keyring(reader(endpoint), clock)))
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
