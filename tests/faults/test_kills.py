"""The same with processes that are killed indeed, by a signal that nobody can catch."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.contract.backends import Aws
from tests.factories import limits
from tests.faults.world import Inline
from tests.races.invariants import snapshot
from tests.routes.registry import CONFIG, HOST, Registry, image

from moorage.domain.content import Counts
from moorage.domain.digest import Digest
from moorage.domain.upload import WRITER_LIFE

LAYER = 20_000  # bytes: an object


class Mortals:
    """Processes that serve one request each, and die of it."""

    def __init__(self, process: "subprocess.Popen[str]", environ: dict[str, str]) -> None:
        self._process = process
        self._environ = environ

    def serve(self, client: Any, method: str, path: str, body: bytes, *, place: int, applied: bool) -> int:
        """Return the signal that ended it, 0 when it answered."""
        job = {
            "environ": self._environ,
            "method": method,
            "target": client._target(path),
            "headers": [client.authorization],
            "body": base64.b64encode(body).decode(),
            "place": place,
            "applied": applied,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture
def registry(aws: Aws) -> Iterator[Registry]:
    runner = Inline()
    with aws.backend(limits(namespace="acme")) as backend:
        yield Registry(backend, runner)
    runner.close()


@pytest.fixture
def mortals(aws: Aws, registry: Registry) -> Iterator[Mortals]:
    environ = {
        **aws.endpoints.environment(),
        "MOORAGE_TABLE": registry.backend.name,
        "MOORAGE_BUCKET": registry.backend.name,
        "MOORAGE_NAMESPACE": "acme",
        "MOORAGE_ORIGINS": f"http://{HOST}",
        "MOORAGE_BODY_LIMIT": "none",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.killed"],
        env={**os.environ, **aws.endpoints.environment(), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield Mortals(process, environ)
        assert process.stdin is not None
        process.stdin.close()


def put_blob(client: Any, data: bytes) -> tuple[str, str, bytes, int]:
    return "PUT", f"{client.start()}?digest={Digest.of(data)}", data, 201


def push_manifest(client: Any, data: bytes) -> tuple[str, str, bytes, int]:
    for blob in (CONFIG, data):
        client.push_blob(blob)
    return "PUT", "manifests/v1", image(data), 201


def delete_manifest(client: Any, data: bytes) -> tuple[str, str, bytes, int]:
    client.registry.clock.now = datetime.now(UTC) - timedelta(seconds=2)  # the child's clock is the machine's
    client.push_image("v1", data)
    return "DELETE", f"manifests/{Digest.of(image(data))}", b"", 202


@pytest.mark.parametrize(
    ("prepare", "images"), [(put_blob, 0), (push_manifest, 1), (delete_manifest, 0)], ids=["blob", "manifest", "delete"]
)
def test_a_killed_process_leaves_nothing_half_done(
    registry: Registry, mortals: Mortals, prepare: Any, images: int
) -> None:
    """
    It is killed at its first call, then at its second, and so on, until it lives to answer.
    """
    ended, attempt = -1, 0
    while ended != 0:
        place, applied = attempt // 2, bool(attempt % 2)
        repository = registry.repository(f"acme/r{attempt}")
        client = registry.client(name=repository.name)
        data = attempt.to_bytes(2) * (LAYER // 2)
        method, path, body, status = prepare(client, data)

        ended = mortals.serve(client, method, path, body, place=place + 1, applied=applied)  # the first reads the keys
        assert ended in {0, signal.SIGKILL}
        snapshot(registry.backend, repository.id).check()
        registry.clock.advance(2 * WRITER_LIFE)
        repeat = client.renew().send(method, path, body=body)
        registry.clock.advance(-2 * WRITER_LIFE)  # the clock of the next process is the machine's

        assert repeat.status in {status, *([404] if method == "DELETE" else [])}, repeat.body
        shot = snapshot(registry.backend, repository.id)
        shot.check()
        assert Counts(images, shot.counts.layers, LAYER * shot.counts.layers) == shot.counts
        assert shot.links[Digest.of(data)].readable
        attempt += 1
    assert attempt > 4
