"""The blob front: what is signed is answered as S3 answers it, and nothing else is."""

import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from moorage.devserver.aws import running_aws
from moorage.devserver.front import BlobFront
from moorage.devserver.template import Template
from moorage.stores.presign import Credentials, presign

BUCKET = "moorage-blobs"
REGION = "eu-central-1"
CREDENTIALS = Credentials("LOCALKEY", "local secret")
HOST = "registry.test:5000"
ORIGIN = f"http://{HOST}"
KEY = "blobs/01J:a@b c//d"
DATA = bytes(range(256)) * 4096  # 1 MiB: several pieces
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with running_aws(tmp_path_factory.mktemp("aws")) as url:
        s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS.access_key,
            aws_secret_access_key=CREDENTIALS.secret_key,
        )
        Template.read(Path("template.yaml")).create_bucket(s3, BUCKET)
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=DATA)
        yield url


@pytest.fixture(scope="module")
def client(endpoint):
    with served(BlobFront(BUCKET, endpoint, CREDENTIALS, REGION)) as client:
        yield client


@contextmanager
def served(front):
    """Serve a front as the local server does, and send it what a client sends that calls it HOST."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=[front.route()]), http="h11", lifespan="off", log_config=None)
        )
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(base_url=base, headers={"host": HOST}) as client:
            yield client
        server.should_exit = True
        thread.join()


def sign(method="GET", key=KEY, credentials=CREDENTIALS, **query):
    parameters = {"x-digest": DIGEST, "response-content-type": "application/octet-stream", **query}
    now, life = datetime.now(UTC), timedelta(minutes=5)
    return presign(
        method,
        f"{ORIGIN}/{BUCKET}",
        key,
        credentials=credentials,
        region=REGION,
        expires=life,
        now=now,
        query=parameters,
    ).removeprefix(ORIGIN)


def test_get_is_the_object(client):
    """
    GET answers the bytes with their length, media type and digest.
    """
    response = client.get(sign())

    assert (200, DATA) == (response.status_code, response.content)
    assert {
        "content-length": str(len(DATA)),
        "content-type": "application/octet-stream",
        "docker-content-digest": DIGEST,
        "accept-ranges": "bytes",
    }.items() <= dict(response.headers).items()


def test_head_has_the_length_and_no_bytes(client):
    """
    HEAD answers what GET would, signed for HEAD.
    """
    response = client.head(sign("HEAD"))

    assert (200, b"") == (response.status_code, response.content)
    assert (str(len(DATA)), DIGEST) == (response.headers["content-length"], response.headers["docker-content-digest"])


@pytest.mark.parametrize(
    ("sent", "content_range", "part"),
    [
        pytest.param("bytes=0-0", f"bytes 0-0/{len(DATA)}", DATA[:1], id="first byte"),
        pytest.param("bytes=500000-", f"bytes 500000-{len(DATA) - 1}/{len(DATA)}", DATA[500000:], id="resume"),
        pytest.param("bytes=-7", f"bytes {len(DATA) - 7}-{len(DATA) - 1}/{len(DATA)}", DATA[-7:], id="suffix"),
    ],
)
def test_ranges(client, sent, content_range, part):
    """
    A range is answered 206 with its own length, and with the digest of the whole.
    """
    response = client.get(sign(), headers={"range": sent})

    assert (206, part, content_range) == (response.status_code, response.content, response.headers["content-range"])
    assert (str(len(part)), DIGEST) == (response.headers["content-length"], response.headers["docker-content-digest"])


def test_range_beyond_the_end(client):
    """
    416, in S3's words, and no digest: these are not the blob's bytes.
    """
    response = client.get(sign(), headers={"range": f"bytes={len(DATA)}-"})

    assert 416 == response.status_code
    assert b"InvalidRange" in response.content
    assert "docker-content-digest" not in response.headers


def test_authorization_is_not_passed_on(client):
    """
    Clients that send their bearer token along are served: S3 would refuse two ways of authentication.
    """
    response = client.get(sign(), headers={"authorization": "Bearer token"})

    assert 200 == response.status_code


def test_absent_key(client):
    response = client.get(sign(key="blobs/absent"))

    assert (404, True) == (response.status_code, b"<Code>NoSuchKey</Code>" in response.content)


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        pytest.param("GET", sign("HEAD"), 403, "SignatureDoesNotMatch", id="HEAD's URL used for GET"),
        pytest.param("GET", sign().replace("ab" * 32, "cd" * 32), 403, "SignatureDoesNotMatch", id="another digest"),
        pytest.param("GET", sign().replace("01J", "02J"), 403, "SignatureDoesNotMatch", id="another key"),
        pytest.param("GET", sign().partition("?")[0], 403, "AccessDenied", id="not signed"),
        pytest.param(
            "GET", sign(credentials=Credentials("OTHER", "s")), 403, "InvalidAccessKeyId", id="another access key"
        ),
        pytest.param(
            "GET", sign().replace("Expires=300", "Expires=x"), 403, "SignatureDoesNotMatch", id="another life"
        ),
        pytest.param("GET", sign().replace("X-Amz-Date", "date"), 400, "AuthorizationQuery", id="no date"),
    ],
)
def test_refusals(client, method, url, status, code):
    """
    moto would serve each of these; S3 does not, and neither do we.
    """
    response = client.request(method, url)

    assert (status, True) == (response.status_code, f"<Code>{code}" in response.text)


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_nothing_is_written_through_the_front(client, method):
    """
    Only GET and HEAD are routed, however well something else is signed.
    """
    response = client.request(method, sign(method))

    assert 405 == response.status_code


def test_expired_is_refused(endpoint):
    """
    A URL is refused after its life, by the front's own clock.
    """
    front = BlobFront(BUCKET, endpoint, CREDENTIALS, REGION, lambda: datetime.now(UTC) + timedelta(minutes=6))
    with served(front) as client:
        response = client.get(sign())

    assert (403, True) == (response.status_code, b"expired" in response.content)


def test_storage_that_is_down():
    """
    503 and no more: clients try again.
    """
    front = BlobFront(BUCKET, "http://127.0.0.1:1", CREDENTIALS, REGION)
    with served(front) as client:
        response = client.get(sign())

    assert (503, True) == (response.status_code, b"ServiceUnavailable" in response.content)
