from tests.factories import OTHER_REPOSITORY, commit, link, manifest, repository, ulid

from moorage.domain.content import Counts
from moorage.domain.repository import RepositoryState

NAMES = ["a", "a-b", "a.b", "a/b", "a0", "a_b", "ab"]  # in the order of their bytes


def test_a_name_resolves_once_it_is_created(stores):
    assert stores.repositories.find("acme/app") is None
    assert stores.repositories.create(repository())

    assert repository() == stores.repositories.find("acme/app")
    assert [repository()] == stores.repositories.by_ids([repository().id])
    assert stores.repositories.find("acme/other") is None


def test_a_taken_name_stays_who_it_is(stores):
    stores.repositories.create(repository())

    assert not stores.repositories.create(repository(id=OTHER_REPOSITORY, created_by="bob"))

    assert repository() == stores.repositories.find("acme/app")
    assert [] == stores.repositories.by_ids([OTHER_REPOSITORY])


def test_by_ids_leaves_out_what_is_gone_or_going(backend, stores):
    there, going = repository("there"), repository("going")
    stores.repositories.create(there)
    stores.repositories.create(going)
    backend.set_repository_state(going, RepositoryState.DELETING)

    assert [there] == stores.repositories.by_ids([there.id, going.id, ulid("gone")])
    assert [] == stores.repositories.by_ids([])


def test_the_catalog_is_in_byte_order_and_pages_join_without_gap(stores):
    made = {name: repository(name) for name in NAMES}
    for name in reversed(NAMES):
        stores.repositories.create(made[name])

    first = stores.repositories.names("", 3)
    second = stores.repositories.names(first.last, 3)
    third = stores.repositories.names(second.last, 3)

    assert [made[name] for name in NAMES] == [*first.items, *second.items, *third.items]
    assert ["a.b", "a_b", None] == [first.last, second.last, third.last]


def test_a_page_that_ends_with_the_catalog_says_so(stores):
    for name in NAMES:
        stores.repositories.create(repository(name))

    assert stores.repositories.names("", len(NAMES)).last is None
    assert stores.repositories.names("a0", 2).last is None
    assert ((), None) == (stores.repositories.names("ab", 5).items, stores.repositories.names("ab", 5).last)


def test_a_page_may_start_after_a_name_that_is_not_there(stores):
    for name in NAMES:
        stores.repositories.create(repository(name))

    assert ["a0", "a_b"] == [item.name for item in stores.repositories.names("a/z", 2).items]


def test_counts_are_the_sum_of_the_shards_of_this_repository(stores):
    layers = [link(f"layer {size}", size=size) for size in (10, 20, 30)]
    for layer in layers:
        stores.links.attach(layer)
    elsewhere = manifest("elsewhere", repository_id=OTHER_REPOSITORY, shard=1)
    stores.manifests.commit(commit(manifest("one", shard=1), counted=tuple(layers[:2])))
    stores.manifests.commit(commit(manifest("two", shard=199), counted=tuple(layers[2:])))
    stores.manifests.commit(commit(elsewhere))

    assert Counts(images=2, layers=3, bytes=60) == stores.repositories.counts(layers[0].repository_id)
    assert Counts(images=1) == stores.repositories.counts(OTHER_REPOSITORY)


def test_a_repository_that_counted_nothing_has_counts_of_zero(stores):
    assert Counts() == stores.repositories.counts(OTHER_REPOSITORY)


def test_one_closed_shard_tells_that_the_repository_is_closed(backend, stores):
    backend.close_shard(OTHER_REPOSITORY, 17)

    assert Counts(closed=True) == stores.repositories.counts(OTHER_REPOSITORY)


def test_many_names_are_read_at_once(stores):
    stores.repositories.create(repository("acme/one"))
    stores.repositories.create(repository("acme/two"))

    found = stores.repositories.find_many(["acme/one", "acme/two", "acme/three"])

    assert {"acme/one": repository("acme/one"), "acme/two": repository("acme/two")} == found
    assert {} == stores.repositories.find_many([])
