"""CPU time of one decision by policy, and how it grows with the statements.

`measure() -> Part`.
"""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from tests.bench.figures import Figure, Part, table

from moorage.domain.access import Principal
from moorage.domain.ocid import Kind, make_ocid, tenancy_ocid
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.policy.decision import Asking, Target, decide
from moorage.domain.policy.statement import from_json, to_json
from moorage.domain.tenancy import CompartmentNode, PolicyNode, Tenancy

REACH = 200.0  # microseconds, 500 statements
SIZES = (50, 500, 5_000)
PER_POLICY = 50
CALLS = 300
FEW = 30  # of what takes long

ROOT = tenancy_ocid("moorage")
PLACE = make_ocid(Kind.COMPARTMENT, "place")
GROUP = make_ocid(Kind.GROUP, "developers")

# Worst: every statement is about the caller, grants the permission, holds for the place, and has a condition that no
# index helps with, of which both tests are looked at. Usual: the same, with a condition on how the name begins.
WORST = (
    "Allow group developers to manage repos in tenancy where all "
    "{{request.utc-timestamp after '2020-01-01Z', request.utc-timestamp before '2021-01-01T{hour:02}:{minute:02}Z'}}"
)
USUAL = "Allow group developers to manage repos in tenancy where target.repo.name = /team-{i}/*/"


def measure() -> Part:
    """Decide again and again; the least counts."""
    worst = {size: _tenancy(size, _worst) for size in SIZES}
    usual = {size: _tenancy(size, _usual) for size in SIZES}
    again = {size: _cpu(partial(_decide, worst[size], granted=False)) for size in SIZES}
    rows = [
        [
            f"{size:,}",
            f"{again[size]:.0f}",
            f"{_cpu(partial(_decide, usual[size], granted=True, team=size - 1)):.0f}",
            f"{_cpu(lambda tenancy=worst[size]: _decide(replace(tenancy), granted=False), FEW):,.0f}",
            f"{_cpu(partial(_load, _stored(worst[size])), FEW):,.0f}",
        ]
        for size in SIZES
    ]
    growth = (again[5_000] - again[500]) / 4_500
    figure = Figure(
        "policy decision, 500 statements that all match and have conditions, CPU",
        "-",
        f"{REACH:.0f} us",
        f"{again[500]:.0f} us; {growth:.2f} us for each statement more",
        again[500] <= REACH,
    )
    section = (
        "## Decisions\n\n"
        f"CPU microseconds of one decision by policy, least of {CALLS} calls. Every statement is about the\n"
        "caller, grants the permission and holds for the compartment. Worst: each has a condition of two tests of\n"
        "the time, both are looked at and the second is false, and no index helps: "
        f"{growth:.2f} us a statement. Usual: each is\n"
        "for the repositories whose name begins with some text, and the last one grants; an index finds it among any\n"
        "number. The first decision after a tenancy was read makes that index; to read is to unpack the JSON.\n\n"
        f"{table(['statements', 'worst', 'usual', 'worst, the first one', 'read before that'], rows)}"
    )
    return Part([figure], section)


def _worst(number: int) -> str:
    return WORST.format(hour=number // 60 % 24, minute=number % 60)


def _usual(number: int) -> str:
    return USUAL.format(i=number)


def _tenancy(size: int, write: Callable[[int], str]) -> Tenancy:
    """Make a tenancy of so many statements."""
    groups = {GROUP: "developers", make_ocid(Kind.GROUP, "others"): "others"}
    tenancy = Tenancy(ROOT, compartments={PLACE: CompartmentNode(ROOT, "place")}, groups=groups)
    statements = compile_policy(tenancy, ROOT, [write(number) for number in range(size)])
    policies = {
        f"policy-{start}": PolicyNode(ROOT, f"policy-{start}", statements[start : start + PER_POLICY])
        for start in range(0, size, PER_POLICY)
    }
    return replace(tenancy, policies=policies)


def _decide(tenancy: Tenancy, *, granted: bool, team: int = -1) -> None:
    principal = Principal("user", "ana", groups=frozenset({GROUP}))
    asking = Asking(principal, "GetContainerRepository", "192.0.2.1", datetime(2026, 1, 1, tzinfo=UTC))
    target = Target(PLACE, {"target.repo.name": f"team-{team}/app"})
    if decide(tenancy, asking, "REPOSITORY_READ", target).granted is not granted:
        raise ValueError("the decision is not what it should be")


def _stored(tenancy: Tenancy) -> str:
    return json.dumps([to_json(one) for policy in tenancy.policies.values() for one in policy.statements])


def _load(stored: str) -> None:
    for one in json.loads(stored):
        from_json(one)


def _cpu(work: Callable[[], None], calls: int = CALLS) -> float:
    """Return microseconds of one call, the least of so many: what else the machine does is no cost of the work."""
    found = []
    for _ in range(calls):
        started = time.process_time_ns()
        work()
        found.append((time.process_time_ns() - started) / 1_000)
    return min(found)
