"""Filters, orders and pages of the list of images."""

from datetime import timedelta
from itertools import product

import pytest
from tests.cloud.images.docker import Docker, all_pages, image_of, images, names, query, repository
from tests.cloud.plane import API, page_at, refusal
from tests.cloud.schema import check

from moorage.operations import image_lists

OTHER_TENANCY = "ocid1.tenancy.moorage..other"
# What is asked of the list, and the places of what is in the root. `{0}` is the first digest that was pushed.
FILTERS = [
    ({"repositoryName": "app"}, [5, 3, 1, 0]),
    ({"repositoryName": "team/*"}, [4, 2]),
    ({"repositoryName": "*"}, [5, 4, 3, 2, 1, 0]),
    ({"repositoryName": "ap*p"}, []),
    ({"repositoryName": "App"}, []),
    ({"repositoryName": "far"}, []),
    ({"version": "1.0"}, [3, 2]),
    ({"version": "1*"}, [3, 2]),
    ({"version": "*"}, [5, 4, 3, 2, 1]),
    ({"version": "1"}, []),
    ({"version": "1.0", "repositoryName": "app"}, [3]),
    ({"isVersioned": True}, [5, 4, 3, 2, 1]),
    ({"isVersioned": False}, [0]),
    ({"isVersioned": False, "version": "1*"}, []),
    ({"displayName": "app:1.0"}, [3]),
    ({"displayName": "app:1.0", "version": "2.0"}, []),
    ({"displayName": "app:"}, []),
    ({"displayName": "app"}, []),
    ({"displayName": "team/app:latest"}, [4]),
    ({"displayName": "app:1.0@{0}"}, [0]),
    ({"displayName": "app:2.0@{0}"}, []),
    ({"displayName": "far:1.0"}, []),
    ({"displayName": "x@sha256:0"}, []),
    ({"imageDigest": "{2}"}, [1]),
    ({"imageDigest": "{2}", "repositoryName": "team/*"}, []),
    ({"lifecycleState": "AVAILABLE"}, [5, 4, 3, 2, 1, 0]),
    ({"lifecycleState": "DELETED"}, []),
    ({"lifecycleState": "DELETING"}, []),
]
UNANSWERABLE = [
    ({"page": "x"}, "page"),
    ({"page": "e30"}, "page"),
    ({"imageDigest": "sha256:0"}, "imageDigest"),
    ({"sortBy": "NAME"}, "sortBy"),
    ({"sortOrder": "asc"}, "sortOrder"),
    ({"limit": 0}, "limit"),
    ({"limit": 1001}, "limit"),
    ({"isVersioned": "yes"}, "isVersioned"),
]


@pytest.fixture
def pushed(plane):
    """Images of three repositories, one a second: those of `app` and `team/app` in the root, `far` in `elsewhere`."""
    elsewhere = plane.compartment("elsewhere")
    repository(plane, "app")
    repository(plane, "team/app")
    repository(plane, "far", elsewhere)
    digests = []
    for name, tag in (
        ("app", "1.0"),
        ("far", "1.0"),
        ("app", "2.0"),
        ("team/app", "1.0"),
        ("app", "1.0"),  # moves
        ("team/app", "latest"),
        ("app", "beta"),
    ):
        plane.registry.clock.advance(timedelta(seconds=1))
        layers = (name, tag, str(len(digests)))
        digests.append(Docker(plane, name).push(tag, *(one.encode() for one in layers)))
    plane.elsewhere = elsewhere
    return digests


def called(digests):
    """Return the display names of the images of the root, the oldest first."""
    return [f"app:1.0@{digests[0]}", "app:2.0", "team/app:1.0", "app:1.0", "team/app:latest", "app:beta"]


def test_the_newest_is_first(plane, pushed):
    assert called(pushed)[::-1] == names(plane)
    assert called(pushed)[::-1] == names(plane, sortBy="TIMECREATED", sortOrder="DESC")
    assert called(pushed) == names(plane, sortOrder="ASC")


def test_the_order_of_names_has_images_without_versions_last(plane, pushed):
    expected = ["app:1.0", "app:2.0", "app:beta", f"app:1.0@{pushed[0]}", "team/app:1.0", "team/app:latest"]

    assert expected == names(plane, sortBy="DISPLAYNAME")
    assert expected[::-1] == names(plane, sortBy="DISPLAYNAME", sortOrder="DESC")


def test_the_subtree_of_the_tenancy_has_all(plane, pushed):
    with_far = called(pushed)
    with_far.insert(1, "far:1.0")

    assert with_far == names(plane, compartmentIdInSubtree=True, sortOrder="ASC")
    assert ["far:1.0"] == names(plane, compartment=plane.elsewhere)


