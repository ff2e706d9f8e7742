"""Templates of CloudFormation: read with their short forms, and the functions in them computed."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z0-9:.]+)\}")


class Unknown(Exception):
    """A value depends on something that nobody has said."""


def read(path: Path) -> Mapping[str, Any]:
    """Parse a template: `!Ref X` becomes {"Ref": "X"}, `!Sub x` becomes {"Fn::Sub": "x"}."""
    body = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a SafeLoader
    return cast("Mapping[str, Any]", body)


class Values:
    """What references stand for: parameters by their defaults, and what is given by name (`Table`, `Bucket.Arn`)."""

    def __init__(self, body: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        parameters: Mapping[str, Mapping[str, Any]] = body["Parameters"]
        defaults = {name: parameter["Default"] for name, parameter in parameters.items() if "Default" in parameter}
        self._known = {**defaults, **given}
        self._conditions: Mapping[str, Any] = body.get("Conditions", {})

    def resolve(self, value: Any) -> Any:
        """Compute the functions in a value. Raises Unknown."""
        if isinstance(value, list):
            return [self.resolve(one) for one in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._compute(name, argument)
        return {name: self.resolve(one) for name, one in value.items()}

    def _compute(self, function: str, argument: Any) -> Any:
        match function:
            case "Ref" | "Fn::GetAtt":
                return self._get(argument if isinstance(argument, str) else ".".join(argument))
            case "Fn::Sub":
                return _VARIABLE.sub(lambda match: str(self._get(match["name"])), argument)
            case "Fn::If":
                condition, yes, no = argument
                return self.resolve(yes if self.resolve(self._conditions[condition]) else no)
            case "Fn::Equals":
                one, other = self.resolve(argument)
                return str(one) == str(other)
            case "Fn::Not":
                return not self.resolve(argument[0])
            case _:
                raise Unknown(function)

    def _get(self, name: str) -> Any:
        if name not in self._known:
            raise Unknown(name)
        return self._known[name]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.MappingNode):
        value: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(cast("yaml.ScalarNode", node))
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
