from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import OTHER_REPOSITORY, REPOSITORY, commit, digest, link, manifest, ulid
from tests.fakes import NOW

from moorage.domain.content import LEASE, Edge, LinkState
from moorage.stores.base import Attached

LAYER = link()
LATER = NOW + LEASE + timedelta(hours=1)


@pytest.fixture
def attached(stores):
    """A LIVE link."""
    stores.links.attach(LAYER)


@pytest.fixture
def condemned(stores, attached):
    """A CONDEMNED link, as it is stored."""
    stores.links.condemn(LAYER)
    return replace(LAYER, state=LinkState.CONDEMNED, epoch=2)


@pytest.fixture
def hidden(stores, condemned):
    """A link that a client deleted, as it is stored."""
    stores.links.hide(condemned)
    return replace(condemned, hidden=True, epoch=3)


@pytest.fixture
def deleting(backend, stores, attached):
    """A link that the sweep is about to remove."""
    backend.set_link_state(REPOSITORY, LAYER.digest, LinkState.DELETING)
    return replace(LAYER, state=LinkState.DELETING)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(LAYER, id="with a key"),
        pytest.param(link(key=None, data=b"{}", size=2), id="with inline bytes"),
        pytest.param(link(key=None, data=b"", size=0), id="empty"),
        pytest.param(link(digest=digest("x").of(b"x", "sha512")), id="of a sha512 digest"),
    ],
)
def test_a_link_reads_as_it_was_attached(stores, layer):
    assert stores.links.get(REPOSITORY, layer.digest) is None
    assert Attached() == stores.links.attach(layer)

    assert layer == stores.links.get(REPOSITORY, layer.digest)
    assert stores.links.get(OTHER_REPOSITORY, layer.digest) is None


def test_an_attached_link_starts_its_life_whatever_it_was_made_from(stores):
    stores.links.attach(link(state=LinkState.CONDEMNED, epoch=9, counted=3, hidden=True))

    assert LAYER == stores.links.get(REPOSITORY, LAYER.digest)


def test_attach_yields_to_a_live_link(stores, attached):
    assert Attached(existing=LAYER) == stores.links.attach(link(generation=ulid("later"), key="blobs/other/1"))


def test_attach_yields_to_a_condemned_link(stores, condemned):
    assert Attached(existing=condemned) == stores.links.attach(link(generation=ulid("later")))


def test_attach_yields_to_a_hidden_link(stores, hidden):
    assert Attached(existing=hidden) == stores.links.attach(link(generation=ulid("later")))


def test_attach_replaces_a_deleting_link_with_a_new_generation(stores, deleting):
    anew = link(generation=ulid("later"), key=None, data=b"small", size=5)

    assert Attached(replaced_generation=LAYER.generation) == stores.links.attach(anew)
    assert anew == stores.links.get(REPOSITORY, LAYER.digest)


def test_the_epoch_starts_again_with_the_generation(backend, stores, condemned):
    backend.set_link_state(REPOSITORY, LAYER.digest, LinkState.DELETING)

    stores.links.attach(link(generation=ulid("later")))

    assert link(generation=ulid("later")) == stores.links.get(REPOSITORY, LAYER.digest)


def test_a_replaced_link_stays_counted(backend, stores, attached):
    stores.manifests.count_links(REPOSITORY, 7, [LAYER])
    backend.set_link_state(REPOSITORY, LAYER.digest, LinkState.DELETING)

    stores.links.attach(link(generation=ulid("later")))

    assert link(generation=ulid("later"), counted=7) == stores.links.get(REPOSITORY, LAYER.digest)


def test_a_replaced_link_is_shown(backend, stores, hidden):
    backend.set_link_state(REPOSITORY, LAYER.digest, LinkState.DELETING)

    stores.links.attach(link(generation=ulid("later")))

    assert link(generation=ulid("later")) == stores.links.get(REPOSITORY, LAYER.digest)


def test_revive_renews_the_lease_of_a_live_link(stores, attached):
    assert stores.links.revive(LAYER, LATER)

    assert replace(LAYER, lease=LATER, epoch=2) == stores.links.get(REPOSITORY, LAYER.digest)


def test_revive_brings_a_condemned_link_back(stores, condemned):
    assert stores.links.revive(condemned, LATER)

    assert replace(LAYER, lease=LATER, epoch=3) == stores.links.get(REPOSITORY, LAYER.digest)


def test_revive_does_not_mind_the_epoch(stores, condemned):
    assert stores.links.revive(LAYER, LATER)


@pytest.mark.parametrize("show", [False, True])
def test_revive_misses_another_generation(stores, attached, show):
    assert not stores.links.revive(link(generation=ulid("older")), LATER, show=show)


