"""What the bench found, as a page of the documentation."""

import os
import platform
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from tests.bench import peer
from tests.bench.entries import ANNOTATION_BYTES
from tests.bench.exchange import LAYERS, Exchange
from tests.bench.pages import FEW, MANY, PAGE, Pages, Reads
from tests.bench.parallel import OWN_LAYERS, PUSHES, Parallel
from tests.bench.registry import ROOT
from tests.bench.wire import Recording

PULL_REACH = 13
PUSH_REACH = 60
CHUNKED_PUSH_REACH = 90

_PACKAGES = ("boto3", "botocore", "pynamodb", "starlette", "uvicorn", "moto")
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Found:
    """All that one run measured."""

    moorage: Exchange
    token: Recording
    peers: dict[str, Exchange]
    peer_missing: str  # why there is no peer; empty when there is one
    parallel: Parallel
    pages: list[Pages]
    seconds: float


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure, what it should reach, and what it did."""

    measure: str
    anchor: str
    reach: str
    measured: str
    met: bool


def figures(found: Found) -> list[Figure]:
    """Return every figure that the run is judged by."""
    parallel = found.parallel
    errors = f"{len(parallel.errors)} errors, counters {'exact' if parallel.exact else 'WRONG'}"
    clean = not parallel.errors and parallel.exact and parallel.pulled == PUSHES
    return [
        _at_most(f"backend calls to pull an image of {LAYERS} layers", "95; 65", found.moorage.pull, PULL_REACH),
        _at_most("backend calls to push it, PUT client", "251; 210", found.moorage.push, PUSH_REACH),
        _at_most("backend calls to push it, PATCH client", "-", found.moorage.chunked_push, CHUNKED_PUSH_REACH),
        Figure(f"{PUSHES} parallel pushes to one repository", "-", "0 errors, counters exact", errors, clean),
        *(
            Figure(
                f"reads of one page of {page.title}, {MANY:,} entries against {FEW:,}",
                "-",
                "the same",
                f"{_reads(page.many[0])} against {_reads(page.few[0])}",
                page.same,
            )
            for page in found.pages
        ),
    ]


def render(found: Found) -> str:
    """Write the page."""
    sections = (_machine(found), _figures(found), _beside(found), _operations(found), _parallel(found), _pages(found))
    return "# Benchmarks\n\n" + "\n".join(sections)


def _at_most(measure: str, anchor: str, recording: Recording, reach: int) -> Figure:
    count = len(recording.calls)
    return Figure(measure, anchor, f"at most {reach}", str(count), count <= reach)


def _machine(found: Found) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"""\
Written by `make bench`, which fails when a figure is missed; one run of {found.seconds:.0f} s on {_today()}.

- Machine: {_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}
- Versions: Moorage {_own_version()}, Python {platform.python_version()}, {packages}
- Under uvicorn, with the routes, table, bucket and settings of `template.yaml`; DynamoDB and S3 are moto
- Calls are counted on the wire, by a reverse proxy before DynamoDB and S3 (`tests/bench/wire.py`), retries included
- Calls are what is measured: times on stand-ins say nothing of AWS
"""


def _figures(found: Found) -> str:
    rows = [
        (figure.measure, figure.anchor, figure.reach, figure.measured, "yes" if figure.met else "**NO**")
        for figure in figures(found)
    ]
    return f"""\
## Figures

