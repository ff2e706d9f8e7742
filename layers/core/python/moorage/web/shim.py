"""The ASGI shim: routes and stores in, an application out; the same under Lambda, uvicorn and tests."""

import functools
import inspect
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar, cast

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from moorage.domain.errors import NameUnknown, RegistryError, Unsupported
from moorage.stores.base import Stores
from moorage.stores.deadline import answering
from moorage.web.site import Site
from moorage.web.watch import Watch

P = ParamSpec("P")
T = TypeVar("T")

LambdaHandler = Callable[[dict[str, Any], Any], dict[str, Any]]
ErrorTeller = Callable[[Request, Exception], Response]


@dataclass(frozen=True, slots=True)
class Api:
    """One function's routes, how its plane tells an error, and the methods of each path of that plane.

    `methods` may be left out where no other function serves the plane. `base_paths` are those below which a gateway
    may call the function, and which it then leaves out of the path.
    """

    tell_error: ErrorTeller
    routes: Sequence[Route]
    methods: Mapping[str, Collection[str]] = field(default_factory=dict)
    base_paths: Sequence[str] = ()


def stores_of(request: Request) -> Stores:
    """Return the stores that the application was made with."""
    return cast("Stores", request.app.state.stores)


async def call(request: Request, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what blocks: in a thread, or directly where nobody else is served meanwhile."""
    if request.app.state.inline:
        return function(*args, **kwargs)
    return await run_in_threadpool(function, *args, **kwargs)


def with_body(
    limit: int, too_large: Callable[[int], RegistryError]
) -> Callable[[Callable[[Request, bytes], Response]], Callable[[Request], Awaitable[Response]]]:
    """Give a handler the request's body, of at most `limit` bytes, as its second argument."""

    def decorate(handler: Callable[[Request, bytes], Response]) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(handler)
        async def endpoint(request: Request) -> Response:
            body = bytearray()
            async with aclosing(request.stream()) as chunks:  # closed also where no more of it is wanted
                async for chunk in chunks:
                    body += chunk
                    if len(body) > limit:
                        raise too_large(limit)
            return await call(request, handler, request, bytes(body))

        return endpoint

    return decorate


def create_app(api: Api, stores: Stores, site: Site, *, inline: bool) -> Starlette:
    """Make the application of one function; `inline` when it serves one request at a time."""
    paths = [(compile_path(path)[0], methods) for path, methods in (api.methods or _own_methods(api.routes)).items()]

    async def unrouted(request: Request, _: Exception) -> Response:
        path = request.scope["path"]
        allowed = next((methods for pattern, methods in paths if pattern.match(path)), None)
        if allowed is None:
            return api.tell_error(request, NameUnknown("no such path", path=path[:300]))
        answer = api.tell_error(request, Unsupported("the path does not take this method", method=request.method))
        answer.headers["allow"] = ", ".join(sorted(allowed))
        return answer

    async def fact(request: Request, error: Exception) -> Response:
        return api.tell_error(request, error)

    app = Starlette(
        routes=[Route(route.path, _endpoint(route.endpoint), methods=_methods(route)) for route in api.routes],
        exception_handlers={404: unrouted, 405: unrouted, RegistryError: fact},
    )
    app.router.redirect_slashes = False
    app.state.stores, app.state.site, app.state.inline = stores, site, inline
    app.add_middleware(Watch, tell_error=api.tell_error, head_filler=site.head_filler)
    return app


def serve(api: Api, stores: Stores, site: Site) -> LambdaHandler:
    """Make the handler of a Lambda function behind API Gateway."""
    from mangum import Mangum  # noqa: PLC0415 - only Lambda needs it

    app = create_app(api, stores, site, inline=True)
    # "off": Mangum would run startup and shutdown for each request.
    answer = Mangum(at_base_paths(app, api), lifespan="off")

    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        with answering(context.get_remaining_time_in_millis() / 1000):
            return answer(event, context)

    return handler


def at_base_paths(app: Starlette, api: Api) -> "Starlette | _BasePath":
    """Return the application as a server mounts it: with the paths that clients send, whatever came of them."""
    return _BasePath(app, api) if api.base_paths else app


class _BasePath:
    """Puts the base path back that a gateway has left out: routes have the paths that clients send."""

    def __init__(self, app: ASGIApp, api: Api) -> None:
        self._app = app
        self._base_paths = api.base_paths
        self._patterns = [route.path_regex for route in api.routes if not route.path.startswith("/{")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        path = "/" + scope.get("path", "").lstrip("/")  # clients whose endpoint ends in a slash send two
        base = "" if any(f"{path}/".startswith(f"{base}/") for base in self._base_paths) else self._base_of(path)
        await self._app({**scope, "path": base + path, "base_path": base}, receive, send)

    def _base_of(self, path: str) -> str:
        """Return the base path below which there is such a route, else the first."""
        routed = (base for base in self._base_paths if self._is_routed(base + path))
        return next(routed, self._base_paths[0])

    def _is_routed(self, path: str) -> bool:
        return any(pattern.match(path) for pattern in self._patterns)


def _methods(route: Route) -> list[str]:
    return sorted(route.methods or ())


def _own_methods(routes: Sequence[Route]) -> dict[str, set[str]]:
    methods: dict[str, set[str]] = {}
    for route in routes:
        methods.setdefault(route.path, set()).update(_methods(route))
    return methods


def _endpoint(handler: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
    if inspect.iscoroutinefunction(handler):
        return handler

    async def endpoint(request: Request) -> Response:
        return cast("Response", await call(request, handler, request))

    return endpoint
