"""`GET /health`: whether this process takes requests."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from moorage.relay.check import PATH


class Health:
    """Answers load balancers and container engines: no login, no call to storage, never cached."""

    def __init__(self) -> None:
        self._stopping: Callable[[], bool] = lambda: False

    def watch(self, stopping: Callable[[], bool]) -> None:
        """Say from now on what `stopping` says."""
        self._stopping = stopping

    def route(self) -> Route:
        """Return the route to mount."""
        return Route(PATH, self.answer, methods=["GET"])

    async def answer(self, _: Request) -> Response:
        """200 when ready, 503 while the last requests are ending."""
        status, word = (503, "stopping") if self._stopping() else (200, "ready")
        return JSONResponse({"status": word}, status, {"cache-control": "no-store"})
