"""template.yaml is the map of the system, and the local server mounts what it routes and nothing else."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from moorage.devserver import template as module
from moorage.devserver.template import Function, Template, load_app

TEMPLATE = Template.read(Path("template.yaml"))
FUNCTIONS = TEMPLATE.functions()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.package)
def test_every_function_exists(function):
    """
    A Handler names a package with an app module; one that is routed has an API in its routes.
    """
    assert (TEMPLATE.code / function.package / "app.py").is_file()
    if function.routes:
        assert import_module(f"{function.package}.routes").API.routes


def test_every_package_is_routed():
    """
    No package below functions/ is left out of the template.
    """
    packages = {path.parent.name for path in TEMPLATE.code.glob("*/app.py")}

    assert {function.package for function in FUNCTIONS} == packages


def test_no_request_has_two_functions():
    """
    Method and path decide which function answers.
    """
    routes = Counter(route for function in FUNCTIONS for route in function.routes)

    assert dict.fromkeys(routes, 1) == routes


def test_every_function_is_invoked_by_something():
    """
    By a route, by a schedule, or by an API that asks whether a request may pass.
    """
    idle = [function.package for function in FUNCTIONS if not function.routes and not function.schedules]
    auth = TEMPLATE.body["Resources"]["Api"]["Properties"]["Auth"]

    assert ["authorizer"] == idle
    assert [{"Fn::GetAtt": "Authorizer.Arn"}] == [one["FunctionArn"] for one in auth["Authorizers"].values()]


def test_sweeping_is_scheduled_and_not_routed():
    """
    The sweep has a schedule, five minutes of time, and no path.
    """
    (sweeping,) = [function for function in FUNCTIONS if function.package == "sweeping"]

    assert Function("sweeping", timedelta(minutes=5), (), (timedelta(minutes=5),)) == sweeping


def test_a_route_is_mounted_where_the_domain_maps_its_api():
    """
    The token endpoint's API is below a base path: clients send it, and it is in the path once, however it is declared.
    """
    (tokens,) = [function for function in FUNCTIONS if function.package == "tokens"]

    assert (("GET", "/20180419/docker/token"), ("POST", "/20180419/docker/token")) == tokens.routes


def test_an_api_below_base_paths_has_every_route_with_one_and_without():
    """
    The gateway cuts the base path off before it looks for a route, and what runs functions locally does not. Nothing
    below a base path is left to the gateway, whose own answers clients of the cloud plane cannot read.
    """
    bases = TEMPLATE.base_paths({"Ref": "CloudApi"})
    cut, whole = set(), set()
    for name, method, path in cloud_routes():
        base = next((base for base in bases if f"{path}/".startswith(f"{base}/")), None)
        (cut if base is None else whole).add((name, method, path if base is None else path.removeprefix(base) or "/"))

    assert {"/20180419", "/20160918", "/n"} == set(bases)
    assert cut == whole
    assert {("Identity", "ANY", "/"), ("Identity", "ANY", "/{proxy+}")} <= cut
    assert {f"{base}/{{proxy+}}" for base in bases} <= {path for name, _, path in cloud_routes() if name == "Identity"}


def cloud_routes():
    """Return function, method and path of every route of the HTTP API, as it is declared."""
    return [
        (name, event["Properties"]["Method"], event["Properties"]["Path"])
        for name, resource in TEMPLATE.body["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]


def test_the_environment_comes_from_parameters_and_resources():
    """
    Parameters without a default are left out: the deployer, or the local server, has to say them.
    """
    variables = TEMPLATE.variables({"Table": "the-table", "Bucket": "the-bucket"})

    assert ("the-table", "the-bucket", "moorage") == tuple(
        variables[f"MOORAGE_{name}"] for name in ("TABLE", "BUCKET", "NAMESPACE")
    )
    assert "MOORAGE_ORIGINS" not in variables


def test_schedules_that_are_not_understood_are_refused():
    """
    The local server does not pretend to know cron.
    """
    with pytest.raises(ValueError, match="cron"):
        module._interval("cron(0 4 * * ? *)")


@dataclass(frozen=True)
class _Api:
    """As much of a function's API as mounting it looks at."""

    name: str
    base_paths: tuple[str, ...] = ()


