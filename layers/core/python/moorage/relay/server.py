"""How a process serves HTTP: the relay, and the local server that is one."""

import os
import socket
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BACKLOG = 2048
KEEP_ALIVE_SECONDS = 660  # longer than the load balancer's 600, which must be the first to let go


class CannotListen(Exception):
    """The port cannot be taken; the message says why."""


def listen(host: str, port: int) -> socket.socket:
    """Take the port; clients who come before it is served wait. Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio leaves Nagle's delay on.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise CannotListen(f"cannot listen on {host} port {port}: {reason}") from error
    return listener


def make_server(app: ASGIApp, *, stop_seconds: int, log_config: dict[str, Any] | None) -> uvicorn.Server:
    """Make the server. Told to stop, it takes no more connections and gives requests `stop_seconds` to end."""
    leaving = _Leaving(app)
    leaving.server = uvicorn.Server(
        uvicorn.Config(
            leaving,
            http="h11",
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=log_config,
            access_log=log_config is not None,
            proxy_headers=False,  # `web/site.py` knows our proxies, and nobody else's word counts
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=stop_seconds,
        )
    )
    return leaving.server


class _Leaving:
    """Says with the last answers of a server that no request may follow on their connections: they are closed."""

    server: uvicorn.Server

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def last(message: Message) -> None:
            if message["type"] == "http.response.start" and self.server.should_exit:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, last)
