"""Plain HTTP, one connection a request: what counts is what comes over the wire, not what a library makes of it."""

import http.client
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit


class Unanswered(Exception):
    """No answer came; the message says why."""


class Untrusted(Unanswered):
    """The certificate is not one for this host."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's value, empty when it is not there."""
        return self.headers.get(name) or ""

    def json(self) -> Mapping[str, Any]:
        """Return the document, an empty one when the body is none."""
        with suppress(ValueError):
            document = json.loads(self.body)
            if isinstance(document, dict):
                return document
        return {}

    @property
    def code(self) -> str:
        """Return the registry's code of a refusal, empty when somebody else refuses."""
        return str(self._error.get("code", ""))

    @property
    def detail(self) -> Mapping[str, Any]:
        """Return what the registry says of a refusal; the gateway knows no more than the code."""
        detail = self._error.get("detail")
        return detail if isinstance(detail, dict) else {}

    @property
    def _error(self) -> Mapping[str, Any]:
        errors = self.json().get("errors")
        first = errors[0] if isinstance(errors, list) and errors else {}
        return first if isinstance(first, dict) else {}


@dataclass(frozen=True, slots=True)
class Client:
    """Sends to one origin, and to where that redirects."""

    origin: str
    seconds: float

    def url(self, target: str) -> str:
        """Return the URL that a path, or a Location, means here."""
        return urljoin(self.origin, target)

    def send(self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
        """Send a request, follow nothing. Raises Unanswered."""
        parts = urlsplit(self.url(target))
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        try:
            connection = self._connection(parts.scheme, parts.netloc)
        except ValueError as error:  # http.client.InvalidURL is one, of a port
            raise Unanswered(f"{parts.netloc} is no address") from error
        try:
            return _exchange(connection, method, path, dict(headers or {}), body)
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(f"{parts.netloc}: {error.verify_message}") from error
        except TimeoutError as error:
            raise Unanswered(f"no answer from {parts.netloc} in {self.seconds:g} s") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unanswered(f"no answer from {parts.netloc}: {error or type(error).__name__}") from error
        finally:
            connection.close()

    def _connection(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        if scheme == "https":
            return http.client.HTTPSConnection(netloc, timeout=self.seconds, context=ssl.create_default_context())
        return http.client.HTTPConnection(netloc, timeout=self.seconds)


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    connection.connect()
    with suppress(BrokenPipeError, ConnectionResetError):  # refused before its end: the answer may be there to read
        connection.request(method, path, body or None, {"User-Agent": "moorage-doctor", **headers})
    answer = connection.getresponse()
    return Answer(answer.status, answer.headers, answer.read())
