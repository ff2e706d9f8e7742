"""Lists: filters, orders, and pages from the first to the last without loss or repeat."""

from datetime import timedelta
from itertools import product

import pytest
from tests.cloud.identity.kinds import COMPARTMENT, KINDS, USER
from tests.cloud.plane import refusal

NAMES = ("bravo", "Alpha", "delta", "charlie", "echo", "Foxtrot", "golf")

kinds = pytest.mark.parametrize("kind", KINDS, ids=str)


def pages(caller, path, **parameters):
    """Yield the pages of a list, each asked for with what the page before says; 100 at most."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    answer = caller.get(f"{path}?{query}")
    yield answer.json()
    for _ in range(100):
        if "opc-next-page" not in answer.headers:
            return
        answer = caller.get(f"{path}?{query}&page={answer.headers['opc-next-page']}")
        yield answer.json()
    raise AssertionError("the list does not end")


def names(caller, kind, **parameters):
    """Return the names in a list, page after page; without those that each tenancy has."""
    found = pages(caller, kind.path, compartmentId=caller.plane.tenancy_id, **parameters)
    return [one["name"] for page in found for one in page if one["name"] not in kind.first]


def make_all(plane, kind):
    """Make some of a kind, one a second."""
    caller = plane.as_()
    for name in NAMES:
        plane.registry.clock.advance(timedelta(seconds=1))
        kind.make(caller, name)
    return caller


@kinds
def test_a_list_is_in_the_order_that_is_asked_for(plane, kind):
    caller = make_all(plane, kind)
    assert names(caller, kind) == list(reversed(NAMES))
    assert names(caller, kind, sortBy="TIMECREATED") == list(reversed(NAMES))
    assert names(caller, kind, sortOrder="ASC") == list(NAMES)
    assert names(caller, kind, sortBy="NAME") == sorted(NAMES)
    assert names(caller, kind, sortBy="NAME", sortOrder="DESC") == sorted(NAMES, reverse=True)


@kinds
def test_pages_have_everything_once(memory, kind):
    caller = make_all(memory, kind)
    for by, order in product(("NAME", "TIMECREATED"), ("ASC", "DESC")):
        given = {"compartmentId": memory.tenancy_id, "sortBy": by, "sortOrder": order}
        whole = next(pages(caller, kind.path, **given))
        assert set(NAMES) <= {one["name"] for one in whole}
        for limit in (1, 2, 3, len(whole) - 1, len(whole), len(whole) + 1):
            found = list(pages(caller, kind.path, limit=limit, **given))
            assert [len(page) for page in found] == [len(whole[at : at + limit]) for at in range(0, len(whole), limit)]
            assert [one for page in found for one in page] == whole


@kinds
def test_resources_of_one_instant_are_listed_once_each(memory, kind):
    caller = memory.as_()
    for name in NAMES:
        kind.make(caller, name)
    assert sorted(names(caller, kind, limit=2)) == sorted(NAMES)


@kinds
def test_what_comes_and_goes_while_a_list_is_read_moves_nothing_else(plane, kind):
    caller = make_all(plane, kind)
    walk = pages(caller, kind.path, compartmentId=plane.tenancy_id, sortBy="NAME", limit=3, lifecycleState="ACTIVE")
    read = next(walk)
    kind.make(caller, "Aaa")  # before the place where the next page begins
    caller.delete(kind.one(read[-1]))  # the very entry behind which it begins
    read += [one for page in walk for one in page]
    assert [one["name"] for one in read if one["name"] in NAMES] == sorted(NAMES)
    assert len({one["id"] for one in read}) == len(read)


@kinds
def test_a_list_is_filtered_by_name_and_by_state(plane, kind):
    caller = make_all(plane, kind)
    assert names(caller, kind, name="delta") == ["delta"]
    assert names(caller, kind, name="DELTA") == []
    assert names(caller, kind, name="delta", lifecycleState="ACTIVE") == ["delta"]
    assert names(caller, kind, name="delta", lifecycleState="DELETED") == []
    assert names(caller, kind, name="delta", lifecycleState="INACTIVE") == []


@kinds
def test_an_empty_list_has_no_next_page(memory, kind):
    answer = memory.as_().get(f"{kind.path}?compartmentId={memory.tenancy_id}&name=nobody&limit=1")
    assert (answer.status, answer.body) == (200, b"[]")
    assert "opc-next-page" not in answer.headers


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("limit", "0"),
        ("limit", "1001"),
        ("limit", "-1"),
        ("limit", "ten"),
        ("limit", "1.5"),
        ("limit", ""),
        ("page", ""),
        ("page", "p" * 513),
        ("page", "!!!"),
        ("page", "bm8"),
        ("page", "e30"),
        ("page", "eyJvcmRlciI6IlRJTUVDUkVBVEVEIERFU0MiLCJhZnRlciI6WzFdfQ"),
        ("sortBy", "DISPLAYNAME"),
        ("sortBy", "name"),
        ("sortOrder", "UP"),
        ("lifecycleState", "ALIVE"),
        ("name", ""),
        ("name", "n" * 256),
    ],
)
def test_a_parameter_that_cannot_be_is_named(memory, parameter, value):
    for kind in KINDS:
        answer = memory.as_().get(f"{kind.path}?compartmentId={memory.tenancy_id}&{parameter}={value}")
        assert refusal(answer) == (400, "InvalidParameter")
        assert answer.json()["message"].startswith(parameter)


@kinds
def test_a_page_of_another_order_is_refused(memory, kind):
    caller = make_all(memory, kind)
    path = f"{kind.path}?compartmentId={memory.tenancy_id}&limit=1"
    page = caller.get(path).headers["opc-next-page"]
    answer = caller.get(f"{path}&sortBy=NAME&page={page}")
    assert refusal(answer) == (400, "InvalidParameter")
    assert answer.json()["message"].startswith("page")


@kinds
def test_a_list_needs_a_compartment(memory, kind):
    answer = memory.as_().get(kind.path)
    assert refusal(answer) == (400, "MissingParameter")
    assert answer.json()["message"].startswith("compartmentId")


@kinds
def test_a_path_may_end_with_a_slash(memory, kind):
    caller = memory.as_()
    made = kind.make(caller, "first")
    assert caller.get(f"{kind.path}/?compartmentId={memory.tenancy_id}&name=first").json() == [made]
    assert caller.get(f"{kind.one(made)}/").json() == made


def test_users_are_of_no_identity_provider(memory):
    caller = memory.as_()
    USER.make(caller, "first")
    assert names(caller, USER, identityProviderId="ocid1.saml2idp.moorage..a") == []
    assert names(caller, USER, externalIdentifier="first") == []


def test_policies_and_compartments_are_listed_where_they_are(plane):
    caller, below = plane.as_(), plane.compartment("below")
    plane.compartment("deeper", below)
    listed = caller.get(f"{COMPARTMENT.path}?compartmentId={below}").json()
    assert [one["name"] for one in listed] == ["deeper"]
    plane.policy("Allow group Administrators to read repos in compartment deeper", compartment=below, name="near")
    assert [one["name"] for one in caller.get(f"/policies?compartmentId={below}").json()] == ["near"]
    root = caller.get(f"/policies?compartmentId={plane.tenancy_id}").json()
    assert [one["name"] for one in root] == ["Tenant Admin Policy"]
