"""What surrounds every request: a request id, one log line, no internals in a 500, and a body read to its end."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = Logger(service="moorage")

DRAIN_LIMIT = 16 * 1024 * 1024  # bytes


class Watch:
    """ASGI middleware; the outermost of ours."""

    def __init__(self, app: ASGIApp, tell_error: Callable[[Request, Exception], Response]) -> None:
        self._app = app
        self._tell_error = tell_error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watched = _Exchange(scope, receive, send)
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

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        context: Any = scope.get("aws.context")
        self.request_id = str(getattr(context, "aws_request_id", None) or uuid.uuid4())
        self.status = 0
        self._scope = scope
        self._receive = receive
        self._send = send
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
            message["headers"] = [*message["headers"], (b"x-request-id", self.request_id.encode())]
            if self.status >= 400:
                await self._drain()
        elif self._scope["method"] == "HEAD":
            message["body"] = b""  # RFC 9110, 9.3.2; not every server between here and the client takes it off
        await self._send(message)

    async def _drain(self) -> None:
        """Take the rest of a body that was refused: answered earlier, many clients see a reset, not the answer."""
        taken = 0
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
        with single_metric(name="ServerErrors", unit=MetricUnit.Count, value=1, namespace="Moorage") as metric:
            metric.add_dimension(name="method", value=self._scope["method"])
