"""Memory for parts is bounded for the whole process, whatever clients and storage do."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event, Lock
from unittest.mock import patch

import pytest
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.races.images import ALICE
from tests.races.steps import through
from tests.races.test_interleavings import world
from tests.routes import registry as asgi
from tests.routes.registry import Registry

import v2_push.uploads as handlers
from moorage.domain.digest import Digest
from moorage.domain.errors import Unavailable, UploadOutOfOrder
from moorage.operations import assembly, buffers, uploads
from moorage.operations.buffers import Buffers

PART = 100
PARTS = 6  # that fit into memory
PIECE = 30
DATA = bytes(range(250)) * 8
DIGEST = Digest.of(DATA)
SECONDS = 20  # after which what does not come is a deadlock


@pytest.fixture(autouse=True)
def memory():
    """Room for six parts, each of 100 bytes; a row holds ten."""
    made = Buffers(PARTS * PART)
    with (
        patch.object(buffers, "PROCESS", made),
        patch.object(assembly, "part_size", lambda _: PART),
        patch.object(assembly, "fits_inline", lambda size: size <= 10),
        patch.object(handlers, "WHOLE", PART),
    ):
        yield made


class Slow:
    """Storage whose parts are stored when a test says so."""

    def __init__(self, failing=None):
        self.inside = 0
        self.go = Event()
        self._lock = Lock()
        self._failing = failing

    def around(self, name, call):
        if name != "objects.put_part":
            return call()
        with self._lock:
            self.inside += 1
        assert self.go.wait(SECONDS)
        if self._failing:
            raise self._failing
        return call()


@pytest.fixture
def slow():
    return Slow()


@pytest.fixture
def registry(slow):
    backend = MemoryBackend(limits(namespace="acme"))
    backend.stores = replace(through(backend.stores, slow.around), entropy=os.urandom)
    with asyncio.Runner() as runner:
        yield Registry(backend, runner)


def pieces(taken):
    """Yield all of the data in pieces, and note what was taken of it."""
    for start in range(0, len(DATA), PIECE):
        taken.append(PIECE)
        yield DATA[start : start + PIECE]


async def until(condition):
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - threads make it true
            await asyncio.sleep(0.01)


async def in_time(asking):
    async with asyncio.timeout(SECONDS):
        return await asking


def test_what_comes_back_goes_to_who_waits_longest():
    memory = Buffers(10)
    first, second, third, fourth = (memory.lend(size) for size in (6, 6, 4, 4))

    assert [True, False, False, False] == [loan.waiting is None for loan in (first, second, third, fourth)]
    first.end()
    assert [True, True, False] == [loan.waiting is None for loan in (second, third, fourth)]
    second.end()
    assert fourth.waiting is None
    assert (8, 10) == (memory.lent, memory.most)


def test_who_stops_waiting_is_not_waited_for():
    memory = Buffers(10)
    first, second, third = (memory.lend(size) for size in (6, 6, 4))

    second.end()
    assert third.waiting is None
    for loan in (first, second, third, third):
        loan.end()

    assert 0 == memory.lent


def test_what_alone_is_too_large_is_lent_alone():
    memory = Buffers(10)
    first, second = memory.lend(1), memory.lend(11)

    assert second.waiting is not None
    first.end()
    assert 11 == len(second.buffer)
    assert memory.lend(0).waiting is not None


def test_buffers_are_used_again_while_others_are_out_and_not_kept_after():
    memory = Buffers(10)
    first, second = memory.lend(5), memory.lend(5)
    buffer = first.buffer

    first.end()
    third = memory.lend(5)
    assert buffer is third.buffer
    del third.buffer[3:]  # cut to its bytes: too short to be lent again
    third.end()
    assert 5 == len(memory.lend(5).buffer)
    second.end()


def test_many_threads_never_have_more_than_there_is():
    memory = Buffers(10)

    def borrow(number):
        loan = memory.lend(1 + number % 7)
        assert 1 + number % 7 == len(loan.buffer)
        loan.end()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(borrow, range(2000)))

    assert 0 == memory.lent
    assert memory.most <= 10


def test_many_uploads_at_once_have_no_more_memory_than_there_is(registry, slow, memory):
    """
    Storage is slow: bodies are not read beyond what memory holds, and who does not upload is answered meanwhile.
    """
    client = registry.client()
    digest = client.push_blob(b"small")
    paths = [client.start() for _ in range(60)]  # more than there are threads
    taken = []

    async def visit():
        await until(lambda: slow.inside == PARTS)
        await asyncio.sleep(0.1)  # in which nothing more may come
        held = memory.lent, sum(taken)
        async with asyncio.timeout(SECONDS):
            found = await client.ask("GET", f"blobs/{digest}")
        slow.go.set()
        return held, found

    patches = (client.ask("PATCH", path, body=pieces(taken), length=False) for path in paths)
    (held, found), *answers = registry.all_at_once(visit(), *patches)

    assert 200 == found.status
    lent, read = held
    assert PARTS * PART == lent
    assert read <= PARTS * PART + PIECE * len(paths)  # and the piece that each waits with
    assert {202} == {answer.status for answer in answers}
    assert (PARTS * PART, 0) == (memory.most, memory.lent)
    for path in paths[:3]:
        client.expect(201, client.put(f"{path}?digest={DIGEST}"))


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("much", [len(DATA), 90])
def test_a_client_that_goes_away_leaves_no_memory_behind(registry, slow, memory, method, length, much):
    slow.go.set()
    client = registry.client()
    path = client.start()

    client.send(method, f"{path}?digest={DIGEST}", body=[DATA[: much - 5]], length=length, gone=True)

    assert 0 == memory.lent


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_storage_that_fails_leaves_no_memory_behind(registry, slow, memory, method):
    slow.go.set()
    client = registry.client()
    path = client.start()

    with patch.object(slow, "_failing", Unavailable("busy")):
        client.expect(503, client.send(method, f"{path}?digest={DIGEST}", body=DATA))
    assert 0 == memory.lent

    client.expect(201, client.put(f"{path}?digest={DIGEST}", body=DATA))
    assert 0 == memory.lent


@pytest.mark.parametrize("much", [5, 90, len(DATA)])
def test_a_wrong_digest_leaves_no_memory_behind(registry, slow, memory, much):
    slow.go.set()
    client = registry.client()

    client.expect(400, client.put(f"{client.start()}?digest={Digest.of(b'!')}", body=DATA[:much]))

    assert 0 == memory.lent


def test_a_client_that_falls_silent_loses_its_memory_and_not_its_bytes(registry, slow, memory, monkeypatch):
    slow.go.set()
    monkeypatch.setattr(handlers, "SILENCE_SECONDS", 0.05)
    monkeypatch.setattr("moorage.web.watch.DRAIN_SECONDS", 0.05)
    client = registry.client()
    path = client.start()
    some = {"type": "http.request", "body": DATA[:150], "more_body": True}

    with patch.object(asgi, "_messages", lambda *_, **__: iter([some])):
        (answer,) = registry.all_at_once(in_time(client.ask("PATCH", path, body=DATA)))

    assert (408, ["BLOB_UPLOAD_INVALID"]) == answer.error
    assert 0 == memory.lent
    assert "0-149" == client.get(path).headers["range"]


def test_who_waits_for_memory_stays_the_writer(registry, slow, memory, monkeypatch):
    slow.go.set()
    monkeypatch.setattr(handlers, "PATIENCE_SECONDS", 0.01)
    client = registry.client()
    path = client.start()
    everything = memory.lend(PARTS * PART)

    async def overtake():
        await asyncio.sleep(0.1)
        for _ in range(3):
            registry.clock.advance(timedelta(seconds=50))
            await asyncio.sleep(0.1)
        refused = await in_time(client.ask("PATCH", path, body=b"x"))
        everything.end()
        return refused

    refused, answer = registry.all_at_once(overtake(), in_time(client.ask("PATCH", path, body=DATA)))

    assert 416 == refused.status
    client.expect(202, answer)
    client.expect(201, client.put(f"{path}?digest={DIGEST}"))


def test_an_operation_does_not_wait_for_memory_without_end(memory, monkeypatch):
    """
    A closing PUT whose last bytes follow a tail needs a part's memory, within the time that an operation has.
    """
    monkeypatch.setattr(assembly, "WAIT_SECONDS", 0.01)
    start = world()
    ticket = uploads.start(start.stores, start.id, ALICE, "sha256").ticket
    appending = uploads.Appending(start.stores, ticket, first=None)
    appending.feed(DATA[:50])
    appending.record()
    appending.assembly.release()
    everything = memory.lend(PARTS * PART)

    with pytest.raises(Unavailable):
        uploads.finish(start.stores, ticket, Digest.of(DATA[:80]), DATA[50:80])
    everything.end()
    assert 0 == memory.lent

    uploads.finish(start.stores, ticket, Digest.of(DATA[:80]), DATA[50:80])
    assert 0 == memory.lent


def test_a_writer_that_was_overtaken_while_it_waited_cannot_go_on(memory):
    start = world()
    ticket = uploads.start(start.stores, start.id, ALICE, "sha256").ticket
    slow = uploads.Appending(start.stores, ticket, first=None)
    everything = memory.lend(PARTS * PART)
    assert slow.assembly.room() is not None

    start.stores.clock.advance(timedelta(seconds=61))
    everything.end()
    fast = uploads.Appending(start.stores, ticket, first=None)
    fast.feed(b"fast")
    fast.record()
    fast.assembly.release()

    with pytest.raises(UploadOutOfOrder):
        slow.stay()
    slow.abandon()
    slow.assembly.release()
    assert 0 == memory.lent
