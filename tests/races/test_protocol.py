"""The schedules that break the storage protocol when a rule of it is left out (docs/protocol.md, 6), by their labels.

The sweep and the purge are not there yet: their steps are written here as the protocol has them, on the rows.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from tests.races.images import ALICE, CONFIG, LAYER, image, put, upload
from tests.races.steps import through, trace
from tests.races.test_interleavings import DIGEST, IMAGE, IMAGE_DIGEST, World, world

from moorage.domain.content import BytesState, Counts, Link, LinkState, ManifestRecord, ManifestState
from moorage.domain.digest import Digest
from moorage.domain.errors import BlobInUse, ManifestBlobUnknown
from moorage.operations import blobs, manifests, uploads
from moorage.operations.push import push_manifest
from moorage.stores.base import Stores

pytestmark = pytest.mark.usefixtures("repeatable")


@pytest.fixture
def ready() -> World:
    """A repository with the blobs of an image."""
    start = world()
    for blob in (CONFIG, LAYER):
        upload(start.stores, start.id, blob)
    return start


def push(stores: Stores, start: World, *tags: str) -> None:
    push_manifest(stores, put(start.id, IMAGE, *tags))


def link_of(start: World) -> Link:
    link = start.stores.links.get(start.id, DIGEST)
    assert link is not None
    return link


def manifest_of(start: World) -> ManifestRecord:
    record = start.stores.manifests.get(start.id, IMAGE_DIGEST)
    assert record is not None
    return record


def give_up(start: World, read: Link) -> bool:
    """CONDEMNED -> DELETING, if state, generation and epoch are as read (4.7.3)."""
    rows = start.backend.rows.links
    row = rows[start.id, DIGEST]
    if (row.state, row.generation, row.epoch) != (LinkState.CONDEMNED, read.generation, read.epoch):
        return False
    rows[start.id, DIGEST] = replace(row, state=LinkState.DELETING, epoch=row.epoch + 1)
    return True


def visit(start: World) -> bool:
    """Make one whole visit of the sweep, its lease over (4.7.1 to 4.7.3); whether the link moved."""
    read = link_of(start)
    if start.stores.links.edges(start.id, DIGEST):
        return False
    return start.stores.links.condemn(read) if read.state is LinkState.LIVE else give_up(start, read)


def before(name: str, act: Callable[[], object]) -> Callable[[str, Callable[[], Any]], Any]:
    """Let others act before the first call of that name."""
    acts = iter([act])

    def around(called: str, call: Callable[[], Any]) -> Any:
        if called == name:
            for one in acts:
                one()
        return call()

    return around


def test_m1_a_second_sweep_cannot_condemn_what_a_push_has_revived(ready):
    """
    S1 reads CONDEMNED and no edge; a push revives and commits; S2 condemns with what it read before; S1 goes on.
    """
    stale = link_of(ready)
    ready.stores.links.condemn(stale)
    seen = link_of(ready)
    assert [] == ready.stores.links.edges(ready.id, DIGEST)

    push(ready.stores, ready, "v1")

    assert not ready.stores.links.condemn(stale)
    assert not give_up(ready, seen)
    assert LinkState.LIVE is link_of(ready).state
    ready.snapshot().check()


def test_m2_a_delete_looks_for_edges_again_after_it_has_condemned(ready):
    """
    The push writes its edges and reads its children between the first look and the first write.
    """

    class Paused(Exception):
        """The push waits here for ever."""

    def stop() -> None:
        raise Paused

    def write_edges_and_read() -> None:
        with suppress(Paused):
            push(through(ready.stores, before("manifests.commit", stop)), ready, "v1")

    with pytest.raises(BlobInUse):
        blobs.delete(through(ready.stores, before("links.condemn", write_edges_and_read)), ready.id, DIGEST)

    assert LinkState.LIVE is link_of(ready).state
    push(ready.stores, ready, "v1")
    ready.snapshot().check()


def test_m3_a_push_reads_its_children_after_it_has_written_every_edge(ready):
    calls = trace(ready.stores, lambda stores: push(stores, ready, "v1"))

    assert ["manifests.write_edges", "manifests.read", "manifests.commit"] == calls


@pytest.mark.parametrize("call", ["manifests.write_edges", "manifests.read", "manifests.commit"])
def test_m3_a_sweep_between_any_two_steps_of_a_push_takes_nothing_from_it(ready, call):
    """
    Both visits of the sweep at once: before the edges they win, and the push says what is missing; after they do not.
    """

    def sweep() -> None:
        assert visit(ready) is visit(ready) is (call == "manifests.write_edges")

    stores = through(ready.stores, before(call, sweep))
    if call == "manifests.write_edges":
        with pytest.raises(ManifestBlobUnknown):
            push(stores, ready, "v1")
    else:
        push(stores, ready, "v1")

    ready.snapshot().check()


def test_m4_a_push_revives_what_is_condemned(ready):
    ready.stores.links.condemn(link_of(ready))
    condemned = link_of(ready)

    push(ready.stores, ready, "v1")

    assert LinkState.LIVE is link_of(ready).state
    assert not give_up(ready, condemned)
    ready.snapshot().check()


def test_m4_a_push_that_cannot_revive_reads_again(ready):
    """
    The link is given up between the read and the revival; its layer is counted, so the commit does not look at it.
    """
    push(ready.stores, ready, "v1")
    manifests.delete(ready.stores, ready.id, IMAGE_DIGEST, ALICE)
    ready.stores.links.condemn(link_of(ready))
    stores = through(ready.stores, before("links.revive", lambda: give_up(ready, link_of(ready))))

    with pytest.raises(ManifestBlobUnknown):
        push(stores, ready, "v1")

    ready.snapshot().check()


@pytest.mark.parametrize("state", [ManifestState.DELETED, ManifestState.PURGING])
def test_m9_a_purge_cannot_remove_the_row_of_a_push_that_came_meanwhile(ready, state):
    """
    Nor its edges: both name the PUT that the purge has read.
    """
    push(ready.stores, ready, "v1")
    manifests.delete(ready.stores, ready.id, IMAGE_DIGEST, ALICE)
    ready.backend.set_manifest_state(ready.id, IMAGE_DIGEST, state)
    purged = manifest_of(ready)

    push(ready.stores, ready, "v2")

    now = manifest_of(ready)
    assert (purged.put, purged.version) != (now.put, now.version)
    edges = ready.stores.links.edges(ready.id, DIGEST)
    assert [(IMAGE_DIGEST, now.put)] == [(edge.parent, edge.put) for edge in edges]
    assert now.put != purged.put
    ready.snapshot().check()


def test_m9_a_push_over_a_purge_brings_its_own_bytes(ready):
    """
    The purge may have removed the object of a large manifest, and may still do so.
    """
    large = image(LAYER, note="x" * 70_000)
    pushed = push_manifest(ready.stores, put(ready.id, large, "v1")).digest
    purged = ready.stores.manifests.get(ready.id, pushed)
    assert purged is not None
    manifests.delete(ready.stores, ready.id, pushed, ALICE)
    ready.backend.set_manifest_state(ready.id, pushed, ManifestState.PURGING)

    push_manifest(ready.stores, put(ready.id, large, "v1"))
    ready.stores.objects.delete([str(purged.key)])

    record = ready.stores.manifests.get(ready.id, pushed)
    assert record is not None
    assert purged.key in record.dead
    ready.snapshot().check()


def test_what_a_crash_leaves_of_a_large_manifest_is_found_by_its_edges(ready):
    """
    Its object is in the folder of the manifest that the edges name, and is no other row's.
    """
    large = image(LAYER, note="x" * 70_000)

    def crash(name: str, call: Callable[[], Any]) -> Any:
        if name == "manifests.commit":
            raise KeyboardInterrupt
        return call()

    with pytest.raises(KeyboardInterrupt):
        push_manifest(through(ready.stores, crash), put(ready.id, large, "v1"))

    (edge,) = ready.stores.links.edges(ready.id, DIGEST)
    folder = f"manifests/{ready.id}/{edge.parent}/"
    assert ready.stores.manifests.get(ready.id, edge.parent) is None
    assert 1 == ready.stores.objects.sweep(folder, frozenset())
    assert 0 == ready.stores.objects.sweep("manifests/", frozenset())


def test_m11_a_push_that_is_refused_leaves_the_edges_that_another_may_have_committed(ready):
    """
    P1 writes its edges; P2 writes them over, finds a child missing and is refused; P1 commits.
    """

    def refused() -> None:
        rows = ready.backend.rows.links
        hidden = rows[ready.id, DIGEST]
        rows[ready.id, DIGEST] = replace(hidden, hidden=True)
        with pytest.raises(ManifestBlobUnknown):
            push(ready.stores, ready, "v2")
        rows[ready.id, DIGEST] = hidden

    push(through(ready.stores, before("manifests.commit", refused)), ready, "v1")

    assert [IMAGE_DIGEST] == [edge.parent for edge in ready.stores.links.edges(ready.id, DIGEST)]
    assert not visit(ready)
    ready.snapshot().check()


def test_m11_edges_that_a_losing_push_wrote_over_are_written_again(ready):
    """
    P1 writes its edges, P2 writes its own over them and commits; P1 misses, and must not commit without its own.
    """
    stores = through(ready.stores, before("manifests.commit", lambda: push(ready.stores, ready, "v2")))

    push(stores, ready, "v1")

    assert [manifest_of(ready).put] == [edge.put for edge in ready.stores.links.edges(ready.id, DIGEST)]
    ready.snapshot().check()


def test_w3_an_upload_over_a_link_that_is_being_removed_keeps_its_count(ready):
    """
    The layer is counted once in the life of its row; the reference of the old generation goes with it.
    """
    push(ready.stores, ready, "v1")
    counts = ready.snapshot().counts
    old = link_of(ready)
    ready.backend.set_link_state(ready.id, DIGEST, LinkState.DELETING)

    upload(ready.stores, ready.id, LAYER)
    push(ready.stores, ready, "v2")

    new = link_of(ready)
    assert new.generation != old.generation
    assert Counts(images=1, layers=1, bytes=len(LAYER)) == counts == ready.snapshot().counts
    assert {f"{ready.id}+{new.generation}"} == ready.backend.references(DIGEST)
    ready.snapshot().check()


def test_n6_an_upload_over_bytes_that_are_being_removed_brings_its_own_and_remembers_the_old_key(ready):
    """
    The late delete of the sweep names the old key.
    """
    old = link_of(ready)
    ready.backend.set_link_state(ready.id, DIGEST, LinkState.DELETING)
    ready.stores.bytes.release(DIGEST, f"{ready.id}+{old.generation}")
    ready.backend.set_bytes_state(DIGEST, BytesState.DELETING)

    upload(ready.stores, ready.id, LAYER)
    ready.stores.objects.delete([str(old.key)])

    assert old.key != link_of(ready).key
    assert {old.key, link_of(ready).key} == ready.stores.bytes.keys_of(DIGEST)
    ready.snapshot().check()


def test_n3_an_upload_that_meets_bytes_being_removed_after_it_was_told_that_they_are_there(ready):
    """
    The bytes go between two attempts to take them over: the third step is tried again.
    """
    start = world()

    def gone() -> None:
        start.backend.rows.held.pop(DIGEST)

    upload(start.stores, start.id, LAYER)
    start.backend.rows.links.clear()
    start.backend.set_bytes_state(DIGEST, BytesState.DELETING)

    upload(through(start.stores, before("bytes.replace", gone)), start.id, LAYER)

    start.snapshot().check()


def test_z2_a_head_brings_back_what_is_condemned(ready):
    """
    Its lease alone would not do: the second visit of the sweep does not look at it.
    """
    ready.stores.links.condemn(link_of(ready))
    condemned = link_of(ready)

    blobs.stat(ready.stores, ready.id, DIGEST)

    assert not give_up(ready, condemned)
    assert link_of(ready).readable


def test_the_session_is_the_record_of_its_bytes_before_they_are_made(ready):
    """
    Step 1 of 4.1 before step 2, the bytes' row before the link: what a crash leaves is found.
    """
    ticket = uploads.start(ready.stores, ready.id, ALICE, "sha256").ticket
    other = b"other" * 10_000

    calls = trace(ready.stores, lambda stores: uploads.finish(stores, ticket, Digest.of(other), other))

    assert ["uploads.close", "objects.put", "bytes.hold", "links.attach"] == calls
