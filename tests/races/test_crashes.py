"""A process that ends at any call of any write: the same request, sent again, succeeds, and nothing counts twice."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.races.images import ALICE, CONFIG, LAYER, by_token, image, index, make_repository, push_image, put, upload
from tests.races.steps import through, trace
from tests.races.test_interleavings import DIGEST, IMAGE, IMAGE_DIGEST, World, world

from moorage.domain.access import ANONYMOUS, Access, Action, Grant
from moorage.domain.content import Counts, LinkState
from moorage.domain.digest import Digest
from moorage.domain.errors import BlobUnknown, ManifestUnknown, Unavailable, UploadOutOfOrder, UploadUnknown
from moorage.domain.names import RepositoryName, Tag
from moorage.domain.repository import Sparse
from moorage.domain.upload import WRITER_LIFE, UploadTicket
from moorage.operations import blobs, manifests, mounts, uploads
from moorage.operations.push import push_manifest
from moorage.stores.base import Stores

pytestmark = pytest.mark.usefixtures("repeatable", "small_parts")

BODY = LAYER[60_000:]
SUBJECT = image(note="subject")
REFERRER = image(LAYER, subject=SUBJECT)


class Crash(BaseException):
    """The process is gone: nothing catches it, so nothing is cleaned up."""


@dataclass
class Case:
    """A write, in the world that it is made in; `over` is what a repeat may be told when the first was applied."""

    world: World
    write: Callable[[Stores], object]
    over: type[BaseException] = Crash
    then: Callable[[Stores], object] = lambda stores: None  # what follows it


def empty() -> World:
    return world(images=200)


def filled(**changes: Any) -> World:
    start = world(**{"images": 200, **changes})
    push_image(start.stores, start.id, IMAGE, LAYER, tags=["v1", "v2"])
    return start


def with_blobs() -> World:
    start = empty()
    for blob in (CONFIG, LAYER):
        upload(start.stores, start.id, blob)
    return start


def opened(start: World) -> UploadTicket:
    """Open a session with two recorded chunks: a part and a tail of 30,000 bytes."""
    session = uploads.start(start.stores, start.id, ALICE, "sha256")
    for chunk in (LAYER[:35_000], LAYER[35_000:60_000]):
        appending = uploads.Appending(start.stores, session.ticket, first=None)
        appending.feed(chunk)
        appending.record()
    return session.ticket


def finish(data: bytes = LAYER) -> Case:
    start = empty()
    ticket = uploads.start(start.stores, start.id, ALICE, "sha256").ticket
    return Case(start, lambda stores: uploads.finish(stores, ticket, Digest.of(data), data))


def finish_chunked() -> Case:
    start = empty()
    ticket = opened(start)
    return Case(start, lambda stores: uploads.finish(stores, ticket, DIGEST, BODY))


def append(stores: Stores, ticket: UploadTicket, first: int | None = 60_000) -> uploads.Appending:
    appending = uploads.Appending(stores, ticket, first=first, digest=DIGEST)
    try:
        appending.feed(BODY if first else LAYER)
    except Unavailable:  # as the route does
        appending.abandon()
        raise
    return appending


def stream(first: int | None = 60_000) -> Case:
    start = empty()
    ticket = opened(start) if first else uploads.start(start.stores, start.id, ALICE, "sha256").ticket
    return Case(start, lambda stores: append(stores, ticket, first).finish(DIGEST))


def chunk() -> Case:
    """A chunk; a client that is told where the session stands knows that it was taken."""
    start = empty()
    ticket = opened(start)

    def write(stores: Stores) -> None:
        appending = append(stores, ticket)
        try:
            appending.record()
        except Unavailable:
            appending.abandon()
            raise

    return Case(start, write, over=UploadOutOfOrder, then=lambda stores: uploads.finish(stores, ticket, DIGEST, b""))


def over_a_deleting_link() -> Case:
    """The sweep has given up the link, whose layer was counted (W3)."""
    start = filled()
    rows = start.backend.rows
    manifests.delete(start.stores, start.id, IMAGE_DIGEST, ALICE)
    start.backend.set_link_state(start.id, DIGEST, LinkState.DELETING)
    assert rows.links[start.id, DIGEST].counted is not None
    return Case(start, lambda stores: upload(stores, start.id, LAYER))


def cancel() -> Case:
    start = empty()
    ticket = opened(start)
    return Case(start, lambda stores: uploads.cancel(stores, ticket), over=UploadUnknown)


def mount() -> Case:
    start = empty()
    source = make_repository(start.stores, "acme/source")
    upload(start.stores, source.id, LAYER)
    access = Access(ANONYMOUS, (Grant(source.name, source.id, frozenset({Action.PULL}), frozenset()),))
    return Case(
        start, lambda stores: mounts.mount(stores, start.id, DIGEST, RepositoryName(source.name), access, by_token)
    )


def push(start: World, data: bytes, *tags: str) -> Case:
    return Case(start, lambda stores: push_manifest(stores, put(start.id, data, *tags)))


def large_manifest() -> Case:
    """Its bytes do not fit its row."""
    return push(with_blobs(), image(LAYER, note="x" * 70_000), "v1")


def restored() -> Case:
    start = filled()
    manifests.delete(start.stores, start.id, IMAGE_DIGEST, ALICE)
    return push(start, IMAGE, "v1")


def delete(**changes: Any) -> Case:
    start = filled(**changes)
    write = lambda stores: manifests.delete(stores, start.id, IMAGE_DIGEST, ALICE)  # noqa: E731 - it is one line
    return Case(start, write, over=ManifestUnknown)


def untag() -> Case:
    start = filled()
    return Case(start, lambda stores: manifests.untag(stores, start.id, Tag("v1"), ALICE), over=ManifestUnknown)


def delete_blob() -> Case:
    start = with_blobs()
    return Case(start, lambda stores: blobs.delete(stores, start.id, DIGEST), over=BlobUnknown)


CASES = [
    pytest.param(lambda: Case(start := empty(), lambda stores: upload(stores, start.id, LAYER)), id="upload"),
    pytest.param(lambda: finish(b"small"), id="finish inline"),
    pytest.param(lambda: finish(LAYER[:20_000]), id="finish in one object"),
    pytest.param(finish, id="finish in parts"),
    pytest.param(finish_chunked, id="finish what was chunked"),
    pytest.param(lambda: stream(None), id="stream it all"),
    pytest.param(stream, id="stream the rest"),
    pytest.param(chunk, id="chunk"),
    pytest.param(over_a_deleting_link, id="upload what the sweep has given up"),
    pytest.param(cancel, id="cancel"),
    pytest.param(mount, id="mount"),
    pytest.param(lambda: push(with_blobs(), IMAGE, "v1", "v2"), id="push"),
    pytest.param(lambda: push(with_blobs(), REFERRER), id="push a referrer"),
    pytest.param(lambda: push(filled(), index(IMAGE), "v1"), id="push an index"),
    pytest.param(lambda: push(filled(), IMAGE, "v3"), id="move a tag"),
    pytest.param(large_manifest, id="push a large manifest"),
    pytest.param(restored, id="push what was deleted"),
    pytest.param(delete, id="delete"),
    pytest.param(lambda: delete(sparse=Sparse.NONE), id="delete where indexes are whole"),
    pytest.param(untag, id="untag"),
    pytest.param(delete_blob, id="delete a blob"),
]


def failing(at: int, error: BaseException, *, applied: bool) -> Callable[[str, Callable[[], Any]], Any]:
    """Fail one call: before it reaches storage, or after it has been applied and its answer is lost."""
    calls = iter(range(10_000))

    def around(_: str, call: Callable[[], Any]) -> Any:
        if next(calls) != at:
            return call()
        if applied:
            call()
        raise error

    return around


def result(run: World) -> tuple[Counts, list[object]]:
    """Return what the world came to: its counters, and all that can be pulled."""
    shot = run.snapshot()
    links = [(str(digest), link.readable) for digest, link in shot.links.items()]
    images = [(str(digest), row.readable) for digest, row in shot.manifests.items()]
    return shot.counts, sorted([*links, *images, *[(tag, str(digest)) for tag, digest in shot.tags.items()]])


def later(stores: Stores) -> Stores:
    """Return the stores when a writer that said nothing more is no longer waited for."""
    return replace(stores, clock=lambda: stores.clock() + WRITER_LIFE + timedelta(seconds=1))


def prepared(make_case: Callable[[], Case]) -> tuple[Case, object, int]:
    """Return a case, what it comes to when nothing fails, and how many calls that takes."""
    case = make_case()
    clean = case.world.fork()
    calls = len(trace(clean.stores, case.write))
    case.then(clean.stores)
    return case, result(clean), calls


@pytest.mark.parametrize("applied", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("make_case", CASES)
def test_after_a_crash_at_any_call_the_request_sent_again_succeeds(make_case, applied):
    case, expected, calls = prepared(make_case)

    for place in range(calls):
        run = case.world.fork()
        with pytest.raises(Crash):
            case.write(through(run.stores, failing(place, Crash(), applied=applied)))
        run.snapshot().check()
        with suppress(case.over):
            case.write(later(run.stores))
        case.then(later(run.stores))

        run.snapshot().check()
        assert expected == result(run)
        run.sweep()
        run.snapshot().check()


@pytest.mark.parametrize("applied", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("make_case", CASES)
def test_when_storage_is_busy_for_one_call_the_request_sent_again_succeeds(make_case, applied):
    """
    Nothing is told but "later". The next request need not wait for a writer, unless the answer to its claim was lost.
    """
    case, expected, calls = prepared(make_case)

    for place in range(calls):
        run = case.world.fork()
        with suppress(Unavailable):
            case.write(through(run.stores, failing(place, Unavailable("busy"), applied=applied)))
        run.snapshot().check()
        again = later(run.stores) if applied else run.stores
        with suppress(case.over):
            case.write(again)
        case.then(again)

        run.snapshot().check()
        assert expected == result(run)
        run.sweep()
        run.snapshot().check()