@pytest.fixture
def app(monkeypatch):
    """The template's routes, each answered by the name of its function and what it was asked."""
    monkeypatch.setattr(module, "import_module", lambda name: SimpleNamespace(API=_Api(name)))
    monkeypatch.setattr(module, "create_app", lambda api, *_, inline: _echo(api.name))
    return load_app(TEMPLATE, None, None, [Route("/bucket/{key:path}", _told("front"))])


def _told(name):
    async def endpoint(request):
        return PlainTextResponse(f"{name} {request.method} {request.url.path}")

    return endpoint


def _echo(name):
    methods = module.METHODS
    return Starlette(routes=[Route("/{path:path}", _told(name.removesuffix(".routes")), methods=methods)])


async def _ask(app, method, path):
    """Call an ASGI application and return status and body."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": [], "root_path": ""}
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


@pytest.mark.parametrize(
    ("method", "path", "function"),
    [
        ("GET", "/v2", "v2_pull"),
        ("GET", "/v2/", "v2_pull"),
        ("HEAD", "/v2/", "v2_pull"),
        ("GET", "/v2/a/b/manifests/latest", "v2_pull"),
        ("HEAD", "/v2/a/b/manifests/latest", "v2_pull"),
        ("POST", "/v2/a/b/blobs/uploads/", "v2_push"),
        ("PATCH", "/v2/a/b/blobs/uploads/1", "v2_push"),
        ("PUT", "/v2/a/b/manifests/latest", "v2_push"),
        ("DELETE", "/v2/a/b/manifests/latest", "v2_push"),
        ("GET", "/20180419/docker/token", "tokens"),
        ("POST", "/20180419/docker/token", "tokens"),
        ("HEAD", "/20180419/docker/token", "identity"),
        ("GET", "/20180419/docker/token/", "identity"),
        ("GET", "/20180419/else", "identity"),
        ("GET", "/20160918/container/repositories", "artifacts"),
        ("HEAD", "/20160918/container/repositories", "artifacts"),
        ("POST", "/20160918/container/images/actions/lookupImageByUri", "artifacts"),
        ("DELETE", "/20160918/container/images/1", "artifacts"),
        ("PATCH", "/20160918/container/images/1", "artifacts"),
        ("GET", "/20160918/container", "identity"),
        ("GET", "/20160918/containers/1", "identity"),
        ("GET", "/20160918/users/", "identity"),
        ("PUT", "/20160918/users/1/state", "identity"),
        ("OPTIONS", "/20160918/users", "identity"),
        ("GET", "/n", "identity"),
        ("GET", "/n/", "identity"),
        ("HEAD", "/n", "identity"),
        ("GET", "/n/acme/b", "identity"),
        ("GET", "/bucket/blobs/1", "front"),
    ],
)
def test_requests_reach_their_function(app, method, path, function):
    """
    Each request is answered by the function that the template names, which sees the whole path.
    """
    assert (200, f"{function} {method} {path}") == asyncio.run(_ask(app, method, path))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/", 404, id="root"),
        pytest.param("GET", "/v1/search", 404, id="another version"),
        pytest.param("GET", "/names", 404, id="not below a base path"),
        pytest.param("OPTIONS", "/v2/", 405, id="method of no function"),
        pytest.param("POST", "/v2", 405, id="base path is not greedy"),
    ],
)
def test_what_is_not_routed_does_not_exist(app, method, path, status):
    """
    Both planes' clients can read the answer.
    """
    answered, body = asyncio.run(_ask(app, method, path))

    assert (status, ["UNSUPPORTED"], "UNSUPPORTED") == (
        answered,
        [error["code"] for error in json.loads(body)["errors"]],
        json.loads(body)["code"],
    )
