"""What `template.yaml` says, done on one machine: its routes mounted, its table and bucket made, its schedules read."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from moorage.devserver import cloudformation
from moorage.devserver.cloudformation import Unknown, Values
from moorage.stores.base import Stores
from moorage.web.shim import at_base_paths, create_app
from moorage.web.site import Site

DELETION_PROTECTION = "DeletionProtectionEnabled"  # of the table: with it, nobody deletes it before it is switched off
TLS_ONLY = "PolicyDocument"  # of the bucket: with it, no stand-in could be used, because none speaks TLS

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")  # what ANY stands for

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")


@dataclass(frozen=True, slots=True)
class Function:
    """One Lambda function: its package, its timeout, and what invokes it."""

    package: str
    timeout: timedelta
    routes: tuple[tuple[str, str], ...]  # method, path as clients send it
    schedules: tuple[timedelta, ...]


@dataclass(frozen=True)
class Template:
    """A parsed template; only what the local server needs of it is read."""

    folder: Path
    body: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Template":
        """Parse a template with CloudFormation's tags."""
        return cls(path.parent, cloudformation.read(path))

    @property
    def code(self) -> Path:
        """Return the folder whose packages are the functions."""
        return self.folder / str(self._globals["CodeUri"])

    def functions(self) -> list[Function]:
        """Return every function."""
        functions = self._of_type("AWS::Serverless::Function")
        return [self._function({**self._globals, **properties}) for properties in functions]

    def variables(self, names: Mapping[str, str]) -> dict[str, str]:
        """Return the functions' environment: defaults of parameters, and `names` of resources.

        What only a deployer knows is left out.
        """
        values = Values(self.body, names)
        variables: dict[str, str] = {}
        for name, value in self._globals["Environment"]["Variables"].items():
            try:
                variables[name] = str(values.resolve(value))
            except Unknown:
                continue
        return variables

    def create_table(self, dynamodb: Any, name: str, *, without: Collection[str] = (DELETION_PROTECTION,)) -> None:
        """Make the table by the calls that CloudFormation would make, but for the properties named in `without`."""
        (declared,) = self._of_type("AWS::DynamoDB::Table")
        properties = _chosen(Values(self.body, {}).resolve(declared), without)
        after = {
            "TimeToLiveSpecification": dynamodb.update_time_to_live,
            "PointInTimeRecoverySpecification": dynamodb.update_continuous_backups,
        }
        at_once = {field: value for field, value in properties.items() if field not in after}
        if "SSESpecification" in at_once:
            at_once["SSESpecification"] = {"Enabled": at_once["SSESpecification"]["SSEEnabled"]}
        dynamodb.create_table(TableName=name, **at_once)
        for field in after.keys() & properties.keys():
            after[field](TableName=name, **{field: properties[field]})

    def create_bucket(self, s3: Any, name: str, *, without: Collection[str] = (TLS_ONLY,)) -> None:
        """Make the bucket by the calls that CloudFormation would make, but for the properties named in `without`."""
        (declared,), (policy,) = self._of_type("AWS::S3::Bucket"), self._of_type("AWS::S3::BucketPolicy")
        given = {"Bucket": name, "Bucket.Arn": f"arn:aws:s3:::{name}"}
        properties = _chosen(Values(self.body, given).resolve({**declared, TLS_ONLY: policy[TLS_ONLY]}), without)
        calls = [_BUCKET_CALLS[field](value) for field, value in properties.items()]
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
        for method, arguments in calls:
            getattr(s3, method)(Bucket=name, **arguments)

    @property
    def _globals(self) -> Mapping[str, Any]:
        return cast("Mapping[str, Any]", self.body["Globals"]["Function"])

    def _of_type(self, kind: str) -> list[Mapping[str, Any]]:
        resources = self.body["Resources"].values()
        return [resource["Properties"] for resource in resources if resource["Type"] == kind]

    def _function(self, properties: Mapping[str, Any]) -> Function:
        events = [(event["Type"], event["Properties"]) for event in properties.get("Events", {}).values()]
        called = [event for kind, event in events if kind in {"Api", "HttpApi"} and self._is_whole(event)]
        return Function(
            package=properties["Handler"].removesuffix(".app.handler"),
            timeout=timedelta(seconds=properties["Timeout"]),
            routes=tuple((method, str(event["Path"])) for event in called for method in methods_of(event["Method"])),
            schedules=tuple(_interval(event["Schedule"]) for kind, event in events if kind == "Schedule"),
        )

    def _is_whole(self, event: Mapping[str, Any]) -> bool:
        """Whether a route has the path that clients send.

        Of an API that the domain maps below base paths, the routes that lack one are the gateway's own: it cuts the
        base path off before it looks for a route.
        """
        keys = self.base_paths(event["RestApiId"] if "RestApiId" in event else event["ApiId"])
        return not keys or any(f"{event['Path']}/".startswith(f"{key}/") for key in keys)

    def base_paths(self, api: object) -> list[str]:
        """Return the base paths that the domain maps to an API, none for the one at its root."""
        mappings = self._of_type("AWS::ApiGatewayV2::ApiMapping")
        return [
            f"/{mapping['ApiMappingKey']}"
            for mapping in mappings
            if mapping["ApiId"] == api and "ApiMappingKey" in mapping
        ]


