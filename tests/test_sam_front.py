"""The front of `make sam` does what API Gateway does and `sam local` does not, and changes nothing else."""

import asyncio
import http.server
import json
import threading
from pathlib import Path

import httpx
import pytest

from moorage.devserver.sam_front import SamFront
from moorage.devserver.template import Template

TEMPLATE = Template.read(Path("template.yaml"))
ACCEPT_ALL = "*/*;q=0.1"


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers every request with what it was sent."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        said = json.dumps(
            {
                "method": self.command,
                "target": self.path,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "bytes": len(body),
            }
        ).encode()
        self.server.asked += 1
        self.send_response(401 if self.path == "/v2/" else 200)
        self.send_header("Content-Length", str(len(said)))
        self.send_header("WWW-Authenticate", "Bearer realm=x")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_POST = do_DELETE = answer  # noqa: N815 - the server's names

    def log_message(self, *_):
        """Say nothing."""


def send(front, method, target, *, body=None, **headers):
    """Send a request to the front, with no header that it is not told to send but Host."""

    async def call():
        transport = httpx.ASGITransport(front.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:5000") as client:
            client.headers = httpx.Headers()
            return await client.request(method, target, content=body, headers=headers)

    return asyncio.run(call())


def front_of(port):
    return SamFront.of(TEMPLATE, port, "blobs", f"http://127.0.0.1:{port}")


@pytest.fixture
def upstream():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        server.asked = 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def front(upstream):
    return front_of(upstream.server_port)


def test_a_request_goes_on_as_it_came(front):
    """
    Path and query keep their escapes, the host its name, the body its bytes.
    """
    said = send(front, "PUT", "/v2/a%2Fb/x?digest=sha256%3Aab", body=b"12345", authorization="Bearer t").json()

    assert ("PUT", "/v2/a%2Fb/x?digest=sha256%3Aab", 5) == (said["method"], said["target"], said["bytes"])
    assert ("localhost:5000", "Bearer t") == (said["headers"]["host"], said["headers"]["authorization"])


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_what_is_signed_goes_on_as_it_was_signed(front, method):
    """
    Target, Host, Date, and of a body type, length and hash; a POST without a body has a length all the same.
    """
    target = "/20160918/container/images?displayName=a+b%2A~&x=%20*/"
    signed = {"date": "Sun, 29 Nov 2026 17:00:00 GMT", "content-type": "application/json", "x-content-sha256": "h=="}
    body = b"{}" if method == "PUT" else None
    said = send(front, method, target, body=body, **signed).json()

    assert (method, target, "localhost:5000") == (said["method"], said["target"], said["headers"]["host"])
    assert signed.items() <= said["headers"].items()
    assert {"POST": "0", "PUT": "2"}.get(method) == said["headers"].get("content-length")


def test_an_answer_comes_back_as_it_was(front):
    """
    Status and headers, also those that gateways rename; HEAD has the length of what GET would send.
    """
    answer, head = send(front, "GET", "/v2/"), send(front, "HEAD", "/v2/")

    assert (401, "Bearer realm=x") == (answer.status_code, answer.headers["www-authenticate"])
    assert int(head.headers["content-length"]) > 0
    assert b"" == head.content


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", ACCEPT_ALL),
        ("*/*", "*/*"),
        ("image/png", f"image/png, {ACCEPT_ALL}"),
        ("image/png, */*;q=0.5", "image/png, */*;q=0.5"),
    ],
)
def test_every_type_is_accepted(front, accept, expected):
    """
    Else SAM sends the base64 of a function's answer instead of its bytes.
    """
    assert expected == send(front, "GET", "/v2/x", accept=accept).json()["headers"]["accept"]


def test_what_fits_no_event_is_answered_in_the_gateways_words(front, upstream):
    """
    6 MiB of event are about 4.5 MiB of body; nothing reaches the function.
    """
    response = TEMPLATE.body["Resources"]["Api"]["Properties"]["GatewayResponses"]["REQUEST_TOO_LARGE"]

    answers = [send(front, "PATCH", "/v2/x", body=bytes(size)) for size in (4 * 1024 * 1024, 4_700_000, 4_720_000)]

    assert [200, 200, 413] == [answer.status_code for answer in answers]
    assert json.loads(response["ResponseTemplates"]["application/json"]) == answers[-1].json()
    assert 2 == upstream.asked


def test_a_blob_is_asked_of_s3_with_the_host_it_was_signed_for(front):
    """
    And without Authorization, which clients send along to the same host and S3 refuses.
    """
    target = "/blobs/a/b?X-Amz-Signature=s%2F"
    said = send(front, "GET", target, authorization="Bearer t", range="bytes=0-1").json()

    assert (target, "localhost:5000") == (said["target"], said["headers"]["host"])
    assert "bytes=0-1" == said["headers"]["range"]
    assert "authorization" not in said["headers"]


@pytest.mark.parametrize("path", ["/v2/", "/blobs/a"])
def test_nobody_behind_it_is_a_502(path):
    """
    A client tries again, and nothing hangs.
    """
    with http.server.HTTPServer(("127.0.0.1", 0), Upstream) as closed:
        front = front_of(closed.server_port)

    assert 502 == send(front, "GET", path).status_code
