"""What goes to S3 with bytes: a checksum that it must find in them, and a signature that does not hash them again."""

import base64
import io
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from botocore.awsrequest import AWSResponse

from moorage.domain.errors import Unavailable
from moorage.stores.s3 import S3ObjectStore

DATA = bytearray(range(256)) * 4096
CHECKSUM = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big"))
ENDPOINTS = [None, "http://127.0.0.1:1"]


class Raw(io.BytesIO):
    """An answer's body as urllib3 has it."""

    def stream(self, **_):
        yield self.read()


class Wire:
    """What would have been sent, and the answer."""

    def __init__(self, store):
        self.requests = []
        self.answer = 200, b""
        store.client.meta.events.register("before-send", self._answer)

    def _answer(self, request, **_):
        self.requests.append(request)
        status, body = self.answer
        return AWSResponse(request.url, status, {"ETag": '"1"'}, Raw(body))


@pytest.fixture(params=ENDPOINTS, ids=["https", "http"])
def store(request, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return S3ObjectStore(
        "bucket",
        region="eu-central-1",
        endpoint=request.param,
        public_endpoint=None,
        behind_front=False,
        url_life=timedelta(minutes=15),
        clock=lambda: datetime.now(UTC),
    )


@pytest.fixture
def wire(store):
    return Wire(store)


SENDING = pytest.mark.parametrize(
    "send",
    [lambda store: store.put("key", DATA), lambda store: store.put_part("key", "upload", 1, DATA)],
    ids=["an object", "a part"],
)


@SENDING
def test_bytes_go_as_they_are_with_a_checksum_and_are_hashed_once(store, wire, send):
    """
    Not in chunks with a trailer, which would copy them, and not into the signature.
    """
    send(store)

    (request,) = wire.requests
    assert DATA is request.body
    assert CHECKSUM == request.headers["x-amz-checksum-crc32"]
    assert b"UNSIGNED-PAYLOAD" == request.headers["X-Amz-Content-SHA256"]
    assert "content-encoding" not in request.headers


@SENDING
def test_bytes_that_arrive_as_others_can_be_sent_again(store, wire, send):
    wire.answer = 400, b"<Error><Code>BadDigest</Code></Error>"

    with pytest.raises(Unavailable):
        send(store)
