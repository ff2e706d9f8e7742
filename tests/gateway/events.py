"""Requests as the events that functions get: REST proxy events, and HTTP API events of version 2.0."""

import base64
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from tests.gateway.quirks import Quirks

ARN = "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5"
STAGE = "live"
HOP_BY_HOP = {"connection", "transfer-encoding", "te", "keep-alive", "upgrade", "proxy-connection"}
TEXT = ("text/", "application/json", "application/xml", "application/javascript")


@dataclass(frozen=True)
class Route:
    """One route of an API, as the template has it."""

    method: str
    path: str
    package: str
    version: str  # of the event's format, for an HTTP API

    def takes(self, method: str, path: str) -> bool:
        """Whether a request is this route's: a slash at the end is none to it."""
        before, greedy, _ = self.path.partition("{proxy+}")
        fits = path.startswith(before) and path != before if greedy else path in {self.path, f"{self.path}/"}
        return self.method in {method, "ANY"} and fits


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire; `target` is still encoded."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    address: str

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def header_bytes(self) -> int:
        line = len(f"{self.method} {self.target} HTTP/1.1")
        return line + sum(len(name) + len(value) + len(": ") for name, value in self.headers)

    def header(self, wanted: str) -> str:
        return ", ".join(value for name, value in self.headers if name.lower() == wanted)


def rest_event(request: Request, resource: str, quirks: Quirks, context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a function behind a REST API gets: the path encoded, the query decoded, every value kept."""
    multi_headers: dict[str, list[str]] = {}
    for name, value in _passed(request, quirks):
        multi_headers.setdefault(_written(name), []).append(value)
    multi_query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        multi_query.setdefault(name, []).append(value)
    event = {
        "resource": resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in multi_headers.items()},
        "multiValueHeaders": multi_headers,
        "queryStringParameters": {name: values[-1] for name, values in multi_query.items()} or None,
        "multiValueQueryStringParameters": multi_query or None,
        "pathParameters": _path_parameters(resource, request.path),
        "stageVariables": None,
        "requestContext": {**_rest_context(request, resource), **({"authorizer": dict(context)} if context else {})},
        "body": None,
        "isBase64Encoded": False,
    }
    if request.body and quirks.binary_requests:
        event |= {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}
    elif request.body:
        event["body"] = request.body.decode(errors="replace")
    return event


def authorizer_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a request authorizer gets of a REST event: all but the body."""
    context = event["requestContext"]
    path = str(event["path"]).removeprefix("/")
    kept = {name: value for name, value in event.items() if name not in {"body", "isBase64Encoded"}}
    return {"type": "REQUEST", "methodArn": f"{ARN}/{STAGE}/{context['httpMethod']}/{path}", **kept}


def http_event(request: Request, base_path: str, route: Route, quirks: Quirks) -> dict[str, Any]:
    """Return what a function behind an HTTP API gets: headers joined, the query raw, and the path decoded.

    The base path that the domain maps to the API is cut off. No page says so, and some say that it stays.
    """
    assert route.version == "2.0", "1.0 has no raw query"
    taken = HOP_BY_HOP | (set() if quirks.dates else {"date"})
    headers: dict[str, str] = {}
    for name, value in request.headers:
        if name.lower() not in taken:
            headers[name.lower()] = f"{headers[name.lower()]},{value}" if name.lower() in headers else value
    headers |= _forwarded(request) | ({"host": quirks.host} if quirks.host else {})
    whole = unquote(request.path).partition("?")[0]  # an escaped one ends it as well
    path = whole if quirks.keeps_base_path else whole.removeprefix(base_path) or "/"
    route_key = f"{route.method} {route.path}"
    event = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query if quirks.raw_query else _encoded_anew(request.query),
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "z9y8x7w6v5",
            "domainName": request.header("host"),
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.address,
                "userAgent": request.header("user-agent"),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": route_key,
            "stage": "$default",
        },
        **_http_body(request),
    }
    query: dict[str, str] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query[name] = f"{query[name]},{value}" if name in query else value
    if query:
        event["queryStringParameters"] = query
    return event


def _encoded_anew(query: str) -> str:
    return urlencode(parse_qsl(query, keep_blank_values=True), quote_via=quote, safe="*")


def _http_body(request: Request) -> dict[str, Any]:
    """Return the body as an HTTP API has it: as text for what it knows to be text."""
    if not request.body:
        return {"isBase64Encoded": False}
    if request.header("content-type").startswith(TEXT):
        return {"body": request.body.decode(), "isBase64Encoded": False}
    return {"body": base64.b64encode(request.body).decode(), "isBase64Encoded": True}


def _passed(request: Request, quirks: Quirks) -> list[tuple[str, str]]:
    """Return the headers that a function gets to see, and those that the gateway adds."""
    taken = HOP_BY_HOP | ({"content-length"} if quirks.owns_requests_length else set())
    taken |= {"range"} if quirks.ignores_range else set()
    renamed = {"range"} if quirks.renames_range else set()
    kept = [
        (f"x-amzn-Remapped-{name}" if name.lower() in renamed else name, value)
        for name, value in request.headers
        if name.lower() not in taken
    ]
    return [*kept, *_forwarded(request).items()]


def _forwarded(request: Request) -> dict[str, str]:
    hops = [hop for hop in (request.header("x-forwarded-for"), request.address) if hop]
    return {"x-forwarded-for": ", ".join(hops), "x-forwarded-port": "443", "x-forwarded-proto": "https"}


def _written(name: str) -> str:
    """Write a header's name as HTTP/1.1 clients do; the event has it as it came."""
    return name if name.startswith("x-amzn-") else name.title()


def _rest_context(request: Request, resource: str) -> dict[str, Any]:
    return {
        "accountId": "123456789012",
        "apiId": ARN.rpartition(":")[2],
        "domainName": request.header("host"),
        "extendedRequestId": "UUAfvHQqjoEF9hQ=",
        "httpMethod": request.method,
        "identity": {"sourceIp": request.address, "userAgent": request.header("user-agent")},
        "path": request.path,
        "protocol": "HTTP/1.1",
        "requestId": str(uuid.uuid4()),
        "requestTime": f"{datetime.now(UTC):%d/%b/%Y:%H:%M:%S +0000}",
        "requestTimeEpoch": int(time.time()),
        "resourceId": "123456",
        "resourcePath": resource,
        "stage": STAGE,
    }


def _path_parameters(resource: str, path: str) -> dict[str, str] | None:
    before, greedy, _ = resource.partition("{proxy+}")
    return {"proxy": path.removeprefix(before)} if greedy else None
