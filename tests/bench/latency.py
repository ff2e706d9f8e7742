"""The API time of a pull where every call to S3 takes 20 ms more and every call to DynamoDB 5 ms, beside a peer.

A sequential client; the registries take turns, batch by batch, so that what else the machine does meets all of them.
"""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import peer
from tests.bench.backend import running_strict_backend
from tests.bench.client import Client, scope
from tests.bench.exchange import LAYERS
from tests.bench.figures import Figure, Part, table
from tests.bench.images import make_image, make_layer
from tests.bench.registry import NAMESPACE, SERVER, running_registry
from tests.bench.wire import DYNAMODB, S3, Wire

from moorage.devserver.aws import CannotStart

DELAYS = {S3: 0.020, DYNAMODB: 0.005}  # seconds
BATCHES = 5
PULLS = 3  # in a batch
PART_OF_PEER = 8

_NAME = f"{NAMESPACE}/app"
_OURS = "Moorage"
_WITH_TOKEN = "Moorage, with the token"
_PEER = f"distribution {peer.VERSION}"
_CACHED = f"distribution {peer.VERSION}, cache in memory"
_MEASURE = f"API time of a pull of {LAYERS} layers, 20 ms per S3 call and 5 ms per DynamoDB call injected"
_ANCHOR = "distribution 3.1.2 1,892 ms; zot 2.1 1,461 ms"
_REACH = "at most an eighth of distribution's"


@dataclass(frozen=True)
class _Candidate:
    """A registry with the image in it, and what its pulls took."""

    pull: Callable[[], object]
    client: Client
    cpu_seconds: Callable[[], float]
    calls: Counter[str] = field(default_factory=Counter)  # of one pull, by service
    times: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})  # ms a pull; delayed or not
    cpu: list[float] = field(default_factory=list)

    @property
    def injected(self) -> float:
        """The milliseconds that a pull waits for nothing but the delay."""
        return 1000 * sum(DELAYS[service] * count for service, count in self.calls.items())

    def count(self, wire: Wire) -> None:
        with wire.recording() as recording:
            self.pull()
        self.calls.update(call.service for call in recording.calls)

    def batch(self, *, delayed: bool) -> None:
        self.client.close()  # the registry may have closed the connection while others had their turn
        waited, cpu = self.client.waited, self.cpu_seconds()
        for _ in range(PULLS):
            self.pull()
        self.times[delayed].append(1000 * (self.client.waited - waited) / PULLS)
        self.cpu.append(1000 * (self.cpu_seconds() - cpu) / PULLS)


def measure() -> Part:
    """Measure; without the stand-ins or the peer there is nothing to compare with, and the figure is missed."""
    try:
        return _part(_measure())
    except (CannotStart, peer.CannotBeHad) as error:
        figure = Figure(_MEASURE, _ANCHOR, _REACH, f"not measured: {error}", met=False)
        return Part([figure], f"## API time of a pull\n\nNot measured: {error}\n")


def _measure() -> dict[str, _Candidate]:
    with ExitStack() as stack:
        aws = stack.enter_context(running_strict_backend())
        wire = stack.enter_context(Wire(dynamodb=aws.dynamodb, s3=aws.s3).open())
        found = {**_ours(stack, wire), **_peers(stack, wire)}
        for candidate in found.values():
            candidate.pull()
            candidate.count(wire)
        for _ in range(BATCHES):
            for candidate in found.values():
                candidate.batch(delayed=False)
                with wire.delaying(DELAYS):
                    candidate.batch(delayed=True)
    return found


def _ours(stack: ExitStack, wire: Wire) -> dict[str, _Candidate]:
    registry = stack.enter_context(running_registry(wire.endpoint))
    client = stack.enter_context(registry.client(scope(_NAME, "pull,push")))
    _push(client)
    client.authorize(scope(_NAME, "pull"))  # the repository is there by now: the token names it

    def pull_with_token() -> None:
        client.authorize(scope(_NAME, "pull"))
        client.pull(_NAME, "1")

    return {
        _OURS: _Candidate(lambda: client.pull(_NAME, "1"), client, _own_cpu_seconds),
        _WITH_TOKEN: _Candidate(pull_with_token, client, _own_cpu_seconds),
    }


def _peers(stack: ExitStack, wire: Wire) -> dict[str, _Candidate]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    found = {}
    for name, cached in {_PEER: False, _CACHED: True}.items():
        running = stack.enter_context(peer.running_peer(folder, wire.endpoint, cached=cached))
        _push(running.client)
        found[name] = _Candidate(_pulling(running.client), running.client, running.cpu_seconds)
    return found


def _pulling(client: Client) -> Callable[[], object]:
    return lambda: client.pull(_NAME, "1")


def _push(client: Client) -> None:
    layers = (make_layer(f"latency {number}", 64 * 1024) for number in range(LAYERS))
    client.push(_NAME, "1", make_image(*layers, seed="latency"), chunked=False)


def _own_cpu_seconds() -> float:
    """Return the CPU time of the threads that serve: the wire and the client are in this process too."""
    threads = [thread for thread in threading.enumerate() if thread.name.startswith((SERVER, "AnyIO worker thread"))]
    clocks = [time.pthread_getcpuclockid(thread.ident) for thread in threads if thread.ident]
    return sum(map(time.clock_gettime, clocks))


def _part(found: dict[str, _Candidate]) -> Part:
    ours, others = min(found[_OURS].times[True]), min(found[_PEER].times[True])
    measured = f"{ours:,.0f} ms; distribution {others:,.0f} ms: 1/{others / ours:.1f}"
    figure = Figure(_MEASURE, _ANCHOR, _REACH, measured, ours * PART_OF_PEER <= others)
    results = {"pull ms": ours, "peer pull ms": others}
    return Part([figure], _section(found), results)


def _section(found: dict[str, _Candidate]) -> str:
    fastest = min(found[_PEER].times[True])
    rows = [
        (
            name,
            f"{candidate.calls[S3]}",
            f"{candidate.calls[DYNAMODB]}",
            f"{candidate.injected:,.0f}",
            f"{min(candidate.times[False]):,.0f}",
            f"{min(candidate.times[True]):,.0f}",
            f"{min(candidate.cpu):,.0f}",
            f"1/{fastest / min(candidate.times[True]):.1f}",
        )
        for name, candidate in found.items()
    ]
    rows.append(("zot 2.1, measured earlier", "65", "0", "1,300", "58", "1,461", "", f"1/{fastest / 1461:.1f}"))
    head = (
        "registry",
        "S3 calls",
        "DynamoDB calls",
        "injected",
        "API time without",
        "API time",
        "own CPU",
        "of the peer",
    )
    return f"""\
## API time of a pull

{LAYERS} layers, one client, one request after another, S3 and DynamoDB on versitygw and ministack behind the wire,
which waits {DELAYS[S3] * 1000:.0f} ms before each call to S3 and {DELAYS[DYNAMODB] * 1000:.0f} ms before each call to \
DynamoDB. Only answers of the registry are timed, not the
downloads that it redirects to. Milliseconds of one pull, the best of {BATCHES} batches of {PULLS} pulls, registries \
taking turns.

{table(head, rows)}
The figure is without the token, which the peer does not ask for; a client fetches one for an image, not for a
request. What is beyond the injected time is the registry's own, the stand-ins' and the wire's. zot is not measured
here: its current version is not served as a module, nor packaged elsewhere; its row is an anchor from an earlier run.
A peer that has seen every blob and lives on keeps them in memory; a function that is new has nothing there.
"""
