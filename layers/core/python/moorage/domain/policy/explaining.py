"""Why access is granted, or which statements come close and what each of them lacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moorage.domain.policy.asking import Asking, Target
from moorage.domain.policy.conditions import holds
from moorage.domain.policy.decision import Decision, decide
from moorage.domain.policy.facts import Facts
from moorage.domain.policy.index import index_of
from moorage.domain.policy.statement import Statement, SubjectKind
from moorage.domain.policy.syntax import show_condition
from moorage.domain.tenancy import PolicyNode, Tenancy

NEAREST = 5  # statements that are told of when none grants
TENANCY = "tenancy"  # what statements call the root


@dataclass(frozen=True, slots=True)
class Miss:
    """A statement that does not grant, and each thing that keeps it from that."""

    statement: Statement
    policy_id: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision; when it is no, the statements that come closest, nearest first."""

    decision: Decision
    misses: tuple[Miss, ...] = ()


def explain(tenancy: Tenancy, asking: Asking, permission: str, target: Target) -> Explanation:
    """Decide, and say why."""
    decision = decide(tenancy, asking, permission, target)
    if decision.granted:
        return Explanation(decision)
    facts = Facts(tenancy, asking, permission, target)
    misses = [
        Miss(statement, policy_id, tuple(_reasons(tenancy, policy, statement, asking, target, facts)))
        for policy_id, policy in tenancy.policies.items()
        for statement in policy.statements
    ]
    misses.sort(key=_distance)
    return Explanation(decision, tuple(misses[:NEAREST]))


def _distance(miss: Miss) -> tuple[int, int, int]:
    """Order by how many things a statement lacks, by which, and by how much more than was asked it grants."""
    order = ("condition", "location", "permission", "subject")
    return (
        len(miss.reasons),
        max(order.index(reason.partition(":")[0]) for reason in miss.reasons),
        len(miss.statement.permissions),
    )


def path_of(tenancy: Tenancy, compartment_id: str) -> str:
    """Return the names of a compartment from below the root; its id when it is there no more."""
    if compartment_id == tenancy.id:
        return TENANCY
    names = [tenancy.compartments[each].name for each in tenancy.ancestors(compartment_id) if each != tenancy.id]
    return f"compartment {':'.join(reversed(names)) or compartment_id}"


def _reasons(
    tenancy: Tenancy, policy: PolicyNode, statement: Statement, asking: Asking, target: Target, facts: Facts
) -> Iterator[str]:
    permission = facts["request.permission"]
    subjects = set(index_of(tenancy).subjects(tenancy, asking.principal))
    if not any((statement.kind, each) in subjects for each in statement.subjects or ("",)):
        yield f"subject: it is about {_subjects(tenancy, statement)}, and {asking.principal.name} is not"
    if not any(each.casefold() == permission for each in statement.permissions):
        yield f"permission: it grants {', '.join(sorted(statement.permissions))}"
    if policy.compartment_id not in tenancy.ancestors(statement.location):
        yield (
            f"location: {path_of(tenancy, statement.location)} is no longer below "
            f"{path_of(tenancy, policy.compartment_id)}, where the policy is attached"
        )
    elif statement.location not in tenancy.ancestors(target.compartment_id):
        place = path_of(tenancy, target.compartment_id)
        yield f"location: it holds in {path_of(tenancy, statement.location)}, and {place} is not in that"
    if statement.condition and not holds(statement.condition)(facts):
        yield from (f"condition: {each}" for each in _failures(statement.condition, facts))


def _subjects(tenancy: Tenancy, statement: Statement) -> str:
    dynamic = {key: node.name for key, node in tenancy.dynamic_groups.items()}
    names = {SubjectKind.GROUP: tenancy.groups, SubjectKind.DYNAMIC_GROUP: dynamic}.get(statement.kind, {})
    shown = ", ".join(names.get(each, each) for each in statement.subjects)
    return f"{statement.kind.value} {shown}".rstrip()


def _failures(condition: list[Any], facts: Facts) -> Iterator[str]:
    """Yield the tests that keep a condition from holding, with the values that were compared."""
    kind, *parts = condition
    if kind not in {"all", "any"}:
        yield f"{show_condition(condition)} is not so: {_values(condition, facts)}"
        return
    for part in parts:
        if not holds(part)(facts):
            yield from _failures(part, facts)


def _values(test: list[Any], facts: Facts) -> str:
    _, variable, *operands = test
    others = [text for kind, text in (each for each in operands if isinstance(each, list)) if kind == "var"]
    return ", ".join(_value(each, facts) for each in (variable, *others))


def _value(variable: str, facts: Facts) -> str:
    value = facts[variable]
    if value is None:
        return f"{variable} does not apply to this request"
    shown = value if isinstance(value, str) else f"({', '.join(sorted(value))})"
    return f"{variable} is {shown}"
