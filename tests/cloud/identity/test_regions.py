"""The tenancy, its one region, and its namespace."""

import pytest
from tests.cloud.plane import refusal

SUBSCRIBED = [{"regionKey": "FRA", "regionName": "eu-central-1", "status": "READY", "isHomeRegion": True}]


def test_the_tenancy_is_shown(plane):
    shown = plane.as_().get(f"/tenancies/{plane.tenancy_id}").json()
    assert (shown["id"], shown["name"], shown["homeRegionKey"]) == (plane.tenancy_id, "acme", "FRA")


def test_there_is_one_region(plane):
    caller = plane.as_()
    assert caller.get("/regions").json() == [{"key": "FRA", "name": "eu-central-1"}]
    assert caller.get(f"/tenancies/{plane.tenancy_id}/regionSubscriptions").json() == SUBSCRIBED


def test_regions_and_the_tenancy_are_for_who_may_inspect_tenancies(plane):
    plane.user("reader", ["readers"])
    plane.policy("Allow group readers to inspect tenancies in tenancy")
    paths = ("/regions", f"/tenancies/{plane.tenancy_id}", f"/tenancies/{plane.tenancy_id}/regionSubscriptions")
    for path in paths:
        assert plane.as_("reader").get(path).status == 200
        assert refusal(plane.as_("stranger").get(path)) == (404, "NotAuthorizedOrNotFound")
        assert refusal(plane.nobody().get(path)) == (401, "NotAuthenticated")
    for path in paths[1:]:
        other = path.replace(plane.tenancy_id, "ocid1.tenancy.moorage..other")
        assert refusal(plane.as_().get(other)) == (404, "NotAuthorizedOrNotFound")


def test_the_namespace_is_told_to_everybody_who_signs(plane):
    stranger = plane.as_("stranger")
    for path in ("/n", "/n/", f"/n?compartmentId={plane.tenancy_id}"):
        assert stranger.get(path).json() == "acme"
    assert refusal(plane.nobody().get("/n")) == (401, "NotAuthenticated")


def test_the_namespace_of_a_compartment_is_told_to_who_may_see_it(plane):
    one = plane.compartment("one")
    assert plane.as_().get(f"/n?compartmentId={one}").json() == "acme"
    for compartment in (one, "ocid1.compartment.moorage..absent"):
        answer = plane.as_("stranger").get(f"/n?compartmentId={compartment}")
        assert refusal(answer) == (404, "NotAuthorizedOrNotFound")


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("request.region = 'FRA'", 200),
        ("request.region in ('IAD', 'fra')", 200),
        ("request.region != 'FRA'", 404),
        ("request.region = 'eu-central-1'", 404),
    ],
)
def test_policies_go_by_the_key_of_the_region(plane, condition, status):
    plane.user("reader", ["readers"])
    plane.policy(f"Allow group readers to inspect users in tenancy where {condition}")

    assert plane.as_().get("/regions").json()[0]["key"] == "FRA"
    assert plane.as_("reader").get(f"/users/{plane.as_().user.id}").status == status