def test_pages_are_the_list_in_pieces(plane, pushed, subtests):
    for sort, order, limit in product(("TIMECREATED", "DISPLAYNAME"), ("ASC", "DESC"), (1, 2, 3, 100)):
        with subtests.test(sort=sort, order=order, limit=limit):
            whole = names(plane, sortBy=sort, sortOrder=order, compartmentIdInSubtree=True)
            pages = all_pages(plane, sortBy=sort, sortOrder=order, limit=limit, compartmentIdInSubtree=True)

            assert 7 == len(whole)
            assert whole == [item["displayName"] for page in pages for item in page]
            assert [limit] * (7 // limit) == [len(page) for page in pages[: 7 // limit]]


def test_an_answer_says_whether_more_remains(plane, pushed):
    answer = plane.as_().get(query("/container/images", compartmentId=plane.tenancy_id, limit=5))
    check("GET", f"{API}/container/images", answer)

    assert (5, 1) == (len(answer.json()["items"]), answer.json()["remainingItemsCount"])
    assert 0 == images(plane, limit=6)["remainingItemsCount"]


def test_filters(plane, pushed, subtests):
    for (filters, expected), limit in product(FILTERS, (1, 100)):
        with subtests.test(limit=limit, **filters):
            asked = {
                name: value.format(*pushed) if isinstance(value, str) else value for name, value in filters.items()
            }
            pages = all_pages(plane, limit=limit, **asked)

            assert [called(pushed)[place] for place in expected] == [
                item["displayName"] for page in pages for item in page
            ]


def test_filters_of_ids(plane, pushed):
    one, other = image_of(plane, pushed[2]), image_of(plane, pushed[3])

    assert ["app:2.0"] == names(plane, imageId=one["id"])
    assert ["app:2.0"] == names(plane, imageId=one["id"], repositoryId=one["repositoryId"], imageDigest=pushed[2])
    assert [] == names(plane, imageId=one["id"], repositoryId=other["repositoryId"])
    assert [] == names(plane, imageId=one["id"], imageDigest=pushed[3])
    assert [] == names(plane, compartment=plane.elsewhere, imageId=one["id"])
    assert [] == names(plane, imageId="ocid1.containerimage.moorage..x")
    assert [] == names(plane, repositoryId="x")
    assert ["team/app:latest", "team/app:1.0"] == names(plane, repositoryId=other["repositoryId"])


def test_deleted_images_are_listed_when_they_are_asked_for(plane, pushed):
    for digest in (pushed[2], pushed[3]):
        plane.as_().delete(f"/container/images/{image_of(plane, digest)['id']}")

    deleted = [f"team/app:1.0@{pushed[3]}", f"app:2.0@{pushed[2]}"]
    assert deleted == names(plane, lifecycleState="DELETED")
    assert deleted[::-1] == names(plane, lifecycleState="DELETED", sortBy="DISPLAYNAME")
    assert [pushed[3]] == [item["digest"] for item in images(plane, lifecycleState="DELETED", limit=1)["items"]]
    assert 4 == len(names(plane))


def test_a_list_that_finds_little_reads_on_for_a_while_and_says_where_it_is(plane, pushed, monkeypatch):
    monkeypatch.setattr(image_lists, "READ_ON", 2)

    pages = all_pages(plane, isVersioned=False, limit=2)

    assert [[], [], [f"app:1.0@{pushed[0]}"]] == [[item["displayName"] for item in page] for page in pages]


def test_what_cannot_be_is_named(plane, pushed, subtests):
    for parameters, field in UNANSWERABLE:
        with subtests.test(**parameters):
            answer = plane.as_().get(query("/container/images", compartmentId=plane.tenancy_id, **parameters))

            assert (400, "InvalidParameter") == refusal(answer)
            assert answer.json()["message"].startswith(f"{field}:")


@pytest.mark.parametrize(
    ("position", "sort"),
    [
        ({}, "TIMECREATED"),
        ({"t": ""}, "TIMECREATED"),
        ({"t": 1}, "TIMECREATED"),
        ({"t": "x" * 601}, "TIMECREATED"),
        ({"t": "\u00e9"}, "TIMECREATED"),
        ({"r": "app:"}, "TIMECREATED"),
        ({"t": "x"}, "DISPLAYNAME"),
        ({"r": 1}, "DISPLAYNAME"),
    ],
)
def test_a_position_that_no_list_has_is_refused(memory, position, sort):
    repository(memory)
    Docker(memory).push("1.0", b"layer")
    path = query("/container/images", compartmentId=memory.tenancy_id, sortBy=sort)
    page = page_at(position, "ListContainerImages", path.partition("?")[2])

    assert (400, "InvalidParameter") == refusal(memory.as_().get(f"{path}&page={page}"))


def test_a_page_of_another_list_is_refused(memory):
    """
    Of another order, another filter, or of what is no image.
    """
    repository(memory)
    for tag in ("1.0", "2.0"):
        Docker(memory).push(tag, tag.encode())
    asked = {"compartmentId": memory.tenancy_id, "limit": 1, "version": "*"}
    path = "/container/images"
    first = {**asked, "page": memory.as_().get(query(path, **asked)).headers["opc-next-page"]}
    others = [{"sortOrder": "ASC"}, {"sortBy": "DISPLAYNAME"}, {"version": "1*"}, {"isVersioned": True}]

    for one in others:
        assert (400, "InvalidParameter") == refusal(memory.as_().get(query(path, **{**first, **one})))
    assert (400, "InvalidParameter") == refusal(memory.as_().get(query("/container/imageSignatures", **first)))
    assert 1 == len(memory.as_().get(query(path, **{**first, "limit": 100})).json()["items"])


def test_the_subtree_is_the_tenancys_alone(plane, pushed):
    path = query("/container/images", compartmentId=plane.elsewhere, compartmentIdInSubtree=True)

    assert (400, "InvalidParameter") == refusal(plane.as_().get(path))


def test_a_list_has_the_compartments_that_the_caller_may_inspect(plane, pushed):
    plane.group("Some")
    plane.policy("Allow group Some to inspect repos in compartment elsewhere")
    plane.user("bob", ["Some"])
    bob = plane.as_("bob")

    seen = images(plane, bob, compartmentIdInSubtree=True)["items"]

    assert ["far:1.0"] == [item["displayName"] for item in seen]
    for path in (
        query("/container/images", compartmentId=plane.tenancy_id),
        query("/container/images", compartmentId=OTHER_TENANCY),
    ):
        assert (404, "NotAuthorizedOrNotFound") == refusal(bob.get(path))
