"""Scheduled functions run when the template says, locally as well."""

import sys
import threading
from datetime import timedelta
from types import ModuleType

import pytest

from moorage.devserver.schedule import Schedule
from moorage.devserver.template import Function


class Invocations(list):
    """What a function was invoked with; waits until there are enough."""

    def __init__(self):
        super().__init__()
        self._more = threading.Condition()

    def add(self, event, context):
        with self._more:
            self.append((event, context.function_name, context.get_remaining_time_in_millis()))
            self._more.notify_all()

    def wait_for(self, count):
        with self._more:
            assert self._more.wait_for(lambda: len(self) >= count, timeout=10)


@pytest.fixture
def invocations(monkeypatch):
    invocations = Invocations()
    module = ModuleType("scheduled.app")
    module.handler = invocations.add
    monkeypatch.setitem(sys.modules, "scheduled", ModuleType("scheduled"))
    monkeypatch.setitem(sys.modules, "scheduled.app", module)
    return invocations


FUNCTION = Function("scheduled", timedelta(seconds=300), (), (timedelta(milliseconds=10),))


def test_a_scheduled_function_is_invoked_again_and_again(invocations):
    """
    It gets EventBridge's event, and the time that the template gives it.
    """
    with Schedule([FUNCTION]):
        invocations.wait_for(2)
    event, name, left = invocations[0]

    assert ("aws.events", "scheduled", True) == (event["source"], name, 299_000 < left <= 300_000)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_invocation_that_fails_does_not_end_the_schedule(invocations, monkeypatch):
    """
    As in Lambda: the next one comes.
    """

    def fail(event, context):
        invocations.add(event, context)
        raise ValueError("no luck")

    monkeypatch.setattr(sys.modules["scheduled.app"], "handler", fail)
    with Schedule([FUNCTION]):
        invocations.wait_for(3)


def test_nothing_is_invoked_after_the_end(invocations):
    """
    A schedule ends with its block, at once.
    """
    slow = Function("scheduled", timedelta(seconds=300), (), (timedelta(hours=1),))
    with Schedule([slow]):
        pass

    assert [] == invocations
