"""`python -m tests.bench`: measure, print, write docs/benchmarks.md and docs/cost.md; fail when a figure is missed.

With names of parts as arguments only these are measured, and nothing is written.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from tests.bench import peer
from tests.bench.backend import leave_the_account
from tests.bench.figures import Part
from tests.bench.registry import ROOT
from tests.bench.report import loop, render

PAGE = ROOT / "docs" / "benchmarks.md"
# Names, and modules with `measure() -> Part`. The order is that of the page; dollars are reckoned from cold starts.
PARTS = {
    "calls": "calls",
    "parallel": "parallel",
    "pages": "pages",
    "management": "management",
    "latency": "latency",
    "relay": "relayed",
    "coldstart": "coldstart",
    "warm": "warm",
    "decision": "decision",
    "dollars": "dollars",
}


def main(chosen: Sequence[str]) -> int:
    """Run every part once, or those that are named."""
    unknown = set(chosen) - PARTS.keys()
    if unknown:
        sys.stderr.write(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}\n")
        return 2
    started = time.monotonic()
    with suppress(peer.CannotBeHad):  # each part that needs it says so again, in its own words
        peer.install(os.environ)
    leave_the_account()
    found: dict[str, Part] = {}
    loops = [loop()]
    for name in PARTS:
        if not chosen or name in chosen:
            found[name] = _measure(name, found)
            loops.append(loop())
    text = render(list(found.values()), time.monotonic() - started, loops)
    if not chosen:
        for path, content in {PAGE: text, **_files(found)}.items():
            path.write_text(content, encoding="utf-8")
    sys.stdout.write(text)
    missed = [figure for part in found.values() for figure in part.figures if not figure.met]
    for figure in missed:
        sys.stderr.write(f"missed: {figure.measure}: {figure.measured}\n")
    return 1 if missed else 0


def _measure(name: str, earlier: Mapping[str, Part]) -> Part:
    started = time.monotonic()
    measure = import_module(f"tests.bench.{PARTS[name]}").measure
    part: Part = measure(earlier.get("coldstart")) if name == "dollars" else measure()
    sys.stderr.write(f"{name}: {time.monotonic() - started:.0f} s\n")
    return part


def _files(found: Mapping[str, Part]) -> dict[Path, str]:
    return {path: content for part in found.values() for path, content in part.files.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
