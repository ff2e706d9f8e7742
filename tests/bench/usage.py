"""What a pull, a push and a sweep use of what AWS charges for, as it was last measured. Plain data."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.registry import ROOT

DATA = ROOT / "tests" / "bench" / "usage.json"
LAYERS = 10  # of the image that is pulled and pushed
AUTHORIZER = "authorizer"


@dataclass(frozen=True, slots=True)
class Work:
    """What one function did."""

    invocations: int
    cpu_ms: float  # of all of them, on the machine that measured
    dynamodb_calls: int
    s3_calls: int
    log_lines: int
    log_bytes: int


@dataclass(frozen=True, slots=True)
class Usage:
    """What one pull or one push used."""

    rest_requests: int
    http_pieces: int  # as which an HTTP API would count them
    http_requests: int
    functions: Mapping[str, Work]
    read_units: float
    write_units: float
    s3_writes: int
    s3_reads: int
    downloads: int  # GETs by the client itself, after a redirect
    access_lines: int
    access_bytes: int
    rows: int  # that stay: sessions do not
    row_bytes: int  # with what the indexes copy, and 100 bytes for each entry


@dataclass(frozen=True, slots=True)
class Measured:
    """What the page on cost is reckoned from."""

    pull: Usage
    push: Usage
    sweep: Usage  # one run of the schedule that finds nothing to do
    cold_cpu_ms: Mapping[str, float]  # to start a function, by its package

    def text(self) -> str:
        """Write it."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def read(cls, path: Path = DATA) -> "Measured":
        """Read what `text` wrote."""
        kept = json.loads(path.read_text(encoding="utf-8"))
        cold = kept.pop("cold_cpu_ms")
        return cls(**{name: _usage(value) for name, value in kept.items()}, cold_cpu_ms=cold)


def _usage(value: Mapping[str, Any]) -> Usage:
    return Usage(**{**value, "functions": {name: Work(**work) for name, work in value["functions"].items()}})
