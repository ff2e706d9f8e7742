"""From pieces of any size, over requests of any number, to one blob."""

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Event, Lock
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.races.images import ALICE, LAYER
from tests.races.steps import through
from tests.races.test_interleavings import World, world
from tests.routes.registry import Registry
from tests.strategies import algorithms, bounded, splits

from moorage.domain.content import ORPHAN_AGE
from moorage.domain.digest import Digest
from moorage.domain.errors import (
    BodyTooLarge,
    DigestInvalid,
    TooManyRequests,
    Unavailable,
    UploadOutOfOrder,
    UploadUnknown,
)
from moorage.domain.upload import SESSION_LIFE, UploadState, UploadTicket
from moorage.operations import assembly, buffers, uploads
from moorage.operations.buffers import Buffers
from moorage.stores import keys
from moorage.stores.base import Stores

DATA = bytes(range(256)) * 8
DIGEST = Digest.of(DATA)


@contextmanager
def scaled(part: int, inline: int):
    """Let parts and rows be so small that few bytes fill them; later parts are larger, as they are."""
    with (
        patch.object(assembly, "part_size", lambda number: part if number < 4 else 2 * part),
        patch.object(assembly, "fits_inline", lambda size: size <= inline),
    ):
        yield


def opened(start: World, algorithm: str = "sha256") -> UploadTicket:
    return uploads.start(start.stores, start.id, ALICE, algorithm).ticket


def feed(start: World, ticket: UploadTicket, *pieces: bytes, stores: Stores | None = None) -> uploads.Appending:
    appending = uploads.Appending(stores or start.stores, ticket, first=None)
    for piece in pieces:
        appending.feed(piece)
    return appending


def blob(start: World, digest: Digest) -> bytes:
    link = start.snapshot().links[digest]
    return link.data if link.data is not None else start.stores.objects.read(str(link.key))


@bounded
@given(
    st.data(),
    st.binary(max_size=200) | st.just(DATA),
    st.integers(1, 300),
    st.integers(0, 100),
    algorithms,
    algorithms,
)
def test_any_bytes_in_any_pieces_over_any_requests_become_the_blob(draw, data, part, inline, hashed, named):
    """
    Some requests record a chunk, some go away half-way, the last one closes the session in one of two ways.
    """
    start = world()
    digest = Digest.of(data, named)
    *chunks, last = draw.draw(splits(data))
    with scaled(part, inline):
        ticket = opened(start, hashed)
        for chunk in chunks:
            if draw.draw(st.booleans()):
                feed(start, ticket, b"not this " * 20).abandon()
            feed(start, ticket, *draw.draw(splits(chunk))).record()
        if draw.draw(st.booleans()):
            feed(start, ticket, *draw.draw(splits(last))).finish(digest)
        else:
            uploads.finish(start.stores, ticket, digest, last)

    assert data == blob(start, digest)
    start.snapshot().check()
    start.sweep()
    assert data == blob(start, digest)


def test_a_chunk_of_no_bytes_leaves_the_algorithm_open():
    start = world()
    digest = Digest.of(b"bytes", "sha512")
    ticket = opened(start, "sha256")

    feed(start, ticket, b"").record()
    uploads.finish(start.stores, ticket, digest, b"bytes")

    assert b"bytes" == blob(start, digest)


@bounded
@given(st.data(), st.integers(1, 300), st.integers(0, 100), algorithms, algorithms)
def test_bytes_that_do_not_have_the_digest_never_become_a_blob(draw, part, inline, hashed, named):
    start = world()
    digest = Digest.of(DATA + b"!", named)
    first, last = DATA[:1000], DATA[1000:]
    with scaled(part, inline):
        ticket = opened(start, hashed)
        feed(start, ticket, first).record()
        with pytest.raises(DigestInvalid):
            if draw.draw(st.booleans()):
                feed(start, ticket, last).finish(digest)
            else:
                uploads.finish(start.stores, ticket, digest, last)

    assert {} == start.snapshot().links
    start.sweep()
    assert {} == start.backend.rows.objects


