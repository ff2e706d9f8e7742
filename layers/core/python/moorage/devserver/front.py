"""Blobs on the registry's own port: GET and HEAD of `/<bucket>/<key>`, as S3 answers presigned URLs.

moto checks neither signature nor method nor expiry, so this front does. It forwards no header that it does not know, so
`Authorization`, which some clients send along on a redirect, never reaches S3.
"""

import http.client
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit
from xml.sax.saxutils import escape

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from moorage.stores.presign import Credentials, SignatureRefused, presign, verify

PIECE = 256 * 1024

FORWARDED = ("range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range")
_RETURNED = (
    "accept-ranges",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
)
_UPSTREAM_SECONDS = 60
_STATUSES = {"AuthorizationQueryParametersError": 400}


@dataclass(frozen=True, slots=True)
class BlobFront:
    """Serves one bucket of an S3 endpoint under the host that the client used."""

    bucket: str
    endpoint: str
    credentials: Credentials
    region: str
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def route(self) -> Route:
        """Return the route to mount."""
        return Route(f"/{self.bucket}/{{key:path}}", self.serve, methods=["GET", "HEAD"])

    async def serve(self, request: Request) -> Response:
        """Check the signature and pass the object through."""
        path = request.scope["raw_path"].decode("latin-1")
        try:
            parameters = self._check(request, path)
            key = unquote(path.removeprefix(f"/{self.bucket}/"))
            return await run_in_threadpool(self._forward, request, key, parameters)
        except SignatureRefused as refused:
            return _tell(request, _STATUSES.get(refused.code, 403), refused.code, refused.message)
        except (OSError, http.client.HTTPException):
            return _tell(request, 503, "ServiceUnavailable", "storage does not answer; send the request again")

    def _check(self, request: Request, path: str) -> dict[str, str]:
        secrets = {self.credentials.access_key: self.credentials.secret_key}
        return verify(
            request.method,
            f"{path}?{request.scope['query_string'].decode('latin-1')}",
            request.headers.get("host", ""),
            secret_of=secrets.get,
            region=self.region,
            now=self.clock(),
        )

    def _forward(self, request: Request, key: str, parameters: Mapping[str, str]) -> Response:
        """Ask S3 with a signature of our own: a client of it like any other, whatever name it goes by."""
        url = presign(
            request.method,
            f"{self.endpoint}/{self.bucket}",
            key,
            credentials=self.credentials,
            region=self.region,
            expires=timedelta(seconds=_UPSTREAM_SECONDS),
            now=self.clock(),
            query={name: value for name, value in parameters.items() if name.startswith("response-")},
        )
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=_UPSTREAM_SECONDS)
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        connection.request(request.method, f"{parts.path}?{parts.query}", headers=headers)
        answer = connection.getresponse()
        if answer.status == 403:  # to a signature that is right: S3 does not tell who may not list what is not there
            connection.close()
            return _tell(request, 404, "NoSuchKey", "there is no such key")
        return pass_through(connection, answer, parameters.get("x-digest"))


def pass_through(
    connection: http.client.HTTPConnection, answer: http.client.HTTPResponse, digest: str | None = None
) -> Response:
    """Answer as S3 did, a piece at a time."""
    headers = {name: value for name in _RETURNED if (value := answer.getheader(name)) is not None}
    if digest and answer.status < 300:
        headers["docker-content-digest"] = digest
    return StreamingResponse(_pieces(connection, answer), answer.status, headers)


async def _pieces(connection: http.client.HTTPConnection, answer: http.client.HTTPResponse) -> AsyncIterator[bytes]:
    """Read on as the client takes what was read: one piece is in memory."""
    try:
        while piece := await run_in_threadpool(answer.read, PIECE):
            yield piece
    finally:
        connection.close()


def _tell(request: Request, status: int, code: str, message: str) -> Response:
    """Answer an error as S3 does."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        f"<Resource>{escape(request.url.path)}</Resource></Error>"
    )
    return Response(body, status, media_type="application/xml")
