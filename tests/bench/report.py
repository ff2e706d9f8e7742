"""What the bench found, as a page of the documentation."""

import os
import platform
import time
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench.figures import Figure, Part, table
from tests.bench.registry import ROOT

_PACKAGES = ("boto3", "botocore", "pynamodb", "starlette", "uvicorn", "moto")
_GIB = 1024**3


def render(parts: Sequence[Part], seconds: float, loops: Sequence[float]) -> str:
    """Write the page: the machine, all figures, then what each part has to say. `loops`: what `loop` returned."""
    figures = [figure for part in parts for figure in part.figures]
    return "\n".join([_head(seconds, loops), _figures(figures), *(part.section for part in parts)])


def _head(seconds: float, loops: Sequence[float]) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"""\
# Benchmarks

Written by `make bench`, which fails when a figure is missed; one run of {seconds:.0f} s on {_today()}.

- Machine: {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}
- Versions: Moorage {_own_version()}, Python {platform.python_version()}, {packages}
- Speed: a loop of a million squares took {min(loops):.0f} to {max(loops):.0f} ms of CPU, tried beside each part; CPU
  times of two runs compare as these do
- Under uvicorn or as functions, with the routes, table, bucket and settings of `template.yaml`
- Calls are counted on the wire, by a reverse proxy before DynamoDB and S3 (`tests/bench/wire.py`), retries included
- DynamoDB and S3 are moto where calls are counted, and ministack and versitygw where time is: wall clock on stand-ins
  says nothing of AWS, so time is compared with a peer on the same ones in the same run, or is CPU time
"""


def _figures(figures: Sequence[Figure]) -> str:
    rows = [
        (figure.measure, figure.anchor, figure.reach, figure.measured, "yes" if figure.met else "**NO**")
        for figure in figures
    ]
    return f"## Figures\n\n{table(('measure', 'anchor', 'reach', 'measured', 'met'), rows)}"


def loop() -> float:
    """Return the milliseconds of CPU time that a known piece of work takes now: shared processors vary."""
    started, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number * number
    return (time.process_time() - started) * 1_000


def _own_version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _processor() -> str:
    """Return the name of the processor: Linux tells it, other systems at least the family."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
