"""Every method is one atomic step: of several callers that name the same condition, one gets it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from threading import Barrier

import pytest
from tests.factories import REPOSITORY, commit, digest, link, manifest, repository, session, tag_record, ulid
from tests.fakes import NOW

from moorage.domain.content import Counts
from moorage.stores.base import Conflict, LinkRowChanged, OwnRowChanged, ShardFull, TagRowChanged

THREADS = 8
LATER = NOW + timedelta(milliseconds=1)
REFUSALS = (OwnRowChanged, TagRowChanged, LinkRowChanged, ShardFull, Conflict)


@pytest.fixture
def stores(backend):
    """The stores as they are: nothing can be compared while others write."""
    return backend.stores


def race(call: Callable[[int], object]) -> list[int]:
    """Call from many threads at once; return the numbers of those that were not refused."""
    start = Barrier(THREADS)

    def run(number: int) -> bool:
        start.wait(10)
        with suppress(*REFUSALS):
            return call(number) not in (None, False)
        return False

    with ThreadPoolExecutor(THREADS) as threads:
        done = list(threads.map(run, range(THREADS)))
    return [number for number, won in enumerate(done) if won]


def done(call: Callable[[], None]) -> bool:
    """Call what tells a refusal by raising."""
    call()
    return True


def test_one_repository_gets_the_name(stores):
    (winner,) = race(lambda number: stores.repositories.create(repository(id=ulid(str(number)))))

    assert repository(id=ulid(str(winner))) == stores.repositories.find("acme/app")


def test_one_writer_gets_the_session(stores):
    stores.uploads.create(session())

    (winner,) = race(lambda number: stores.uploads.claim(session().ticket, f"writer {number}", NOW))

    assert f"writer {winner}" == stores.uploads.get(session().id).writer


def test_one_digest_closes_the_session(stores):
    stores.uploads.create(session())

    (winner,) = race(lambda number: stores.uploads.close(session().ticket, digest(str(number)), f"key/{number}", NOW))

    assert digest(str(winner)) == stores.uploads.get(session().id).digest


def test_everybody_holds_the_same_bytes(backend, stores):
    references = [f"{REPOSITORY}+{ulid(str(number))}" for number in range(THREADS)]
    keys = set()

    def hold(number: int) -> None:
        held = stores.bytes.hold(digest("layer"), f"key/{number}", 1, references[number], ulid(str(number)), NOW)
        keys.add(held.key)

    race(hold)

    assert keys == stores.bytes.keys_of(digest("layer"))
    assert set(references) == backend.references(digest("layer"))


def test_one_generation_is_attached(stores):
    (winner,) = race(
        lambda number: stores.links.attach(link(generation=ulid(str(number)))).existing is None,
    )

    assert ulid(str(winner)) == stores.links.get(REPOSITORY, link().digest).generation


def test_one_commit_on_no_row_is_taken(stores):
    (winner,) = race(lambda number: done(lambda: stores.manifests.commit(commit(manifest(put=ulid(str(number)))))))

    assert ulid(str(winner)) == stores.manifests.get(REPOSITORY, manifest().digest).put
    assert Counts(images=1) == stores.repositories.counts(REPOSITORY)


def test_one_manifest_gets_the_tag(backend, stores):
    stores.manifests.commit(commit(manifest(), "v1"))
    before = {"v1": tag_record("v1", manifest())}
    others = [manifest(str(number), shard=number) for number in range(THREADS)]

    (winner,) = race(
        lambda number: done(lambda: stores.manifests.commit(commit(others[number], "v1", replaced=before, now=LATER)))
    )

    assert others[winner].digest == stores.manifests.get_tag(REPOSITORY, "v1").digest
    assert [("v1", manifest().digest, others[winner].digest, "alice")] == backend.moves(REPOSITORY)[1:]
    assert Counts(images=2) == stores.repositories.counts(REPOSITORY)


def test_one_commit_counts_the_link(stores):
    stores.links.attach(link())
    others = [manifest(str(number), shard=number) for number in range(THREADS)]

    (winner,) = race(lambda number: done(lambda: stores.manifests.commit(commit(others[number], counted=(link(),)))))

    assert winner == stores.links.get(REPOSITORY, link().digest).counted
    assert Counts(images=1, layers=1, bytes=link().size) == stores.repositories.counts(REPOSITORY)


def test_a_shard_takes_no_more_than_its_share(stores):
    winners = race(lambda number: done(lambda: stores.manifests.commit(commit(manifest(str(number), shard=6)))))

    assert len(winners) <= 2
    assert Counts(images=len(winners)) == stores.repositories.counts(REPOSITORY)


def test_one_delete_is_taken(backend, stores):
    stores.manifests.commit(commit(manifest(), "v1"))

    assert 1 == len(
        race(lambda number: done(lambda: stores.manifests.delete(manifest(), ["v1"], f"user {number}", NOW)))
    )

    assert Counts() == stores.repositories.counts(REPOSITORY)
    assert 2 == len(backend.moves(REPOSITORY))
