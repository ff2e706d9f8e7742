"""The largest and the smallest that may come and go: bodies, tags, pages, positions of lists."""

import base64
import json

import pytest
from tests.cloud.images.docker import Docker, all_pages, image_of, images, query, repository
from tests.cloud.images.test_signatures import KEY, SIGNATURES, details, encoded
from tests.cloud.plane import refusal

from moorage.domain.digest import Digest
from moorage.web.cloud import routes

WIDE = "\U0001f600"  # 4 bytes in UTF-8, 12 as JSON escapes it
MOST_TAGS = {
    "freeformTags": {f"{number:02}" + WIDE * 98: WIDE * 256 for number in range(64)},
    "definedTags": {"ops": {f"{number:02}" + WIDE * 98: WIDE * 256 for number in range(64)}},
}


def test_all_the_tags_that_may_be_there_fit(plane):
    made = repository(plane)
    image = image_of(plane, Docker(plane).push("1.0", b"layer"))
    signature = plane.as_().post(SIGNATURES, details(image)).json()

    for path in (f"repositories/{made['id']}", f"images/{image['id']}", f"imageSignatures/{signature['id']}"):
        assert 200 == plane.as_().put(f"/container/{path}", json.dumps(MOST_TAGS, ensure_ascii=False).encode()).status
        shown = plane.as_().get(f"/container/{path}").json()
        assert MOST_TAGS == {name: shown[name] for name in MOST_TAGS}, path


def test_a_page_is_no_longer_than_a_function_can_answer(plane, monkeypatch):
    large = {"freeformTags": {f"{number:02}": "x" * 256 for number in range(64)}}
    names = sorted(f"r{number}" for number in range(6))
    for name in names:
        repository(plane, name, **large)
    monkeypatch.setattr(routes, "ANSWER_LIMIT", 50_000)

    pages = all_pages(plane, "/container/repositories", sortBy="DISPLAYNAME", limit=100)

    assert names == [item["displayName"] for page in pages for item in page]
    assert [2, 2, 2] == [len(page) for page in pages]
    monkeypatch.setattr(routes, "ANSWER_LIMIT", 10)
    whole = all_pages(plane, "/container/repositories", sortBy="DISPLAYNAME", limit=100)
    assert [1] * 6 == [len(page) for page in whole], "one that is too long by itself is answered all the same"


@pytest.mark.parametrize("resource", ["repositories", "images", "imageSignatures"])
def test_a_change_of_nothing_needs_no_body(memory, resource):
    made = repository(memory)
    image = image_of(memory, Docker(memory).push("1.0", b"layer"))
    signature = memory.as_().post(SIGNATURES, details(image)).json()
    one = {"repositories": made, "images": image, "imageSignatures": signature}[resource]

    assert 200 == memory.as_().put(f"/container/{resource}/{one['id']}").status
    assert 200 == memory.as_().put(f"/container/configuration?compartmentId={memory.tenancy_id}").status


def test_a_message_with_half_a_character_is_refused(memory):
    repository(memory)
    image = image_of(memory, Docker(memory).push("1.0", b"layer"))
    message = encoded(r'{"imageDigest":"\ud800"}')

    answer = memory.as_().post(SIGNATURES, details(image, message=message))

    assert (400, "InvalidParameter") == refusal(answer)
    assert r"says that imageDigest is '\ud800'; it must be sha256:" in answer.json()["message"]


@pytest.mark.parametrize("name", [WIDE * 256, "\x01", "a//b", "/"])
def test_a_name_that_no_repository_can_have_finds_nothing(plane, name):
    assert [] == images(plane, repositoryName=name)["items"]


def test_signatures_are_listed_by_the_name_of_any_key(plane):
    repository(plane)
    image = image_of(plane, Docker(plane).push("1.0", b"layer"))
    keys = ["key-\u00e9", "\u043a\u043b\u044e\u0447", "key-\x7f"]
    for key in keys:
        said = base64.b64encode(
            base64.b64decode(details(image)["message"]).replace(KEY.encode(), key.encode())
        ).decode()
        assert 200 == plane.as_().post(SIGNATURES, details(image, kmsKeyId=key, message=said)).status

    pages = all_pages(plane, SIGNATURES, sortBy="DISPLAYNAME", limit=1)

    assert sorted(keys) == sorted(page[0]["kmsKeyId"] for page in pages)


def test_images_are_listed_by_the_longest_names(plane):
    longest = ["a" * 240, "b" * 240]
    for name in longest:
        repository(plane, name)
        docker = Docker(plane, name)
        data, _ = docker.push_image("other", b"layer")
        digest = docker.push_manifest(Digest.of(data, "sha512"), data, query=f"?tag={'t' * 128}")

    pages = all_pages(plane, imageDigest=str(digest), sortBy="DISPLAYNAME", limit=1)

    assert longest == [page[0]["repositoryName"] for page in pages]
    assert 200 == plane.as_().get(query("/container/images", compartmentId=plane.tenancy_id)).status
