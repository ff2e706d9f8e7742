"""Thirty-two pushes of different tags to one repository at once, and the counters against the rows."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import boto3
from tests.bench.calls import counted
from tests.bench.client import Client, scope, texts
from tests.bench.conflicts import Conflicts
from tests.bench.figures import Figure, Part, table
from tests.bench.images import Blob, Image, make_image, make_layer
from tests.bench.registry import NAMESPACE, TABLE, Registry, running_registry
from tests.bench.wire import Wire

from moorage.domain.content import Counts
from moorage.domain.names import RepositoryName

PUSHES = 32
OWN_LAYERS = 2
OWN_LAYER_BYTES = 64 * 1024

_NAME = f"{NAMESPACE}/parallel"
_WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Parallel:
    """What came of it."""

    errors: list[str]
    commits: int
    conflicts: int
    expected: Counts
    counted: Counts
    recomputed: Counts
    pulled: int

    @property
    def exact(self) -> bool:
        """Whether the counters are those of the rows, and both what was pushed."""
        return self.expected == self.counted == self.recomputed


def measure() -> Part:
    """Push at once, and compare."""
    with counted() as (endpoint, wire), running_registry(wire.endpoint) as registry:
        found = push_in_parallel(registry, wire, endpoint)
    errors = f"{len(found.errors)} errors, counters {'exact' if found.exact else 'WRONG'}"
    clean = not found.errors and found.exact and found.pulled == PUSHES
    figure = Figure(f"{PUSHES} parallel pushes to one repository", "-", "0 errors, counters exact", errors, clean)
    return Part([figure], _section(found))


def push_in_parallel(registry: Registry, wire: Wire, endpoint: str) -> Parallel:
    """Push from threads, each a client of its own; the manifests wait for each other, to meet closely."""
    before = make_image(make_layer("before"), seed="before")
    shared = make_layer("shared by all")  # nobody has counted it yet: all want to
    images = [_image(number, shared) for number in range(PUSHES)]
    with registry.client(scope(_NAME, "pull,push")) as client:
        client.push(_NAME, "before", before, chunked=False)
    conflicts, together = Conflicts(), Barrier(PUSHES)
    with wire.refusing(conflicts), wire.recording() as recording, ThreadPoolExecutor(PUSHES) as pool:
        outcomes = list(pool.map(lambda number: _push(registry, number, images[number], together), range(PUSHES)))
    repository = registry.stores.repositories.find(RepositoryName(_NAME))
    assert repository is not None
    blobs = {layer.digest: len(layer.data) for image in (before, *images) for layer in image.layers}
    return Parallel(
        errors=[error for error in outcomes if error],
        commits=recording.operations["DynamoDB TransactWriteItems"],
        conflicts=conflicts.count,
        expected=Counts(images=PUSHES + 1, layers=len(blobs), bytes=sum(blobs.values()), closed=False),
        counted=registry.stores.repositories.counts(repository.id),
        recomputed=_recompute(endpoint, repository.id),
        pulled=_pull_all(registry),
    )


def _image(number: int, shared: Blob) -> Image:
    own = (make_layer(f"{number}-{place}", OWN_LAYER_BYTES) for place in range(OWN_LAYERS))
    return make_image(shared, *own, seed=f"image {number}")


def _push(registry: Registry, number: int, image: Image, together: Barrier) -> str:
    """Push, every second by PATCH; returns what went wrong."""
    try:
        with registry.client(scope(_NAME, "pull,push")) as client:
            client.push_blobs(_NAME, image, chunked=bool(number % 2))
            together.wait(_WAIT_SECONDS)
            client.push_manifest(_NAME, f"v{number}", image)
    except Exception as error:  # noqa: BLE001 - whatever reached the client is what is measured
        together.abort()
        return repr(error)
    return ""


def _pull_all(registry: Registry) -> int:
    """Pull every tag, byte for byte; returns how many of the 32 there are."""
    with registry.client(scope(_NAME, "pull")) as client:
        tags = texts(client.get(f"/v2/{_NAME}/tags/list"), "tags")
        return sum(_pulled(client, tag) for tag in tags if tag != "before")


def _pulled(client: Client, tag: str) -> bool:
    return client.pull(_NAME, tag) == 1 + OWN_LAYERS + 1


def _recompute(endpoint: str, repository_id: str) -> Counts:
    """Count the rows themselves (docs/protocol.md, 5): readable manifests, and links that are counted."""
    rows = [row for row in _rows(endpoint) if row["pk"].get("S", "").startswith(f"CONTENT#{repository_id}#")]
    manifests = [row for row in rows if row["sk"]["S"] == "MANIFEST" and row["state"]["S"] in {"LIVE", "CONDEMNED"}]
    links = [row for row in rows if row["sk"]["S"] == "LINK" and "counted" in row]
    return Counts(len(manifests), len(links), sum(int(row["size"]["N"]) for row in links), closed=False)


def _rows(endpoint: str) -> Iterator[dict[str, Any]]:
    pages = boto3.client("dynamodb", endpoint_url=endpoint).get_paginator("scan")
    for page in pages.paginate(TableName=TABLE, ConsistentRead=True):
        yield from page["Items"]


def _section(found: Parallel) -> str:
    names = {"pushed": found.expected, "counters": found.counted, "recomputed": found.recomputed}
    rows = [(name, f"{row.images}", f"{row.layers}", f"{row.bytes:,}") for name, row in names.items()]
    errors = "".join(f"- `{error}`\n" for error in found.errors) + "\n" * bool(found.errors)
    return f"""\
## {PUSHES} pushes at once

Clients of their own, every second one by PATCH; each image has {OWN_LAYERS} layers of its own and one that all share
and nobody has counted yet, and the manifests are sent together. The wire refuses a transaction on a row that another
write in flight has, as DynamoDB does and moto does not: {found.conflicts} of {found.commits} transactions.
{len(found.errors)} errors reached a client, and {found.pulled} of {PUSHES} tags were pulled, byte for byte.

{errors}{table(("", "images", "layers", "bytes"), rows)}
Recomputed is a scan of the table: readable manifests, and links that are counted. One image was there before.
"""
