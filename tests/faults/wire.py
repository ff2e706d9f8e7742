"""What clients of AWS send through, in this process: moto answers, or the wire does what wires do."""

import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, ReadTimeoutError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.test import EnvironBuilder, run_wsgi_app

Answer = Callable[[], AWSResponse]


class Moto:
    """DynamoDB and S3 without a socket: moto's server, called as the WSGI application that it is."""

    def __init__(self) -> None:
        self._application = DomainDispatcherApplication(create_backend_app)

    def answer(self, request: AWSPreparedRequest, body: bytes) -> AWSResponse:
        parts = urlsplit(request.url)
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        headers.pop("Content-Length", None)
        environ = EnvironBuilder(
            method=request.method,
            base_url=f"{parts.scheme}://{parts.netloc}",
            path=parts.path,
            query_string=parts.query,
            headers=headers,
            data=body,
        ).get_environ()
        try:
            pieces, status, found = run_wsgi_app(self._application, environ, buffered=True)
        except KeyError:  # what moto does about an upload that is over
            assert "uploadId=" in parts.query
            text = b"<Error><Code>NoSuchUpload</Code></Error>"
            return AWSResponse(request.url, 404, {"Content-Type": "application/xml"}, Raw(text))
        text = b"" if request.method == "HEAD" else b"".join(pieces)
        return AWSResponse(request.url, int(status.split()[0]), dict(found), Raw(text))


class Raw(io.BytesIO):
    """The body of an answer, as urllib3 gives it to botocore."""

    def stream(self, *_: object, **__: object) -> Any:
        yield self.read()


@dataclass
class Call:
    """One request to AWS, however often it is sent."""

    number: int
    operation: str
    attempts: int = 0


class Wire:
    """Stands where botocore's HTTP session is; `fault` decides what becomes of each attempt."""

    def __init__(self, server: Moto) -> None:
        self.fault: Fault | None = None
        self.calls: list[Call] = []
        self._server = server
        self._by_id: dict[Any, Call] = {}
        self._lock = Lock()

    def connect(self, client: Any) -> None:
        """Have a client send through this wire."""
        client._endpoint.http_session = self

    def begin(self, fault: "Fault | None" = None) -> None:
        """Count from here on."""
        self.fault, self.calls, self._by_id = fault, [], {}

    @property
    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        with self._lock:
            call = self._call(request)
            call.attempts += 1
            body = _body(request)
            if self.fault is None or not self.fault.hits(call):
                return self._server.answer(request, body)
            return self.fault.kind(Attempt(request, body, call, self._server))

    def close(self) -> None: ...

    def _call(self, request: AWSPreparedRequest) -> Call:
        """Retries have the id of the first attempt."""
        invocation = request.headers["amz-sdk-invocation-id"]
        if invocation not in self._by_id:
            self._by_id[invocation] = Call(len(self.calls), _operation(request))
            self.calls.append(self._by_id[invocation])
        return self._by_id[invocation]


@dataclass
class Attempt:
    """One try of a request, in the hands of a fault."""

    request: AWSPreparedRequest
    body: bytes
    call: Call
    server: Moto

    def apply(self, body: bytes | None = None) -> AWSResponse:
        """Let it reach AWS."""
        return self.server.answer(self.request, self.body if body is None else body)

    def refuse(self, status: int, code: str, **more: object) -> AWSResponse:
        """Answer an error in the words of the service."""
        if self.call.operation.startswith("s3."):
            text = f"<Error><Code>{code}</Code><Message>injected {INTERNALS}</Message></Error>".encode()
            return AWSResponse(self.request.url, status, {"Content-Type": "application/xml"}, Raw(text))
        name = f"com.amazonaws.dynamodb.v20120810#{code}"
        return self.say(status, {"__type": name, "message": f"injected {INTERNALS}", **more})

    def say(self, status: int, content: object) -> AWSResponse:
        headers = {"Content-Type": "application/x-amz-json-1.0"}
        return AWSResponse(self.request.url, status, headers, Raw(json.dumps(content).encode()))


INTERNALS = "arn:aws:dynamodb:secret"  # of what AWS says, clients shall see nothing

Kind = Callable[[Attempt], AWSResponse]


@dataclass
class Fault:
    """What happens to the call of a number: to one attempt of it, to every one, or to every call from there on."""

    kind: Kind
    place: int
    duration: str  # "once", "call" or "outage"
    hit: int = 0

    def hits(self, call: Call) -> bool:
        wanted = {
            "once": call.number == self.place and not self.hit,
            "call": call.number == self.place,
            "outage": call.number >= self.place,
        }[self.duration]
        wanted = wanted and self.kind in kinds(call.operation)
        self.hit += wanted
        return wanted


# The kinds, each named as it is told of.


def throttle(attempt: Attempt) -> AWSResponse:
    if attempt.call.operation.startswith("s3."):
        return attempt.refuse(503, "SlowDown")
    return attempt.refuse(400, "ProvisionedThroughputExceededException")


def throttle_of_the_account(attempt: Attempt) -> AWSResponse:
    return attempt.refuse(400, "ThrottlingException")


def internal_error(attempt: Attempt) -> AWSResponse:
    return attempt.refuse(500, "InternalError" if attempt.call.operation.startswith("s3.") else "InternalServerError")


