"""Two operations at once, a call of one and then of the other, in every order with up to three switches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.races.images import ALICE, CONFIG, LAYER, by_token, image, index, make_repository, push_image, put, upload
from tests.races.invariants import Snapshot, snapshot
from tests.races.steps import Outcome, copy_rows, interleave, schedules

from moorage.domain.access import ANONYMOUS, Access, Action, Grant
from moorage.domain.content import ORPHAN_AGE
from moorage.domain.digest import Digest
from moorage.domain.errors import (
    BlobInUse,
    BlobUnknown,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestInUse,
    ManifestUnknown,
    Unavailable,
    UploadInvalid,
    UploadOutOfOrder,
    UploadUnknown,
)
from moorage.domain.names import RepositoryName, Tag
from moorage.domain.repository import Sparse
from moorage.domain.upload import SESSION_LIFE, UploadTicket
from moorage.operations import blobs, manifests, mounts, uploads
from moorage.operations.push import push_manifest
from moorage.stores.base import Stores

pytestmark = pytest.mark.usefixtures("repeatable")

SCHEDULES = 250  # of each pair
IMAGE = image(LAYER)
DIGEST, IMAGE_DIGEST = Digest.of(LAYER), Digest.of(IMAGE)
SMALL = b"small"

BUSY = (UploadOutOfOrder, UploadUnknown)

Operation = Callable[[Stores], object]


@dataclass
class World:
    """Memory stores with one repository, as they are before each run."""

    backend: MemoryBackend
    id: str

    @property
    def stores(self) -> Stores:
        return self.backend.stores

    def fork(self) -> "World":
        """Return a world of its own with the same rows."""
        fork = MemoryBackend(self.stores.limits)
        copy_rows(self.backend.rows, fork.rows)
        fork.stores = replace(fork.stores, entropy=self.stores.entropy, clock=self.stores.clock)
        return World(fork, self.id)

    def snapshot(self) -> Snapshot:
        return snapshot(self.backend, self.id)

    def sweep(self) -> None:
        """Let a day pass and sweep the sessions; no bytes of theirs may be left that no row names."""
        rows = self.backend.rows
        later = replace(self.stores, clock=lambda: self.stores.clock() + SESSION_LIFE + ORPHAN_AGE)
        uploads.sweep(later, 100, lambda: True)
        assert {} == rows.sessions
        assert {} == rows.parts
        named = {row.stored.key for row in rows.held.values()}
        assert named == {key for key in rows.objects if key.startswith("blobs/")}


def world(**changes: Any) -> World:
    backend = MemoryBackend(limits(**changes))
    return World(backend, make_repository(backend.stores).id)


def explore(start: World, *operations: Operation) -> list[tuple[World, list[Outcome]]]:
    """Run two operations in many orders; check the rows after every call, and the leftovers after each run."""
    ends: list[tuple[World, list[Outcome]]] = []
    first = start.fork()
    _, steps = interleave(first.stores, operations, (), lambda: None)
    for order in (operations, operations[::-1]):
        for turns in schedules(steps, SCHEDULES // 2):
            run = start.fork()
            outcomes, _ = interleave(run.stores, order, turns, lambda run=run: run.snapshot().check())
            ends.append((run, outcomes if order is operations else outcomes[::-1]))
            swept = run.fork()
            swept.sweep()
            swept.snapshot().check()
    return ends


def seen(ends: Sequence[tuple[World, list[Outcome]]], allowed: dict[int, tuple[type, ...]]) -> set[tuple[bool, ...]]:
    """Return which operations succeeded together, after checking that the others were refused as they may be."""
    for _, outcomes in ends:
        for place, outcome in enumerate(outcomes):
            assert outcome.done or isinstance(outcome.refusal, allowed.get(place, ()))
    return {tuple(outcome.done for outcome in outcomes) for _, outcomes in ends}


def test_a_push_and_the_delete_of_its_blob():
    start = world()
    upload(start.stores, start.id, CONFIG)
    upload(start.stores, start.id, LAYER)

    ends = explore(
        start,
        lambda stores: push_manifest(stores, put(start.id, IMAGE, "v1")),
        lambda stores: blobs.delete(stores, start.id, DIGEST),
    )

    both = seen(ends, {0: (ManifestBlobUnknown,), 1: (BlobInUse,)})
    assert {(True, False), (False, True)} <= both
    assert (True, True) not in both


def test_a_push_and_the_delete_of_its_manifest():
    start = world()
    push_image(start.stores, start.id, IMAGE, LAYER, tags=["v1"])

    ends = explore(
        start,
        lambda stores: push_manifest(stores, put(start.id, IMAGE, "v2")),
        lambda stores: manifests.delete(stores, start.id, IMAGE_DIGEST, ALICE),
    )

    assert {(True, True)} == seen(ends, {})
    assert {(), (Tag("v2"),)} == {tuple(run.snapshot().tags) for run, _ in ends}


def test_two_pushes_of_one_tag():
    start = world()
    one, two = image(config=CONFIG, note="one"), image(config=CONFIG, note="two")
    upload(start.stores, start.id, CONFIG)

    ends = explore(
        start,
        lambda stores: push_manifest(stores, put(start.id, one, "v1")),
        lambda stores: push_manifest(stores, put(start.id, two, "v1")),
    )

    assert {(True, True)} == seen(ends, {})
    assert {Digest.of(one), Digest.of(two)} == {run.snapshot().tags[Tag("v1")] for run, _ in ends}


def test_two_pushes_of_one_manifest():
    start = world()
    for blob in (CONFIG, LAYER):
        upload(start.stores, start.id, blob)

    ends = explore(start, *[lambda stores: push_manifest(stores, put(start.id, IMAGE, "v1"))] * 2)

    assert {(True, True)} == seen(ends, {})
    assert {1} == {run.snapshot().counts.images for run, _ in ends}
    assert {1} == {run.snapshot().counts.layers for run, _ in ends}


def test_a_push_and_an_untag_of_the_same_tag():
    start = world()
    other = image(config=CONFIG, note="other")
    push_image(start.stores, start.id, IMAGE, LAYER, tags=["v1"])

    ends = explore(
        start,
        lambda stores: push_manifest(stores, put(start.id, other, "v1")),
        lambda stores: manifests.untag(stores, start.id, Tag("v1"), ALICE),
    )

    assert {(True, True)} == seen(ends, {})
    assert {(), (Digest.of(other),)} == {tuple(run.snapshot().tags.values()) for run, _ in ends}


@pytest.mark.parametrize("sparse", list(Sparse))
def test_a_push_of_an_index_and_the_delete_of_its_child(sparse):
    start = world(sparse=sparse)
    push_image(start.stores, start.id, IMAGE, LAYER)

    ends = explore(
        start,
        lambda stores: push_manifest(stores, put(start.id, index(IMAGE), "v1")),
        lambda stores: manifests.delete(stores, start.id, IMAGE_DIGEST, ALICE),
    )

    both = seen(ends, {0: (ManifestBlobUnknown,), 1: (ManifestInUse,)})
    assert ({(True, False), (False, True)} if sparse is Sparse.NONE else {(True, True)}) <= both
    assert ((True, True) in both) is (sparse is not Sparse.NONE)


@pytest.mark.parametrize("data", [pytest.param(SMALL, id="inline"), pytest.param(LAYER, id="an object")])
def test_an_upload_and_the_delete_of_the_blob(data):
    start = world()
    digest = upload(start.stores, start.id, data)

    ends = explore(
        start,
        lambda stores: upload(stores, start.id, data),
        lambda stores: blobs.delete(stores, start.id, digest),
    )

    assert {(True, True)} == seen(ends, {})
    assert {True, False} == {run.snapshot().links[digest].readable for run, _ in ends}


@pytest.mark.parametrize("data", [pytest.param(SMALL, id="inline"), pytest.param(LAYER, id="an object")])
@pytest.mark.parametrize("deleted", ["source", "target"])
def test_a_mount_and_the_delete_of_the_blob(data, deleted):
    start = world()
    source = make_repository(start.stores, "acme/source")
    digest = upload(start.stores, source.id, data)
    if deleted == "target":
        upload(start.stores, start.id, data)
    access = Access(ANONYMOUS, (Grant(source.name, source.id, frozenset({Action.PULL}), frozenset()),))
    where = source.id if deleted == "source" else start.id

    ends = explore(
        start,
        lambda stores: mounts.mount(stores, start.id, digest, RepositoryName(source.name), access, by_token),
        lambda stores: blobs.delete(stores, where, digest),
    )

    assert {(True, True)} == seen(ends, {})
    for run, (mounted, _) in ends:
        snapshot(run.backend, source.id).check()
        link = run.snapshot().links.get(digest)
        if deleted == "source":
            assert mounted.answer is (link is not None)
        else:
            assert link is not None


@dataclass
class Session:
    """A session of a world that has two recorded chunks, which may have made parts and a tail."""

    world: World
    ticket: UploadTicket

    def finish(self, stores: Stores, digest: Digest = DIGEST, body: bytes = LAYER[60_000:]) -> None:
        uploads.finish(stores, self.ticket, digest, body)

    def stream(self, stores: Stores, digest: Digest = DIGEST, body: bytes = LAYER[60_000:]) -> None:
        """Finish as the relay does with a long body."""
        appending = uploads.Appending(stores, self.ticket, first=60_000, digest=digest)
        appending.feed(body)
        appending.finish(digest)

    def append(self, stores: Stores, body: bytes = LAYER[60_000:]) -> int:
        appending = uploads.Appending(stores, self.ticket, first=60_000)
        appending.feed(body)
        return appending.record()

    def cancel(self, stores: Stores) -> None:
        uploads.cancel(stores, self.ticket)

    def sweep(self, stores: Stores) -> int:
        """Sweep with the session's last minute over, which for the others has begun."""
        late = replace(stores, clock=lambda: stores.clock() + timedelta(minutes=1))
        return uploads.sweep(late, 10, lambda: True)