def methods_of(declared: str) -> tuple[str, ...]:
    """Return the methods that a route is declared for."""
    return METHODS if declared == "ANY" else (declared,)


def _chosen(properties: Mapping[str, Any], without: Collection[str]) -> dict[str, Any]:
    """Leave out what `without` names; a name that is no property is a mistake."""
    if unknown := set(without) - properties.keys():
        raise ValueError(f"the template has no {', '.join(sorted(unknown))}")
    return {name: value for name, value in properties.items() if name not in without}


def _lifecycle(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Say rules of CloudFormation as the API wants them."""
    rules = []
    for declared in configuration["Rules"]:
        rule = {**declared, "ID": declared["Id"], "Filter": {"Prefix": ""}}
        del rule["Id"]
        if "ExpiredObjectDeleteMarker" in rule:
            rule["Expiration"] = {"ExpiredObjectDeleteMarker": rule.pop("ExpiredObjectDeleteMarker")}
        rules.append(rule)
    return {"LifecycleConfiguration": {"Rules": rules}}


def _encryption(configuration: Mapping[str, Any]) -> dict[str, Any]:
    rules = [
        {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        for rule in configuration["ServerSideEncryptionConfiguration"]
    ]
    return {"ServerSideEncryptionConfiguration": {"Rules": rules}}


# A property that is not here fails: nothing of the template is left out in silence.
_BUCKET_CALLS: dict[str, Callable[[Any], tuple[str, dict[str, Any]]]] = {
    "OwnershipControls": lambda value: ("put_bucket_ownership_controls", {"OwnershipControls": value}),
    "PublicAccessBlockConfiguration": lambda value: (
        "put_public_access_block",
        {"PublicAccessBlockConfiguration": value},
    ),
    "BucketEncryption": lambda value: ("put_bucket_encryption", _encryption(value)),
    "VersioningConfiguration": lambda value: ("put_bucket_versioning", {"VersioningConfiguration": value}),
    "LifecycleConfiguration": lambda value: ("put_bucket_lifecycle_configuration", _lifecycle(value)),
    TLS_ONLY: lambda value: ("put_bucket_policy", {"Policy": json.dumps(value)}),
}


def load_app(template: Template, stores: Stores, site: Site, front: Sequence[BaseRoute] = ()) -> Starlette:
    """Mount every function where its Api events put it, as API Gateway would; `front` is what is not a function."""
    mounted: list[Route] = []
    for function in template.functions():
        if not function.routes:
            continue  # scheduled: nothing to mount
        api = import_module(f"{function.package}.routes").API
        app = at_base_paths(create_app(api, stores, site, inline=False), api)
        for path in dict.fromkeys(path for _, path in function.routes):
            route = Route(path.replace("+}", ":path}"), app)
            pattern = route.path_regex.pattern
            if api.base_paths:  # SDKs double the slash that an endpoint ends with
                pattern = pattern.replace("^/", "^//?", 1)
            route.path_regex = re.compile(pattern, re.DOTALL)  # a line feed may be in a path too
            route.methods = {method for method, other in function.routes if other == path}  # GET does not take HEAD
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


def _interval(expression: str) -> timedelta:
    match = _RATE.fullmatch(expression)
    if not match:
        raise ValueError(f"the local server knows rate(<n> minutes|hours|days), not {expression}")
    return timedelta(**{f"{match[2]}s": int(match[1])})
