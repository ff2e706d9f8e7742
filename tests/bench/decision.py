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

# In all three every statement is about the caller, grants the permission and holds for the place. TIMES: both tests of
# its condition have to be looked at. UNLIKE: no index helps with them either, and no two statements have one in common;
# none of the texts is in the caller's id, all of them are in the name. USUAL: how the name begins.
TIMES = (
    "Allow group developers to manage repos in tenancy where all "
    "{{request.utc-timestamp after '2020-01-01Z', request.utc-timestamp before '2021-01-01T{hour:02}:{minute:02}Z'}}"
)
UNLIKE = (
    "Allow group developers to manage repos in tenancy where all "
    "{{request.user.id != 'user-{number}', target.repo.name != /*{text}*/}}"
)
USUAL = "Allow group developers to manage repos in tenancy where target.repo.name = /team-{number}/*/"
NAME = "".join(f"{number:03x}" for number in range(80))  # of 240 characters


def measure() -> Part:
    """Decide again and again; the least counts."""
    times = {size: _tenancy(size, _times) for size in SIZES}
    unlike = {size: _tenancy(size, _unlike) for size in SIZES}
    usual = {size: _tenancy(size, _usual) for size in SIZES}
    again = {size: _cpu(partial(_decide, times[size], granted=False)) for size in SIZES}
    no_help = {size: _cpu(partial(_decide, unlike[size], granted=False)) for size in SIZES}
    rows = [
        [
            f"{size:,}",
            f"{again[size]:.0f}",
            f"{no_help[size]:.0f}",
            f"{_cpu(partial(_decide, usual[size], granted=True, name=f'team-{size - 1}/app')):.0f}",
            f"{_cpu(lambda tenancy=times[size]: _decide(replace(tenancy), granted=False), FEW):,.0f}",
            f"{_cpu(partial(_load, _stored(times[size])), FEW):,.0f}",
        ]
        for size in SIZES
    ]
    growth = {kind: (found[5_000] - found[500]) / 4_500 for kind, found in (("times", again), ("unlike", no_help))}
    figure = Figure(
        "policy decision, 500 statements that all match and have conditions, CPU",
        "-",
        f"{REACH:.0f} us",
        f"{again[500]:.0f} us; {growth['times']:.2f} us for each statement more",
        again[500] <= REACH,
    )
    section = (
        "## Decisions\n\n"
        f"CPU microseconds of one decision by policy, least of {CALLS} calls. Every statement is about the\n"
        "caller, grants the permission and holds for the compartment. Times: each has a condition of two times that\n"
        "the request has to be between, and none is; "
        f"{growth['times']:.2f} us a statement. Unlike: each has two tests with `!=` that no\n"
        "other statement has, the first holds and the second does not, so that nothing can be left out; "
        f"{growth['unlike']:.2f} us a\n"
        "statement. Usual: each is for the repositories whose name begins with some text, and the last one grants; an\n"
        "index finds it among any number. The first decision after a tenancy was read makes that index; to read is to\n"
        "unpack the JSON.\n\n"
        f"{table(['statements', 'times', 'unlike', 'usual', 'times, the first one', 'read before that'], rows)}"
    )
    return Part([figure], section)


def _times(number: int) -> str:
    return TIMES.format(hour=number // 60 % 24, minute=number % 60)


def _unlike(number: int) -> str:
    begin, more = number % 200, number // 200
    return UNLIKE.format(number=number, text=NAME[begin : begin + 4 + more])


def _usual(number: int) -> str:
    return USUAL.format(number=number)


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


def _decide(tenancy: Tenancy, *, granted: bool, name: str = NAME) -> None:
    principal = Principal("user", "ana", groups=frozenset({GROUP}))
    asking = Asking(principal, "GetContainerRepository", "192.0.2.1", datetime(2026, 1, 1, tzinfo=UTC))
    target = Target(PLACE, {"target.repo.name": name})
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