def test_a_small_blob_costs_no_object():
    start = world()
    ticket = opened(start)
    feed(start, ticket, b"small").record()
    uploads.finish(start.stores, ticket, Digest.of(b"small"), b"")

    assert b"small" == start.snapshot().links[Digest.of(b"small")].data
    assert {} == start.backend.rows.objects


def test_no_more_parts_are_held_than_may_be_in_flight_and_the_one_that_fills(monkeypatch):
    """
    Storage does not answer: the feed waits at the fourth part, whose bytes are all that is held beside them.
    """
    start, held, most, lock, go = world(), [], [], Lock(), Event()
    memory = Buffers()
    monkeypatch.setattr(buffers, "PROCESS", memory)

    def around(name: str, call: Callable[[], Any]) -> Any:
        if name != "objects.put_part":
            return call()
        with lock:
            held.append(name)
            most.append(len(held))
            if len(held) == assembly.PARTS_IN_FLIGHT:
                go.set()
        go.wait(10)
        with lock:
            held.pop()
        return call()

    with scaled(100, 10):
        appending = feed(start, opened(start), stores=through(start.stores, around))
        for _ in range(50):
            appending.feed(bytes(77))
        appending.finish(Digest.of(bytes(77 * 50)))
        appending.assembly.release()

    assert assembly.PARTS_IN_FLIGHT == max(most)
    assert (assembly.PARTS_IN_FLIGHT + 1) * 200 >= memory.most > memory.lent == 0
    start.snapshot().check()


@pytest.mark.parametrize("failing", range(4))
def test_a_part_that_fails_leaves_the_session_as_it_was(failing):
    start, calls = world(), iter(range(1000))

    def around(name: str, call: Callable[[], Any]) -> Any:
        if name == "objects.put_part" and next(calls) == failing:
            raise Unavailable("busy")
        return call()

    with scaled(200, 10):
        ticket = opened(start)
        feed(start, ticket, DATA[:500]).record()
        before = uploads.status(start.stores, ticket)
        parts = {upload: dict(numbers) for upload, numbers in start.backend.rows.parts.items()}
        appending = feed(start, ticket, stores=through(start.stores, around))
        with pytest.raises(Unavailable):
            for place in range(500, 2048, 50):
                appending.feed(DATA[place : place + 50])
            appending.record()
        appending.abandon()

        assert before == uploads.status(start.stores, ticket)
        assert parts.keys() == start.backend.rows.parts.keys()
        feed(start, ticket, DATA[500:]).finish(DIGEST)

    assert DATA == blob(start, DIGEST)
    start.sweep()


def test_a_blob_has_an_end(monkeypatch):
    start = world()
    monkeypatch.setattr(assembly, "BLOB_LIMIT", 100)
    appending = feed(start, opened(start), bytes(100))

    with pytest.raises(BodyTooLarge):
        appending.feed(b"x")


def test_so_much_may_be_staged_by_one_principal():
    start = world(staged_bytes=100)
    feed(start, opened(start), bytes(60)).record()
    ticket = opened(start)
    appending = feed(start, ticket, bytes(40))

    with pytest.raises(TooManyRequests):
        appending.feed(b"x")
    appending.abandon()

    assert 0 == uploads.status(start.stores, ticket).progress.offset


@pytest.mark.parametrize("recorded", [False, True])
def test_a_writer_that_was_taken_over_cannot_go_on(recorded):
    """
    Nor when the other has gone again: what it was told is taken stays.
    """
    start = world()
    ticket = opened(start)
    slow = feed(start, ticket, b"slow")
    start.stores.clock.advance(timedelta(seconds=61))
    fast = feed(start, ticket, b"fast")
    if recorded:
        fast.record()

    with pytest.raises((UploadUnknown, UploadOutOfOrder)):
        slow.feed(b"er")
    slow.abandon()
    if not recorded:
        fast.record()

    uploads.finish(start.stores, ticket, Digest.of(b"faster"), b"er")
    assert b"faster" == blob(start, Digest.of(b"faster"))


