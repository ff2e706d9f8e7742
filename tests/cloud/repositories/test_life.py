"""A repository from its making to its end, as clients see it."""

from datetime import timedelta

import pytest
from tests.cloud.plane import refusal

from moorage.domain.content import RESTORE_WINDOW

HOUR = timedelta(hours=1)
README = {"content": "# App", "format": "TEXT_MARKDOWN"}
TAGS = {"freeformTags": {"team": "one"}, "definedTags": {"ops": {"cost": 5}}}


def test_a_new_repository_is_answered_whole(plane, admin):
    where = plane.compartment("c1")

    answer = admin.post(displayName="proj/app", compartmentId=where, readme=README, isImmutable=True, **TAGS)

    made = answer.json()
    assert (200, "1") == (answer.status, answer.headers["etag"])
    expected = {
        "compartmentId": where,
        "createdBy": admin.caller.user.id,
        "displayName": "proj/app",
        "namespace": "acme",
        "isImmutable": True,
        "isPublic": False,
        "readme": README,
        "lifecycleState": "AVAILABLE",
        **TAGS,
        "systemTags": {},
        **dict.fromkeys(["imageCount", "layerCount", "layersSizeInBytes", "billableSizeInGBs"], 0),
    }
    assert expected == {name: value for name, value in made.items() if name not in {"id", "timeCreated"}}
    assert made == admin.get(made).json()
    assert "1" == admin.get(made).headers["etag"]


def test_what_is_not_said_is_private_mutable_and_undescribed(admin):
    made = admin.create()

    assert (False, False) == (made["isPublic"], made["isImmutable"])
    assert "readme" not in made
    assert ({}, {}) == (made["freeformTags"], made["definedTags"])


def test_a_push_goes_into_a_repository_that_was_made(plane, admin):
    made = admin.create("proj/app")
    client = plane.registry.client(name="acme/proj/app")
    client.push_image("1.0", b"layer", b"x" * 20_000)

    shown = admin.get(made).json()

    assert (1, 2, 20_005, 1) == tuple(
        shown[name] for name in ("imageCount", "layerCount", "layersSizeInBytes", "billableSizeInGBs")
    )
    assert shown["timeLastPushed"] >= shown["timeCreated"]


def test_a_push_makes_a_private_repository_in_the_root(plane, admin):
    plane.registry.client(name="acme/new").push_image("1.0", b"layer")

    (item,) = admin.list("&displayName=new").json()["items"]
    assert (plane.tenancy_id, False, 1) == (item["compartmentId"], item["isPublic"], item["imageCount"])


def test_an_update_changes_what_it_names(admin):
    made = admin.create(readme=README, **TAGS)

    answer = admin.update(made, isPublic=True, freeformTags={"team": "two"})

    assert (200, "2") == (answer.status, answer.headers["etag"])
    assert made | {"isPublic": True, "freeformTags": {"team": "two"}} == answer.json()
    assert answer.json() == admin.get(made).json()
    plain = {"content": "", "format": "TEXT_PLAIN"}
    answer = admin.update(made, isImmutable=True, readme=plain, definedTags={})
    assert (True, plain, {}, {"team": "two"}) == tuple(
        answer.json()[name] for name in ("isImmutable", "readme", "definedTags", "freeformTags")
    )


def test_an_update_of_nothing_is_one(admin):
    made = admin.create()

    answer = admin.update(made)

    assert (200, "2") == (answer.status, answer.headers["etag"])


def test_anybody_pulls_from_a_public_repository_as_soon_as_it_is_one(plane, admin):
    made = admin.create()
    plane.registry.client(name="acme/app").push_image("1.0", b"layer")
    anonymous = plane.registry.client(None, name="acme/app")
    assert 401 == anonymous.get("manifests/1.0").status

    admin.update(made, isPublic=True)

    assert 200 == plane.registry.client(None, name="acme/app").get("manifests/1.0").status


def test_a_move_takes_the_repository_with_its_images(plane, admin):
    where, made = plane.compartment("c1"), admin.create()
    client = plane.registry.client(name="acme/app")
    client.push_image("1.0", b"layer")
    before = admin.get(made).json()

    answer = admin.move(made, where)

    assert (204, b"") == (answer.status, answer.body)
    assert "etag" not in answer.headers
    assert before | {"compartmentId": where} == admin.get(made).json()
    assert [[], ["app"], ["app"]] == [
        admin.names(),
        admin.names(compartment=where),
        admin.names("&compartmentIdInSubtree=true"),
    ]
    assert 200 == client.get("manifests/1.0").status


def test_a_move_to_where_it_is_changes_nothing(plane, admin):
    made = admin.create()

    assert 204 == admin.move(made, plane.tenancy_id).status
    assert "1" == admin.get(made).headers["etag"]


def test_a_deleted_repository_is_gone_from_pulls_and_lists(plane, admin):
    made = admin.create()
    client = plane.registry.client(name="acme/app")
    client.push_image("1.0", b"layer")

    answer = admin.delete(made)

    assert (204, b"") == (answer.status, answer.body)
    assert 404 == plane.registry.client(name="acme/app").get("manifests/1.0").status
    assert [] == admin.names() == admin.names("&compartmentIdInSubtree=true")
    assert ["app"] == admin.names("&lifecycleState=DELETED")
    assert ["app"] == admin.names("&lifecycleState=DELETED&compartmentIdInSubtree=true&displayName=app")
    assert (409, "Conflict") == refusal(admin.update(made, isPublic=True))
    assert (409, "Conflict") == refusal(admin.move(made, plane.compartment("c1")))


