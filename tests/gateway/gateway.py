"""The gateway itself: which function a request goes to, whether it may, and how long that may take."""

import asyncio
import fnmatch
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import import_module
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar

from tests.gateway.answers import Answer, NoAnswer, dressed, of_function, of_gateway, of_http_api
from tests.gateway.events import Request, Route, authorizer_event, http_event, rest_event
from tests.gateway.quirks import Quirks, TooLarge

from authorizer.answers import make_handler
from moorage.devserver.cloudformation import Values
from moorage.devserver.template import Template
from moorage.stores.base import Stores
from moorage.web.shim import serve
from moorage.web.site import Site

P = ParamSpec("P")
T = TypeVar("T")

Handler = Callable[[dict[str, Any], Any], Any]


class Refused(Exception):
    """The gateway answers itself."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Gateway:
    """The two APIs of the template under one host, each with what it does to requests and answers."""

    def __init__(
        self,
        template: Template,
        functions: Mapping[str, Handler],
        origin: str,
        quirks: Quirks = Quirks(),  # noqa: B008 - it cannot be changed
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._functions = functions
        self._quirks = quirks
        self._clock = clock
        self._ended = threading.Event()
        domain = origin.partition("://")[2]
        (api,) = _of_type(template, "AWS::Serverless::Api").values()
        self._responses = Values(template.body, {"Domain": domain}).resolve(api["GatewayResponses"])
        self._https = (f"https://{domain}", origin)  # a test's origin may be of http
        self._rest = _routes(template, "Api")
        self._http = _routes(template, "HttpApi")
        mappings = _of_type(template, "AWS::ApiGatewayV2::ApiMapping").values()
        self._base_paths = [f"/{mapping['ApiMappingKey']}" for mapping in mappings if "ApiMappingKey" in mapping]

    def close(self) -> None:
        """Let go of whoever was left waiting."""
        self._ended.set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Take a whole request, then answer it; a client that goes away before its end has sent nothing."""
        assert scope["type"] == "http"
        if (body := await _whole(receive)) is None:
            return
        request = Request(
            method=scope["method"],
            target="?".join(filter(None, (scope["raw_path"].decode(), scope["query_string"].decode("latin-1")))),
            headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]),
            body=body,
            address=scope["client"][0],
        )
        # Each request in a thread, as each would have an environment of its own: Mangum runs a loop in it.
        answer = await asyncio.to_thread(self.answer, request)
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    def answer(self, request: Request) -> Answer:
        """Return what the client gets."""
        if self._quirks.closed and f"{request.method} {request.path}".startswith(self._quirks.closed):
            return of_http_api(403, "Forbidden")
        base_path = next((base for base in self._base_paths if f"{request.path}/".startswith(f"{base}/")), None)
        answer = self._rest_api(request) if base_path is None else self._http_api(request, base_path)
        return dressed(answer, "gzip" in request.header("accept-encoding"), self._quirks)

    def _rest_api(self, request: Request) -> Answer:
        try:
            return of_function(self._rest_answer(request), request.method, self._quirks)
        except Refused as refused:
            kind = refused.kind
        except NoAnswer:
            kind = "DEFAULT_5XX"
        return of_gateway(kind, self._responses, self._https, request.method)

    def _rest_answer(self, request: Request) -> Any:
        """Return what the function returned. Raises Refused."""
        self._check_size(request)
        route = _routed(self._rest, request.method, request.path)
        if route is None:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        event = rest_event(request, route.path, self._quirks, {})
        if self._quirks.authorizer:
            context = self._authorize(authorizer_event(event))
            event = rest_event(request, route.path, self._quirks, context)
        if len(json.dumps(event)) > self._quirks.event_bytes:
            self._refuse_size()
        answer, seconds = self._timed(route.package, event)
        if seconds > self._quirks.seconds:
            raise Refused("INTEGRATION_TIMEOUT")
        return answer

    def _http_api(self, request: Request, base_path: str) -> Answer:
        route = _routed(self._http, request.method, request.path.removeprefix(base_path) or "/")
        if route is None:
            return of_http_api(404, "Not Found")
        event = http_event(request, base_path, route, self._quirks)
        if request.header_bytes > self._quirks.header_bytes:
            return of_http_api(431, "Request Header Fields Too Large")
        if len(json.dumps(event)) > self._quirks.event_bytes:
            return of_http_api(413, "Request Entity Too Large")
        answer, seconds = self._timed(route.package, event)
        if seconds > self._quirks.seconds:
            return of_http_api(503, "Service Unavailable")
        try:
            return of_function(answer, request.method, self._quirks)
        except NoAnswer:
            return of_http_api(500, "Internal Server Error")

    def _check_size(self, request: Request) -> None:
        if request.header_bytes > self._quirks.header_bytes:
            raise Refused("REQUEST_TOO_LARGE")
        if "%" in request.path and not self._quirks.escapes:
            raise Refused("MISSING_AUTHENTICATION_TOKEN")
        if len(request.body) > self._quirks.request_bytes:
            self._refuse_size()

    def _refuse_size(self) -> None:
        if self._quirks.too_large is TooLarge.HANGS:
            self._ended.wait()
        raise Refused("REQUEST_TOO_LARGE" if self._quirks.too_large is TooLarge.REFUSED else "DEFAULT_5XX")

    def _authorize(self, event: dict[str, Any]) -> Mapping[str, Any]:
        """Return what the authorizer tells the function. Raises Refused."""
        try:
            said = self._functions["authorizer"](event, _context())
        except Exception as error:
            if str(error) == "Unauthorized":  # the one word that the gateway knows
                raise Refused("UNAUTHORIZED") from error
            raise Refused("AUTHORIZER_FAILURE") from error
        if not _allows(said["policyDocument"], event["methodArn"]):
            raise Refused("ACCESS_DENIED")
        context: Mapping[str, Any] = said.get("context") or {}
        assert all(isinstance(value, str | int | float | bool) for value in context.values())
        return {"principalId": said["principalId"], **context}

    def _timed(self, package: str, event: dict[str, Any]) -> tuple[Any, float]:
        """Return what a function returned, and how long it took; None for one that failed."""
        started = self._clock()
        try:
            answer = self._functions[package](event, _context())
        except Exception:  # noqa: BLE001 - whatever it is, Lambda tells the gateway that it failed
            answer = None
        return answer, self._clock() - started


