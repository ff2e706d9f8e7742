"""Images on the cloud plane, while docker pushes and pulls: both see the same truth at once."""

from datetime import timedelta

import pytest
from tests.cloud.images.docker import get, image_of, images, names
from tests.cloud.plane import API, refusal
from tests.cloud.schema import check
from tests.routes.registry import image

from moorage.domain.digest import Digest

NOT_FOUND = (404, "NotAuthorizedOrNotFound")
CONFLICT = (409, "Conflict")
LAYER, OTHER = b"layer", b"another layer"
LARGE = {"annotations": {"note": "x" * 70_000}}  # too large for a row
REFERRER = "application/vnd.example.sbom"


def test_a_push_is_listed_at_once(plane, docker):
    first = docker.push("1.0", LAYER)
    docker.registry.clock.advance(timedelta(seconds=1))
    second = docker.push("2.0", OTHER)

    assert [second, first] == [item["digest"] for item in images(plane)["items"]]
    assert ["app:2.0", "app:1.0"] == names(plane)


def test_all_of_an_image_is_told(plane, docker):
    digest = docker.push("1.0", LAYER, OTHER, LAYER)
    pushed = image_of(plane, digest)

    told = get(plane, f"/container/images/{pushed['id']}")

    user = plane.as_().user.id
    assert pushed.items() <= told.items()
    assert (digest, "app:1.0", "app", "1.0", "AVAILABLE") == tuple(
        told[name] for name in ("digest", "displayName", "repositoryName", "version", "lifecycleState")
    )
    assert plane.tenancy_id == told["compartmentId"]
    assert user == told["createdBy"]
    assert sorted([str(Digest.of(LAYER)), str(Digest.of(OTHER))]) == [layer["digest"] for layer in told["layers"]]
    assert sorted([len(LAYER), len(OTHER)]) == sorted(layer["sizeInBytes"] for layer in told["layers"])
    assert len(LAYER) + len(OTHER) == told["layersSizeInBytes"]
    assert told["manifestSizeInBytes"] == int(docker.head("manifests/1.0").headers["content-length"])
    assert [("1.0", user, told["timeCreated"])] == [
        (one["version"], one["createdBy"], one["timeCreated"]) for one in told["versions"]
    ]


def test_a_large_manifest_is_an_image_too(plane, docker):
    digest = docker.push("1.0", LAYER, **LARGE)

    told = get(plane, f"/container/images/{image_of(plane, digest)['id']}")

    assert [len(LAYER)] == [layer["sizeInBytes"] for layer in told["layers"]]


def test_pulls_are_counted_once_an_hour(plane, docker, path):
    assert 0 == get(plane, path)["pullCount"]
    assert "timeLastPulled" not in get(plane, path)

    for hours in (0, 0, 2):
        docker.registry.clock.advance(timedelta(hours=hours))
        docker.renew().expect(200, docker.get("manifests/1.0"))
        docker.expect(200, docker.head("manifests/1.0"))

    assert 2 == get(plane, path)["pullCount"]
    assert "timeLastPulled" in get(plane, path)


def test_a_pull_changes_no_etag_and_a_tag_does(plane, docker, path):
    before = plane.as_().get(path).headers["etag"]
    docker.expect(200, docker.get("manifests/1.0"))
    pulled = plane.as_().get(path).headers["etag"]
    docker.expect(201, docker.retag("1.1", LAYER))

    assert before == pulled
    assert pulled != plane.as_().get(path).headers["etag"]


def test_the_newest_version_names_an_image(plane, docker):
    digest = docker.push("2.0", LAYER)
    docker.registry.clock.advance(timedelta(seconds=1))
    docker.expect(201, docker.retag("1.0", LAYER))
    docker.registry.clock.advance(timedelta(seconds=1))
    docker.expect(201, docker.retag("2.0", LAYER))  # where it is already

    told = get(plane, f"/container/images/{image_of(plane, digest)['id']}")

    assert ("app:1.0", "1.0") == (told["displayName"], told["version"])
    assert ["1.0", "2.0"] == sorted(one["version"] for one in told["versions"])


def test_an_image_without_versions_is_named_by_the_last_one(plane, docker):
    first = docker.push("1.0", LAYER)
    never = docker.push_image(Digest.of(image(OTHER)), OTHER)[1]
    docker.push("1.0", LAYER, OTHER)

    assert f"app:1.0@{first}" == image_of(plane, first)["displayName"]
    assert "version" not in image_of(plane, first)
    assert f"app:unknown@{never}" == image_of(plane, str(never))["displayName"]


# Lookup.


