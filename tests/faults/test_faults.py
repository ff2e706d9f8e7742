"""Each call to AWS of each request meets each fault: the answer is right, or says "later"; nothing is half-written."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from tests.faults.requests import READS, SECOND, SWEEP, WRITES, Make, Request, cases
from tests.faults.wire import INTERNALS, PLAIN, Fault, broken_body, keys_not_deleted, kinds
from tests.faults.world import World
from tests.routes.registry import Answer

from moorage.domain.errors import Unavailable
from moorage.domain.upload import WRITER_LIFE

UNREPEATED = (broken_body, keys_not_deleted)  # botocore sees nothing wrong: the whole request is sent again
ATTEMPTS = 4  # at one call
CALLS = 5  # that a request still makes when storage is out: one more part or two, a look, what it staged, the claim


@dataclass
class Clean:
    """A request, in the world that it is sent to, and what comes of it when nothing fails."""

    request: Request
    saved: bytes
    answer: Answer
    result: tuple[object, ...]
    operations: list[str]


def clean(world: World, make: Make) -> Clean:
    """Find out once what a request comes to."""
    if make not in world.known:
        request = make(world)
        world.registry.clock.advance(SECOND)
        saved = world.save()
        world.restore(saved)
        answer = begin(world, request)
        operations = world.wire.operations
        request.then()
        world.known[make] = Clean(request, saved, answer, world.result(), operations)
    return world.known[make]


def begin(world: World, request: Request, fault: Fault | None = None) -> Answer:
    request.prepare()
    world.wire.begin(fault)
    try:
        return request.send()
    except Unavailable:  # a sweep has nobody to tell
        return Answer(503, {"retry-after": "2"}, b"")
    finally:
        world.wire.fault = None


def faults(operations: list[str], met: Counter[Any], *durations: str) -> list[Fault]:
    """Return what each call meets: whatever is its own, and of the plain refusals the one it has met least.

    They differ in words only. So each operation meets each of them, and not at each place of each request.
    """
    chosen: list[Fault] = []
    for place, operation in enumerate(operations):
        plain = [kind for kind in kinds(operation) if kind in PLAIN]
        own = [kind for kind in kinds(operation) if kind not in PLAIN]
        for kind in (min(plain, key=lambda kind: met[operation, kind, durations]), *own):
            met[operation, kind, durations] += 1
            chosen.append(Fault(kind, place, durations[met[operation, kind, durations] % len(durations)]))
    return chosen


@pytest.fixture(scope="module")
def met() -> Counter[Any]:
    """Which operation has met which kind of fault how often."""
    return Counter()


@pytest.mark.parametrize("make", cases(READS, WRITES, SWEEP))
def test_a_fault_that_passes_is_not_noticed(world: World, met: Counter[Any], subtests: Any, make: Make) -> None:
    known = clean(world, make)
    request, answer, operations = known.request, known.answer, known.operations

    for fault in faults(operations, met, "once"):
        with subtests.test(fault.kind.__name__, call=f"{fault.place}: {operations[fault.place]}"):
            world.restore(known.saved)
            told = begin(world, request, fault)
            world.check()
            if told.status == 503 and fault.kind in UNREPEATED:
                continue
            assert answer.status == told.status, told.body
            request.then()
            assert known.result == world.result()


@pytest.mark.parametrize("make", cases(READS, WRITES, SWEEP))
def test_a_fault_that_stays_is_told_as_later(world: World, met: Counter[Any], subtests: Any, make: Make) -> None:
    known = clean(world, make)
    request, answer, operations = known.request, known.answer, known.operations

    for fault in faults(operations, met, "call", "outage"):
        with subtests.test(fault.kind.__name__, call=f"{fault.place}: {operations[fault.place]}"):
            world.restore(known.saved)
            told = begin(world, request, fault)
            calls = world.wire.calls
            world.check()
            assert told.status in {answer.status, 503, *request.over}, told.body
            if told.status == 503:
                assert int(told.headers["retry-after"]) > 0
            assert INTERNALS.encode() not in told.body
            assert ATTEMPTS >= max(call.attempts for call in calls)
            assert ATTEMPTS * CALLS >= fault.hit
            world.registry.clock.advance(2 * WRITER_LIFE)
            repeat = begin(world, request)
            assert repeat.status in {answer.status, *request.over}, repeat.body
            request.then()
            assert known.result[:-1] == world.result()[:-1]  # a wrong password that is sent again is another guess
