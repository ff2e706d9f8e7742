"""The wire of the bench waits where it says, and passes everything on to the service that was meant."""

import http.client
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.bench.wire import DYNAMODB, S3, Wire

DELAY = 0.2  # seconds
GET_ITEM = {"x-amz-target": "DynamoDB_20120810.GetItem"}


@contextmanager
def served(text):
    """A service that answers everything with a text."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET  # noqa: N815 - the base class's words

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def wire():
    with served('{"Item": {}}') as dynamodb, served("bytes") as s3, Wire(dynamodb=dynamodb, s3=s3).open() as wire:
        yield wire


def ask(wire, method, path, headers=None, body=None):
    """Send a request; return the answer and the seconds that it took."""
    connection = http.client.HTTPConnection(wire.endpoint.removeprefix("http://"))
    started = time.monotonic()
    connection.request(method, path, body, headers or {})
    text = connection.getresponse().read().decode()
    connection.close()
    return text, time.monotonic() - started


def test_each_service_gets_its_requests(wire):
    """
    What names a target of DynamoDB is DynamoDB's, all else is S3's; both are counted by name.
    """
    with wire.recording() as recording:
        answers = [ask(wire, "POST", "/", GET_ITEM, "{}")[0], ask(wire, "GET", "/bucket/key")[0]]

    assert ['{"Item": {}}', "bytes"] == answers
    assert ["DynamoDB GetItem", "S3 GetObject"] == [call.name for call in recording.calls]


@pytest.mark.parametrize(
    ("slow", "request_", "waits"),
    [
        (DYNAMODB, ("POST", "/", GET_ITEM, "{}"), True),
        (S3, ("POST", "/", GET_ITEM, "{}"), False),
        (S3, ("GET", "/bucket/key"), True),
        (DYNAMODB, ("GET", "/bucket/key"), False),
        (S3, ("GET", "/bucket/key?X-Amz-Signature=0"), False),
    ],
)
def test_the_registry_waits_for_a_slow_service(wire, slow, request_, waits):
    """
    For the slow one alone; a client that was redirected is no part of the registry, and does not wait.
    """
    with wire.delaying({slow: DELAY}):
        _, seconds = ask(wire, *request_)

    assert waits == (seconds >= DELAY)


def test_a_delay_ends(wire):
    """
    What is prepared before and after a measurement is not slowed down.
    """
    with wire.delaying({S3: DELAY}):
        pass

    assert ask(wire, "GET", "/bucket/key")[1] < DELAY


@pytest.mark.parametrize(
    ("answer", "rows"),
    [
        ('{"Item": {}}', 1),
        ("{}", 0),
        ('{"Items": [{}, {}], "Count": 2}', 2),
        ('{"Responses": {"table": [{}, {}, {}]}, "UnprocessedKeys": {}}', 3),
        ('{"Responses": []}', 0),
    ],
)
def test_the_rows_of_every_read_are_counted(answer, rows):
    """
    GetItem, Query and BatchGetItem each answer theirs in a form of its own.
    """
    with served(answer) as service, Wire(dynamodb=service, s3=service).open() as wire, wire.recording() as recording:
        ask(wire, "POST", "/", GET_ITEM, "{}")

    assert [rows] == [call.items for call in recording.calls]
