"""Immutable repositories: a tag stays where it points."""

import json
from dataclasses import replace

import pytest
from tests.routes.registry import CONFIG, image

from moorage.domain.manifest import OCI_MANIFEST

HEADERS = {"Content-Type": OCI_MANIFEST}
IMAGE, OTHER = image(b"layer"), image(b"layer", annotations={"other": "1"})


@pytest.fixture
def immutable(client):
    """A client of an immutable repository with `latest`, and the blobs for more."""
    client.push_image("latest", b"layer")
    stores = client.registry.stores
    record = stores.repositories.get(stores.repositories.find(client.name).id)
    changed = replace(record.repository, immutable=True)
    assert stores.repositories.update(replace(record, repository=changed, version=record.version + 1))
    return client


def test_a_tag_is_not_moved_and_the_refusal_says_what_to_do(immutable):
    digest = immutable.head("manifests/latest").headers["docker-content-digest"]

    answer = immutable.put("manifests/latest", HEADERS, OTHER)

    assert (409, ["DENIED"]) == answer.error
    message = json.loads(answer.body)["errors"][0]["message"]
    assert digest in message
    assert "another tag" in message
    assert {"tag": "latest", "digest": digest} == answer.detail
    assert digest == immutable.head("manifests/latest").headers["docker-content-digest"]


def test_the_same_digest_again_is_fine(immutable):
    assert 201 == immutable.put("manifests/latest", HEADERS, IMAGE).status


def test_new_tags_are_fine(immutable):
    assert 201 == immutable.put("manifests/other", HEADERS, OTHER).status
    assert 201 == immutable.put("manifests/same", HEADERS, IMAGE).status


def test_of_several_tags_none_moves(immutable):
    answer = immutable.put("manifests/first?tag=second&tag=latest", HEADERS, OTHER)

    assert (409, ["DENIED"]) == answer.error
    assert [404, 404] == [immutable.head(f"manifests/{tag}").status for tag in ("first", "second")]


def test_a_tag_that_was_removed_is_free_again(immutable):
    assert 202 == immutable.delete("manifests/latest").status
    assert 201 == immutable.put("manifests/latest", HEADERS, OTHER).status


def test_an_image_can_be_deleted(immutable):
    digest = immutable.head("manifests/latest").headers["docker-content-digest"]

    assert 202 == immutable.delete(f"manifests/{digest}").status
    assert 404 == immutable.head("manifests/latest").status


def test_of_two_first_pushes_one_has_the_tag(immutable):
    immutable.push_blob(CONFIG)
    asks = [immutable.ask("PUT", "manifests/new", HEADERS, data) for data in (IMAGE, OTHER)]

    answers = immutable.registry.all_at_once(*asks)

    assert [201, 409] == sorted(answer.status for answer in answers)