def test_a_writer_stays_the_writer_while_it_feeds():
    start = world()
    ticket = opened(start)
    slow = feed(start, ticket, b"slow")
    for _ in range(5):
        start.stores.clock.advance(timedelta(seconds=50))
        slow.feed(b"er")
        with pytest.raises(UploadOutOfOrder):
            feed(start, ticket, b"fast")

    assert 14 == slow.record()


def later(start: World) -> Stores:
    return replace(start.stores, clock=lambda: start.stores.clock() + SESSION_LIFE + ORPHAN_AGE)


def test_the_sweep_removes_everything_of_a_session_that_has_ended():
    """
    The parts and the tail that were recorded, an object and a multipart upload that nobody recorded.
    """
    start = world()
    with scaled(200, 10):
        ticket = opened(start)
        feed(start, ticket, DATA[:500]).record()
        feed(start, ticket, DATA[500:900])  # and its process is gone
    stray = keys.blob_object(ticket.id, "stray")
    start.stores.objects.put(stray, b"stray")
    start.stores.objects.start_multipart(keys.blob_object(ticket.id, "unrecorded"))
    start.stores.objects.put("blobs/another/1", b"of another session")

    assert 0 == uploads.sweep(start.stores, 10, lambda: True)
    assert 1 == uploads.sweep(later(start), 10, lambda: True)

    assert {"blobs/another/1"} == start.backend.rows.objects.keys()
    assert ({}, {}) == (start.backend.rows.parts, start.backend.rows.sessions)


def test_the_sweep_keeps_the_bytes_that_were_adopted_and_nothing_else():
    start = world()
    one, two = opened(start), opened(start)
    for ticket in (one, two):
        uploads.finish(start.stores, ticket, Digest.of(LAYER), LAYER)
    assert 2 == len(start.backend.rows.objects)

    assert 2 == uploads.sweep(later(start), 10, lambda: True)

    assert start.stores.bytes.keys_of(Digest.of(LAYER)) == start.backend.rows.objects.keys()
    start.snapshot().check()


def test_the_sweep_ends_when_its_time_is_up_and_goes_on_where_it_was():
    start = world()
    for _ in range(3):
        opened(start)

    assert 0 == uploads.sweep(later(start), 10, lambda: False)
    assert 2 == uploads.sweep(later(start), 2, lambda: True)
    assert 1 == uploads.sweep(later(start), 10, lambda: True)


def test_the_sweep_finishes_what_a_crash_left():
    """
    A session is fenced first; whoever finds it fenced clears it.
    """
    start = world()
    ticket = opened(start)
    start.stores.uploads.cancel(uploads.status(start.stores, ticket))
    assert UploadState.EXPIRED is start.stores.uploads.get(ticket.id).state

    assert 1 == uploads.sweep(later(start), 10, lambda: True)
    assert {} == start.backend.rows.sessions


@pytest.fixture
def registry():
    with asyncio.Runner() as runner:
        yield Registry(MemoryBackend(limits(namespace="acme")), runner)


def test_what_came_of_a_patch_before_the_client_went_away_is_kept(registry):
    client = registry.client()
    path = client.start()

    client.patch(path, body=[DATA[:700], DATA[700:1000]], length=False, gone=True)

    assert "0-999" == client.get(path).headers["range"]
    client.expect(202, client.patch(path, {"Content-Range": "1000-2047"}, DATA[1000:]))
    client.expect(201, client.put(f"{path}?digest={DIGEST}"))
    assert DATA == client.pull_blob(DIGEST)


def test_nothing_is_kept_of_a_put_whose_client_went_away(registry):
    """
    It will send all of it again.
    """
    client = registry.client()
    path = client.start()

    client.put(f"{path}?digest={DIGEST}", body=[DATA[:700]], length=False, gone=True)

    client.expect(201, client.put(f"{path}?digest={DIGEST}", body=DATA))
    assert DATA == client.pull_blob(DIGEST)
