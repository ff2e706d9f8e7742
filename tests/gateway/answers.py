"""What functions return, and what the gateway says itself, as HTTP."""

import base64
import binascii
import gzip
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tests.gateway.quirks import HeadLength, Quirks

RENAMED = {"www-authenticate", "date", "server", "connection", "content-length"}

# What the gateway answers where the template says nothing: status, message.
DEFAULTS = {
    "UNAUTHORIZED": (401, "Unauthorized"),
    "ACCESS_DENIED": (403, "User is not authorized to access this resource"),
    "AUTHORIZER_FAILURE": (500, "Internal server error"),
    "MISSING_AUTHENTICATION_TOKEN": (403, "Missing Authentication Token"),
    "REQUEST_TOO_LARGE": (413, "Request Entity Too Large"),
    "INTEGRATION_FAILURE": (504, "Internal server error"),
    "INTEGRATION_TIMEOUT": (504, "Endpoint request timed out"),
    "DEFAULT_5XX": (502, "Internal server error"),  # what a function returned is not an answer, or it failed
}


class NoAnswer(Exception):
    """What a function returned cannot be made an answer of."""


@dataclass
class Answer:
    """An answer on its way to the client."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def of_function(returned: Any, method: str, quirks: Quirks) -> Answer:
    """Return what a client gets of what a function returned. Raises NoAnswer."""
    try:
        size = len(json.dumps(returned))
    except TypeError as error:
        raise NoAnswer from error
    if size > quirks.event_bytes or not isinstance(returned, dict) or not isinstance(returned.get("statusCode"), int):
        raise NoAnswer
    headers = [
        (name, str(value))
        for name, value in (returned.get("headers") or {}).items()
        if name not in (returned.get("multiValueHeaders") or {})
    ]
    headers += [(name, each) for name, values in (returned.get("multiValueHeaders") or {}).items() for each in values]
    answer = Answer(returned["statusCode"], headers, _body(returned, quirks))
    length = next((value for name, value in headers if name.lower() == "content-length"), None)
    if quirks.renames:
        answer.headers = [
            (f"x-amzn-Remapped-{name}" if name.lower() in RENAMED else name, value) for name, value in headers
        ]
    else:
        answer.headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return _with_length(answer, method, length, quirks)


def of_gateway(kind: str, responses: Mapping[str, Any], https: tuple[str, str], method: str) -> Answer:
    """Return what the gateway itself says, as the template's GatewayResponses have it; `https` is to be replaced."""
    status, message = DEFAULTS[kind]
    broad = "DEFAULT_4XX" if status < 500 else "DEFAULT_5XX"
    said = responses.get(kind) or responses.get(broad) or {}
    headers = {
        name: _literal(value).replace(*https)
        for name, value in said.get("ResponseParameters", {}).get("Headers", {}).items()
    }
    templates = said.get("ResponseTemplates", {"application/json": '{"message":$context.error.messageString}'})
    ((media_type, template),) = templates.items()
    text = template.replace("$context.error.messageString", json.dumps(message))
    answer = Answer(
        int(said.get("StatusCode", status)), [("content-type", media_type), *headers.items()], text.encode()
    )
    return _with_length(answer, method, str(len(answer.body)), Quirks())


def of_http_api(status: int, message: str) -> Answer:
    """Return what an HTTP API itself says: nobody can change that."""
    body = json.dumps({"message": message}).encode()
    return Answer(status, [("content-type", "application/json"), ("content-length", str(len(body)))], body)


def dressed(answer: Answer, asked_for_gzip: bool, quirks: Quirks) -> Answer:
    """Add what the gateway adds, and do what a test wants to go wrong."""
    date = datetime.now(UTC) + timedelta(seconds=quirks.clock_seconds)
    headers = [
        *answer.headers,
        ("date", format_datetime(date, usegmt=True)),
        ("x-amzn-requestid", str(uuid.uuid4())),
        ("x-amz-apigw-id", "UUAfvHQqjoEF9hQ="),
    ]
    if not quirks.digest:
        headers = [pair for pair in headers if pair[0].lower() != "docker-content-digest"]
    headers = [(name, _located(value, quirks) if name.lower() == "location" else value) for name, value in headers]
    body = answer.body
    if quirks.compresses and asked_for_gzip and body:
        body = gzip.compress(body)
        headers = [pair for pair in headers if pair[0].lower() != "content-length"]
        headers += [("content-encoding", "gzip"), ("content-length", str(len(body)))]
    return Answer(answer.status, headers, body)


def _with_length(answer: Answer, method: str, said: str | None, quirks: Quirks) -> Answer:
    """Let the gateway say how long the body is: it does not ask the function, but perhaps for HEAD."""
    length: str | None = str(len(answer.body))
    if method == "HEAD":
        length = {HeadLength.KEPT: said, HeadLength.BODY: length, HeadLength.NONE: None}[quirks.head_length]
        answer.body = b""
    if length is not None and answer.status not in {204, 304}:
        answer.headers.append(("content-length", length))
    return answer


def _body(returned: Mapping[str, Any], quirks: Quirks) -> bytes:
    text = returned.get("body") or ""
    if not returned.get("isBase64Encoded") or not quirks.binary_answers:
        return str(text).encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise NoAnswer from error


def _located(location: str, quirks: Quirks) -> str:
    parts = urlsplit(location)
    if not parts.netloc:
        return f"{quirks.locations_on}{location}"
    return urlunsplit(parts._replace(netloc=quirks.redirects_to)) if quirks.redirects_to else location


def _literal(value: str) -> str:
    """Return a header's value without the quotes that make it one: 'value'."""
    assert (value[0], value[-1]) == ("'", "'"), f"a static value stands in single quotes, not {value}"
    return value[1:-1]
