"""A process that ends before or after any call to AWS: the request, sent again to another one, succeeds."""

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from tests.faults.requests import SWEEP, WRITES, Make, cases
from tests.faults.test_faults import begin, clean
from tests.faults.wire import Attempt, Call
from tests.faults.world import World

from moorage.domain.upload import WRITER_LIFE


class Killed(BaseException):
    """Nothing catches it; and nothing that would clean up reaches AWS any more."""


@dataclass
class Death:
    """The end of a process at one call."""

    place: int
    applied: bool

    def hits(self, call: Call) -> bool:
        return call.number >= self.place

    def kind(self, attempt: Attempt) -> AWSResponse:
        if self.applied and attempt.call.number == self.place:
            attempt.apply()
        raise Killed


@pytest.mark.parametrize("applied", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("make", cases(WRITES, SWEEP))
def test_the_request_sent_again_succeeds(world: World, subtests: Any, make: Make, applied: bool) -> None:
    """
    Nothing is counted twice, and whatever was left lies where a sweep looks.
    """
    known = clean(world, make)
    request, answer, operations = known.request, known.answer, known.operations

    for place, operation in enumerate(operations):
        with subtests.test(call=f"{place}: {operation}"):
            world.restore(known.saved)
            with pytest.raises(Killed):
                begin(world, request, Death(place, applied))
            world.check()
            world.forget()
            world.registry.clock.advance(2 * WRITER_LIFE)
            repeat = begin(world, request)

            assert repeat.status in {answer.status, *request.over}, repeat.body
            request.then()
            assert known.result == world.result()
            world.check_nothing_dangles()
