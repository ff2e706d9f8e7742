"""Repositories whose names are paths: what a path says is read from its end."""

import pytest
from tests.routes.registry import descriptor, image, pages

from moorage.domain.digest import Digest

NAMES = [
    "acme/x/manifests",
    "acme/x/manifests/latest",
    "acme/x/tags",
    "acme/x/tags/list",
    "acme/x/blobs",
    "acme/x/blobs/uploads",
    "acme/x/blobs/uploads/1",
    "acme/x/referrers",
    "acme/v2",
    "acme/manifests",
    "acme/tags/list",
    "acme/blobs/uploads",
    "acme/list",
    "acme/acme",
]
LAYER = b"x" * 20_000


@pytest.mark.parametrize("name", NAMES)
def test_every_request_reaches_a_repository_that_is_named_like_a_route(registry, name):
    client = registry.client(name=name)
    data, digest = client.push_image("list", LAYER, subject=descriptor(b"subject"))
    location = client.start()
    client.patch(location, body=b"chunk")

    assert [data, data] == [client.get(f"manifests/{one}").body for one in ("list", digest)]
    assert {"name": name, "tags": ["list"]} == client.get("tags/list").json()
    assert str(digest) == client.get(f"referrers/{Digest.of(b'subject')}").json()["manifests"][0]["digest"]
    assert (LAYER, 200) == (client.pull_blob(Digest.of(LAYER)), client.head(f"blobs/{Digest.of(LAYER)}").status)
    assert "0-4" == client.get(location).headers["range"]
    assert 201 == client.put(f"{location}?digest={Digest.of(b'chunk')}").status
    assert [202, 202] == [client.delete(path).status for path in ("manifests/list", f"manifests/{digest}")]
    assert 202 == client.delete(f"blobs/{Digest.of(LAYER)}").status


def test_all_of_them_at_once_are_apart(registry):
    for name in NAMES:
        registry.client(name=name).push_image(name.replace("/", "."))

    assert [NAMES, sorted(NAMES)] == [
        [registry.client(name=name).get("tags/list").json()["name"] for name in NAMES],
        [name for page in pages(registry.client(), "/v2/_catalog?n=4", "repositories") for name in page],
    ]
    for name in NAMES:
        assert [name.replace("/", ".")] == registry.client(name=name).get("tags/list").json()["tags"]


@pytest.mark.parametrize("reference", ["list", "uploads", "latest", "manifests", "tags", "blobs", "_catalog", "v2"])
def test_tags_may_be_named_like_routes_too(client, reference):
    data, _ = client.push_image(reference)

    assert data == client.get(f"manifests/{reference}").body
    assert image() == data
