"""Statements that grant one thing to one subject at one place, shelved by what their conditions ask for first.

A condition that can only hold where a variable has a certain text, or one that begins, ends or has it within, is looked
at in no other request: a statement for each of a thousand repositories costs a decision no more than the right one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moorage.domain.policy.conditions import Facts, Test, holds
from moorage.domain.policy.statement import Statement

WHOLE, BEGIN, END, WITHIN = "whole", "begin", "end", "within"  # what of the variable the text is

Key = tuple[str, str, str]  # variable, one of these, text
_COMMON = ("request.permission", "request.operation", "request.principal.type")  # they tell few statements apart


@dataclass(slots=True)
class Attached:
    """A statement, and the policy that it is in."""

    policy_id: str
    statement: Statement
    test: Test | None = None

    def holds(self, facts: Facts) -> bool:
        """Whether its condition does; made into a function when that is first asked."""
        if self.test is None:
            self.test = holds(self.statement.condition)
        return self.test(facts)


@dataclass(slots=True)
class Texts:
    """The statements that ask for texts of one variable."""

    whole: dict[str, list[Attached]] = field(default_factory=dict)
    begins: dict[int, dict[str, list[Attached]]] = field(default_factory=dict)  # by length
    ends: dict[int, dict[str, list[Attached]]] = field(default_factory=dict)  # by length
    within: list[tuple[str, Attached]] = field(default_factory=list)

    def add(self, how: str, text: str, attached: Attached) -> None:
        """Shelve a statement."""
        if how == WITHIN or not text:
            self.within.append((text, attached))
            return
        by_length = self.begins if how == BEGIN else self.ends
        texts = self.whole if how == WHOLE else by_length.setdefault(len(text), {})
        texts.setdefault(text, []).append(attached)

    def find(self, value: str) -> Iterator[Attached]:
        """Yield those that a value may satisfy."""
        yield from self.whole.get(value, ())
        for length, texts in self.begins.items():
            yield from texts.get(value[:length], ())
        for length, texts in self.ends.items():
            yield from texts.get(value[-length:], ())
        for text, attached in self.within:
            if text in value:
                yield attached


@dataclass(slots=True)
class Shelf:
    """The statements, by what their conditions ask for."""

    always: list[Attached] = field(default_factory=list)
    texts: dict[str, Texts] = field(default_factory=dict)  # by variable
    others: list[tuple[Test, tuple[Test, ...], Attached]] = field(default_factory=list)  # first test, all that follow

    def add(self, policy_id: str, statement: Statement) -> None:
        """Shelve a statement."""
        attached = Attached(policy_id, statement)
        condition = statement.condition
        if not condition:
            self.always.append(attached)
            return
        keys = _keys(condition)
        for variable, how, text in keys or ():
            self.texts.setdefault(variable, Texts()).add(how, text, attached)
        if keys is None:
            tests = [holds(each) for each in (condition[1:] if condition[0] == "all" else [condition])]
            self.others.append((tests[0], tuple(tests[1:]), attached))

    def find(self, facts: Facts) -> Attached | None:
        """Return a statement whose condition holds."""
        if self.always:
            return self.always[0]
        for attached in self._candidates(facts):
            if attached.holds(facts):
                return attached
        for first, rest, attached in self.others:
            if first(facts):  # most fail here: one call each
                for test in rest:
                    if not test(facts):
                        break
                else:
                    return attached
        return None

    def _candidates(self, facts: Facts) -> Iterator[Attached]:
        for variable, texts in self.texts.items():
            value = facts[variable]
            for each in (value,) if isinstance(value, str) else value or ():
                yield from texts.find(each)


def _keys(condition: list[Any]) -> frozenset[Key] | None:
    """Return keys of which one must be so for the condition to hold; None when it has no such."""
    kind, *parts = condition
    if kind == "all":
        return max((found for part in parts if (found := _keys(part))), key=_rank, default=None)
    if kind == "any":
        return _union(_keys(part) for part in parts)
    if kind in {"=", "in"}:
        return _union(_key(parts[0], operand) for operand in parts[1:])
    return None


def _key(variable: str, operand: list[str]) -> frozenset[Key] | None:
    kind, text = operand
    if kind == "var":
        return None
    folded = text.casefold()
    how = _HOW[folded.startswith("*"), folded.endswith("*")] if kind == "like" else WHOLE
    return frozenset({(variable, how, folded.strip("*") if kind == "like" else folded)})


_HOW: Mapping[tuple[bool, bool], str] = {
    (False, False): WHOLE,
    (False, True): BEGIN,
    (True, False): END,
    (True, True): WITHIN,
}


def _union(found: Iterable[frozenset[Key] | None]) -> frozenset[Key] | None:
    keys: set[Key] = set()
    for each in found:
        if each is None:
            return None
        keys |= each
    return frozenset(keys)


def _rank(keys: frozenset[Key]) -> tuple[int, int, int]:
    """Prefer the keys that few statements share: those of targets to those of requests, short lists, found at once."""
    worst = min(2 if key[0].startswith("target.") else 0 if key[0] in _COMMON else 1 for key in keys)
    return worst, -len(keys), -sum(key[1] == WITHIN for key in keys)
