"""Repositories made, moved, changed, deleted and pushed to by many at once, and by processes that end in the middle."""

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from threading import Barrier

import pytest
from tests.contract.backends import DynamoBackend, MemoryBackend
from tests.contract.test_repository_records import compartment
from tests.factories import ROOT, limits
from tests.races.images import ALICE, CONFIG, LAYER, image, make_repository, push_image, put, upload
from tests.races.invariants import snapshot
from tests.races.steps import through, trace
from tests.races.test_interleavings import Operation, World, explore, seen

from moorage.domain.content import Counts
from moorage.domain.digest import Digest
from moorage.domain.errors import LimitReached, NameUnknown, NotFound, RegistryError, StateConflict, Unavailable
from moorage.domain.names import Tag
from moorage.domain.repository import RepositoryState, Sort
from moorage.operations import manifests, repository_changes
from moorage.operations.push import push_manifest
from moorage.stores import keys
from moorage.stores.base import Stores

THREADS = 32
FEWER = 8  # where each call costs more


class Crash(BaseException):
    """The process is gone."""


@pytest.fixture
def make_stores(make_backend):
    """Make stores of which two threads may throw the dice."""

    def make(**changes: object) -> tuple[MemoryBackend | DynamoBackend, Stores]:
        backend = make_backend(limits(**changes))
        return backend, replace(backend.stores, clock=lambda: datetime.now(UTC), entropy=os.urandom)

    return make


def race(
    call: Callable[[int], object], allowed: tuple[type[RegistryError], ...] = (), threads: int = THREADS
) -> list[object]:
    """Call from many threads at once; return what those were answered that were not refused."""
    start = Barrier(threads)

    def run(number: int) -> object:
        start.wait(30)
        try:
            return call(number)
        except allowed as refusal:
            return refusal

    with ThreadPoolExecutor(threads) as executor:
        answers = list(executor.map(run, range(threads)))
    return [answer for answer in answers if not isinstance(answer, RegistryError)]


def _threads(backend: MemoryBackend | DynamoBackend) -> int:
    return FEWER if isinstance(backend, DynamoBackend) else THREADS


def listed(stores: Stores, where: str | None, *, deleted: bool = False) -> set[str]:
    """Return the ids of a list, which is the same in both orders."""
    by = [
        [place.repository_id for place in page.items]
        for sort in Sort
        for page in [stores.repositories.listed(where, sort, "", 1000, descending=False, deleted=deleted)]
    ]
    assert Counter(by[0]) == Counter(by[1])
    assert len(by[0]) == len(set(by[0]))
    return set(by[0])


def check(stores: Stores, *compartments: str) -> None:
    """Fail unless names, records, places and numbers say the same."""
    names = {one.id: one for one in stores.repositories.names("", 1000).items}
    assert names.keys() == listed(stores, None)
    assert len(names) == stores.repositories.total(None)
    for where in compartments:
        here = {key for key, one in names.items() if one.compartment_id == where}
        assert here == listed(stores, where)
        assert len(here) == stores.repositories.total(where)
    records = stores.repositories.records(list(names))
    assert names == {key: record.repository for key, record in records.items()}
    for key in listed(stores, None, deleted=True):
        record = stores.repositories.get(key)
        assert RepositoryState.DELETING is record.repository.state
        assert record.time_deleted
        assert key in listed(stores, record.repository.compartment_id, deleted=True)


def test_32_at_499_end_at_500(make_stores):
    backend, stores = make_stores()
    if isinstance(backend, MemoryBackend):
        for number in range(499):
            make_repository(stores, f"ns/r{number}")
    else:
        row = dict(zip(("pk", "sk"), keys.total(keys.catalog("ns")), strict=True))
        said = {"kind": "total", "schema": keys.SCHEMA, **row}
        backend.load([{name: {"S": value} for name, value in said.items()} | {"repositories": {"N": "499"}}])

    made = race(lambda number: make_repository(stores, f"ns/new{number}"), (LimitReached,))

    assert 1 == len(made)
    assert 500 == stores.repositories.total(None)
    assert 1 == sum(one.name.startswith("ns/new") for one in stores.repositories.names("", 1000).items)
    with pytest.raises(LimitReached, match="500 repositories"):
        make_repository(stores, "ns/late")


def test_the_first_push_of_32_makes_one_repository(make_stores):
    _, stores = make_stores()

    made = race(lambda _: make_repository(stores, "ns/app"))

    assert THREADS == len(made)
    assert {stores.repositories.find("ns/app").id} == {one.id for one in made}
    check(stores, ROOT)


def test_changes_of_many_are_all_there_or_not_at_all(make_stores):
    """
    Of one repository: moves there and back, updates, and a delete, which ends it.
    """
    backend, stores = make_stores()
    where = compartment(stores)
    for round_ in range(3):
        made = make_repository(stores, "ns/app")

        def act(number: int, made=made, round_=round_) -> object:
            change = number % 4
            if change == 3 and (round_ or number % 8 == 7):
                return repository_changes.delete(stores, made.id, lambda _: None)
            if change < 2:
                to = (where, ROOT)[change]
                return repository_changes.move(stores, made.id, to, lambda _: None, lambda _: None)
            return repository_changes.change(
                stores, made.id, lambda _: None, lambda record: record.with_access(public=number % 8 == 2)
            )

        race(act, (StateConflict, NotFound, Unavailable), _threads(backend))

        assert stores.repositories.find("ns/app") is None
        check(stores, ROOT, where)
        assert stores.repositories.counts(made.id).closed


