"""Stores that tell of every call, and a scheduler that decides which of two operations makes the next one."""

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, fields, replace
from functools import wraps
from itertools import combinations
from threading import Lock as Baton
from threading import Thread, current_thread
from typing import Any

from moorage.domain.errors import RegistryError
from moorage.stores.base import Stores

STORES = ("repositories", "links", "bytes", "uploads", "objects", "manifests", "images")
SECONDS = 20  # after which a step that does not come is a deadlock

Around = Callable[[str, Callable[[], Any]], Any]  # name of the call, the call itself


class Through:
    """A store whose every call goes through `around`."""

    def __init__(self, store: Any, name: str, around: Around) -> None:
        self._store = store
        self._name = name
        self._around = around

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            return self._around(f"{self._name}.{name}", lambda: method(*args, **kwargs))

        return call


def through(stores: Stores, around: Around) -> Stores:
    """Return the same stores, each call of which goes through `around`."""
    wrapped: dict[str, Any] = {name: Through(getattr(stores, name), name, around) for name in STORES}
    return replace(stores, **wrapped)


def trace(stores: Stores, operation: Callable[[Stores], object]) -> list[str]:
    """Run an operation and return the calls that it made."""
    calls: list[str] = []

    def noted(name: str, call: Callable[[], Any]) -> Any:
        calls.append(name)
        return call()

    operation(through(stores, noted))
    return calls


@dataclass
class Outcome:
    """What an operation came to: an answer, or a refusal."""

    answer: object = None
    refusal: RegistryError | None = None

    @property
    def done(self) -> bool:
        return self.refusal is None


class _Worker:
    """One operation in a thread that runs only while it is told to."""

    def __init__(self, stores: Stores, operation: Callable[[Stores], object]) -> None:
        self.outcome = Outcome()
        self.ended = False
        self.failure: BaseException | None = None
        self._go, self._paused = Baton(), Baton()
        self._go.acquire()
        self._paused.acquire()
        self._thread = Thread(target=self._run, args=(through(stores, self._pause), operation), daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Run up to the next call, that one included."""
        self._go.release()
        assert self._paused.acquire(timeout=SECONDS), "an operation waits for something that cannot come"
        if self.failure:
            raise self.failure

    def _pause(self, _: str, call: Callable[[], Any]) -> Any:
        if current_thread() is self._thread:
            self._wait()
        return call()

    def _wait(self) -> None:
        self._paused.release()
        self._go.acquire()

    def _run(self, stores: Stores, operation: Callable[[Stores], object]) -> None:
        self._go.acquire()
        try:
            self.outcome.answer = operation(stores)
        except RegistryError as error:
            self.outcome.refusal = error
        except BaseException as error:  # noqa: BLE001 - it is raised again where the test can see it
            self.failure = error
        self.ended = True
        self._paused.release()


def interleave(
    stores: Stores, operations: Sequence[Callable[[Stores], object]], turns: Sequence[int], between: Callable[[], None]
) -> tuple[list[Outcome], int]:
    """Run operations a call at a time; `turns` are the steps before which another one goes on.

    `between` is called after each step. Returns the outcomes and the number of steps.
    """
    workers = [_Worker(stores, operation) for operation in operations]
    current, steps = 0, 0
    while not all(worker.ended for worker in workers):
        if steps in turns or workers[current].ended:
            running = [place for place in range(len(workers)) if not workers[place].ended and place != current]
            current = running[0] if running else current
        workers[current].step()
        steps += 1
        between()
    return [worker.outcome for worker in workers], steps


def schedules(steps: int, most: int, *, seed: int = 0) -> Iterator[tuple[int, ...]]:
    """Yield the places of up to three switches: all of them, or as many as asked for, drawn evenly."""
    everything = [turns for count in range(4) for turns in combinations(range(steps), count)]
    dice = random.Random(seed)  # noqa: S311 - the same schedules in every run
    yield from everything if len(everything) <= most else dice.sample(everything, most)


class Inline:
    """An executor that runs what it is given at once: parts then go in an order that can be repeated."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def submit(self, function: Callable[..., Any], *args: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future

    def shutdown(self, **_: object) -> None: ...


def copy_rows(source: Any, target: Any) -> None:
    """Make the rows of one set of memory stores those of another."""
    for row in fields(source):
        value = getattr(source, row.name)
        if isinstance(value, dict | set | list):
            setattr(target, row.name, value.copy())
