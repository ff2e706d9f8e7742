"""ListContainerRepositories: order, filters, pages, totals."""

from datetime import timedelta

import pytest
from tests.cloud.plane import page_at, refusal

from moorage.domain.ocid import repository_ocid
from moorage.web.cloud.answers import page_token

NAMES = ["b", "a", "a-b", "a/b", "a0"]  # in the order of making
SHOWN = [
    ("", NAMES[::-1]),
    ("&sortBy=TIMECREATED", NAMES[::-1]),
    ("&sortOrder=ASC", NAMES),
    ("&sortBy=DISPLAYNAME", sorted(NAMES)),
    ("&sortBy=DISPLAYNAME&sortOrder=DESC", sorted(NAMES)[::-1]),
    ("&isPublic=true", ["a0", "b"]),
    ("&isPublic=false&sortBy=DISPLAYNAME", ["a", "a-b", "a/b"]),
    ("&displayName=a%2Fb", ["a/b"]),
    ("&displayName=a/b&isPublic=true", []),
    ("&displayName=A", []),
    ("&displayName=" + 400 * "a", []),
    ("&displayName=in-c1", []),
    ("&lifecycleState=AVAILABLE&sortOrder=ASC", NAMES),
    ("&lifecycleState=DELETED", []),
    ("&lifecycleState=DELETING", []),
    ("&lifecycleState=available", []),
    ("&repositoryId=nonsense", []),
    ("&nonsense=1&sortOrder=ASC", NAMES),
]
PULLED = ("repositoryCount", "imageCount", "layerCount", "layersSizeInBytes")


@pytest.fixture
def made(plane, admin):
    """Repositories in the root, and one in each of two compartments."""
    found = {}
    for name in NAMES:
        plane.registry.clock.advance(timedelta(seconds=1))
        found[name] = admin.create(name, isPublic=name in {"a0", "b"})
    for name in ("c1", "c2"):
        found[name] = admin.create(f"in-{name}", compartmentId=plane.compartment(name))
    return found


def test_what_a_list_shows(made, admin, subtests):
    for query, expected in SHOWN:
        for limit in ("", "&limit=2"):
            with subtests.test(query=query, limit=limit):
                assert expected == admin.names(query + limit)


def test_a_repository_is_found_by_its_id_where_it_is(plane, made, admin):
    for limit in ("", "&limit=1"):
        assert ["a/b"] == admin.names(f"&repositoryId={made['a/b']['id']}{limit}")
    assert [] == admin.names(f"&repositoryId={made['c1']['id']}")
    assert ["in-c1"] == admin.names(f"&repositoryId={made['c1']['id']}&compartmentIdInSubtree=true")
    assert [] == admin.names(f"&repositoryId={repository_ocid('01ARZ3NDEKTSV4RRFFQ69G5FAV')}")
    assert [] == admin.names(f"&repositoryId={made['b']['id']}&isPublic=false")


def test_the_tree_is_listed_from_the_root(plane, made, admin):
    assert ["in-c1"] == admin.names(compartment=made["c1"]["compartmentId"])
    everything = sorted([*NAMES, "in-c1", "in-c2"])
    assert everything == admin.names("&compartmentIdInSubtree=true&sortBy=DISPLAYNAME&limit=3")
    assert {*everything} == {*admin.names("&compartmentIdInSubtree=true&limit=3")}
    query = "&compartmentIdInSubtree=true"
    assert (400, "InvalidParameter") == refusal(admin.list(query, made["c1"]["compartmentId"]))


def test_an_item_is_a_summary_of_the_repository(made, admin):
    whole = admin.get(made["a"]).json()

    (item,) = admin.list("&displayName=a").json()["items"]

    assert whole.keys() - item.keys() == {"createdBy", "isImmutable"}
    assert item == {name: value for name, value in whole.items() if name in item}