def test_pushes_into_a_repository_that_is_deleted(make_stores):
    """
    A push is in before, or refused; in the end nothing more becomes readable, and the bytes are given back.
    """
    backend, stores = make_stores(images=2000, storage_bytes=10**9)
    made = make_repository(stores, "ns/app")
    upload(stores, made.id, CONFIG)
    threads = _threads(backend)
    layers = [LAYER + bytes([number]) for number in range(threads)]
    for layer in layers:
        upload(stores, made.id, layer)

    def act(number: int) -> object:
        if number == threads // 2:
            return repository_changes.delete(stores, made.id, lambda _: None)
        return push_manifest(stores, put(made.id, image(layers[number], note=str(number)), f"v{number}"))

    race(act, (NameUnknown, Unavailable), threads)

    snapshot(backend, made.id).check()
    assert 0 == snapshot(backend, made.id).stored
    with pytest.raises((NameUnknown, Unavailable)):
        push_manifest(stores, put(made.id, image(note="late"), "late"))


@pytest.mark.usefixtures("repeatable")
@pytest.mark.parametrize(
    "write",
    [
        lambda stores, made: push_manifest(stores, put(made, image(LAYER), "v2")),
        lambda stores, made: manifests.untag(stores, made, Tag("v1"), ALICE),
        lambda stores, made: manifests.delete(stores, made, Digest.of(image(LAYER)), ALICE),
    ],
    ids=["tag", "untag", "delete"],
)
def test_what_a_manifest_is_done_to_in_a_repository_that_is_deleted(write):
    """
    Once the repository has ended nothing is acknowledged that only moves tags, as nothing is that counts.
    """
    backend, made, _ = world()
    writing: Operation = lambda stores: write(stores, made)  # noqa: E731 - it is one line
    ends = explore(World(backend, made), writing, lambda stores: _delete(stores, made, ""))

    assert {(True, True), (False, True)} == seen(ends, {0: (NameUnknown,)})
    backend, made, _ = world()
    _delete(backend.stores, made, "")
    with pytest.raises(NameUnknown):
        write(backend.stores, made)


def test_the_limit_of_bytes_is_exact_when_many_push(make_stores):
    """
    Room for five in eight layers and no more, each larger than the share of a shard.
    """
    size = len(LAYER) + 1
    backend, stores = make_stores(images=2000, storage_bytes=5 * size + size // 2)
    made = make_repository(stores, "ns/app")
    upload(stores, made.id, CONFIG)
    layers = [LAYER + bytes([number]) for number in range(FEWER)]
    for layer in layers:
        upload(stores, made.id, layer)

    def act(number: int) -> object:
        for _ in range(20):
            with suppress(Unavailable):
                return push_manifest(stores, put(made.id, image(layers[number], note=str(number)), f"v{number}"))
        raise AssertionError("busy for ever")

    pushed = race(act, (LimitReached,), FEWER)

    snapshot(backend, made.id).check()
    assert len(pushed) == stores.repositories.counts(made.id).layers <= 5
    for number in range(FEWER):  # those that were refused while others held the room
        with suppress(LimitReached):
            act(number)
    assert 5 == stores.repositories.counts(made.id).layers
    assert 5 * size == snapshot(backend, made.id).stored


def _move(stores: Stores, made: str, where: str) -> None:
    repository_changes.move(stores, made, where, lambda _: None, lambda _: None)


def _delete(stores: Stores, made: str, _: str) -> None:
    repository_changes.delete(stores, made, lambda _: None)


def _make(stores: Stores, *_: str) -> None:
    make_repository(stores, "ns/other")


@pytest.mark.parametrize("write", [_make, _move, _delete], ids=["create", "move", "delete"])
@pytest.mark.parametrize("after", [True, False], ids=["applied", "not applied"])
def test_a_process_that_ends_at_any_call_is_finished_by_the_next(write, after):
    """
    The same request again completes what was begun, once; the other way, nothing has happened.
    """
    backend, made, where = world()
    calls = trace(backend.stores, lambda stores: write(stores, made, where))
    assert {_make: 1, _move: 2, _delete: 3}[write] == len(calls)
    for place in range(len(calls)):
        backend, made, where = world()
        counted = iter(range(len(calls)))

        def crash(_: str, call: Callable[[], object], counted=counted, place=place) -> object:
            if next(counted) != place:
                return call()
            if after:
                call()
            raise Crash

        with pytest.raises(Crash):
            write(through(backend.stores, crash), made, where)
        check(backend.stores, ROOT, where)
        write(backend.stores, made, where)

        check(backend.stores, ROOT, where)
        if write is _delete:
            assert Counts(1, 1, len(LAYER), closed=True) == backend.stores.repositories.counts(made)
            assert 0 == snapshot(backend, made).stored
        else:
            assert len(LAYER) == snapshot(backend, made).stored


def world() -> tuple[MemoryBackend, str, str]:
    """Make a repository with an image, and a compartment."""
    backend = MemoryBackend(limits(images=200))
    made = make_repository(backend.stores, "ns/app")
    push_image(backend.stores, made.id, image(LAYER), LAYER, tags=["v1"])
    return backend, made.id, compartment(backend.stores)
