"""The operations of a function, as its OpenAPI document has them: what a request may bring, and what it must."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from moorage.domain.errors import BodyUnreadable, ParameterMissing
from moorage.web.cloud.schema import Schema, Schemas, check, read_text, resolve
from moorage.web.cloud.tags import check_tags

BODY_LIMIT = 256 * 1024  # bytes

_METHODS = ("get", "put", "post", "delete", "head", "patch")
_PARAMETERS = "#/components/parameters/"
_DEPTH = 32  # of objects and arrays within another


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a path or a query."""

    name: str
    place: str  # path, query, header
    required: bool
    schema: Schema


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `body` is the schema of what it takes, None for one that takes none."""

    id: str
    method: str
    path: str  # as clients send it: with the base path
    parameters: tuple[Parameter, ...]
    body: Schema | None = None
    body_required: bool = False


@dataclass(frozen=True)
class Contract:
    """A document that was read."""

    operations: Mapping[str, Operation]
    schemas: Schemas

    def read_parameters(
        self, operation: Operation, path: Mapping[str, str], query: Iterable[tuple[str, str]]
    ) -> dict[str, Any]:
        """Return the parameters that the operation has; those that it has not are ignored.

        Raises ParameterInvalid and ParameterMissing.
        """
        given: dict[str, list[str]] = {}
        for name, value in query:
            given.setdefault(name, []).append(value)
        found: dict[str, Any] = {}
        for parameter in operation.parameters:
            if parameter.place == "header":
                continue
            texts = [path[parameter.name]] if parameter.place == "path" else given.get(parameter.name, [])
            if texts:
                found[parameter.name] = read_text(texts, parameter.schema, parameter.name, self.schemas)
            elif parameter.required:
                raise ParameterMissing(parameter.name)
            elif "default" in (schema := resolve(parameter.schema, self.schemas)):
                found[parameter.name] = schema["default"]
        return found

    def read_body(self, operation: Operation, content: bytes) -> dict[str, Any]:
        """Return the body that the operation takes; what no client sends is an empty object.

        Raises BodyUnreadable, ParameterInvalid and ParameterMissing.
        """
        if operation.body is None:
            return {}
        if not content.strip() and operation.body_required:
            raise BodyUnreadable("the request needs a body: a JSON object")
        body = _object(content) if content.strip() else {}
        found: dict[str, Any] = check(body, operation.body, "", self.schemas)
        check_tags(found)
        return found


def read_contract(name: str) -> Contract:
    """Read a document of this package."""
    return parse_contract(json.loads(Path(__file__).with_name(f"{name}.json").read_bytes()))


def parse_contract(document: Mapping[str, Any]) -> Contract:
    """Read a document."""
    components = document.get("components", {})
    shared: Mapping[str, Any] = components.get("parameters", {})
    operations = [
        _operation(
            method.upper(),
            _base(item, document) + path,
            [*item.get("parameters", []), *one.get("parameters", [])],
            one,
            shared,
        )
        for path, item in document["paths"].items()
        for method, one in item.items()
        if method in _METHODS
    ]
    return Contract({operation.id: operation for operation in operations}, components.get("schemas", {}))


def _base(item: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    servers = item.get("servers") or document.get("servers") or [{"url": ""}]
    return str(servers[0]["url"]).rstrip("/")


def _operation(
    method: str,
    path: str,
    parameters: Iterable[Mapping[str, Any]],
    said: Mapping[str, Any],
    shared: Mapping[str, Mapping[str, Any]],
) -> Operation:
    read = [_parameter(shared[one["$ref"].removeprefix(_PARAMETERS)] if "$ref" in one else one) for one in parameters]
    body = said.get("requestBody")
    return Operation(
        id=said["operationId"],
        method=method,
        path=path,
        parameters=tuple(read),
        body=body["content"]["application/json"]["schema"] if body else None,
        body_required=bool(body and body.get("required")),
    )


def _parameter(said: Mapping[str, Any]) -> Parameter:
    return Parameter(said["name"], said["in"], bool(said.get("required")), said.get("schema", {}))


def _object(content: bytes) -> dict[str, Any]:
    """Parse a body. Raises BodyUnreadable for all that is not one JSON object in UTF-8."""
    try:
        body = json.loads(content.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise BodyUnreadable("the body is not in UTF-8") from error
    except RecursionError as error:
        raise BodyUnreadable(f"the body is nested deeper than {_DEPTH} levels") from error
    except ValueError as error:
        where = f": line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise BodyUnreadable(f"the body is not JSON{where}") from error
    if not isinstance(body, dict):
        raise BodyUnreadable("the body is not a JSON object")
    _check_value(body, _DEPTH)
    return body


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BodyUnreadable(f"the body has {twice[:100]!r} twice in one object")
    return found


def _refuse_constant(text: str) -> None:
    raise BodyUnreadable(f"the body has {text}, which is no JSON")


def _check_value(value: Any, depth: int) -> None:
    """Refuse what no store could keep: nesting without end, and halves of characters."""
    if depth < 0:
        raise BodyUnreadable(f"the body is nested deeper than {_DEPTH} levels")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check_value(name, depth)
            _check_value(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check_value(inner, depth - 1)
    elif isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise BodyUnreadable("the body has half of a surrogate pair") from error
    elif isinstance(value, float) and not isfinite(value):
        raise BodyUnreadable("the body has a number that is too large")