def test_totals_are_exact_with_the_last_page(plane, made, admin):
    for name in ("b", "a0", "in-c1"):
        plane.registry.client(name=f"acme/{name}").push_image("1.0", b"layer", name.encode())
    pages = [admin.list("&limit=2")]
    while following := pages[-1].headers.get("opc-next-page"):
        pages.append(admin.list(f"&limit=2&page={following}"))

    bodies = [page.json() for page in pages]

    assert [5, 5, 5] == [body["repositoryCount"] for body in bodies]
    assert [3, 1, 0] == [body["remainingItemsCount"] for body in bodies]
    assert [1, 1, 2] == [body["imageCount"] for body in bodies]
    assert (5, 2, 4, 13) == tuple(bodies[-1][name] for name in PULLED)
    tree = admin.list("&compartmentIdInSubtree=true").json()
    assert (7, 3, 6, 23) == tuple(tree[name] for name in PULLED)
    public = admin.list("&isPublic=true").json()
    assert (2, 2, 4, 13) == tuple(public[name] for name in PULLED)


def page_as_answered(plane, query, position):
    return page_at(position, "ListContainerRepositories", f"compartmentId={plane.tenancy_id}{query}")


@pytest.mark.parametrize("page", ["nonsense", "e30", ".", "0123456789abcdef.e30", page_token({"after": "x"})])
def test_a_page_that_is_none_is_refused(memory, repositories, page):
    admin = repositories(memory.as_())

    assert (400, "InvalidParameter") == refusal(admin.list(f"&page={page}"))


@pytest.mark.parametrize("position", [{}, {"after": "x"}, {"after": 1, "totals": []}, {"t": "x"}])
def test_a_position_that_is_none_is_refused(memory, repositories, position):
    admin = repositories(memory.as_())
    page = page_as_answered(memory, "", position)

    assert (400, "InvalidParameter") == refusal(admin.list(f"&page={page}"))


@pytest.mark.parametrize(
    "other",
    [
        "&sortBy=DISPLAYNAME",
        "&sortOrder=ASC",
        "&isPublic=false",
        "&isPublic=true",
        "&displayName=a",
        "&lifecycleState=DELETED",
        "&compartmentIdInSubtree=true",
    ],
)
def test_a_page_of_another_list_is_refused(memory, repositories, other):
    """
    It would begin somewhere, and say totals of what the other list had.
    """
    admin = repositories(memory.as_())
    for name in NAMES:
        admin.create(name)
    page = admin.list("&limit=3").headers["opc-next-page"]
    answer = admin.list(f"{other}&page={page}")

    assert (400, "InvalidParameter") == refusal(answer)
    assert answer.json()["message"].startswith("page: is the opc-next-page of another list; ")
    assert 2 == len(admin.list(f"&limit=2&page={page}&nonsense=1").json()["items"])


@pytest.mark.parametrize("after", ["", "~", "\x7f", "\u00e9", "x" * 301, "\x00"])
@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_a_place_that_no_list_has_is_refused(memory, repositories, after, order):
    admin = repositories(memory.as_())
    query = f"&sortOrder={order}"
    page = page_as_answered(memory, query, {"after": after, "totals": [0, 0, 0, 0]})

    assert (400, "InvalidParameter") == refusal(admin.list(f"{query}&page={page}"))


@pytest.mark.parametrize("order", ["ASC", "DESC"])
def test_a_place_that_a_list_has_not_is_no_failure(plane, made, admin, order):
    for sort in ("TIMECREATED", "DISPLAYNAME"):
        query = f"&sortBy={sort}&sortOrder={order}"
        page = page_as_answered(plane, query, {"after": "zz/#" + "Z" * 200, "totals": [0, 0, 0, 2**80]})
        assert 200 == admin.list(f"{query}&page={page}").status


def test_a_caller_sees_the_compartments_that_policies_let_into(plane, made, repositories):
    plane.group("viewers")
    plane.policy("Allow group viewers to inspect repos in compartment c1")
    viewer = repositories(plane.as_("nobody"))
    plane.user("vera", ["viewers"])
    viewer = repositories(plane.as_("vera"))

    assert ["in-c1"] == viewer.names("&compartmentIdInSubtree=true")
    assert ["in-c1"] == viewer.names(compartment=made["c1"]["compartmentId"])
    assert 404 == viewer.list().status
    assert 404 == viewer.list(compartment=made["c2"]["compartmentId"]).status
