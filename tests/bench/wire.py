"""A reverse proxy before DynamoDB and S3 that counts what passes, and delays it: the wire, not what a library says."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.bench.conflicts import Conflicts
from tests.bench.meter import Meter, Written
from tests.bench.units import units_to_read

DYNAMODB = "DynamoDB"
S3 = "S3"

_NOT_PASSED_ON = {"connection", "expect", "keep-alive", "transfer-encoding"}
_SECONDS = 60
_KEPT_SECONDS = 1
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
    items: int = 0  # rows that were read
    read_units: float = 0
    write_units: float = 0  # while the wire has a meter

    @property
    def name(self) -> str:
        """Return service and operation."""
        return f"{self.service} {self.operation}"


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


class _Upstream:
    """The connections of one client's connection to what is behind the wire: opening one for each takes time."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = addresses
        self._open: dict[str, tuple[http.client.HTTPConnection, float]] = {}

    def connection(self, service: str) -> http.client.HTTPConnection:
        """Return one that was used a moment ago, which nobody closed meanwhile, or a new one."""
        kept, used = self._open.get(service, (None, 0.0))
        if kept is None or time.monotonic() - used > _KEPT_SECONDS:
            if kept:
                kept.close()
            kept = http.client.HTTPConnection(self._addresses[service], timeout=_SECONDS)
        self._open[service] = kept, time.monotonic()
        return kept

    def close(self) -> None:
        """Close all."""
        for kept, _ in self._open.values():
            kept.close()


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    upstream: _Upstream

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Wire:
    """Passes requests on as they are, host name and signature included, and records them."""

    def __init__(self, *, dynamodb: str, s3: str) -> None:
        self._addresses = {DYNAMODB: urlsplit(dynamodb).netloc, S3: urlsplit(s3).netloc}
        self._recordings: list[Recording] = []
        self._conflicts: Conflicts | None = None
        self._meter: Meter | None = None
        self._delays: Mapping[str, float] = {}
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

    @contextmanager
    def metering(self, meter: Meter) -> Iterator[None]:
        """Find out what writes cost, meanwhile."""
        self._meter = meter
        try:
            yield
        finally:
            self._meter = None

    @contextmanager
    def delaying(self, seconds: Mapping[str, float]) -> Iterator[None]:
        """Let the registry wait so long for each service, meanwhile; a client that was redirected does not wait."""
        self._delays = seconds
        try:
            yield
        finally:
            self._delays = {}

    def _handler(self) -> "type[_Handler]":
        wire = self

        class Handler(_Handler):
            def setup(self) -> None:
                super().setup()
                self.upstream = _Upstream(wire._addresses)

            def finish(self) -> None:
                self.upstream.close()
                super().finish()

            def do_GET(self) -> None:
                wire._serve(self)

            do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the base class's words

        return Handler

    def _serve(self, handler: _Handler) -> None:
        """Pass one request on, record it, and answer what came back."""
        asked = _Asked.read(handler)
        if not asked.download:
            time.sleep(self._delays.get(asked.service, 0))
        with self._meter.around(asked.operation, asked.fields) if self._meter else nullcontext(Written()) as written:
            answer = self._pass_on(handler, asked)
        call = _call(asked, answer, written)
        for recording in self._recordings:
            recording.add(call)
        _answer(handler, answer)

    def _pass_on(self, handler: _Handler, asked: "_Asked") -> "_Answer":
        if self._conflicts is None or asked.service != DYNAMODB:
            return self._forward(handler, asked)
        with self._conflicts.passing(asked.operation, asked.fields) as refusal:
            if refusal is None:
                return self._forward(handler, asked)
            return _Answer(400, "Bad Request", [("content-type", "application/x-amz-json-1.0")], refusal)

    def _forward(self, handler: _Handler, asked: "_Asked") -> "_Answer":
        upstream = handler.upstream.connection(asked.service)
        upstream.putrequest(handler.command, handler.path, skip_host=True, skip_accept_encoding=True)
        for name, value in handler.headers.items():
            if name.lower() not in _NOT_PASSED_ON:
                upstream.putheader(name, value)
        upstream.endheaders(asked.body)
        response = upstream.getresponse()
        data = response.read()
        return _Answer(response.status, response.reason, response.getheaders(), data)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, and what its service calls it."""

    service: str
    operation: str
    body: bytes
    fields: Mapping[str, Any]  # DynamoDB's
    download: bool = False

    @classmethod
    def read(cls, handler: _Handler) -> "_Asked":
        body = handler.rfile.read(int(handler.headers.get("content-length", "0")))
        target = handler.headers.get("x-amz-target", "")
        if target:
            return cls(DYNAMODB, target.partition(".")[2], body, json.loads(body))
        parameters = parse_qs(urlsplit(handler.path).query, keep_blank_values=True)
        return cls(S3, _s3_operation(handler, parameters), body, {}, download="X-Amz-Signature" in parameters)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason: str
    headers: list[tuple[str, str]]
    data: bytes


def _answer(handler: _Handler, answer: _Answer) -> None:
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


def _call(asked: _Asked, answer: _Answer, written: Written) -> Call:
    if asked.service == S3 or answer.status != HTTPStatus.OK:
        return Call(asked.service, asked.operation, asked.download, write_units=written.units)
    answered = json.loads(answer.data)
    return Call(
        asked.service,
        asked.operation,
        filtered="FilterExpression" in asked.fields,
        items=_rows(answered),
        read_units=units_to_read(asked.operation, asked.fields, answered),
        write_units=written.units,
    )


def _rows(answered: Mapping[str, Any]) -> int:
    """Return how many rows a Query, a BatchGetItem or a GetItem has found."""
    batches = answered.get("Responses", {})
    found = sum(map(len, batches.values())) if isinstance(batches, Mapping) else 0
    return len(answered.get("Items", ())) + found + ("Item" in answered)


def _s3_operation(handler: _Handler, parameters: Mapping[str, Any]) -> str:
    name = next(name for method, key, name in _S3 if method == handler.command and (not key or key in parameters))
    if "x-amz-copy-source" in handler.headers:
        return {"UploadPart": "UploadPartCopy", "PutObject": "CopyObject"}[name]
    return name
