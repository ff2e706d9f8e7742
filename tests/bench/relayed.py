"""Figures of the relay: the speed of one large layer beside the peer, and memory under several clients."""

import os

from tests.bench import peer, relay
from tests.bench.figures import Figure, Part, table
from tests.bench.relay import CLIENTS, RelayRun

from moorage.devserver.aws import CannotStart

_WAYS = ("PATCH", "PUT")
_REACH = 0.5  # of the peer's time
_REACHED = "at most half of distribution's"
_ANCHOR = "distribution 3.1.2 10.4 s; a sketch of a relay 5.3 s"
_MEMORY = {CLIENTS: 400, 1: 150}  # MiB
_MIB = 1024**2


def measure() -> Part:
    """Measure, and leave the environment as it was; without the stand-ins the figure is missed."""
    before = dict(os.environ)
    try:
        found = relay.measure(before)
    except CannotStart as error:
        figure = Figure("a layer of 1 GiB through the relay", _ANCHOR, _REACHED, f"not measured: {error}", met=False)
        return Part([figure], f"## A layer of 1 GiB through the relay\n\nNot measured: {error}\n")
    finally:
        os.environ.clear()
        os.environ.update(before)
    return Part([*_speeds(found), *_memories(found)], _section(found))


def _speeds(found: RelayRun) -> list[Figure]:
    figures = []
    for way in _WAYS:
        ratio, ours = found.ratio(way), _best(found, "relay", way)
        measured = f"{ours:.1f} s; not compared: {found.missing}"
        if ratio is not None:
            measured = f"{ours:.1f} s; distribution {_best(found, 'peer', way):.1f} s: {ratio:.2f}"
        figures.append(
            Figure(
                f"push of a layer of 1 GiB through the relay, {way}",
                _ANCHOR,
                _REACHED,
                measured,
                ratio is not None and ratio <= _REACH,
            )
        )
    return figures


def _memories(found: RelayRun) -> list[Figure]:
    return [
        Figure(
            f"peak memory of the relay, {clients} client{'s' * (clients > 1)} pushing 1 GiB each",
            "distribution 110 MB with one",
            f"at most {reach} MiB",
            f"{found.memory[clients] / _MIB:.0f} MiB",
            found.memory[clients] <= reach * _MIB,
        )
        for clients, reach in _MEMORY.items()
    ]


def _best(found: RelayRun, name: str, way: str) -> float:
    return min(cost.seconds for cost in found.costs[name, way])


def _section(found: RelayRun) -> str:
    names = {"relay": "Moorage's relay", "peer": f"distribution {peer.VERSION}"}
    rows = [
        (names[name], way, f"{cost.seconds:.2f}", f"{cost.registry:.2f}", f"{cost.storage:.2f}")
        for (name, way), costs in found.costs.items()
        for cost in [min(costs, key=lambda cost: cost.seconds)]
    ]
    memory = [(f"the relay, {clients} at once", f"{used / _MIB:.0f}") for clients, used in found.memory.items()]
    memory.append((f"distribution {peer.VERSION}, 1", f"{found.peer_memory / _MIB:.0f}"))
    return f"""\
## A layer of 1 GiB through the relay

Into the same versitygw, in turns, the best of each; new bytes each time. Seconds:

{table(("registry", "way", "on the clock", "CPU of the registry", "CPU of S3"), rows)}
The most memory that a process had, in MiB; every second client sends by PATCH, the others by PUT:

{table(("registry, clients", "MiB"), memory)}
{CLIENTS} clients at once took {found.eight_seconds:.0f} s together.
"""
