"""Free-form and defined tags in bodies. Lengths are Oracle's."""

from collections.abc import Mapping
from typing import Any

from moorage.domain.directory import ResourceTags
from moorage.domain.errors import ParameterInvalid

TAGS_LIMIT = 64  # of each kind on one resource
_KEY, _VALUE = 100, 256  # characters


def check_tags(body: Mapping[str, Any]) -> None:
    """Check the tags of a body that has any. Raises ParameterInvalid."""
    if (freeform := body.get("freeformTags")) is not None:
        _check_map(freeform, "freeformTags", free=True)
        _check_count(len(freeform), "freeformTags")
    if (defined := body.get("definedTags")) is not None:
        _check_defined(defined)


def read_tags(body: Mapping[str, Any], before: ResourceTags | None = None) -> ResourceTags:
    """Return the tags that a body gives; a map that is not in it stays as it was, one that is replaces it whole."""
    before = before or ResourceTags()
    freeform, defined = body.get("freeformTags"), body.get("definedTags")
    return ResourceTags(
        freeform=before.freeform if freeform is None else dict(freeform),
        defined=before.defined if defined is None else {name: dict(tags) for name, tags in defined.items()},
    )


def tell_tags(tags: ResourceTags) -> dict[str, Any]:
    """Return the tags as artifacts show them; system tags nobody has."""
    return {**tell_own_tags(tags), "systemTags": {}}


def tell_own_tags(tags: ResourceTags) -> dict[str, Any]:
    """Return the tags as identity shows them."""
    defined = {name: dict(inner) for name, inner in tags.defined.items()}
    return {"freeformTags": dict(tags.freeform), "definedTags": defined}


def _check_defined(defined: Any) -> None:
    if not isinstance(defined, Mapping):
        raise ParameterInvalid("definedTags", "must be an object of tag namespaces")
    for namespace, tags in defined.items():
        _check_key(namespace, "definedTags", free=False)
        _check_map(tags, f"definedTags.{namespace}", free=False)
    _check_count(sum(len(tags) for tags in defined.values()), "definedTags")


def _check_map(tags: Any, field: str, *, free: bool) -> None:
    if not isinstance(tags, Mapping):
        raise ParameterInvalid(field, "must be an object of keys and values")
    for key, value in tags.items():
        _check_key(key, field, free=free)
        if free and not isinstance(value, str):
            raise ParameterInvalid(f"{field}.{key}", "must be a string")
        if not isinstance(value, str | int | float):
            raise ParameterInvalid(f"{field}.{key}", "must be a string, a number, true or false")
        if len(str(value)) > _VALUE:
            raise ParameterInvalid(f"{field}.{key}", f"must have at most {_VALUE} characters, not {len(str(value))}")


def _check_key(key: str, field: str, *, free: bool) -> None:
    if not 1 <= len(key) <= _KEY or not key.isprintable():
        raise ParameterInvalid(field, f"a key must have 1 to {_KEY} printable characters, unlike {key[:60]!r}")
    if not free and ("." in key or " " in key):
        raise ParameterInvalid(field, f"a key must have neither spaces nor periods, unlike {key[:60]!r}")


def _check_count(count: int, field: str) -> None:
    if count > TAGS_LIMIT:
        raise ParameterInvalid(field, f"must have at most {TAGS_LIMIT} tags, not {count}")
