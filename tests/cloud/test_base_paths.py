"""A function has the paths that clients send, whatever a gateway leaves of them."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.sites import site

from moorage.web.cloud.errors import cloud_error
from moorage.web.shim import Api, serve


def echo(request):
    return JSONResponse([request.scope["route"].path, request.path_params])


PATHS = ["/n", "/n/", "/20160918/users", "/20160918/users/{userId}", "/20160918/n"]
ROUTES = [Route(path, echo, methods=["GET"]) for path in PATHS]
API = Api(tell_error=cloud_error, routes=ROUTES, base_paths=("/20160918", "/n"))
PLAIN = Api(tell_error=cloud_error, routes=ROUTES)


def asked(path, api=API):
    """Return status and answer to an event with this path."""
    event = {
        "version": "2.0",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "localhost:5000"},
        "requestContext": {"http": {"method": "GET", "path": path, "sourceIp": "203.0.113.7"}},
        "isBase64Encoded": False,
    }
    context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 29_000)
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        answer = serve(api, None, site())(event, context)
        asyncio.set_event_loop(None)
    return answer["statusCode"], json.loads(answer["body"])


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/20160918/users", "/20160918/users"),
        ("/users", "/20160918/users"),
        ("/users/a:b", "/20160918/users/{userId}"),
        ("/20160918/users/n", "/20160918/users/{userId}"),
        ("//20160918/users", "/20160918/users"),
        ("//users", "/20160918/users"),
        ("/n", "/n"),
        ("/", "/n/"),
    ],
)
def test_a_path_is_found_with_and_without_its_base(path, route):
    status, said = asked(path)

    assert (200, route) == (status, said[0])


@pytest.mark.parametrize("path", ["/20160918", "/2016091/users", "/20160918users", "/users/a/b"])
def test_what_is_no_path_with_any_base_stays_none(path):
    assert 404 == asked(path)[0]


@pytest.mark.parametrize(("path", "status"), [("/20160918/users", 200), ("/users", 404), ("//20160918/users", 404)])
def test_a_function_without_base_paths_takes_paths_as_they_are(path, status):
    assert status == asked(path, PLAIN)[0]