def functions_of(template: Template, stores: Stores, site: Site) -> dict[str, Handler]:
    """Return the handlers that Lambda would call, over these stores."""
    packages = {route.package for kind in ("Api", "HttpApi") for route in _routes(template, kind)}

    def make() -> dict[str, Handler]:
        return {package: serve(import_module(f"{package}.routes").API, stores, site) for package in packages}

    # In a thread: Mangum makes a loop where there is none, and closes none.
    with ThreadPoolExecutor(1) as thread:
        made = thread.submit(_in_loop(make)).result()
    answering = {package: _in_loop(handler) for package, handler in made.items()}
    return {**answering, "authorizer": make_handler(site, lets_pass=False)}


def _in_loop(function: Callable[P, T]) -> Callable[P, T]:
    """Give a function the event loop that Lambda's main thread has, in a thread that has none."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        with closing(asyncio.new_event_loop()) as loop:
            asyncio.set_event_loop(loop)
            try:
                return function(*args, **kwargs)
            finally:
                asyncio.set_event_loop(None)

    return call


def _context() -> SimpleNamespace:
    return SimpleNamespace(aws_request_id=str(uuid.uuid4()), get_remaining_time_in_millis=lambda: 29_000)


def _of_type(template: Template, kind: str) -> dict[str, Mapping[str, Any]]:
    """Return the properties of every resource of a kind, by its logical id."""
    resources = template.body["Resources"]
    return {name: resource["Properties"] for name, resource in resources.items() if resource["Type"] == kind}


def _routes(template: Template, kind: str) -> list[Route]:
    """Return the routes of an API, the most exact ones first."""
    routes = [
        Route(
            method=event["Properties"]["Method"].upper(),
            path=event["Properties"]["Path"],
            package=function["Handler"].partition(".")[0],
            version=event["Properties"].get("PayloadFormatVersion", "2.0"),
        )
        for function in _of_type(template, "AWS::Serverless::Function").values()
        for event in function.get("Events", {}).values()
        if event["Type"] == kind
    ]
    return sorted(routes, key=lambda route: ("{" in route.path, -len(route.path)))


def _routed(routes: list[Route], method: str, path: str) -> Route | None:
    return next((route for route in routes if route.takes(method, path)), None)


def _allows(policy: Mapping[str, Any], arn: str) -> bool:
    """Whether a policy lets a method be called: one Allow, and no Deny."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        for resource in _listed(statement["Resource"])
        if fnmatch.fnmatchcase(arn, resource.replace("[", "[[]"))
    }
    return effects == {"Allow"}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


async def _whole(receive: Any) -> bytes | None:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