@pytest.fixture(params=["whole", "parts"])
def session(request):
    if request.param == "parts":
        request.getfixturevalue("small_parts")
    start = world()
    opened = uploads.start(start.stores, start.id, ALICE, "sha256")
    for chunk in (LAYER[:35_000], LAYER[35_000:60_000]):
        appending = uploads.Appending(start.stores, opened.ticket, first=None)
        appending.feed(chunk)
        appending.record()
    return Session(start, opened.ticket)


def stored(run: World) -> bool:
    link = run.snapshot().links.get(DIGEST)
    return link is not None and link.readable


def test_two_finishes_with_the_right_bytes(session):
    ends = explore(session.world, session.finish, session.finish)

    assert {(True, True)} == seen(ends, {})
    assert all(stored(run) for run, _ in ends)


def test_two_finishes_that_stream(session):
    ends = explore(session.world, session.stream, session.finish)

    assert (True, True) not in seen(ends, {0: BUSY, 1: BUSY}) or all(stored(run) for run, _ in ends)
    assert all(stored(run) for run, _ in ends)


@pytest.mark.parametrize("how", ["finish", "stream"])
def test_a_finish_with_the_right_bytes_and_one_with_wrong_ones(session, how):
    """
    Wrong bytes that come first as a stream end the session; those that come later leave it to the one that closed it.
    """
    wrong = getattr(session, how)

    ends = explore(session.world, session.finish, lambda stores: wrong(stores, body=b"wrong" * 5_000))

    refused = (Unavailable, *(BUSY if how == "stream" else ()))
    assert (True, False) in seen(ends, {0: refused, 1: (*BUSY, DigestInvalid, Unavailable)})
    for run, (right, other) in ends:
        assert not other.done
        if isinstance(right.refusal, Unavailable):  # its last part was overwritten: it is told to send it again
            session.finish(run.stores)
            assert stored(run)
        assert stored(run) or not right.done


