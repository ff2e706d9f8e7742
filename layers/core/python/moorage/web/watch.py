"""What surrounds every request: a request id, one log line, no internals in a 500, and a body read to its end."""

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = Logger(service="moorage")

DRAIN_LIMIT = 16 * 1024 * 1024  # bytes
DRAIN_SECONDS = 10


def count(metric: str, *, request_id: str | None = None, **dimensions: str) -> None:
    """Count what an alarm watches; the request id leads from the count to the log."""
    with single_metric(name=metric, unit=MetricUnit.Count, value=1, namespace="Moorage") as counted:
        for name, value in dimensions.items():
            counted.add_dimension(name=name, value=value)
        if request_id:
            counted.add_metadata(key="request_id", value=request_id)


class Watch:
    """ASGI middleware; the outermost of ours."""

    def __init__(
        self, app: ASGIApp, tell_error: Callable[[Request, Exception], Response], *, head_filler: bool
    ) -> None:
        self._app = app
        self._tell_error = tell_error
        self._head_filler = head_filler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watched = _Exchange(scope, receive, send, head_filler=self._head_filler)
        try:
            await self._app(scope, watched.receive, watched.send)
        except ClientDisconnect:
            watched.status = 499  # nobody is left to answer; the number is what web servers log for it
        except Exception as error:
            logger.exception("unexpected error", request_id=watched.request_id)
            if watched.status:
                raise
            await self._tell_error(Request(scope), error)(scope, watched.receive, watched.send)
        watched.log()


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, head_filler: bool) -> None:
        context: Any = scope.get("aws.context")
        self.request_id = str(getattr(context, "aws_request_id", None) or uuid.uuid4())
        self.status = 0
        scope["request_id"] = self.request_id
        self._scope = scope
        self._receive = receive
        self._send = send
        self._head_filler = head_filler
        self._length = 0  # that the answer says to have
        self._body_ended = False
        self._started = time.perf_counter()

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._body_ended = True
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._length = int(dict(message["headers"]).get(b"content-length", 0))
            message["headers"] = [*message["headers"], (b"x-request-id", self.request_id.encode())]
            if self.status >= 400:
                await self._drain()
        elif self._scope["method"] == "HEAD":
            message["body"] = self._head_body(message.get("body", b""))
        await self._send(message)

    def _head_body(self, body: bytes) -> bytes:
        """Return none (RFC 9110, 9.3.2; not every server takes it off), or what a front measures and takes off."""
        if not self._head_filler:
            return b""
        return bytes(self._length) if self.status == 200 else body

    async def _drain(self) -> None:
        """Take the rest of a body that was refused: answered earlier, many clients see a reset, not the answer."""
        taken = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self._body_ended and taken < DRAIN_LIMIT:
                    message = await self.receive()
                    if message["type"] != "http.request":
                        return
                    taken += len(message.get("body", b""))

    def log(self) -> None:
        """Write one line; never the query or a header: they carry secrets."""
        fields = {
            "request_id": self.request_id,
            "method": self._scope["method"],
            "path": self._scope["path"],
            "status": self.status,
            "milliseconds": round((time.perf_counter() - self._started) * 1000, 1),
        }
        if self.status < 500:
            logger.info("request", **fields)
            return
        logger.error("request", **fields)
        count("ServerErrors", request_id=self.request_id, method=self._scope["method"])
