"""The statements of a tenancy by whom they are about and what they grant, so that a decision looks at few of them.

Made once for each `Tenancy`, and kept with it; of each permission that is asked for only when it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from moorage.domain.access import Principal, PrincipalKind
from moorage.domain.policy.matching import Machine, Matches, matches, read_rule
from moorage.domain.policy.shelf import Shelf, shelve
from moorage.domain.policy.statement import Statement, SubjectKind
from moorage.domain.tenancy import Tenancy

_KEPT = "_policy_index"
_MACHINES = 1000  # whose dynamic groups are remembered


Subject = tuple[SubjectKind, str]
ByLocation = Mapping[str, Shelf]


@dataclass
class Index:
    """What is known of one tenancy."""

    statements: dict[Subject, list[tuple[str, Statement]]] = field(default_factory=dict)
    rules: dict[str, Matches] = field(default_factory=dict)
    chosen: dict[tuple[Subject, str], ByLocation] = field(default_factory=dict)
    machines: dict[str, tuple[Subject, ...]] = field(default_factory=dict)

    def grants(self, subject: Subject, permission: str) -> ByLocation:
        """Return the statements that grant the permission to the subject, by location."""
        found = self.chosen.get((subject, permission))
        if found is None:
            found = self.chosen[subject, permission] = self._choose(subject, permission)
        return found

    def subjects(self, tenancy: Tenancy, principal: Principal) -> Iterator[Subject]:
        """Yield all that statements can call the principal."""
        yield SubjectKind.ANY_USER, ""
        if principal.kind == PrincipalKind.MACHINE:
            yield from self._dynamic_groups(tenancy, principal.id or "")
        elif principal.groups:
            yield SubjectKind.ANY_GROUP, ""
            for group in principal.groups:
                yield SubjectKind.GROUP, group

    def _choose(self, subject: Subject, permission: str) -> ByLocation:
        chosen: dict[str, list[tuple[str, Statement]]] = {}
        for policy_id, statement in self.statements.get(subject, ()):
            if permission in statement.permissions:
                chosen.setdefault(statement.location, []).append((policy_id, statement))
        return {location: shelve(statements) for location, statements in chosen.items()}

    def _dynamic_groups(self, tenancy: Tenancy, machine_id: str) -> tuple[Subject, ...]:
        if machine_id not in self.machines:
            if len(self.machines) >= _MACHINES:
                self.machines.clear()
            machine = Machine(machine_id, tenancy.id)
            self.machines[machine_id] = tuple(
                (SubjectKind.DYNAMIC_GROUP, group) for group, rule in self.rules.items() if rule(machine)
            )
        return self.machines[machine_id]


def index_of(tenancy: Tenancy) -> Index:
    """Return the index of a tenancy."""
    kept = vars(tenancy)
    if _KEPT not in kept:
        kept[_KEPT] = _make(tenancy)
    index: Index = kept[_KEPT]
    return index


def _make(tenancy: Tenancy) -> Index:
    """Sort the statements; one outside the subtree that its policy is attached to, as that is now, grants nothing."""
    index = Index()
    below: dict[tuple[str, str], bool] = {}
    for policy_id, policy in tenancy.policies.items():
        for statement in policy.statements:
            place = (statement.location, policy.compartment_id)
            if place not in below:
                below[place] = policy.compartment_id in tenancy.ancestors(statement.location)
            if below[place]:
                for subject in statement.subjects or ("",):
                    index.statements.setdefault((statement.kind, subject), []).append((policy_id, statement))
    for group_id, group in tenancy.dynamic_groups.items():
        index.rules[group_id] = matches(read_rule(group.matching_rule))
    return index
