"""A registry as Lambda runs it, over AWS in this process, which can be put back to where it was."""

import asyncio
import pickle
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.model_instances import reset_model_data
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from tests.contract.backends import DynamoBackend
from tests.faults.wire import Wire
from tests.races.invariants import Snapshot, snapshot
from tests.routes.registry import Registry

from moorage.domain.content import ORPHAN_AGE
from moorage.domain.upload import SESSION_LIFE
from moorage.stores import keys
from moorage.web.tokens import Keyring
from sweeping.uploads import sweep_uploads


class Inline:
    """Runs requests one at a time, each in the context of whoever sends it: as Mangum does in a function."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine, context=copy_context())

    def close(self) -> None:
        self._runner.close()


@dataclass
class World:
    """One registry, and the wire between it and AWS."""

    backend: DynamoBackend
    wire: Wire
    quotas: list[Any]
    runner: Inline
    registry: Registry = field(init=False)
    known: dict[Any, Any] = field(default_factory=dict)  # what a test has found out about a request

    def __post_init__(self) -> None:
        for client in (self.backend.stores.links._table.client, self.backend.stores.objects.client):
            self.wire.connect(client)
        self.registry = Registry(self.backend, self.runner)
        for state in self._states:
            state.inline = True
        self.repository = self.registry.repository()
        self.backend._items = self._rows  # type: ignore[method-assign] - a scan would cost more than what is tested
        for user in ("administrator", "writer"):
            self.registry.password(user)
        self.first = self.save()

    def save(self) -> bytes:
        """Return all rows and objects as they are."""
        return pickle.dumps((self.registry.clock.now, self._table.items, self._buckets[self.backend.name]))

    def restore(self, saved: bytes) -> None:
        """Put all back, and serve it by another process."""
        reset_model_data()  # moto keeps a list of every row that ever was
        now, self._table.items, self._buckets[self.backend.name] = pickle.loads(saved)  # noqa: S301 - our own
        self.registry.clock.now = now
        self.forget()
        self.wire.begin()

    def forget(self) -> None:
        """Be another process: it has read the public keys, and knows of nothing else that went before."""
        self.registry.stores.uploads._usage.clear()
        for state in self._states:
            state._state.pop("deciding", None)
        for quota in self.quotas:
            quota._available_capacity = quota._max_capacity

    @property
    def _states(self) -> list[Any]:
        """What each function remembers."""
        return [route.app.state for route in self.registry.app.routes if hasattr(route.app, "state")]

    def forget_keys(self) -> None:
        """Be a process that has not read the public keys yet."""
        keyring = self.registry.site.keyring
        Keyring.__init__(keyring, keyring._load, keyring._clock)

    def sweep(self) -> int:
        return sweep_uploads(self.registry.stores, lambda: True)

    def snapshot(self) -> Snapshot:
        return snapshot(self.backend, self.repository.id)

    def result(self) -> tuple[object, ...]:
        """Return what the world came to: counters, all that can be pulled, how often tags moved, wrong passwords."""
        shot = self.snapshot()
        rows = self.backend.everything()
        return (
            shot.counts,
            sorted((str(digest), link.readable) for digest, link in shot.links.items()),
            sorted((str(digest), record.readable) for digest, record in shot.manifests.items()),
            sorted((tag, str(digest)) for tag, digest in shot.tags.items()),
            sorted((tag, len(moves)) for tag, moves in shot.history.items()),
            sorted(row["pk"]["S"] for row in rows if row["pk"]["S"].startswith("NAMESPACE#")),
            sorted(row["failures"]["N"] for row in rows if row["pk"]["S"].startswith("GUARD#")),
        )

    def check(self) -> None:
        """Fail on what must never be, at any instant; every child of a manifest has an edge, by which it is kept."""
        shot = self.snapshot()
        shot.check()
        rows = {(row["pk"]["S"], row["sk"]["S"]) for row in self.backend.everything()}
        for digest, record in shot.readable.items():
            for child in record.children:
                assert tuple(keys.edge(self.repository.id, child, digest)) in rows, f"{child} has lost its edge"

    def check_nothing_dangles(self) -> None:
        """Let the sweep come round, then look at all that is left: each thing is named by a row, or marked for one."""
        self.registry.clock.advance(SESSION_LIFE + ORPHAN_AGE)
        self.sweep()
        rows = {(row["pk"]["S"], row["sk"]["S"]): row for row in self.backend.everything()}
        kept: set[str] = set()
        for (pk, sk), row in rows.items():
            kind = row["kind"]["S"]
            assert kind != "upload", "a session is left"
            if kind in {"link", "bytes"}:
                assert "review" in row, f"nobody will look at {pk}"
            if kind == "bytes":
                kept |= {row["key"]["S"], *row.get("dead", {"SS": []})["SS"]}
            if kind == "edge":
                assert self._findable(rows, pk, sk), f"nobody will find the edge {pk} {sk}"
        bucket = self._buckets[self.backend.name]
        assert {} == bucket.multiparts
        blobs = {key for key in self._keys() if key.startswith("blobs/")}
        assert blobs <= kept, "an object is left that no row names"

    def _findable(self, rows: dict[tuple[str, str], Any], pk: str, sk: str) -> bool:
        """Whether an edge has its parent, or lies beside a row or a note that a sweep will look at, or beside none."""
        parent = f"{pk.rpartition('#')[0]}#{sk.removeprefix(keys.EDGE)}"
        beside = [rows[pk, place] for place in ("LINK", "MANIFEST") if (pk, place) in rows]
        if (parent, "MANIFEST") in rows or (parent, "REFUSED") in rows or not beside:
            return True
        return any("review" in row for row in beside)

    def _rows(self) -> list[dict[str, Any]]:
        return [item.to_json()["Attributes"] for rows in self._table.items.values() for item in rows.values()]

    def _keys(self) -> list[str]:
        answer = self.backend._aws.s3.list_objects_v2(Bucket=self.backend.name)
        return [entry["Key"] for entry in answer.get("Contents", [])]

    @property
    def _table(self) -> Any:
        region = self.backend._aws.endpoints.region
        return dynamodb_backends[DEFAULT_ACCOUNT_ID][region].tables[self.backend.name]

    @property
    def _buckets(self) -> Any:
        return s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