@pytest.mark.parametrize("show", [False, True])
def test_revive_misses_a_deleting_link(stores, deleting, show):
    assert not stores.links.revive(deleting, LATER, show=show)


@pytest.mark.parametrize("show", [False, True])
def test_revive_misses_a_link_that_has_gone(stores, show):
    assert not stores.links.revive(LAYER, LATER, show=show)


def test_revive_misses_a_hidden_link(stores, hidden):
    assert not stores.links.revive(hidden, LATER)


def test_revive_shows_a_hidden_link_when_it_is_told_to(stores, hidden):
    assert stores.links.revive(hidden, LATER, show=True)

    assert replace(LAYER, lease=LATER, epoch=4) == stores.links.get(REPOSITORY, LAYER.digest)


def test_revive_that_may_show_takes_a_link_that_is_not_hidden(stores, attached):
    assert stores.links.revive(LAYER, LATER, show=True)

    assert replace(LAYER, lease=LATER, epoch=2) == stores.links.get(REPOSITORY, LAYER.digest)


def test_condemn_takes_a_live_link_as_it_was_read(stores, attached):
    assert stores.links.condemn(LAYER)

    assert replace(LAYER, state=LinkState.CONDEMNED, epoch=2) == stores.links.get(REPOSITORY, LAYER.digest)


def test_condemn_misses_a_link_that_was_renewed_meanwhile(stores, attached):
    stores.links.revive(LAYER, LATER)

    assert not stores.links.condemn(LAYER)


def test_condemn_misses_another_generation_of_the_same_epoch(stores, attached):
    assert not stores.links.condemn(link(generation=ulid("older")))


def test_condemn_misses_a_condemned_link(stores, condemned):
    assert not stores.links.condemn(condemned)


def test_condemn_misses_a_deleting_link(stores, deleting):
    assert not stores.links.condemn(deleting)


def test_condemn_misses_a_link_that_has_gone(stores):
    assert not stores.links.condemn(LAYER)


def test_hide_takes_a_condemned_link_as_it_was_read(stores, condemned):
    assert stores.links.hide(condemned)

    assert replace(condemned, hidden=True, epoch=3) == stores.links.get(REPOSITORY, LAYER.digest)
    assert not stores.links.get(REPOSITORY, LAYER.digest).readable


def test_hide_misses_a_live_link(stores, attached):
    assert not stores.links.hide(LAYER)


def test_hide_misses_a_link_that_was_revived_and_condemned_meanwhile(stores, condemned):
    stores.links.revive(condemned, LATER)
    stores.links.condemn(replace(LAYER, epoch=3))

    assert not stores.links.hide(condemned)


def test_hide_misses_another_generation_of_the_same_epoch(stores, condemned):
    assert not stores.links.hide(replace(condemned, generation=ulid("older")))


def test_hide_misses_a_deleting_link(stores, deleting):
    assert not stores.links.hide(deleting)


def test_hide_misses_a_link_that_has_gone(stores):
    assert not stores.links.hide(LAYER)


def test_edges_are_those_of_this_content_in_this_repository(stores):
    one, two = digest("one"), digest("two")
    stores.manifests.write_edges(REPOSITORY, one, [LAYER.digest, digest("config")], ulid("put one"))
    stores.manifests.write_edges(REPOSITORY, two, [LAYER.digest], ulid("put two"))
    stores.manifests.write_edges(OTHER_REPOSITORY, one, [LAYER.digest], ulid("put elsewhere"))

    edges = {Edge(one, ulid("put one")), Edge(two, ulid("put two"))}
    assert edges == set(stores.links.edges(REPOSITORY, LAYER.digest))
    assert [Edge(one, ulid("put one"))] == stores.links.edges(REPOSITORY, digest("config"))
    assert [] == stores.links.edges(REPOSITORY, one)


def test_edges_leave_out_the_tags_and_referrers_beside_them(stores):
    subject = manifest("subject")
    stores.manifests.commit(commit(subject, "v1"))
    referring = manifest("referrer", subject=subject.digest)
    stores.manifests.commit(commit(referring, referrer={"digest": str(referring.digest)}))

    assert [] == stores.links.edges(REPOSITORY, subject.digest)


def test_holders_are_repositories_that_have_the_blob(stores, attached):
    stores.links.attach(link(repository_id=OTHER_REPOSITORY))
    stores.links.attach(link("other layer", repository_id=ulid("third")))

    assert {REPOSITORY, OTHER_REPOSITORY} == set(stores.links.holders(LAYER.digest, 10))
    assert [ulid("third")] == stores.links.holders(digest("other layer"), 10)
    assert [] == stores.links.holders(digest("absent"), 10)


def test_holders_are_no_more_than_asked_for(stores, attached):
    stores.links.attach(link(repository_id=OTHER_REPOSITORY))

    assert 1 == len(stores.links.holders(LAYER.digest, 1))