@pytest.mark.parametrize(
    "uri",
    [
        "acme/app:1.0",
        "acme/app@{digest}",
        "acme/app:absent@{digest}",
        "registry.example.com/acme/app:1.0",
        "localhost:5000/acme/app@{digest}",
    ],
)
def test_an_image_is_found_by_its_uri(plane, docker, uri):
    digest = docker.push("1.0", LAYER)

    answer = plane.as_().post("/container/images/actions/lookupImageByUri", {"imageUri": uri.format(digest=digest)})

    check("POST", f"{API}/container/images/actions/lookupImageByUri", answer)
    assert (200, digest) == (answer.status, answer.json()["digest"])
    assert answer.headers["etag"]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("acme/app:2.0", NOT_FOUND),
        ("acme/other:1.0", NOT_FOUND),
        (f"acme/app@sha256:{'0' * 64}", NOT_FOUND),
        ("acme/app", (400, "InvalidParameter")),
        ("other/app:1.0", (400, "InvalidParameter")),
        ("acme/app@sha256:0", (400, "InvalidParameter")),
        ("acme/App:1.0", (400, "InvalidParameter")),
        ("acme/app:-", (400, "InvalidParameter")),
        ("", (400, "InvalidParameter")),
    ],
)
def test_what_a_uri_does_not_name_is_not_found(plane, docker, uri, expected):
    docker.push("1.0", LAYER)

    answer = plane.as_().post("/container/images/actions/lookupImageByUri", {"imageUri": uri})

    assert expected == refusal(answer)


# Labels.


def test_labels_are_kept_when_the_image_is_pushed_again(plane, docker, path):
    tags = {"freeformTags": {"Team": "blue"}, "definedTags": {"Operations": {"Cost": 42}}}
    changed = plane.as_().put(path, tags)
    check("PUT", f"{API}{path}", changed)

    docker.expect(201, docker.retag("1.0", LAYER))
    docker.expect(201, docker.retag("1.1", LAYER))

    assert tags.items() <= get(plane, path).items()
    assert tags.items() <= images(plane)["items"][0].items()
    assert plane.as_().put(path, {"freeformTags": {}}).json()["definedTags"] == tags["definedTags"]


@pytest.mark.parametrize("act", ["put", "delete", "removeVersion", "restore"])
def test_a_change_needs_the_etag_that_it_names(plane, docker, path, act):
    if act == "restore":
        plane.as_().delete(path)
    stale = {"if-match": "stale"}
    caller = plane.as_()
    answer = {
        "put": lambda: caller.put(path, {"freeformTags": {"a": "b"}}, stale),
        "delete": lambda: caller.delete(path, stale),
        "removeVersion": lambda: caller.post(f"{path}/actions/removeVersion", {"version": "1.0"}, stale),
        "restore": lambda: caller.post(f"{path}/actions/restore", {}, stale),
    }[act]()

    assert (412, "NoEtagMatch") == refusal(answer)


@pytest.mark.parametrize("act", ["put", "delete", "removeVersion", "restore"])
def test_a_change_with_the_current_etag_is_made(plane, docker, path, act):
    if act == "restore":
        plane.as_().delete(path)
    caller = plane.as_()
    current = {"if-match": f'"{caller.get(path).headers["etag"]}"'}
    answer = {
        "put": lambda: caller.put(path, {"freeformTags": {"a": "b"}}, current),
        "delete": lambda: caller.delete(path, current),
        "removeVersion": lambda: caller.post(f"{path}/actions/removeVersion", {"version": "1.0"}, current),
        "restore": lambda: caller.post(f"{path}/actions/restore", {}, current),
    }[act]()

    assert answer.status == (204 if act == "delete" else 200), answer.body
    if act != "delete":
        assert answer.headers["etag"] == caller.get(path).headers["etag"] != current["if-match"]


# Versions.


def test_an_unversion_ends_the_pull_by_tag_and_not_by_digest(plane, docker, path):
    answer = plane.as_().post(f"{path}/actions/removeVersion", {"version": "1.0"})

    check("POST", f"{API}{path}/actions/removeVersion", answer)
    digest = answer.json()["digest"]
    assert (f"app:1.0@{digest}", []) == (answer.json()["displayName"], answer.json()["versions"])
    assert 404 == docker.get("manifests/1.0").status
    assert 200 == docker.get(f"manifests/{digest}").status


@pytest.mark.parametrize("version", ["2.0", "other"])
def test_a_version_that_is_not_the_images_is_not_found(plane, docker, path, version):
    docker.push("other", OTHER)

    answer = plane.as_().post(f"{path}/actions/removeVersion", {"version": version})

    assert NOT_FOUND == refusal(answer)
    assert 200 == docker.get("manifests/other").status


def test_an_untag_by_docker_shows(plane, docker, path):
    docker.expect(202, docker.delete("manifests/1.0"))

    assert [] == get(plane, path)["versions"]
