"""The configuration: whether a push makes a repository."""

import pytest
from tests.cloud.plane import refusal

PATH = "/container/configuration?compartmentId="


@pytest.mark.parametrize("told", [True, False])
def test_the_deployment_says_what_nobody_configured(make_plane, told):
    plane = make_plane(create_on_push=told)

    answer = plane.as_().get(PATH + plane.tenancy_id)

    assert {"isRepositoryCreatedOnFirstPush": told, "namespace": "acme"} == answer.json()
    assert "0" == answer.headers["etag"]


def test_a_push_does_at_once_what_is_configured(plane):
    admin = plane.as_()
    client = plane.registry.client(name="acme/new")

    for wanted, status in ((False, 404), (True, 202)):
        answer = admin.put(PATH + plane.tenancy_id, {"isRepositoryCreatedOnFirstPush": wanted})
        assert (200, wanted) == (answer.status, answer.json()["isRepositoryCreatedOnFirstPush"])
        assert answer.json() == admin.get(PATH + plane.tenancy_id).json()
        assert status == client.renew().post("blobs/uploads/").status


def test_etags_guard_the_configuration(plane):
    admin = plane.as_()

    answers = [admin.put(PATH + plane.tenancy_id, {}, {"if-match": "0"}) for _ in range(2)]

    assert [200, 412] == [answer.status for answer in answers]
    assert "1" == answers[0].headers["etag"]
    assert answers[0].json()["isRepositoryCreatedOnFirstPush"]


def test_there_is_one_configuration(memory):
    admin, where = memory.as_(), memory.compartment("c1")

    for answer in (admin.get(PATH + where), admin.put(PATH + where, {})):
        assert (400, "InvalidParameter") == refusal(answer)
        assert answer.json()["message"].startswith("compartmentId: ")


@pytest.mark.parametrize(("granted", "statuses"), [("inspect", (200, 404)), ("manage", (200, 200)), (None, (404, 404))])
def test_who_may(memory, granted, statuses):
    memory.user("carol", ["carols"])
    if granted:
        memory.policy(f"Allow group carols to {granted} repos in tenancy")
    carol = memory.as_("carol")

    assert statuses == (carol.get(PATH + memory.tenancy_id).status, carol.put(PATH + memory.tenancy_id, {}).status)
    assert 404 == carol.get(PATH + "ocid1.compartment.moorage..gone").status
