"""Who may do what with images, and where they are."""

import pytest
from tests.cloud.images.docker import get, images, names, query
from tests.cloud.plane import refusal

from moorage.domain.digest import Digest
from moorage.domain.image import image_ocid

NOT_FOUND = (404, "NotAuthorizedOrNotFound")
CONFLICT = (409, "Conflict")
LAYER, OTHER = b"layer", b"another layer"
LARGE = {"annotations": {"note": "x" * 70_000}}  # too large for a row
REFERRER = "application/vnd.example.sbom"


# Who may, and where.


def test_a_move_of_the_repository_moves_its_images(plane, docker, path):
    elsewhere = plane.compartment("elsewhere")
    repository_id = get(plane, path)["repositoryId"]

    moved = plane.as_().post(
        f"/container/repositories/{repository_id}/actions/changeCompartment", {"compartmentId": elsewhere}
    )

    assert 204 == moved.status, moved.body
    assert elsewhere == get(plane, path)["compartmentId"]
    assert [] == images(plane)["items"]
    assert [elsewhere] == [item["compartmentId"] for item in images(plane, compartment=elsewhere)["items"]]
    assert ["app:1.0"] == names(plane, compartmentIdInSubtree=True)


def test_a_deleted_repository_takes_its_images_along(plane, docker, path):
    repository_id = get(plane, path)["repositoryId"]

    assert 204 == plane.as_().delete(f"/container/repositories/{repository_id}").status
    assert NOT_FOUND == refusal(plane.as_().get(path))
    assert [] == images(plane)["items"]


ABSENT = image_ocid("01BX5ZZKBKACTAV9WEVGEMMVS0", Digest.of(b"absent"))


@pytest.mark.parametrize(
    ("method", "suffix", "body"),
    [
        ("GET", "", None),
        ("PUT", "", {"freeformTags": {}}),
        ("DELETE", "", None),
        ("POST", "/actions/restore", {}),
        ("POST", "/actions/removeVersion", {"version": "1.0"}),
    ],
)
@pytest.mark.parametrize("absent", [ABSENT, "ocid1.containerimage.moorage..x", "x", "{other}"])
def test_an_image_that_is_not_there_and_one_that_is_forbidden_are_the_same(
    plane, docker, path, method, suffix, body, absent
):
    plane.group("Lookers")
    plane.policy("Allow group Lookers to inspect repos in tenancy")
    plane.user("looker", ["Lookers"])
    there = path.rpartition("/")[2]
    other = there[:-4] + "aaaa"
    forbidden = plane.as_("looker").send(method, f"/container/images/{there}{suffix}", body)
    missing = plane.as_().send(method, f"/container/images/{absent.format(other=other)}{suffix}", body)

    assert NOT_FOUND == refusal(forbidden) == refusal(missing)
    assert forbidden.body == missing.body
    assert forbidden.headers.keys() == missing.headers.keys()


@pytest.mark.parametrize(
    ("verb", "granted"),
    [
        ("inspect", {"list"}),
        ("read", {"list", "get", "lookup"}),
        ("use", {"list", "get", "lookup"}),
        ("manage", {"list", "get", "lookup", "put", "delete"}),
    ],
)
def test_a_verb_allows_what_it_says(plane, docker, path, verb, granted):
    plane.group("Some")
    plane.policy(f"Allow group Some to {verb} repos in tenancy")
    plane.user("bob", ["Some"])
    bob = plane.as_("bob")
    asked = {
        "list": lambda: bob.get(query("/container/images", compartmentId=plane.tenancy_id)),
        "get": lambda: bob.get(path),
        "lookup": lambda: bob.post("/container/images/actions/lookupImageByUri", {"imageUri": "acme/app:1.0"}),
        "put": lambda: bob.put(path, {"freeformTags": {}}),
        "delete": lambda: bob.delete(path),
    }

    answers = {name: ask() for name, ask in asked.items()}

    assert granted == {name for name, answer in answers.items() if answer.status < 300}
    assert {NOT_FOUND} | {None} >= {refusal(one) if one.status >= 300 else None for one in answers.values()}


def test_a_condition_on_the_images_tags_decides(plane, docker, path):
    plane.as_().put(path, {"definedTags": {"Operations": {"Team": "blue"}}})
    for team in ("blue", "red"):
        plane.group(team)
        plane.policy(
            f"Allow group {team} to read repos in tenancy where target.resource.tag.Operations.Team = '{team}'"
        )
        plane.user(team, [team])

    assert [200, 404] == [plane.as_(team).get(path).status for team in ("blue", "red")]


@pytest.mark.parametrize("name", ["app", "other"])
def test_a_condition_on_the_repositorys_name_decides(plane, docker, path, name):
    plane.group("Some")
    plane.policy(f"Allow group Some to read repos in tenancy where target.repo.name = '{name}'")
    plane.user("bob", ["Some"])

    assert (200 if name == "app" else 404) == plane.as_("bob").get(path).status
    listed = plane.as_("bob").get(query("/container/images", compartmentId=plane.tenancy_id))
    assert NOT_FOUND == refusal(listed)  # a list names no repository
