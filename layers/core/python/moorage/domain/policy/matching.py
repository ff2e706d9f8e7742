"""Matching rules of dynamic groups: which machines are in one (ocir.md 5.7).

A machine is a role of AWS, and its id is the ARN of that role; it is in no compartment, so in the root, and has no
tags. A rule is `variable = 'value'` or `!=`, or all {...} or any {...} of such.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from moorage.domain.errors import ParameterInvalid
from moorage.domain.policy.reading import Reader, close_to

FIELD = "matchingRule"

_TYPE = "role"
VARIABLES = ("instance.id", "instance.compartment.id", "resource.id", "resource.compartment.id", "resource.type")
_TAG = "tag."
_TAG_END = ".value"


@dataclass(frozen=True, slots=True)
class Machine:
    """What rules ask about."""

    id: str
    compartment_id: str


Matches = Callable[[Machine], bool]
Rule = list[Any]  # ["all", rule, ...], ["any", rule, ...], ["=", variable, text], ["!=", variable, text], ["has", tag]


def parse_rule(text: str) -> Rule:
    """Read a rule. Raises ParameterInvalid, which says where and what was expected."""
    reader = Reader(FIELD, text)
    rule = _rule(reader)
    if not reader.ended:
        reader.fail("the end")
    return rule


def read_rule(text: str) -> Rule:
    """Read a rule that was stored: one that cannot be read matches nothing."""
    try:
        return parse_rule(text)
    except ParameterInvalid:
        return ["any"]


def matches(rule: Rule) -> Matches:
    """Make a function of a rule."""
    kind = rule[0]
    if kind in {"all", "any"}:
        parts = [matches(each) for each in rule[1:]]
        choose = all if kind == "all" else any
        return lambda machine: choose(part(machine) for part in parts)
    if kind == "has":
        return lambda _: False
    variable, wanted, equal = rule[1], rule[2].casefold(), kind == "="
    return lambda machine: (value := _value(machine, variable)) is not None and (value.casefold() == wanted) is equal


def _value(machine: Machine, variable: str) -> str | None:
    if variable.endswith(".compartment.id"):
        return machine.compartment_id
    if variable.endswith(".id"):
        return machine.id
    return _TYPE if variable == "resource.type" else None  # no machine has tags


def _rule(reader: Reader) -> Rule:
    at = reader.skip()
    word = reader.take_word("a variable, all or any")
    if word.casefold() in {"all", "any"}:
        return [word.casefold(), *_parts(reader)]
    variable = _variable(reader, word, at)
    operator = reader.take_if("!=", "=")
    if not operator:
        return ["has", variable] if variable.startswith(_TAG) else reader.fail("= or !=")
    value = reader.take_quoted()
    return [operator, variable, value if value is not None else reader.fail("a 'value' in single quotes")]


def _parts(reader: Reader) -> list[Rule]:
    reader.take("{")
    reader.descend()
    parts = [_rule(reader)]
    while reader.take_if(","):
        parts.append(_rule(reader))
    if not reader.take_if("}"):
        reader.fail("',' or '}'")
    reader.ascend()
    return parts


def _variable(reader: Reader, word: str, at: int) -> str:
    folded = word.casefold()
    if folded in VARIABLES:
        return folded
    named = folded.removeprefix(_TAG).removesuffix(_TAG_END)
    if folded.startswith(_TAG) and folded.endswith(_TAG_END) and "." in named.strip("."):
        return word
    return reader.fail("a variable, all or any", at=at, hint=close_to(word, (*VARIABLES, "all", "any")))
