"""Deleted images: gone at once, and back for 48 hours."""

from datetime import timedelta

import pytest
from tests.cloud.images.docker import CONFIG, Docker, get, image_of, images, names, repository
from tests.cloud.plane import API, refusal
from tests.cloud.schema import check
from tests.races.images import put
from tests.routes.registry import image, index

from moorage.domain.content import RESTORE_WINDOW
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.domain.repository import Sparse
from moorage.operations.push import push_manifest

NOT_FOUND = (404, "NotAuthorizedOrNotFound")
CONFLICT = (409, "Conflict")
LAYER, OTHER = b"layer", b"another layer"
LARGE = {"annotations": {"note": "x" * 70_000}}  # too large for a row
REFERRER = "application/vnd.example.sbom"


# Delete and restore.


def test_a_deleted_image_is_gone_at_once_and_back_after_a_restore(plane, docker, path):
    docker.expect(201, docker.retag("1.1", LAYER))
    digest = get(plane, path)["digest"]

    assert 204 == plane.as_().delete(path).status
    assert [404] * 3 == [docker.get(f"manifests/{one}").status for one in ("1.0", "1.1", digest)]
    assert [] == images(plane)["items"]
    assert [digest] == [item["digest"] for item in images(plane, lifecycleState="DELETED")["items"]]
    assert "DELETED" == get(plane, path)["lifecycleState"]

    answer = plane.as_().post(f"{path}/actions/restore", b"")
    check("POST", f"{API}{path}/actions/restore", answer)
    assert ["1.0", "1.1"] == sorted(one["version"] for one in answer.json()["versions"])
    assert [200] * 3 == [docker.get(f"manifests/{one}").status for one in ("1.0", "1.1", digest)]
    assert [] == images(plane, lifecycleState="DELETED")["items"]
    assert [digest] == [item["digest"] for item in images(plane)["items"]]


def test_a_restore_leaves_out_versions_that_are_taken(plane, docker, path):
    docker.expect(201, docker.retag("1.1", LAYER))
    plane.as_().delete(path)
    other = docker.push("1.0", OTHER)

    answer = plane.as_().post(f"{path}/actions/restore", {})

    assert ["1.1"] == [one["version"] for one in answer.json()["versions"]]
    assert other == docker.get("manifests/1.0").headers["docker-content-digest"]


def test_a_restore_with_a_version_brings_that_one_alone(plane, docker, path):
    plane.as_().delete(path)

    answer = plane.as_().post(f"{path}/actions/restore", {"version": "3.0"})

    assert ["3.0"] == [one["version"] for one in answer.json()["versions"]]
    assert (404, 200) == (docker.get("manifests/1.0").status, docker.get("manifests/3.0").status)


def test_a_restore_with_a_version_that_is_taken_is_refused(plane, docker, path):
    plane.as_().delete(path)
    docker.push("1.0", OTHER)

    answer = plane.as_().post(f"{path}/actions/restore", {"version": "1.0"})

    assert CONFLICT == refusal(answer)
    assert "1.0" in answer.json()["message"]
    assert "DELETED" == get(plane, path)["lifecycleState"]


def test_an_image_that_was_deleted_without_versions_is_named_by_the_last_one(plane, docker, path):
    docker.expect(201, docker.retag("1.1", LAYER))
    plane.as_().delete(path)

    told = get(plane, path)

    assert (f"app:1.1@{told['digest']}", []) == (told["displayName"], told["versions"])


def test_what_is_not_deleted_is_not_restored(plane, path):
    assert CONFLICT == refusal(plane.as_().post(f"{path}/actions/restore", {}))


@pytest.mark.parametrize("act", ["put", "delete", "removeVersion"])
def test_a_deleted_image_takes_no_change(plane, path, act):
    caller = plane.as_()
    caller.delete(path)
    answer = {
        "put": lambda: caller.put(path, {"freeformTags": {}}),
        "delete": lambda: caller.delete(path),
        "removeVersion": lambda: caller.post(f"{path}/actions/removeVersion", {"version": "1.0"}),
    }[act]()

    assert CONFLICT == refusal(answer)


