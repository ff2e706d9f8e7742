"""In front of `sam local`: what API Gateway does and SAM's stand-in for it does not.

A request that does not fit into a function's event is answered by the gateway, with the template's own response; SAM
would cut the event off and answer 502. And every body that a function sends as base64 reaches the client as bytes,
since `*/*` is among the binary types; SAM wants the request to have an `Accept` that names the type as well.

The bucket is here too, under the name of the machine that clients use: some follow no redirect to an address.
"""

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from moorage.devserver.front import FORWARDED, pass_through
from moorage.devserver.template import Template

EVENT_BYTES = 6 * 1024 * 1024  # Lambda's limit of an event
ENVELOPE_BYTES = 16 * 1024  # what an event has beside its body, headers twice

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_SECONDS = 120
_FAILED = '{"message": "Internal server error"}'
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}
_OURS = {*_HOP_BY_HOP, "date", "server"}  # of an answer; the Date of a request is signed


@dataclass(frozen=True, slots=True)
class SamFront:
    """Serves `sam local start-api`, which listens on `port`, as API Gateway would."""

    port: int
    bucket: str
    s3: str  # endpoint
    too_large: tuple[int, str]  # status and body

    @classmethod
    def of(cls, template: Template, port: int, bucket: str, s3: str) -> "SamFront":
        """Return a front that answers with the template's own response."""
        response = template.body["Resources"]["Api"]["Properties"]["GatewayResponses"]["REQUEST_TOO_LARGE"]
        return cls(port, bucket, s3, (response["StatusCode"], response["ResponseTemplates"]["application/json"]))

    def app(self) -> Starlette:
        """Return the application to serve."""
        app = Starlette(
            routes=[
                Route(f"/{self.bucket}/{{key:path}}", self.serve_blob, methods=["GET", "HEAD"]),
                Route("/{path:path}", self.serve, methods=_METHODS),
            ]
        )
        app.router.redirect_slashes = False
        return app

    async def serve_blob(self, request: Request) -> Response:
        """Let S3 answer a presigned URL, which was signed for the host that the client sends.

        `Authorization`, which clients send along to the host that redirected them, stays here.
        """
        headers = {name: request.headers[name] for name in ("host", *FORWARDED) if name in request.headers}
        connection = http.client.HTTPConnection(urlsplit(self.s3).netloc, timeout=_SECONDS)
        try:
            await run_in_threadpool(connection.request, request.method, _target(request), None, headers)
            return pass_through(connection, await run_in_threadpool(connection.getresponse))
        except (OSError, http.client.HTTPException):
            connection.close()
            return Response(_FAILED, 502, media_type="application/json")

    async def serve(self, request: Request) -> Response:
        """Pass a request on if it fits into an event."""
        body = bytearray()
        async for piece in request.stream():
            if _event_bytes(len(body)) <= EVENT_BYTES:  # else the rest is read and forgotten: clients listen after it
                body += piece
        if _event_bytes(len(body)) > EVENT_BYTES:
            status, text = self.too_large
            return Response(text, status, media_type="application/json")
        try:
            return await run_in_threadpool(self._forward, request.method, _target(request), _headers(request), body)
        except (OSError, http.client.HTTPException):
            return Response(_FAILED, 502, media_type="application/json")

    def _forward(self, method: str, target: str, headers: Mapping[str, str], body: bytearray) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            connection.request(method, target, body or None, dict(headers))
            answer = connection.getresponse()
            response = Response(answer.read(), answer.status)
        finally:
            connection.close()
        response.raw_headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.getheaders()
            if name.lower() not in _OURS
        ]
        return response


def _event_bytes(body: int) -> int:
    """Return how large an event is with so many bytes of body, in base64."""
    return (body + 2) // 3 * 4 + ENVELOPE_BYTES


def _target(request: Request) -> str:
    """Return path and query as they came."""
    path, query = (str(request.scope[part], "latin-1") for part in ("raw_path", "query_string"))
    return f"{path}?{query}" if query else path


def _headers(request: Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        if name not in _HOP_BY_HOP and name != "content-length":
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    if "*/*" not in headers.get("accept", ""):
        headers["accept"] = ", ".join(filter(None, [headers.get("accept"), "*/*;q=0.1"]))
    return headers
