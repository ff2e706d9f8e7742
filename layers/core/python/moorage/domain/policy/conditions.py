"""Conditions: their form in a compiled statement, and whether one holds (ocir.md 5.3).

A condition is a list, as JSON keeps it:

    ["all", condition, ...], ["any", condition, ...]
    ["=", variable, operand], ["!=", variable, operand], ["in", variable, operand, ...]
    ["before", variable, text], ["after", variable, text], ["between", variable, text, text]

and an operand is ["text", text], ["like", pattern] or ["var", variable]. Texts compare without case. A variable that
does not apply makes its test false, under `!=` too; a list of values is equal to a text that it contains. What is
between a time of day and an earlier one is from the former over midnight to the latter.
"""

from collections.abc import Callable, Mapping
from typing import Any

from moorage.domain.policy.variables import LISTS

Facts = Mapping[str, Any]  # variable -> folded text, a frozenset of folded texts, or None where it does not apply
Test = Callable[[Facts], bool]
_Match = Callable[[str], bool]


def holds(condition: list[Any]) -> Test:
    """Make a function of a condition, which is faster than to walk the tree each time."""
    kind = condition[0]
    if kind in {"all", "any"}:
        tests = tuple(holds(each) for each in condition[1:])
        return tests[0] if len(tests) == 1 else _every(tests) if kind == "all" else _some(tests)
    variable, operands = condition[1], condition[2:]
    if kind in {"before", "after", "between"}:
        return _ordered(kind, variable, operands)
    if variable in LISTS or any(operand[0] == "var" for operand in operands):
        return _general(variable, operands, wanted=kind != "!=")
    return _plain(variable, operands, wanted=kind != "!=")


def _every(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 2:
        first, second = tests
        return lambda facts: first(facts) and second(facts)

    def test(facts: Facts) -> bool:
        for each in tests:  # noqa: SIM110 - a generator costs twice as much
            if not each(facts):
                return False
        return True

    return test


def _some(tests: tuple[Test, ...]) -> Test:
    def test(facts: Facts) -> bool:
        for each in tests:  # noqa: SIM110 - a generator costs twice as much
            if each(facts):
                return True
        return False

    return test


def _ordered(kind: str, variable: str, bounds: list[str]) -> Test:
    first, last = bounds[0].casefold(), bounds[-1].casefold()
    if last < first:
        return lambda facts: (value := facts[variable]) is not None and (value >= first or value <= last)
    tests: dict[str, Test] = {
        "before": lambda facts: (value := facts[variable]) is not None and value < first,
        "after": lambda facts: (value := facts[variable]) is not None and value > first,
        "between": lambda facts: (value := facts[variable]) is not None and first <= value <= last,
    }
    return tests[kind]


def _plain(variable: str, operands: list[list[str]], *, wanted: bool) -> Test:
    """Test one text against texts and patterns; what is usual has a function of its own, for speed."""
    texts = frozenset(text.casefold() for kind, text in operands if kind == "text")
    likes = tuple(_like(text) for kind, text in operands if kind == "like")
    if len(operands) == 1:
        return _single(variable, *operands[0], wanted=wanted)
    if not likes and wanted:
        return lambda facts: facts[variable] in texts

    def test(facts: Facts) -> bool:
        value = facts[variable]
        return value is not None and (value in texts or any(like(value) for like in likes)) is wanted

    return test


def _single(variable: str, kind: str, text: str, *, wanted: bool) -> Test:
    text = text.casefold()
    core = text.strip("*")
    if kind == "like" and text.startswith("*") and text.endswith("*"):
        return lambda facts: (value := facts[variable]) is not None and (core in value) is wanted
    if kind == "like" and text.startswith("*"):
        return lambda facts: (value := facts[variable]) is not None and value.endswith(core) is wanted
    if kind == "like" and text.endswith("*"):
        return lambda facts: (value := facts[variable]) is not None and value.startswith(core) is wanted
    return lambda facts: (value := facts[variable]) is not None and (value == text) is wanted


def _like(pattern: str) -> _Match:
    """Match a text to a pattern with * at its begin, its end, or both."""
    pattern = pattern.casefold()
    core = pattern.strip("*")
    if pattern.startswith("*") and pattern.endswith("*"):
        return lambda text: core in text
    if pattern.startswith("*"):
        return lambda text: text.endswith(core)
    if pattern.endswith("*"):
        return lambda text: text.startswith(core)
    return lambda text: text == core


def _general(variable: str, operands: list[list[str]], *, wanted: bool) -> Test:
    """Test one text, or a list of them, against texts, patterns and other variables."""
    texts = frozenset(text.casefold() for kind, text in operands if kind == "text")
    likes = tuple(_like(text) for kind, text in operands if kind == "like")
    others = tuple(text for kind, text in operands if kind == "var")

    def test(facts: Facts) -> bool:
        values = _values(facts[variable])
        rest = [_values(facts[other]) for other in others]
        if values is None or None in rest:
            return False
        found = any(value in texts or any(like(value) for like in likes) for value in values)
        return (found or any(values & other for other in rest if other)) is wanted

    return test


def _values(value: str | frozenset[str] | None) -> frozenset[str] | None:
    return frozenset({value}) if isinstance(value, str) else value
