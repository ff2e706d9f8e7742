"""Docker's actions, decided by policies: who may what in a repository."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.factories import repository
from tests.fakes import NOW

from moorage.domain.access import ANONYMOUS, Action, Catalog, Principal
from moorage.domain.names import RepositoryName
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.policy.decision import Asking
from moorage.domain.rights import catalog_for, rights_in
from moorage.domain.tenancy import CompartmentNode, NetworkSourceNode, PolicyNode, Tenancy

PULL, PUSH, DELETE = Action.PULL, Action.PUSH, Action.DELETE
ROOT, HERE, BELOW, THERE, GROUP = "root", "here", "below", "there", "group"
PLACES = (ROOT, HERE, BELOW, THERE)
NAME = RepositoryName("acme/project/app")
ALICE = Principal("alice", "alice", groups=frozenset({GROUP}))
EMPTY = Tenancy(
    ROOT,
    1,
    compartments={
        HERE: CompartmentNode(ROOT, HERE),
        BELOW: CompartmentNode(HERE, BELOW),
        THERE: CompartmentNode(ROOT, THERE),
    },
    groups={GROUP: "Group"},
)
VERBS = ("inspect", "read", "use", "manage")
PERMISSIONS = ("REPOSITORY_INSPECT", "REPOSITORY_READ", "REPOSITORY_UPDATE", "REPOSITORY_CREATE", "REPOSITORY_DELETE")


def tenancy(*statements, at=ROOT):
    node = PolicyNode(at, "policy", compile_policy(EMPTY, at, statements))
    return replace(EMPTY, policies={"policy": node})


def asking(principal=ALICE, address="192.0.2.1"):
    return Asking(principal, None, address, NOW)


def in_repository(rules, where=HERE, principal=ALICE, *, public=False):
    return rights_in(rules, asking(principal), NAME, repository(NAME, compartment_id=where, public=public))


def only(*permissions):
    """Return a grant of some permissions and no other."""
    return (
        "manage repos in tenancy where any {" + ", ".join(f"request.permission = '{one}'" for one in permissions) + "}"
    )


@pytest.mark.parametrize(
    ("grant", "there", "absent"),
    [
        pytest.param("inspect repos in tenancy", set(), set()),
        pytest.param("read repos in tenancy", {PULL}, {PULL}),
        pytest.param("use repos in tenancy", {PULL}, {PULL}),
        pytest.param("manage repos in tenancy", {PULL, PUSH, DELETE}, {PULL, PUSH, DELETE}),
        pytest.param("manage all-resources in tenancy", {PULL, PUSH, DELETE}, {PULL, PUSH, DELETE}),
        pytest.param(only("REPOSITORY_READ", "REPOSITORY_UPDATE"), {PULL, PUSH, DELETE}, {PULL, DELETE}),
        pytest.param(only("REPOSITORY_UPDATE"), {DELETE}, {DELETE}),
        pytest.param(only("REPOSITORY_READ", "REPOSITORY_CREATE"), {PULL}, {PULL}),
        pytest.param("manage repos in compartment here", {PULL, PUSH, DELETE}, set()),
        pytest.param("manage repos in compartment there", set(), set()),
        pytest.param("manage repos in tenancy where target.repo.name = 'project/app'", {*Action}, {*Action}),
        pytest.param("manage repos in tenancy where target.repo.name = 'acme/project/app'", set(), set()),
        pytest.param("manage repos in tenancy where target.repo.name = /project*/", {*Action}, {*Action}),
        pytest.param("manage repos in tenancy where target.compartment.name = 'here'", {*Action}, set()),
        pytest.param("manage repos in tenancy where request.operation = 'GetContainerImage'", set(), set()),
    ],
)
def test_what_a_policy_lets_do_in_a_repository_and_where_there_is_none(grant, there, absent):
    rules = tenancy(f"Allow group Group to {grant}")
    rights = in_repository(rules)
    missing = rights_in(rules, asking(), NAME, None)

    assert (there, absent) == (rights.actions, missing.actions)
    assert (PULL in there, PULL in absent) == (rights.visible, missing.visible)


def test_an_address_may_decide():
    rules = replace(
        tenancy("Allow group Group to read repos in tenancy where request.networkSource.name = 'office'"),
        network_sources={"id": NetworkSourceNode("office", ("192.0.2.0/24",))},
    )

    found = [
        rights_in(rules, asking(address=address), NAME, repository(NAME, compartment_id=HERE)).visible
        for address in ("192.0.2.9", "192.0.3.9")
    ]
    assert [True, False] == found


statements = st.builds(
    "Allow {} to {} in {}".format,
    st.sampled_from(["any-user", "group Group", "any-group"]),
    st.sampled_from([f"{verb} {what}" for verb in VERBS for what in ("repos", "all-resources")]),
    st.sampled_from(["tenancy", "compartment here", "compartment here:below", "compartment there"]),
) | st.lists(st.sampled_from(PERMISSIONS), min_size=1).map(lambda some: f"Allow any-user to {only(*some)}")
rules = st.lists(statements, max_size=5).map(lambda some: tenancy(*some))


@given(rules, st.sampled_from(PLACES))
def test_who_is_public_may_be_pulled_and_nothing_else_changes(rules, where):
    private, public = (in_repository(rules, where, public=public) for public in (False, True))

    assert private.actions | {PULL} == public.actions
    assert public.visible


@given(rules, st.sampled_from(PLACES), st.booleans())
def test_nobody_in_particular_pulls_what_is_public_and_nothing_more(rules, where, public):
    assert ({PULL} if public else set()) == in_repository(rules, where, ANONYMOUS, public=public).actions
    assert set() == rights_in(rules, asking(ANONYMOUS), NAME, None).actions
    assert Catalog.NONE == catalog_for(rules, asking(ANONYMOUS))


@given(rules, st.sampled_from(PLACES))
def test_whoever_pushes_may_pull_and_delete(rules, where):
    for rights in (in_repository(rules, where), rights_in(rules, asking(), NAME, None)):
        assert PUSH not in rights.actions or rights.actions == set(Action)
        assert rights.visible == (PULL in rights.actions)


@given(rules)
def test_what_is_let_do_where_nothing_is_yet_is_let_do_in_the_root(rules):
    absent = rights_in(rules, asking(), NAME, None)

    assert absent.actions <= in_repository(rules, ROOT).actions


@pytest.mark.parametrize(
    ("grant", "catalog"),
    [
        pytest.param("inspect repos in tenancy", Catalog.ALL),
        pytest.param("manage all-resources in tenancy", Catalog.ALL),
        pytest.param(only("REPOSITORY_READ"), Catalog.PUBLIC),
        pytest.param("inspect repos in compartment here", Catalog.PUBLIC),
        pytest.param("inspect repos in tenancy where target.repo.name = 'app'", Catalog.PUBLIC),
        pytest.param("inspect users in tenancy", Catalog.PUBLIC),
        pytest.param("inspect repos in tenancy where target.compartment.name = 'root'", Catalog.PUBLIC),
        pytest.param("inspect repos in tenancy where request.operation = 'ListContainerRepositories'", Catalog.ALL),
    ],
)
def test_the_whole_catalog_is_for_those_who_may_inspect_the_root(grant, catalog):
    assert catalog == catalog_for(tenancy(f"Allow group Group to {grant}"), asking())
