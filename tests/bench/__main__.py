"""`python -m tests.bench`: measure, print, write docs/benchmarks.md, and fail when a figure is missed."""

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench import peer
from tests.bench.backend import leave_the_account, running_backend
from tests.bench.exchange import Exchange, exchange, exchange_with
from tests.bench.pages import measure_pages
from tests.bench.parallel import push_in_parallel
from tests.bench.registry import ROOT, running_registry
from tests.bench.report import Found, figures, render
from tests.bench.wire import Wire

PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """Run everything once."""
    environment = dict(os.environ)
    leave_the_account()
    text, missed = _report(_measure(environment))
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    for measure in missed:
        sys.stderr.write(f"missed: {measure}\n")
    return 1 if missed else 0


def _measure(environment: Mapping[str, str]) -> Found:
    started = time.monotonic()
    with running_backend() as endpoint, Wire(endpoint).open() as wire:
        peers, missing = _measure_peers(environment, wire)
        with running_registry(wire.endpoint) as registry:
            moorage, token = exchange_with(registry, wire)
            parallel = push_in_parallel(registry, wire, endpoint)
            pages = measure_pages(registry, wire)
    return Found(moorage, token, peers, missing, parallel, pages, time.monotonic() - started)


def _measure_peers(environment: Mapping[str, str], wire: Wire) -> tuple[dict[str, Exchange], str]:
    """Measure the peer as it comes, and with what it knows of blobs in memory; or say why it cannot be had."""
    names = {f"distribution {peer.VERSION}": False, f"distribution {peer.VERSION}, cache in memory": True}
    try:
        peer.install(environment)
        with tempfile.TemporaryDirectory() as folder:
            return {name: _measure_peer(Path(folder), wire, cached=cached) for name, cached in names.items()}, ""
    except peer.CannotBeHad as error:
        return {}, str(error)


def _measure_peer(folder: Path, wire: Wire, *, cached: bool) -> Exchange:
    with peer.running_peer(folder, wire.endpoint, cached=cached) as client:
        return exchange(client, wire)


def _report(found: Found) -> tuple[str, list[str]]:
    return render(found), [figure.measure for figure in figures(found) if not figure.met]


if __name__ == "__main__":
    sys.exit(main())
