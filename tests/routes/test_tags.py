"""GET of a list of tags (end-8)."""

import pytest
from tests.routes.registry import image

from moorage.domain.digest import Digest


@pytest.fixture
def tagged(client):
    """A repository with some tags, all of one image."""
    client.push_image("first")
    client.push_manifest(Digest.of(image()), image(), query="?tag=v1&tag=v10&tag=V2&tag=v2&tag=_x&tag=0&tag=v1.0")
    return client


def test_tags_are_listed_in_byte_order_with_the_name(tagged):
    answer = tagged.get("tags/list")

    assert (200, "application/json") == (answer.status, answer.headers["content-type"])
    tags = ["0", "V2", "_x", "first", "v1", "v1.0", "v10", "v2"]
    assert {"name": "acme/app", "tags": tags} == answer.json()
    assert "link" not in answer.headers


def test_a_repository_without_tags_has_an_empty_list(registry):
    registry.repository()

    assert {"name": "acme/app", "tags": []} == registry.client().get("tags/list").json()


def test_a_repository_that_is_not_there_is_unknown(client):
    assert (404, ["NAME_UNKNOWN"]) == client.get("tags/list").error


def test_a_tag_that_moved_is_there_once(client):
    for layer in (b"a", b"b"):
        client.push_image("latest", layer)

    assert ["latest"] == client.get("tags/list").json()["tags"]


def test_head_is_answered_too(tagged):
    answer = tagged.head("tags/list")

    assert (200, b"") == (answer.status, answer.body)


def test_repositories_have_their_own_tags(registry):
    for name in ("acme/app", "acme/app/deeper", "acme/app2"):
        registry.client(name=name).push_image(name.replace("/", "-"))

    lists = [registry.client(name=name).get("tags/list").json()["tags"] for name in ("acme/app", "acme/app/deeper")]
    assert [["acme-app"], ["acme-app-deeper"]] == lists
