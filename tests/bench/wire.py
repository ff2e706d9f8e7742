"""A reverse proxy before DynamoDB and S3 that counts what passes: the wire, not what a client library says."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.bench.conflicts import Conflicts

READ_UNIT = 4096  # bytes that one strongly consistent read unit reads

_NOT_PASSED_ON = {"connection", "expect", "keep-alive", "transfer-encoding"}
_SECONDS = 60
# What S3 calls a request with this method and, where there is one, this parameter. The first that fits counts.
_S3 = (
    ("GET", "uploads", "ListMultipartUploads"),
    ("GET", "uploadId", "ListParts"),
    ("GET", "list-type", "ListObjectsV2"),
    ("GET", "prefix", "ListObjects"),
    ("GET", "", "GetObject"),
    ("HEAD", "", "HeadObject"),
    ("PUT", "partNumber", "UploadPart"),
    ("PUT", "", "PutObject"),
    ("POST", "uploads", "CreateMultipartUpload"),
    ("POST", "uploadId", "CompleteMultipartUpload"),
    ("POST", "delete", "DeleteObjects"),
    ("DELETE", "uploadId", "AbortMultipartUpload"),
    ("DELETE", "", "DeleteObject"),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it was sent, retries included."""

    service: str
    operation: str
    download: bool = False  # by a client that was redirected: it asks storage, the registry does not
    filtered: bool = False
    items: int = 0
    item_bytes: int = 0

    @property
    def name(self) -> str:
        """Return service and operation."""
        return f"{self.service} {self.operation}"

    @property
    def read_units(self) -> int:
        """Return what DynamoDB would charge: a Query pays for the sum of the rows that it evaluates."""
        return -(-self.item_bytes // READ_UNIT)


class Recording:
    """Calls of a stretch of time."""

    def __init__(self) -> None:
        self._seen: list[Call] = []

    def add(self, call: Call) -> None:
        """Note a call."""
        self._seen.append(call)

    @property
    def calls(self) -> list[Call]:
        """Return the registry's own calls."""
        return [call for call in self._seen if not call.download]

    @property
    def downloads(self) -> int:
        """Return how often a client followed a redirect to storage."""
        return sum(call.download for call in self._seen)

    @property
    def operations(self) -> Counter[str]:
        """Return the registry's own calls by name."""
        return Counter(call.name for call in self.calls)


class Wire:
    """Passes requests on as they are, host name and signature included, and records them."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urlsplit(upstream).netloc
        self._recordings: list[Recording] = []
        self._conflicts: Conflicts | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def endpoint(self) -> str:
        """Return the URL to give to clients of AWS."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def open(self) -> Iterator["Wire"]:
        """Serve."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @contextmanager
    def recording(self) -> Iterator[Recording]:
        """Record what passes meanwhile."""
        recording = Recording()
        self._recordings.append(recording)
        try:
            yield recording
        finally:
            self._recordings.remove(recording)

    @contextmanager
    def refusing(self, conflicts: Conflicts) -> Iterator[None]:
        """Refuse what DynamoDB would refuse, meanwhile."""
        self._conflicts = conflicts
        try:
            yield
        finally:
            self._conflicts = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                wire._serve(self)

            do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the base class's words

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        """Pass one request on, record it, and answer what came back."""
        body = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        answer = self._pass_on(handler, body)
        call = _call(handler, body, answer.data)
        for recording in self._recordings:
            recording.add(call)
        _answer(handler, answer)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> "_Answer":
        target = handler.headers.get("x-amz-target", "")
        if self._conflicts is None or not target:
            return self._forward(handler, body)
        with self._conflicts.passing(target.partition(".")[2], json.loads(body)) as refusal:
            if refusal is None:
                return self._forward(handler, body)
            return _Answer(400, "Bad Request", [("content-type", "application/x-amz-json-1.0")], refusal)

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> "_Answer":
        upstream = http.client.HTTPConnection(self._upstream, timeout=_SECONDS)
        upstream.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
        for name, value in handler.headers.items():
            if name.lower() not in _NOT_PASSED_ON:
                upstream.putheader(name, value)
        upstream.endheaders(body)
        response = upstream.getresponse()
        data = response.read()
        upstream.close()
        return _Answer(response.status, response.reason, response.getheaders(), data)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    data: bytes


def _answer(handler: BaseHTTPRequestHandler, answer: _Answer) -> None:
    length = str(len(answer.data))
    handler.send_response_only(answer.status, answer.reason)
    for name, value in answer.headers:
        if name.lower() == "content-length" and handler.command == "HEAD":
            length = value
        elif name.lower() not in {*_NOT_PASSED_ON, "content-length"}:
            handler.send_header(name, value)
    handler.send_header("content-length", length)
    handler.end_headers()
    handler.wfile.write(answer.data)


def _call(handler: BaseHTTPRequestHandler, body: bytes, data: bytes) -> Call:
    target = handler.headers.get("x-amz-target", "")
    if not target:
        return _s3_call(handler)
    operation = target.partition(".")[2]
    if operation != "Query":
        return Call("DynamoDB", operation)
    items = json.loads(data).get("Items", [])
    filtered = "FilterExpression" in json.loads(body)
    return Call("DynamoDB", operation, filtered=filtered, items=len(items), item_bytes=sum(map(_size, items)))


def _s3_call(handler: BaseHTTPRequestHandler) -> Call:
    parameters = parse_qs(urlsplit(handler.path).query, keep_blank_values=True)
    name = next(name for method, key, name in _S3 if method == handler.command and (not key or key in parameters))
    if "x-amz-copy-source" in handler.headers:
        name = {"UploadPart": "UploadPartCopy", "PutObject": "CopyObject"}[name]
    return Call("S3", name, download="X-Amz-Signature" in parameters)


def _size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the size of a row as DynamoDB counts it: names and values in UTF-8, numbers two digits a byte."""
    return sum(len(name) + _value_size(*value) for name, typed in item.items() for value in typed.items())


def _value_size(kind: str, value: object) -> int:
    if kind in {"BOOL", "NULL"}:
        return 1
    text = str(value)
    return len(text) // 2 + 1 if kind == "N" else len(text.encode())
