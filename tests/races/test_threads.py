"""32 threads at once: on memory stores, whose methods are atomic, and fewer rounds on DynamoDB and S3."""

import os
import random
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Barrier, Event, Thread

import pytest
from tests.contract.backends import DynamoBackend, MemoryBackend
from tests.factories import limits
from tests.races.images import ALICE, CONFIG, LAYER, by_token, image, index, make_repository, push_image, put, upload
from tests.races.invariants import Snapshot, snapshot
from tests.races.steps import Outcome

from moorage.domain.access import ANONYMOUS, Access, Action, Grant
from moorage.domain.content import ORPHAN_AGE, Counts, Expected
from moorage.domain.digest import Digest
from moorage.domain.errors import (
    BlobInUse,
    BlobUnknown,
    DigestInvalid,
    LimitReached,
    ManifestBlobUnknown,
    ManifestUnknown,
    RegistryError,
    TagChanged,
    Unavailable,
    UploadInvalid,
    UploadOutOfOrder,
    UploadUnknown,
)
from moorage.domain.names import RepositoryName, Tag
from moorage.domain.upload import SESSION_LIFE
from moorage.operations import blobs, manifests, mounts, uploads
from moorage.operations.push import push_manifest
from moorage.stores.base import Stores

THREADS = 32
DIGEST = Digest.of(LAYER)
V1 = Tag("v1")
LATER = (Unavailable, UploadOutOfOrder)  # try again: another was first


