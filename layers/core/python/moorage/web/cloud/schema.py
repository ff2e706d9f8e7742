"""Values against the schemas of an OpenAPI document: the few keywords that our documents use.

What is refused is named by its field, with the limit that it does not keep.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from moorage.domain.errors import ParameterInvalid, ParameterMissing
from moorage.domain.networks import check_network

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]  # by name: those that a $ref means

_REF = "#/components/schemas/"
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_SHOWN = 60  # characters of a value that a message shows


def resolve(schema: Schema, schemas: Schemas) -> Schema:
    """Return what a schema is, when it says that it is another."""
    while (reference := schema.get("$ref")) is not None:
        schema = schemas[str(reference).removeprefix(_REF)]
    return schema


def read_text(texts: Sequence[str], schema: Schema, field: str, schemas: Schemas) -> Any:
    """Read a parameter, which is text wherever it comes from. Raises ParameterInvalid."""
    schema = resolve(schema, schemas)
    if schema.get("type") == "array":
        value: Any = [_read_one(text, resolve(schema.get("items", {}), schemas), field) for text in texts]
    elif len(texts) > 1:
        raise ParameterInvalid(field, f"is given {len(texts)} times; give it once")
    else:
        value = _read_one(texts[0], schema, field)
    return check(value, schema, field, schemas)


def check(value: Any, schema: Schema, field: str, schemas: Schemas) -> Any:
    """Return a value that fits its schema, without the properties that nobody asks for.

    Raises ParameterInvalid, and ParameterMissing for a property that must be there.
    """
    schema = resolve(schema, schemas)
    if value is None:
        if schema.get("nullable"):
            return None
        raise ParameterInvalid(field, "must not be null")
    kind = schema.get("type")
    if kind is not None and not _IS[kind](value):
        raise ParameterInvalid(field, f"must be {_CALLED[kind]}, not {_shown(value)}")
    if "enum" in schema and value not in schema["enum"]:
        raise ParameterInvalid(field, f"must be one of {', '.join(map(str, schema['enum']))}, not {_shown(value)}")
    if isinstance(value, str):
        _check_text(value, schema, field)
    elif isinstance(value, Mapping):
        return _check_object(value, schema, field, schemas)
    elif isinstance(value, list):
        return _check_array(value, schema, field, schemas)
    elif not isinstance(value, bool):
        _check_number(value, schema, field)
    return value


def _read_one(text: str, schema: Schema, field: str) -> Any:
    kind = schema.get("type")
    if kind == "boolean":
        if text not in {"true", "false"}:
            raise ParameterInvalid(field, f"must be true or false, not {_shown(text)}")
        return text == "true"
    if kind == "integer":
        if not _WHOLE.fullmatch(text):
            raise ParameterInvalid(field, f"must be {_whole(schema)}, not {_shown(text)}")
        return int(text)
    if kind == "number":
        if not _NUMBER.fullmatch(text):
            raise ParameterInvalid(field, f"must be a number, not {_shown(text)}")
        return float(text)
    return text


def _check_text(value: str, schema: Schema, field: str) -> None:
    _check_size(len(value), schema, field, ("minLength", "maxLength"), "characters")
    if "\0" in value:
        raise ParameterInvalid(field, "must not have the character NUL")
    if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        raise ParameterInvalid(field, f"must match {schema['pattern']}, unlike {_shown(value)}")
    if schema.get("format") == "date-time" and not is_time(value):
        raise ParameterInvalid(field, f"must be a time such as 2030-01-02T03:04:05.678Z, not {_shown(value)}")
    if schema.get("format") == "network":
        check_network(field, value)


def _check_number(value: float, schema: Schema, field: str) -> None:
    least, most = schema.get("minimum"), schema.get("maximum")
    if (least is not None and value < least) or (most is not None and value > most):
        raise ParameterInvalid(field, f"must be {_whole(schema)}, not {value}")


def _check_array(value: list[Any], schema: Schema, field: str, schemas: Schemas) -> list[Any]:
    _check_size(len(value), schema, field, ("minItems", "maxItems"), "items")
    items = schema.get("items", {})
    return [check(item, items, f"{field}[{index}]", schemas) for index, item in enumerate(value)]


def _check_object(value: Mapping[str, Any], schema: Schema, field: str, schemas: Schemas) -> dict[str, Any]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    others = schema.get("additionalProperties", not properties)
    _check_size(len(value), schema, field, ("minProperties", "maxProperties"), "properties")
    # The Java SDK writes null for what a caller has set to nothing.
    value = {name: inner for name, inner in value.items() if inner is not None or not _left_out(name, schema, schemas)}
    for name in schema.get("required", ()):
        if name not in value:
            raise ParameterMissing(_within(field, name))
    found: dict[str, Any] = {}
    for name, inner in value.items():
        if name in properties:
            found[name] = check(inner, properties[name], _within(field, name), schemas)
        elif isinstance(others, Mapping):
            found[name] = check(inner, others, _within(field, name[:_SHOWN]), schemas)
        elif others:
            found[name] = inner
        elif "additionalProperties" in schema:
            raise ParameterInvalid(_within(field, name[:_SHOWN]), "is no property here")
    for name, inner in properties.items():
        if name not in found and "default" in resolve(inner, schemas):
            found[name] = resolve(inner, schemas)["default"]
    return found


def _left_out(name: str, schema: Schema, schemas: Schemas) -> bool:
    """Whether null means that a property is not there."""
    properties = schema.get("properties", {})
    if name not in properties or name in schema.get("required", ()):
        return False
    return not resolve(properties[name], schemas).get("nullable", False)


def _check_size(size: int, schema: Schema, field: str, limits: tuple[str, str], unit: str) -> None:
    least, most = (schema.get(limit) for limit in limits)
    if most is not None and size > most:
        raise ParameterInvalid(field, f"must have at most {most} {unit}, not {size}")
    if least is not None and size < least:
        raise ParameterInvalid(field, f"must have at least {least} {unit}, not {size}")


def _within(field: str, name: str) -> str:
    return f"{field}.{name}" if field else name


def _whole(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    bounds = [f"from {least}" if least is not None else "", f"to {most}" if most is not None else ""]
    return " ".join(filter(None, ["a whole number" if schema.get("type") == "integer" else "a number", *bounds]))


def is_time(text: str) -> bool:
    """Whether a text is an instant of RFC 3339, as bodies write them."""
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_IS: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": _is_integer,
    "number": lambda value: _is_integer(value) or isinstance(value, float),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, Mapping),
}
_CALLED = {
    "string": "a string",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "an array",
    "object": "an object",
}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a pattern as the documents mean it: `$` is the end, and no line feed comes after it."""
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))
