"""What `template.yaml` says, done on one machine: its routes mounted, its table and bucket made, its schedules read."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import yaml
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from moorage.stores.base import Stores
from moorage.web.shim import create_app
from moorage.web.site import Site

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function: its package, its timeout, and what invokes it."""

    package: str
    timeout: timedelta
    routes: tuple[tuple[str, str], ...]  # method, path
    schedules: tuple[timedelta, ...]


@dataclass(frozen=True)
class Template:
    """A parsed template; only what the local server needs of it is read."""

    folder: Path
    body: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Template":
        """Parse a template with CloudFormation's tags."""
        return cls(path.parent, yaml.load(path.read_text(encoding="utf-8"), _Loader))  # noqa: S506 - a SafeLoader

    @property
    def code(self) -> Path:
        """Return the folder whose packages are the functions."""
        return self.folder / str(self._globals["CodeUri"])

    def functions(self) -> list[Function]:
        """Return every function."""
        return [_function({**self._globals, **properties}) for properties in self._of_type("AWS::Serverless::Function")]

    def variables(self, names: Mapping[str, str]) -> dict[str, str]:
        """Return the functions' environment: defaults of parameters, and `names` of resources; the rest is left out."""
        defaults = {name: parameter.get("Default") for name, parameter in self.body["Parameters"].items()}
        values = {**defaults, **names}
        variables: Mapping[str, Any] = self._globals["Environment"]["Variables"]
        found = {name: values.get(value["Ref"]) for name, value in variables.items()}
        return {name: str(value) for name, value in found.items() if value is not None}

    def create_table(self, dynamodb: Any, name: str) -> None:
        """Make the table by the calls that CloudFormation would make."""
        (properties,) = self._of_type("AWS::DynamoDB::Table")
        fields = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        dynamodb.create_table(TableName=name, **{field: properties[field] for field in fields})
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"])

    def create_bucket(self, s3: Any, name: str) -> None:
        """Make the bucket by the calls that CloudFormation would make."""
        (properties,) = self._of_type("AWS::S3::Bucket")
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
        s3.put_public_access_block(
            Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"]
        )
        rules = [
            {"ID": rule["Id"], "Filter": {"Prefix": ""}, **{field: rule[field] for field in rule if field != "Id"}}
            for rule in properties["LifecycleConfiguration"]["Rules"]
        ]
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": rules})

    @property
    def _globals(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self.body["Globals"]["Function"])

    def _of_type(self, kind: str) -> list[Mapping[str, Any]]:
        resources = self.body["Resources"].values()
        return [resource["Properties"] for resource in resources if resource["Type"] == kind]


def load_app(template: Template, stores: Stores, site: Site, front: Sequence[BaseRoute] = ()) -> Starlette:
    """Mount every function where its Api events put it, as API Gateway would; `front` is what is not a function."""
    mounted: list[Route] = []
    for function in template.functions():
        if not function.routes:
            continue  # scheduled: nothing to mount
        app = create_app(import_module(f"{function.package}.routes").API, stores, site, inline=False)
        for method, path in function.routes:
            route = Route(path.replace("+}", ":path}"), app)
            route.methods = {method}  # GET does not take HEAD in API Gateway
            mounted.append(route)
    mounted.sort(key=lambda route: ("{" in route.path, ":path}" in route.path, -len(route.path)))
    outer = Starlette(
        routes=[*front, *mounted],
        exception_handlers={HTTPStatus.NOT_FOUND: _tell_unrouted, HTTPStatus.METHOD_NOT_ALLOWED: _tell_unrouted},
    )
    outer.router.redirect_slashes = False
    return outer


def _tell_unrouted(_request: Request, error: Exception) -> Response:
    """Answer for both planes what no function answers, as the gateway's own responses do."""
    if not isinstance(error, HTTPException):
        raise error
    unknown = error.status_code == HTTPStatus.NOT_FOUND
    message = "nothing answers here" if unknown else "nothing answers this method here"
    code = "UNSUPPORTED"
    body = {"errors": [{"code": code, "message": message}], "code": code, "message": message}
    return JSONResponse(body, error.status_code, error.headers)


def _function(properties: Mapping[str, Any]) -> Function:
    events = [(event["Type"], event["Properties"]) for event in properties["Events"].values()]
    return Function(
        package=properties["Handler"].removesuffix(".app.handler"),
        timeout=timedelta(seconds=properties["Timeout"]),
        routes=tuple((event["Method"], event["Path"]) for kind, event in events if kind == "Api"),
        schedules=tuple(_interval(event["Schedule"]) for kind, event in events if kind == "Schedule"),
    )


def _interval(expression: str) -> timedelta:
    match = _RATE.fullmatch(expression)
    if not match:
        raise ValueError(f"the local server knows rate(<n> minutes|hours|days), not {expression}")
    return timedelta(**{f"{match[2]}s": int(match[1])})


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` is {"Ref": "X"}, `!Sub x` is {"Fn::Sub": "x"}."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.MappingNode):
        value: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(cast("yaml.ScalarNode", node))
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