def bad_gateway(attempt: Attempt) -> AWSResponse:
    """What stands before a service can fail too, in words of its own."""
    return AWSResponse(attempt.request.url, 502, {"Content-Type": "text/html"}, Raw(b"<html>Bad Gateway</html>"))


def no_connection(attempt: Attempt) -> AWSResponse:
    raise ConnectTimeoutError(endpoint_url=attempt.request.url)


def no_answer(attempt: Attempt) -> AWSResponse:
    raise ReadTimeoutError(endpoint_url=attempt.request.url)


def lost_answer(attempt: Attempt) -> AWSResponse:
    """Applied, and nobody hears of it."""
    attempt.apply()
    raise ConnectionClosedError(endpoint_url=attempt.request.url)


def unprocessed(attempt: Attempt) -> AWSResponse:
    """All of a batch but its last entry."""
    request = json.loads(attempt.body)
    ((table, entries),) = request["RequestItems"].items()
    rows = entries if isinstance(entries, list) else entries["Keys"]
    last = rows.pop()
    left = {table: [last] if rows is entries else {**entries, "Keys": [last]}}
    answer = {"Responses": {table: []}}
    if rows:
        answer = json.loads(attempt.apply(json.dumps(request).encode()).content)
    return attempt.say(200, {**answer, "UnprocessedItems" if rows is entries else "UnprocessedKeys": left})


def transaction_conflict(attempt: Attempt) -> AWSResponse:
    """Another transaction has one of the rows."""
    if attempt.call.operation != "dynamodb.TransactWriteItems":
        return attempt.refuse(400, "TransactionConflictException")
    return _cancel(attempt, "TransactionConflict")


def transaction_throttled(attempt: Attempt) -> AWSResponse:
    return _cancel(attempt, "ThrottlingError")


def transaction_in_progress(attempt: Attempt) -> AWSResponse:
    return attempt.refuse(400, "TransactionInProgressException")


def keys_not_deleted(attempt: Attempt) -> AWSResponse:
    """S3 answers 200 to a list of keys, and says in the body which of them are still there."""
    (first, *_), head = re.findall(rb"<Object>.*?</Object>", attempt.body, re.DOTALL), b"<DeleteResult>"
    key = re.search(rb"<Key>(.*?)</Key>", first)
    assert key is not None
    error = b"<Error><Key>" + key[1] + b"</Key><Code>InternalError</Code></Error>"
    return AWSResponse(attempt.request.url, 200, {}, Raw(head + error + b"</DeleteResult>"))


def broken_body(attempt: Attempt) -> AWSResponse:
    """The answer begins well, and the connection ends in the middle of the object."""
    answer = attempt.apply()
    answer.raw = Raw(answer.content[: len(answer.content) // 2])
    return AWSResponse(answer.url, answer.status_code, answer.headers, answer.raw)


def _cancel(attempt: Attempt, code: str) -> AWSResponse:
    writes = json.loads(attempt.body)["TransactItems"]
    reasons = [{"Code": code, "Message": INTERNALS}, *[{"Code": "None"}] * (len(writes) - 1)]
    return attempt.refuse(400, "TransactionCanceledException", CancellationReasons=reasons)


PLAIN = (throttle, throttle_of_the_account, internal_error, bad_gateway, no_connection, no_answer)  # not applied
COMMON = (throttle, internal_error, bad_gateway, no_connection, no_answer, lost_answer)


_OWN: dict[str, tuple[Kind, ...]] = {
    "dynamodb.BatchWriteItem": (unprocessed,),
    "dynamodb.BatchGetItem": (unprocessed,),
    "dynamodb.TransactWriteItems": (transaction_conflict, transaction_throttled, transaction_in_progress),
    "dynamodb.PutItem": (transaction_conflict,),
    "dynamodb.UpdateItem": (transaction_conflict,),
    "dynamodb.DeleteItem": (transaction_conflict,),
    "s3.DeleteObjects": (keys_not_deleted,),
    "s3.GetObject": (broken_body,),
}


def kinds(operation: str) -> tuple[Kind, ...]:
    """Return what can happen to a call."""
    account = (throttle_of_the_account,) if operation.startswith("dynamodb.") else ()
    return *COMMON, *account, *_OWN.get(operation, ())


_S3 = {
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", ""): "GetObject",
    ("HEAD", ""): "HeadObject",
    ("PUT", ""): "PutObject",
    ("PUT", "partNumber"): "UploadPart",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("POST", "delete"): "DeleteObjects",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}


def _operation(request: AWSPreparedRequest) -> str:
    target = request.headers.get("X-Amz-Target")
    if target:
        return f"dynamodb.{(target.decode() if isinstance(target, bytes) else target).partition('.')[2]}"
    query = urlsplit(request.url).query
    names = {name.partition("=")[0] for name in query.split("&")}
    (found,) = [what for (method, name), what in _S3.items() if method == request.method and _named(name, names)]
    return f"s3.{found}"


def _named(name: str, names: set[str]) -> bool:
    telling = {"list-type", "uploads", "partNumber", "uploadId", "delete"} & names
    if "partNumber" in telling:
        telling = {"partNumber"}
    return telling == ({name} if name else set())


def _body(request: AWSPreparedRequest) -> bytes:
    body = request.body
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else body.read()
