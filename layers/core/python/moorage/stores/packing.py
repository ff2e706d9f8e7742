"""How the directory is written: a resource as JSON, and what decisions read as compressed JSON.

Fields go by their names in the domain. One that a row does not have is as it is when nobody sets it, and one that is
not known here is passed over: so releases read each other's rows (docs/protocol.md 8).
"""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache, lru_cache
from types import UnionType
from typing import Any, TypeVar, cast, get_args, get_origin

from moorage.domain.directory import (
    AuthenticationPolicy,
    Compartment,
    DynamicGroup,
    Group,
    NetworkSource,
    Policy,
    Resource,
    State,
    User,
    WorkRequest,
)
from moorage.domain.policy.statement import Statement, from_json, to_json
from moorage.domain.tenancy import Tenancy
from moorage.stores.base import RowFull

ROW_BYTES = 390_000  # a row of DynamoDB holds 400 KB with all its names

T = TypeVar("T")
ResourceT = TypeVar("ResourceT", bound=Resource)

# What the rows of a kind are called in keys, and whose names are told apart from each other.
KINDS: Mapping[type[Resource], str] = {
    Compartment: "COMPARTMENT",
    User: "USER",
    Group: "GROUP",
    DynamicGroup: "DYNAMIC_GROUP",
    Policy: "POLICY",
    NetworkSource: "NETWORK_SOURCE",
    AuthenticationPolicy: "AUTHENTICATION_POLICY",
    WorkRequest: "WORK_REQUEST",
}
_NAMED: Mapping[type[Resource], str] = {
    User: "user",
    Group: "group",
    DynamicGroup: "group",
    Policy: "policy",
    NetworkSource: "networksource",
}


def pack_resource(resource: Resource) -> str:
    """Write a resource. Raises RowFull for one that no row can hold."""
    text = _dump(resource)
    if len(text) > ROW_BYTES:
        raise RowFull
    return text


def unpack_resource(kind: type[ResourceT], text: str) -> ResourceT:
    """Read what `pack_resource` wrote."""
    return _read(kind, json.loads(text))


def pack_tenancy(tenancy: Tenancy) -> bytes:
    """Write what decisions read. Raises RowFull when it does not fit its row any more."""
    data = zlib.compress(_dump(tenancy).encode())
    if len(data) > ROW_BYTES:
        raise RowFull
    return data


@lru_cache(maxsize=2)
def unpack_tenancy(data: bytes) -> Tenancy:
    """Read what `pack_tenancy` wrote; the same bytes are the same value, and bring the index of decisions along."""
    return _read(Tenancy, json.loads(zlib.decompress(data)))


def name_of(kind: type[Resource], name: str) -> str:
    """Return the key that a name has for itself; names that differ by no more than case share it."""
    return f"{_NAMED[kind]}#{name.casefold()}"


def taken_name(resource: Resource | None) -> str | None:
    """Return the key that a resource keeps its name by; None when it keeps none."""
    if isinstance(resource, Compartment):
        kept = resource.state is not State.DELETED
        return f"compartment#{resource.compartment_id}#{resource.name.casefold()}" if kept else None
    return name_of(type(resource), resource.name) if resource and type(resource) in _NAMED else None


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    """Return what JSON has no form of in one that it has."""
    match value:
        case datetime():
            return value.isoformat()
        case frozenset():
            return sorted(value)
        case Statement():
            return to_json(value)
        case Mapping():
            return dict(value)
        case _:
            return {one.name: getattr(value, one.name) for one in fields(value)}


def _read(kind: type[T], raw: Any) -> T:
    return cast("T", _reader(cast("Any", kind))(raw))


@cache
def _reader(hint: Any) -> Callable[[Any], Any]:
    """Return what reads a field of that type: found out once, for a tenancy has thousands of values."""
    kind = get_origin(hint) or hint
    if kind in _READERS:
        return _READERS[kind](*map(_reader, get_args(hint)))
    if is_dataclass(kind):
        known = cast("type[Any]", kind)
        return _dataclass_reader(known, {one.name: _reader(cast("Any", one.type)) for one in fields(known)})
    return _as_it_is


def _dataclass_reader(kind: type[Any], readers: Mapping[str, Callable[[Any], Any]]) -> Callable[[Any], Any]:
    plain = {name for name, read in readers.items() if read is _as_it_is}
    others = {name: read for name, read in readers.items() if read is not _as_it_is}

    def read(raw: Any) -> Any:
        given = {name: raw[name] for name in plain if name in raw}
        return kind(**given, **{name: read(raw[name]) for name, read in others.items() if name in raw})

    return read


def _as_it_is(raw: Any) -> Any:
    return raw


# By what a type begins with: from the readers of what is in its brackets.
_READERS: Mapping[Any, Callable[..., Callable[[Any], Any]]] = {
    UnionType: lambda read, _none: lambda raw: None if raw is None else read(raw),
    tuple: lambda read, _more: lambda raw: tuple(map(read, raw)),
    frozenset: lambda _read: frozenset,
    Mapping: lambda _key, read: lambda raw: {key: read(one) for key, one in raw.items()},
    datetime: lambda: datetime.fromisoformat,
    State: lambda: State,
    Statement: lambda: from_json,
}