{_table(("measure", "anchor", "reach", "measured", "met"), rows)}
A pull is HEAD of the tag, GET of the manifest by digest, of the config and of every layer, not the hour's first (which
notes the time of the pull: one call more). A push is {LAYERS} layers of 1 MiB, a config and a manifest with a tag, to a
repository that exists, by a client that asks for nothing first. Anchors are calls to S3 of distribution 3.1.2 and of
zot 2.1, measured earlier the same way; distribution's 95 has the client's downloads in it (see the next table), which
are no calls of the registry. A token for the client costs {len(found.token.calls)} calls more, and once in 30 s a
process that takes uploads asks what the user has open: one more.
"""


def _beside(found: Found) -> str:
    rows = [_exchange_row("Moorage", found.moorage)]
    rows += [_exchange_row(name, done) for name, done in found.peers.items()]
    if found.peer_missing:
        rows.append((f"distribution {peer.VERSION}", f"could not be had: {found.peer_missing}", "", "", ""))
    rows.append(("zot", "not measured: its current version is not served as a module", "", "", ""))
    return f"""\
## Beside a peer

The same client, images and S3, in the same run; the peer knows no logins here and has redirects on.

{_table(("registry", "push, PUT", "push, PATCH", "pull", "downloads by redirect"), rows)}
Downloads are the client's own requests to S3 after a redirect; they come on top of the calls of a pull. A peer that
keeps what it knows of blobs in memory pulls with fewer calls, as long as that process lives and has seen each blob. A
function that is new has nothing in memory, so Moorage counts on nothing there.
"""


def _exchange_row(name: str, done: Exchange) -> tuple[str, ...]:
    counts = [len(recording.calls) for recording in (done.push, done.chunked_push, done.pull)]
    return (name, *map(str, counts), str(done.pull.downloads))


def _operations(found: Found) -> str:
    recordings = {
        "push, PUT": found.moorage.push,
        "push, PATCH": found.moorage.chunked_push,
        "pull": found.moorage.pull,
        "token": found.token,
    }
    names = sorted({name for recording in recordings.values() for name in recording.operations})
    rows = [(name, *(str(recording.operations[name] or "") for recording in recordings.values())) for name in names]
    rows.append(("together", *(str(len(recording.calls)) for recording in recordings.values())))
    return f"## Moorage's calls by operation\n\n{_table(('operation', *recordings), rows)}"


def _parallel(found: Found) -> str:
    parallel = found.parallel
    names = {"pushed": parallel.expected, "counters": parallel.counted, "recomputed": parallel.recomputed}
    rows = [(name, f"{row.images}", f"{row.layers}", f"{row.bytes:,}") for name, row in names.items()]
    errors = "".join(f"- `{error}`\n" for error in parallel.errors) + "\n" * bool(parallel.errors)
    return f"""\
## {PUSHES} pushes at once

Clients of their own, every second one by PATCH; each image has {OWN_LAYERS} layers of its own and one that all share
and nobody has counted yet, and the manifests are sent together. The wire refuses a transaction on a row that another
write in flight has, as DynamoDB does and moto does not: {parallel.conflicts} of {parallel.commits} transactions.
{len(parallel.errors)} errors reached a client, and {parallel.pulled} of {PUSHES} tags were pulled, byte for byte.

{errors}{_table(("", "images", "layers", "bytes"), rows)}
Recomputed is a scan of the table: readable manifests, and links that are counted. One image was there before.
"""


def _pages(found: Found) -> str:
    rows = [
        (f"{page.title}, {which}", _reads(few), _reads(many))
        for page in found.pages
        for which, few, many in zip(("first page", "a later page"), page.few, page.many, strict=True)
    ]
    return f"""\
## Pages

Asked with `n={PAGE}`; the referrers API knows no `n`, so its page is the 1 MB that one Query reads.

{_table(("page", f"{FEW:,} entries", f"{MANY:,} entries"), rows)}
The rows are those that the stores write, laid into moto's table within its process: through the API they would be as
many pushes. Rows are what the Query answered; it has no filter, so DynamoDB would evaluate no others. Units are
strongly consistent ones for the size of these rows (moto invents its own). A referrer has {ANNOTATION_BYTES:,} bytes of
annotations: with less, a thousand would fit into one page and there would be no page to compare.
"""


def _reads(reads: Reads) -> str:
    return f"{reads.calls} call, {reads.rows} rows, {reads.units} read units"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


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
