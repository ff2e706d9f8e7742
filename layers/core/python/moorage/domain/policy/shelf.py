"""Statements that grant one thing to one subject at one place, shelved by what their conditions ask for first.

A condition that can only hold where a variable has a certain text, or one that begins, ends or has it within, or is
between two, is looked at in no other request: a statement for each of a thousand repositories costs a decision no more
than the right one. Of the conditions that can hold anywhere, what several ask is asked once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from moorage.domain.policy.conditions import Facts, Test, holds
from moorage.domain.policy.keys import BEGIN, SPAN, WHOLE, WITHIN, Key, keys_of
from moorage.domain.policy.statement import Statement


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
    spans: list[tuple[str, str, Attached]] = field(default_factory=list)

    def add(self, key: Key, attached: Attached) -> None:
        """Shelve a statement."""
        text = key.text
        if key.how == SPAN:
            self.spans.append((text, key.stop, attached))
            return
        if key.how == WITHIN or not text:
            self.within.append((text, attached))
            return
        by_length = self.begins if key.how == BEGIN else self.ends
        texts = self.whole if key.how == WHOLE else by_length.setdefault(len(text), {})
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
        for text, stop, attached in self.spans:
            if text <= value < stop:
                yield attached


@dataclass(slots=True)
class Shared:
    """What is left to test after the same tests have held, and the statement that then grants."""

    attached: Attached | None = None
    branches: dict[str, tuple[Test, "Shared"]] = field(default_factory=dict)  # by the condition's text

    def add(self, conditions: Iterable[list[Any]], attached: Attached) -> None:
        """Add a statement, behind each of the conditions that have to hold."""
        node = self
        for condition in conditions:
            name = repr(condition)
            if name not in node.branches:
                node.branches[name] = holds(condition), Shared()
            node = node.branches[name][1]
        node.attached = node.attached or attached

    def find(self, facts: Facts) -> Attached | None:
        """Return a statement whose conditions hold."""
        if self.attached:
            return self.attached
        for test, rest in self.branches.values():
            if test(facts) and (found := rest.find(facts)):
                return found
        return None


@dataclass(slots=True)
class Shelf:
    """The statements, by what their conditions ask for."""

    always: list[Attached] = field(default_factory=list)
    texts: dict[str, Texts] = field(default_factory=dict)  # by variable
    others: Shared = field(default_factory=Shared)

    def find(self, facts: Facts) -> Attached | None:
        """Return a statement whose condition holds."""
        if self.always:
            return self.always[0]
        for attached in self._candidates(facts):
            if attached.holds(facts):
                return attached
        return self.others.find(facts)

    def _candidates(self, facts: Facts) -> Iterator[Attached]:
        for variable, texts in self.texts.items():
            value = facts[variable]
            for each in (value,) if isinstance(value, str) else value or ():
                yield from texts.find(each)


def shelve(statements: Iterable[tuple[str, Statement]]) -> Shelf:
    """Shelve statements, each with the id of its policy."""
    shelf = Shelf()
    others: list[tuple[list[Any], Attached]] = []
    for policy_id, statement in statements:
        attached = Attached(policy_id, statement)
        condition = statement.condition
        if not condition:
            shelf.always.append(attached)
        elif (keys := keys_of(condition)) is None:
            others.append((condition[1:] if condition[0] == "all" else [condition], attached))
        else:
            for key in keys:
                shelf.texts.setdefault(key.variable, Texts()).add(key, attached)
    asked = Counter(repr(condition) for conditions, _ in others for condition in conditions)
    for conditions, attached in others:
        shelf.others.add(sorted(conditions, key=lambda each: -asked[repr(each)]), attached)  # what most ask comes first
    return shelf
