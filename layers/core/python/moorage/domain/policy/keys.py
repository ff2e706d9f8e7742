"""What must be so for a condition to hold: texts, or spans of them, that a variable has to have.

They are what statements are shelved by. A condition that has none of them, such as one with `!=`, can hold anywhere.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, NamedTuple

from moorage.domain.policy.variables import ORDERED

WHOLE, BEGIN, END, WITHIN = "whole", "begin", "end", "within"  # what of the variable the text is
SPAN = "span"  # the variable is not before the text, and before `stop`

_LAST = chr(0x10FFFF)  # after every moment
_HOW: Mapping[tuple[bool, bool], str] = {
    (False, False): WHOLE,
    (False, True): BEGIN,
    (True, False): END,
    (True, True): WITHIN,
}
_COMMON = ORDERED | {"request.permission", "request.operation", "request.principal.type"}  # tell few statements apart


class Key(NamedTuple):
    """A variable, and what it has to be."""

    variable: str
    how: str
    text: str
    stop: str = ""


def keys_of(condition: list[Any]) -> frozenset[Key] | None:
    """Return keys of which one must be so for the condition to hold, none when it never does; None for any request."""
    kind, *parts = condition
    if kind == "all":
        return max(_together(found for part in parts if (found := keys_of(part))), key=_rank, default=None)
    if kind == "any":
        return _union(keys_of(part) for part in parts)
    if kind in {"=", "in"}:
        return _union(_key(parts[0], operand) for operand in parts[1:])
    return None if kind == "!=" else _spans(kind, parts[0], *(text.casefold() for text in parts[1:]))


def _key(variable: str, operand: list[str]) -> frozenset[Key] | None:
    kind, text = operand
    if kind == "var":
        return None
    folded = text.casefold()
    how = _HOW[folded.startswith("*"), folded.endswith("*")] if kind == "like" else WHOLE
    return frozenset({Key(variable, how, folded.strip("*") if kind == "like" else folded)})


def _spans(kind: str, variable: str, first: str, last: str = "") -> frozenset[Key]:
    """Return where a value is before, after or between; over midnight that is in two spans."""
    if kind == "before":
        return frozenset({Key(variable, SPAN, "", first)})
    if kind == "after":
        return frozenset({Key(variable, SPAN, _next(first), _LAST)})
    if first <= last:
        return frozenset({Key(variable, SPAN, first, _next(last))})
    return frozenset({Key(variable, SPAN, first, _LAST), Key(variable, SPAN, "", _next(last))})


def _next(text: str) -> str:
    """Return the first text after this one."""
    return text + "\0"


def _together(found: Iterable[frozenset[Key]]) -> list[frozenset[Key]]:
    """Make one of those that are spans of one variable: all of them are to hold, so it is where they overlap."""
    spans: dict[str, list[frozenset[Key]]] = {}
    rest: list[frozenset[Key]] = []
    for keys in found:
        variable = next(iter(keys)).variable
        is_span = all(key.how == SPAN and key.variable == variable for key in keys)
        (spans.setdefault(variable, []) if is_span else rest).append(keys)
    return rest + [reduce(_overlap, each) for each in spans.values()]


def _overlap(these: frozenset[Key], those: frozenset[Key]) -> frozenset[Key]:
    """Return where a value is in one of these and in one of those: nowhere, when they do not meet."""
    meeting = (
        Key(one.variable, SPAN, max(one.text, other.text), min(one.stop, other.stop))
        for one in these
        for other in those
    )
    return frozenset(key for key in meeting if key.text < key.stop)


def _union(found: Iterable[frozenset[Key] | None]) -> frozenset[Key] | None:
    keys: set[Key] = set()
    for each in found:
        if each is None:
            return None
        keys |= each
    return frozenset(keys)


def _rank(keys: frozenset[Key]) -> tuple[int, int, int]:
    """Prefer the keys that few statements share: those of targets to those of requests, short lists, found at once."""
    worst = min(
        (2 if key.variable.startswith("target.") else 0 if key.variable in _COMMON else 1 for key in keys), default=2
    )
    return worst, -len(keys), -sum(key.how in {WITHIN, SPAN} for key in keys)
