"""Whether a principal may: the one place that decides, for both planes (ocir.md 5.2).

Denied, unless a statement grants it: one whose subject the principal is, whose location is the target's compartment or
above it, and within the compartment that its policy is attached to, as the tree is now; and whose condition holds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from moorage.domain.policy.asking import Asking, Target
from moorage.domain.policy.facts import Facts
from moorage.domain.policy.index import index_of
from moorage.domain.policy.statement import Statement
from moorage.domain.tenancy import Tenancy

__all__ = ["Asking", "Decision", "Target", "allowed", "decide"]


@dataclass(frozen=True)
class Decision:
    """The answer, and the statement that grants it."""

    granted: bool
    statement: Statement | None = None
    policy_id: str | None = None


DENIED = Decision(granted=False)


def decide(tenancy: Tenancy, asking: Asking, permission: str, target: Target) -> Decision:
    """Say whether the principal has the permission on the target, and by which statement."""
    if asking.principal.anonymous:
        return DENIED
    index = index_of(tenancy)
    places = tuple(tenancy.ancestors(target.compartment_id))
    facts = Facts(tenancy, asking, permission, target)
    for subject in index.subjects(tenancy, asking.principal):
        grants = index.grants(subject, permission)
        for place in places if grants else ():
            found = grants[place].find(facts) if place in grants else None
            if found:
                return Decision(granted=True, statement=found.statement, policy_id=found.policy_id)
    return DENIED


def allowed(tenancy: Tenancy, asking: Asking, permissions: Iterable[str], target: Target) -> bool:
    """Say whether the principal has all of the permissions on the target."""
    return all(decide(tenancy, asking, permission, target).granted for permission in permissions)