def test_after_the_window_a_deleted_image_is_gone(plane, path):
    caller = plane.as_()
    caller.delete(path)
    plane.registry.clock.advance(RESTORE_WINDOW)

    assert NOT_FOUND == refusal(caller.get(path))
    assert NOT_FOUND == refusal(caller.post(f"{path}/actions/restore", {}))
    assert [] == images(plane, lifecycleState="DELETED")["items"]


def test_a_push_of_a_deleted_image_makes_it_available(plane, docker, path):
    plane.as_().delete(path)
    plane.registry.clock.advance(timedelta(seconds=1))
    docker.expect(201, docker.retag("2.0", LAYER))

    assert [] == images(plane, lifecycleState="DELETED")["items"]
    assert ["app:2.0"] == names(plane)
    assert ["2.0"] == [one["version"] for one in get(plane, path)["versions"]]


def test_a_restore_brings_a_referrer_back_to_its_subject(plane, docker):
    subject = docker.push("1.0", LAYER)
    described = {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
    fields = {"artifactType": REFERRER, "subject": described}
    digest = str(docker.push_image(Digest.of(image(**fields)), **fields)[1])
    path = f"/container/images/{image_of(plane, digest)['id']}"
    before = docker.get(f"referrers/{subject}").json()["manifests"]

    plane.as_().delete(path)
    assert [] == docker.get(f"referrers/{subject}").json()["manifests"]
    assert 200 == plane.as_().post(f"{path}/actions/restore", {}).status
    assert before == docker.get(f"referrers/{subject}").json()["manifests"] != []


def test_a_restore_shows_the_blobs_that_were_deleted_meanwhile(plane, docker, path):
    plane.as_().delete(path)
    docker.expect(202, docker.delete(f"blobs/{Digest.of(LAYER)}"))

    assert 200 == plane.as_().post(f"{path}/actions/restore", {}).status
    assert LAYER == docker.pull_blob(Digest.of(LAYER))


def test_a_large_manifest_is_restored(plane, docker):
    path = f"/container/images/{image_of(plane, docker.push('1.0', LAYER, **LARGE))['id']}"
    plane.as_().delete(path)

    assert 200 == plane.as_().post(f"{path}/actions/restore", {}).status
    assert 200 == docker.get("manifests/1.0").status


def test_an_index_and_its_children_are_images(plane, docker):
    child = docker.push("child", LAYER)
    digest = str(docker.push_manifest("all", index(image(LAYER)), OCI_INDEX))

    assert {"app:child", "app:all"} == set(names(plane))
    told = get(plane, f"/container/images/{image_of(plane, digest)['id']}")
    assert ([], 0) == (told["layers"], told["layersSizeInBytes"])
    assert child != digest


def test_an_index_of_more_than_a_transaction_holds_is_restored_with_all_its_versions(make_plane):
    plane = make_plane(sparse=Sparse.NONE)
    repository(plane)
    docker, stores = Docker(plane), plane.stores
    data = [image(annotations={"note": str(number)}) for number in range(41)]
    docker.push_blob(CONFIG)
    for one in data:
        push_manifest(stores, put(docker.repository.id, one))
    tags = [f"t{number}" for number in range(20)]
    digest = push_manifest(stores, put(docker.repository.id, index(*data), *tags)).digest
    path = f"/container/images/{image_of(plane, str(digest))['id']}"
    plane.as_().delete(path)

    answer = plane.as_().post(f"{path}/actions/restore", {})

    assert (200, sorted(tags)) == (answer.status, sorted(one["version"] for one in answer.json()["versions"]))


# Retry tokens.


@pytest.mark.parametrize("act", ["removeVersion", "restore"])
def test_a_retry_token_does_it_once(plane, docker, path, act):
    caller, token = plane.as_(), {"opc-retry-token": "once"}
    body = {"version": "1.0"}
    if act == "restore":
        caller.delete(path)

    answers = [caller.post(f"{path}/actions/{act}", body, token) for _ in range(2)]

    assert [200, 200] == [answer.status for answer in answers]
    assert answers[0].json() == answers[1].json()
    assert answers[0].headers["etag"] == answers[1].headers["etag"]
    docker.expect(201, docker.retag("9.0", LAYER))
    assert (409, "InvalidatedRetryToken") == refusal(caller.post(f"{path}/actions/{act}", body, token))
    assert (409, "InvalidatedRetryToken") == refusal(caller.post(f"{path}/actions/{act}", {"version": "9.0"}, token))
