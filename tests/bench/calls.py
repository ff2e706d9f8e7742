"""Backend calls of a push, a pull and a token, beside a peer."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import peer
from tests.bench.backend import running_backend
from tests.bench.exchange import LAYERS, Exchange, exchange, exchange_with
from tests.bench.figures import Figure, Part, table
from tests.bench.registry import running_registry
from tests.bench.wire import Recording, Wire

PULL_REACH = 13
PUSH_REACH = 60
CHUNKED_PUSH_REACH = 90

_PEERS = {f"distribution {peer.VERSION}": False, f"distribution {peer.VERSION}, cache in memory": True}


@contextmanager
def counted() -> Iterator[tuple[str, Wire]]:
    """Run moto and the wire before it; yields moto's own endpoint, which nothing counts, and the wire."""
    with running_backend() as endpoint, Wire(dynamodb=endpoint, s3=endpoint).open() as wire:
        yield endpoint, wire


def measure() -> Part:
    """Count."""
    with counted() as (_, wire):
        peers, missing = _measure_peers(wire)
        with running_registry(wire.endpoint) as registry:
            moorage, token = exchange_with(registry, wire)
    figures = [
        _at_most(f"backend calls to pull an image of {LAYERS} layers", "95; 65", moorage.pull, PULL_REACH),
        _at_most("backend calls to push it, PUT client", "251; 210", moorage.push, PUSH_REACH),
        _at_most("backend calls to push it, PATCH client", "-", moorage.chunked_push, CHUNKED_PUSH_REACH),
    ]
    return Part(figures, _section(moorage, token, peers, missing) + "\n" + _operations(moorage, token))


def _measure_peers(wire: Wire) -> tuple[dict[str, Exchange], str]:
    """Measure the peer as it comes, and with what it knows of blobs in memory; or say why it cannot be had."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            return {name: _measure_peer(Path(folder), wire, cached=cached) for name, cached in _PEERS.items()}, ""
    except peer.CannotBeHad as error:
        return {}, str(error)


def _measure_peer(folder: Path, wire: Wire, *, cached: bool) -> Exchange:
    with peer.running_peer(folder, wire.endpoint, cached=cached) as running:
        return exchange(running.client, wire)


def _at_most(measure: str, anchor: str, recording: Recording, reach: int) -> Figure:
    count = len(recording.calls)
    return Figure(measure, anchor, f"at most {reach}", str(count), count <= reach)


def _section(moorage: Exchange, token: Recording, peers: dict[str, Exchange], missing: str) -> str:
    rows = [_row("Moorage", moorage), *(_row(name, done) for name, done in peers.items())]
    if missing:
        rows.append((f"distribution {peer.VERSION}", f"could not be had: {missing}", "", "", ""))
    rows.append(("zot", "not measured: its current version is not served as a module", "", "", ""))
    return f"""\
## Backend calls

A pull is HEAD of the tag, GET of the manifest by digest, of the config and of every layer, not the hour's first (which
notes the time of the pull: one call more). A push is {LAYERS} layers of 1 MiB, a config and a manifest with a tag, to a
repository that exists, by a client that asks for nothing first. Anchors are calls to S3 of distribution 3.1.2 and of
zot 2.1, measured earlier the same way; distribution's 95 has the client's downloads in it (see the next table), which
are no calls of the registry. A token for the client costs {len(token.calls)} calls more, and once in 30 s a
process that takes uploads asks what the user has open: one more.

The same client, images and S3, in the same run; the peer knows no logins here and has redirects on.

{table(("registry", "push, PUT", "push, PATCH", "pull", "downloads by redirect"), rows)}
Downloads are the client's own requests to S3 after a redirect; they come on top of the calls of a pull. A peer that
keeps what it knows of blobs in memory pulls with fewer calls, as long as that process lives and has seen each blob. A
function that is new has nothing in memory, so Moorage counts on nothing there.
"""


def _row(name: str, done: Exchange) -> tuple[str, ...]:
    counts = [len(recording.calls) for recording in (done.push, done.chunked_push, done.pull)]
    return (name, *map(str, counts), str(done.pull.downloads))


def _operations(moorage: Exchange, token: Recording) -> str:
    recordings = {
        "push, PUT": moorage.push,
        "push, PATCH": moorage.chunked_push,
        "pull": moorage.pull,
        "token": token,
    }
    names = sorted({name for recording in recordings.values() for name in recording.operations})
    rows = [(name, *(str(recording.operations[name] or "") for recording in recordings.values())) for name in names]
    rows.append(("together", *(str(len(recording.calls)) for recording in recordings.values())))
    return f"## Moorage's calls by operation\n\n{table(('operation', *recordings), rows)}"
