"""An application that says who has signed a request, asked as a server asks it, and as a function behind a gateway."""

import asyncio
import base64
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from urllib.parse import unquote

from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.factories import limits
from tests.gateway import Quirks, events

from moorage.domain.directory import ApiKey, Change, User
from moorage.domain.errors import BodyTooLarge
from moorage.operations.keys import rotate_keys
from moorage.stores.memory import memory_stores
from moorage.web.cloud.caller import authenticate
from moorage.web.cloud.errors import cloud_error
from moorage.web.shim import Api, create_app, serve, with_body
from moorage.web.site import Site
from moorage.web.tokens import Keyring

ADDRESS = "203.0.113.7"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
BASE_PATHS = ("/20160918", "/20180419", "/n")


@with_body(2**20, lambda limit: BodyTooLarge("too large", limit=limit))
def who(request, body):
    caller = authenticate(request, body)
    principal = caller.principal
    said = {"id": principal.id, "kind": principal.kind, "groups": sorted(principal.groups), "address": caller.address}
    return JSONResponse(said)


def api(*base_paths):
    return Api(tell_error=cloud_error, routes=[Route("/{path:path}", who, methods=METHODS)], base_paths=base_paths)


def user_with(user_id, public, print_of_it, **changes):
    """Return a user with one API key."""
    made = datetime(2026, 1, 1, tzinfo=UTC)
    key = ApiKey(fingerprint=print_of_it, public=public, time_created=made)
    usual = {"compartment_id": "root", "name": user_id[-10:], "description": "", "time_created": made}
    return User(**{"id": user_id, "api_keys": (key,), **usual, **changes})


class Who:
    """One registry, with these users."""

    def __init__(self, clock, *users, origins=("http://localhost:5000",), namespace="acme", tenancy=None):
        self.stores = memory_stores(limits(namespace=namespace), clock=clock)
        self.stores.directory.commit([Change(None, user) for user in users], tenancy)
        rotate_keys(self.stores)
        self.site = Site(tuple(origins), namespace, Keyring(self.stores.identity.trust, clock))

    def directly(self, request):
        """Return status and answer of the application, which is told the target as it came."""
        return asyncio.run(self._ask(request))

    def behind_a_gateway(self, request, base_path=None, **quirks):
        """Return status and answer of the function, which gets an event."""
        path = request.target.partition("?")[0].replace("//", "/", 1)
        base_path = base_path or next((base for base in BASE_PATHS if f"{path}/".startswith(f"{base}/")), "")
        came = events.Request(request.method, request.target, request.headers, request.body, ADDRESS)
        route = events.Route("ANY", "/{proxy+}", "who", "2.0")
        event = events.http_event(came, base_path, route, Quirks(**quirks))
        with asyncio.Runner() as runner:
            asyncio.set_event_loop(runner.get_loop())
            context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 29_000)
            answer = serve(api(base_path), self.stores, self.site)(event, context)
            asyncio.set_event_loop(None)
        body = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"]
        return answer["statusCode"], json.loads(body or "{}")

    async def _ask(self, request):
        path, _, query = request.target.partition("?")
        scope = {
            "type": "http",
            "method": request.method,
            "http_version": "1.1",
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in request.headers],
            "client": (ADDRESS, 1234),
            "server": ("localhost", 5000),
        }
        sent = []

        async def receive():
            return {"type": "http.request", "body": request.body, "more_body": False}

        async def send(message):
            sent.append(message)

        await create_app(api(), self.stores, self.site, inline=True)(scope, receive, send)
        return sent[0]["status"], json.loads(sent[1].get("body") or b"{}")