def test_a_deleted_repository_is_shown_for_48_hours(plane, admin):
    made = admin.create()
    admin.delete(made)

    assert made | {"lifecycleState": "DELETED"} == admin.get(made).json()
    plane.registry.clock.advance(RESTORE_WINDOW - HOUR)
    assert "DELETED" == admin.get(made).json()["lifecycleState"]
    plane.registry.clock.advance(HOUR)
    assert (404, "NotAuthorizedOrNotFound") == refusal(admin.get(made))
    assert [] == admin.names("&lifecycleState=DELETED")
    assert 404 == admin.delete(made).status


def test_a_deleted_repository_outlives_its_compartment_for_those_who_may_look_into_the_root(plane, admin, repositories):
    where = plane.compartment("c1")
    plane.user("vera", ["viewers"])
    plane.policy("Allow group viewers to read repos in compartment c1")
    viewer = repositories(plane.as_("vera"))
    made = admin.create(compartmentId=where)
    assert 204 == admin.delete(made).status
    assert 200 == viewer.get(made).status
    assert 202 == admin.caller.delete(f"/compartments/{where}").status

    assert ("DELETED", where) == tuple(admin.get(made).json()[name] for name in ("lifecycleState", "compartmentId"))
    assert ["app"] == admin.names("&lifecycleState=DELETED&compartmentIdInSubtree=true")
    assert 404 == viewer.get(made).status


def test_a_name_is_free_as_soon_as_its_repository_is_deleted(plane, admin):
    made = admin.create()
    plane.registry.client(name="acme/app").push_image("1.0", b"layer")
    admin.delete(made)

    again = admin.create()

    assert made["id"] != again["id"]
    assert 0 == admin.get(again).json()["imageCount"]
    assert 404 == plane.registry.client(name="acme/app").get("manifests/1.0").status


def test_a_second_delete_is_answered_as_the_first(admin):
    made = admin.create()

    assert [204, 204] == [admin.delete(made).status, admin.delete(made, {"if-match": "1"}).status]


# if-match


@pytest.mark.parametrize("etag", ["2", '"2"', 'W/"2"', "*"])
def test_the_etag_lets_in(admin, etag):
    made = admin.create()
    admin.update(made, isPublic=True)

    assert 200 == admin.update(made, {"if-match": etag}, isPublic=False).status


@pytest.mark.parametrize("do", ["update", "delete", "move"])
def test_an_old_etag_changes_nothing(plane, admin, do):
    made, where = admin.create(), plane.compartment("c1")
    admin.update(made, isPublic=True)
    before = admin.get(made).json()
    stale = {"if-match": "1"}

    answer = admin.move(made, where, stale) if do == "move" else getattr(admin, do)(made, stale)

    assert (412, "NoEtagMatch") == refusal(answer)
    assert before == admin.get(made).json()


# opc-retry-token


def test_a_create_that_is_sent_again_makes_one(plane, admin):
    token = {"opc-retry-token": "t1"}
    first, again = (admin.post(token, displayName="app") for _ in range(2))

    assert (200, first.json(), "1") == (again.status, again.json(), again.headers["etag"])
    assert ["app"] == admin.names()


def test_creates_with_one_token_at_once_make_one(plane, admin):
    body = {"compartmentId": plane.tenancy_id, "displayName": "app"}
    caller = admin.caller
    request = caller.request("POST", "/container/repositories", body, {"opc-retry-token": "t1"})

    answers = caller.all_at_once(*[request] * 4)

    assert [200] * 4 == [answer.status for answer in answers]
    assert 1 == len({answer.json()["id"] for answer in answers})
    assert ["app"] == admin.names()


def test_a_retry_token_is_of_one_request_and_one_state(plane, admin):
    token = {"opc-retry-token": "t1"}
    made = admin.post(token, displayName="app").json()

    assert (409, "InvalidatedRetryToken") == refusal(admin.post(token, displayName="other"))
    admin.update(made, isPublic=True)
    assert (409, "InvalidatedRetryToken") == refusal(admin.post(token, displayName="app"))
    plane.registry.clock.advance(24 * HOUR)
    assert 200 == admin.post(token, displayName="other").status


def test_a_retry_token_of_what_is_deleted_is_over(admin):
    token = {"opc-retry-token": "t1"}
    admin.delete(admin.post(token, displayName="app").json())

    assert (409, "InvalidatedRetryToken") == refusal(admin.post(token, displayName="app"))


def test_a_move_that_is_sent_again_is_done_once(plane, admin):
    token, where, made = {"opc-retry-token": "t1"}, plane.compartment("c1"), admin.create()

    assert [204, 204] == [admin.move(made, where, token).status for _ in range(2)]
    assert "2" == admin.get(made).headers["etag"]
    admin.move(made, plane.tenancy_id)
    assert (409, "InvalidatedRetryToken") == refusal(admin.move(made, where, token))
    assert plane.tenancy_id == admin.get(made).json()["compartmentId"]