@pytest.mark.parametrize("how", ["finish", "stream"])
def test_wrong_bytes_that_only_reading_them_again_can_tell(session, how):
    """
    The bytes were hashed with SHA-256 on their way, and the digest that closes the session is a SHA-512.
    """
    digest = Digest.of(LAYER, "sha512")
    wrong = getattr(session, how)

    ends = explore(
        session.world,
        lambda stores: session.finish(stores, digest),
        lambda stores: wrong(stores, digest, body=bytes(len(LAYER) - 60_000)),
    )

    for run, (right, _) in ends:
        if right.done:
            assert run.snapshot().links[digest].readable
    both = seen(ends, dict.fromkeys((0, 1), (*BUSY, Unavailable, DigestInvalid)))
    assert (True, False) in both
    assert (False, True) not in both  # wrong bytes are told that all is well only once the right ones are in


def test_a_finish_with_the_right_digest_and_one_with_another(session):
    other = Digest.of(b"other")

    ends = explore(session.world, session.finish, lambda stores: session.finish(stores, other))

    assert {(True, False), (False, False)} == seen(ends, {0: (UploadInvalid,), 1: (DigestInvalid, UploadInvalid)})
    assert all(stored(run) is right.done for run, (right, _) in ends)


@pytest.mark.parametrize("how", ["finish", "stream"])
def test_a_finish_and_a_cancel(session, how):
    ends = explore(session.world, getattr(session, how), session.cancel)

    assert {(True, False), (False, True)} == seen(ends, {0: BUSY, 1: (UploadUnknown,)})
    assert all(stored(run) is finished.done for run, (finished, _) in ends)


@pytest.mark.parametrize("how", ["finish", "stream"])
def test_a_finish_and_the_sweep(session, how):
    session.world.stores.clock.advance(SESSION_LIFE - timedelta(seconds=30))

    ends = explore(session.world, getattr(session, how), session.sweep)

    assert {(True, True), (False, True)} == seen(ends, {0: BUSY})
    assert all(stored(run) is finished.done for run, (finished, _) in ends)


def test_a_chunk_and_a_cancel(session):
    ends = explore(session.world, session.append, session.cancel)

    assert {(True, True), (False, True)} == seen(ends, {0: BUSY})


def test_two_chunks_for_one_offset(session):
    ends = explore(session.world, session.append, lambda stores: session.append(stores, b"another" * 5_000))

    both = seen(ends, {0: BUSY, 1: BUSY})
    assert {(True, False), (False, True)} == both


def test_a_delete_and_a_delete():
    start = world()
    digest = upload(start.stores, start.id, LAYER)

    ends = explore(start, *[lambda stores: blobs.delete(stores, start.id, digest)] * 2)

    assert {(True, False), (False, True)} == seen(ends, {0: (BlobUnknown,), 1: (BlobUnknown,)})


def test_two_deletes_of_one_manifest():
    start = world()
    push_image(start.stores, start.id, IMAGE, LAYER, tags=["v1", "v2"])

    ends = explore(start, *[lambda stores: manifests.delete(stores, start.id, IMAGE_DIGEST, ALICE)] * 2)

    assert {(True, False), (False, True)} == seen(ends, {0: (ManifestUnknown,), 1: (ManifestUnknown,)})
    assert {0} == {run.snapshot().counts.images for run, _ in ends}