@dataclass
class Site:
    """One repository on stores with a clock that goes and dice that two threads may throw."""

    backend: MemoryBackend | DynamoBackend
    stores: Stores
    id: str
    threads: int

    def snapshot(self) -> Snapshot:
        return snapshot(self.backend, self.id)

    def race(self, *operations: Callable[[int], object], allowed: tuple[type[Exception], ...] = ()) -> list[Outcome]:
        """Let every thread call one of the operations, all at once; look at the rows meanwhile and after."""
        start = Barrier(self.threads)

        def run(number: int) -> Outcome:
            start.wait(10)
            try:
                return Outcome(operations[number % len(operations)](number))
            except RegistryError as refusal:
                assert isinstance(refusal, allowed), refusal
                return Outcome(refusal=refusal)

        with self._watched(), ThreadPoolExecutor(self.threads) as threads:
            outcomes = list(threads.map(run, range(self.threads)))
        self.snapshot().check()
        return outcomes

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Check the invariants over and over while others write; DynamoDB cannot be read in one instant."""
        if isinstance(self.backend, DynamoBackend):
            yield
            return
        over, failures = Event(), []

        def watch() -> None:
            while not over.is_set():
                try:
                    self.snapshot().check()
                except AssertionError as failure:
                    failures.append(failure)
                    return

        watcher = Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        assert [] == failures

    def sweep_sessions(self) -> None:
        """Sweep what sessions left, when nobody is at them any more."""
        later = replace(self.stores, clock=lambda: datetime.now(UTC) + SESSION_LIFE + ORPHAN_AGE)
        uploads.sweep(later, 1000, lambda: True)


@pytest.fixture(autouse=True)
def switching() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def make_site(make_backend):
    def make(**changes: object) -> Site:
        backend = make_backend(limits(**{"images": 2000, **changes}))
        stores = replace(backend.stores, clock=lambda: datetime.now(UTC), entropy=os.urandom)
        return Site(backend, stores, make_repository(stores).id, THREADS if isinstance(backend, MemoryBackend) else 8)

    return make


@pytest.fixture
def site(make_site) -> Site:
    return make_site()


def done(outcomes: list[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.done]


@pytest.mark.parametrize("data", [pytest.param(b"small", id="inline"), pytest.param(LAYER, id="an object")])
def test_one_blob_pushed_by_many(site, data):
    outcomes = site.race(lambda _: upload(site.stores, site.id, data))

    assert site.threads == len(done(outcomes))
    if data is LAYER:
        link = site.snapshot().links[DIGEST]
        assert {f"{site.id}+{link.generation}"} == site.backend.references(DIGEST)
        site.sweep_sessions()
        assert LAYER == site.stores.objects.read(str(link.key))
    if isinstance(site.backend, MemoryBackend):
        assert len(site.backend.rows.held) == len(site.backend.rows.objects)


def test_one_image_pushed_by_many(site):
    data = image(LAYER)

    outcomes = site.race(lambda number: push_image(site.stores, site.id, data, LAYER, tags=["v1", f"n{number}"]))

    assert site.threads == len(done(outcomes))
    assert Counts(images=1, layers=1, bytes=len(LAYER)) == site.snapshot().counts
    assert {Digest.of(data)} == set(site.snapshot().tags.values())


def test_one_tag_moved_by_many(site):
    """
    Every push succeeds; the tag ends at one of them, and its history is a chain.
    """
    upload(site.stores, site.id, CONFIG)
    images = [image(note=str(number)) for number in range(site.threads)]

    outcomes = site.race(lambda number: push_manifest(site.stores, put(site.id, images[number], "v1")))

    assert site.threads == len(done(outcomes))
    shot = site.snapshot()
    assert site.threads == len(shot.history[V1]) == shot.counts.images
    assert shot.history[V1][-1][1] == shot.tags[V1]


def test_one_tag_moved_and_removed_by_many(site):
    upload(site.stores, site.id, CONFIG)
    images = [image(note=str(number)) for number in range(site.threads)]

    site.race(
        lambda number: push_manifest(site.stores, put(site.id, images[number], "v1")),
        lambda _: manifests.untag(site.stores, site.id, V1, ALICE),
        allowed=(ManifestUnknown,),
    )


def test_compare_and_swap_has_one_winner_for_each_expected_digest(site):
    upload(site.stores, site.id, CONFIG)
    expected = Expected(frozenset())

    for move in range(2 if isinstance(site.backend, DynamoBackend) else 6):
        pushes = [put(site.id, image(note=f"{move} {n}"), "v1", expected=expected) for n in range(site.threads)]

        (winner,) = done(
            site.race(lambda number, pushes=pushes: push_manifest(site.stores, pushes[number]), allowed=(TagChanged,))
        )

        assert winner.answer.digest == site.snapshot().tags[V1]
        expected = Expected(frozenset({winner.answer.digest}))


def test_one_session_fed_by_many(site):
    """
    At most one chunk is taken for an offset, and the blob is made of those that were.
    """
    ticket = uploads.start(site.stores, site.id, ALICE, "sha256").ticket
    taken = b""
    for round_ in range(4):
        chunks = [f"{round_} {number} ".encode() * 3_000 for number in range(site.threads)]

        def feed(number: int, offset: int = len(taken), chunks: list[bytes] = chunks) -> bytes:
            appending = uploads.Appending(site.stores, ticket, first=offset)
            appending.feed(chunks[number])
            appending.record()
            return chunks[number]

        (winner,) = done(site.race(feed, allowed=LATER)) or [Outcome(b"")]
        taken += winner.answer

    digest = Digest.of(taken)
    uploads.finish(site.stores, ticket, digest, b"")
    link = site.snapshot().links[digest]
    assert taken == (link.data if link.data is not None else site.stores.objects.read(str(link.key)))
    site.snapshot().check()


@pytest.fixture(params=["in one object", "in parts"])
def ticket(request, site):
    """A session with 60,000 bytes of the layer; S3 takes parts of 5 MiB and more, so there they are in no part."""
    if request.param == "in parts" and isinstance(site.backend, MemoryBackend):
        request.getfixturevalue("small_parts")
    opened = uploads.start(site.stores, site.id, ALICE, "sha256").ticket
    appending = uploads.Appending(site.stores, opened, first=0)
    appending.feed(LAYER[:60_000])
    appending.record()
    return opened


def again(attempt: Callable[[], object]) -> object:
    """Send a request again while it is told to come back later."""
    for _ in range(50):
        try:
            return attempt()
        except Unavailable:
            continue
    raise AssertionError("nobody gets through")


def test_one_session_finished_by_many(site, ticket):
    outcomes = site.race(lambda _: uploads.finish(site.stores, ticket, DIGEST, LAYER[60_000:]))

    assert site.threads == len(done(outcomes))
    assert site.snapshot().links[DIGEST].readable


def test_one_session_finished_by_many_with_the_right_and_with_wrong_bytes(site, ticket):
    outcomes = site.race(
        lambda _: again(lambda: uploads.finish(site.stores, ticket, DIGEST, LAYER[60_000:])),
        lambda number: uploads.finish(site.stores, ticket, DIGEST, str(number).encode() * 9_000),
        lambda number: uploads.finish(site.stores, ticket, Digest.of(str(number).encode()), LAYER[60_000:]),
        allowed=(DigestInvalid, UploadInvalid),
    )

    right = outcomes[::3]
    assert len(done(right)) in (0, len(right))  # none, when a wrong digest has closed the session
    link = site.snapshot().links.get(DIGEST)
    assert (link is not None) is bool(done(right))


def test_one_session_finished_cancelled_and_fed_by_many(site, ticket):
    def append(number: int) -> None:
        appending = uploads.Appending(site.stores, ticket, first=60_000)
        appending.feed(str(number).encode() * 9_000)
        appending.record()

    site.race(
        lambda _: uploads.finish(site.stores, ticket, DIGEST, LAYER[60_000:]),
        lambda _: uploads.cancel(site.stores, ticket),
        append,
        allowed=(*LATER, UploadUnknown, UploadInvalid, DigestInvalid),
    )

    site.sweep_sessions()
    site.snapshot().check()


def test_mount_upload_and_delete_of_the_same_blob(site):
    source = make_repository(site.stores, "acme/source")
    upload(site.stores, source.id, LAYER)
    access = Access(ANONYMOUS, (Grant(source.name, source.id, frozenset({Action.PULL}), frozenset()),))

    outcomes = site.race(
        lambda _: mounts.mount(site.stores, site.id, DIGEST, RepositoryName(source.name), access, by_token),
        lambda _: upload(site.stores, site.id, LAYER),
        lambda _: blobs.delete(site.stores, site.id, DIGEST),
        allowed=(BlobUnknown, Unavailable),
    )

    assert len(outcomes[::3]) == len(done(outcomes[::3]))
    snapshot(site.backend, source.id).check()
    assert LAYER == site.stores.objects.read(str(site.stores.links.get(source.id, DIGEST).key))


def test_pushes_against_deletes_of_all_that_they_push(site):
    """
    A push that is refused says what is missing, and is sent again with it, as clients do.
    """
    child, other = image(LAYER), image(note="other")
    parent = index(child, other)
    layered = [Digest.of(data) for data in (child, other, parent)]

    def push(number: int) -> None:
        for data, blob in ((child, [LAYER]), (other, []), (parent, [])):
            for _ in range(20):
                try:
                    push_image(site.stores, site.id, data, *blob, tags=["v1", f"n{number}"])
                except (ManifestBlobUnknown, Unavailable):
                    continue
                break

    def delete(number: int) -> None:
        dice = random.Random(number)  # noqa: S311 - the same choices in every run
        for _ in range(6):
            target = dice.choice(layered)
            act = dice.choice(
                [
                    lambda target=target: manifests.delete(site.stores, site.id, target, ALICE),
                    lambda: blobs.delete(site.stores, site.id, DIGEST),
                    lambda: blobs.delete(site.stores, site.id, Digest.of(CONFIG)),
                    lambda: manifests.untag(site.stores, site.id, V1, ALICE),
                ]
            )
            try:
                act()
            except (ManifestUnknown, BlobUnknown, BlobInUse, Unavailable):
                continue

    site.race(push, delete)


def test_the_limit_of_images_is_exact(make_site):
    """
    With room for one more, one of many gets it; a second refusal may come too early, never a second image.
    """
    site = make_site(images=8)
    for number in range(7):
        push_image(site.stores, site.id, image(note=str(number)))
    images = [image(note=f"more {number}") for number in range(site.threads)]

    outcomes = site.race(
        lambda number: push_manifest(site.stores, put(site.id, images[number], "v1")),
        allowed=(LimitReached, Unavailable),
    )

    assert 1 == len(done(outcomes))
    assert 8 == site.snapshot().counts.images
    with pytest.raises(LimitReached):
        push_manifest(site.stores, put(site.id, image(note="one too many")))
    manifests.delete(site.stores, site.id, Digest.of(image(note="3")), ALICE)
    push_manifest(site.stores, put(site.id, image(note="now there is room")))
    site.snapshot().check()
