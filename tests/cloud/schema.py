"""Answers against the documents that the cloud plane is made from: nothing undocumented, nothing left out.

`check(method, target, answer)` is for every answer of every test. It knows both documents, and fails with all that is
wrong: a status, header or field that is not documented, a documented header that is missing, a JSON type that is not
the documented one (1.0 is no integer: the Go SDK could not read it).
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

from jsonschema import Draft4Validator, FormatChecker, validators

DOCUMENTS = ("artifacts", "identity")

_OPTIONAL_HEADERS = {"opc-next-page", "retry-after"}  # the last page has none
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass(frozen=True)
class Operation:
    """One operation of a document, its references resolved where they are used."""

    id: str
    method: str
    path: re.Pattern[str]
    definition: dict[str, Any]
    document: dict[str, Any]


def documents() -> dict[str, dict[str, Any]]:
    """Read the documents that there are, by name."""
    package = files("moorage.web.cloud")
    found = {name: package.joinpath(f"{name}.json") for name in DOCUMENTS}
    return {name: json.loads(file.read_text()) for name, file in found.items() if file.is_file()}


def operation_of(method: str, path: str) -> Operation | None:
    """Return the operation that a request is for; of two that match, the one whose path has fewer parameters."""
    matching = [one for one in OPERATIONS if one.method == method and one.path.fullmatch(path)]
    return min(matching, key=lambda one: one.path.groups, default=None)


def check(method: str, target: str, answer: Any) -> None:
    """Assert that an answer (`status`, `headers`, `body`) is one that the document of its operation has."""
    operation = operation_of(method, target.partition("?")[0])
    wrong = _unrouted(answer) if operation is None else _documented(operation, answer)
    assert not wrong, f"{method} {target}: {answer.status} {answer.body[:2000]!r}: " + "; ".join(wrong)


def _unrouted(answer):
    """No operation has the path and the method: only 404, 405, or what comes before routing, can be the answer."""
    if answer.status not in {401, 404, 405}:
        return [f"{answer.status} for what no document has"]
    return _wrong_body({"$ref": "#/components/schemas/Error"}, _DOCUMENTS["identity"], answer)


def _documented(operation, answer):
    responses = operation.definition["responses"]
    if str(answer.status) not in responses:
        return [f"{operation.id} documents {sorted(responses)}"]
    response = resolve(operation.document, responses[str(answer.status)])
    wrong = _wrong_headers({name.lower() for name in response.get("headers", {})}, answer)
    content = response.get("content", {})
    if "application/json" in content:
        return wrong + _wrong_body(content["application/json"]["schema"], operation.document, answer)
    return wrong + (["a body that is not documented"] if answer.body else [])


def _wrong_headers(documented, answer):
    present = {name.lower() for name in answer.headers}
    ours = {name for name in present if name.startswith("opc-") or name == "etag"}
    missing = documented - present - _OPTIONAL_HEADERS
    empty = {name for name in documented & present if not answer.headers[name]}
    return [
        *(f"no header {name}" for name in sorted(missing)),
        *(f"an empty header {name}" for name in sorted(empty)),
        *(f"an undocumented header {name}" for name in sorted(ours - documented)),
    ]


def _wrong_body(schema, document, answer):
    if answer.headers.get("content-type") != "application/json":  # the Java SDK reads nothing else
        return [f"content-type {answer.headers.get('content-type')}"]
    validator = Validator({**schema, "components": document["components"]}, format_checker=FORMATS)
    return [
        f"{'/'.join(map(str, error.absolute_path)) or 'the body'}: {error.message}"
        for error in validator.iter_errors(json.loads(answer.body))
    ]


def resolve(document: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the components of a document."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _operations():
    for document in _DOCUMENTS.values():
        for path, item in document["paths"].items():
            base = item.get("servers", document["servers"])[0]["url"].rstrip("/")
            pattern = re.compile(re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(base + path)) + "/?")
            for method, definition in item.items():
                if method not in {"servers", "parameters", "summary", "description"}:
                    yield Operation(definition["operationId"], method.upper(), pattern, definition, document)


def _integer(_checker, value):
    return isinstance(value, int) and not isinstance(value, bool)


def _nullable_type(validator, types, instance, schema):
    if instance is None and schema.get("nullable"):
        return
    yield from Draft4Validator.VALIDATORS["type"](validator, types, instance, schema)


Validator = validators.extend(
    Draft4Validator,
    {"type": _nullable_type},
    type_checker=Draft4Validator.TYPE_CHECKER.redefine("integer", _integer),
)
FORMATS = FormatChecker(())


@FORMATS.checks("date-time", raises=ValueError)
def _is_time(value):
    return _TIME.fullmatch(value) is not None and datetime.fromisoformat(value) is not None


@FORMATS.checks("date", raises=ValueError)
def _is_date(value):
    return datetime.strptime(value, "%Y-%m-%d").strftime("%Y-%m-%d") == value  # noqa: DTZ007 - a day


_DOCUMENTS = documents()
OPERATIONS = list(_operations())
