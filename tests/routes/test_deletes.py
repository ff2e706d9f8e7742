"""DELETE of tags, manifests and blobs (end-9, end-10)."""

import pytest
from tests.routes.registry import CONFIG, image, index

from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.domain.repository import Sparse
from moorage.operations import repository_changes

LAYER, LARGE = b"layer", b"x" * 20_000
EMPTY = Digest.of(CONFIG)


def test_deleting_a_tag_leaves_what_it_named(client):
    data, digest = client.push_image("latest", LAYER)
    client.push_manifest("other", data)

    assert (202, b"") == ((answer := client.delete("manifests/latest")).status, answer.body)
    assert (404, ["MANIFEST_UNKNOWN"]) == client.get("manifests/latest").error
    assert ["other"] == client.get("tags/list").json()["tags"]
    assert [data, data] == [client.get(f"manifests/{one}").body for one in ("other", digest)]


def test_deleting_a_manifest_takes_its_tags_along(client):
    data, digest = client.push_image("latest", LAYER)
    client.push_manifest("other", data)
    client.push_image("kept")

    assert 202 == client.delete(f"manifests/{digest}").status
    for reference in ("latest", "other", digest):
        assert (404, ["MANIFEST_UNKNOWN"]) == client.get(f"manifests/{reference}").error
        assert 404 == client.head(f"manifests/{reference}").status
    assert ["kept"] == client.get("tags/list").json()["tags"]


def test_deleting_a_manifest_takes_very_many_tags_along(client):
    data, digest = client.push_image("t0")
    for start in (1, 21, 41):
        tags = "&".join(f"tag=t{number}" for number in range(start, start + 20))
        client.push_manifest(digest, data, query=f"?{tags}")

    assert 202 == client.delete(f"manifests/{digest}").status
    assert [] == client.get("tags/list").json()["tags"]
    assert 404 == client.head("manifests/t0").status


@pytest.mark.parametrize("reference", ["absent", Digest.of(b"absent"), Digest.of(b"absent", "sha512")])
def test_what_is_not_there_cannot_be_deleted(client, reference):
    client.push_image()

    assert (404, ["MANIFEST_UNKNOWN"]) == client.delete(f"manifests/{reference}").error


def test_deleting_twice_is_told(client):
    _, digest = client.push_image()
    paths = [f"manifests/{digest}", "manifests/latest", f"blobs/{EMPTY}"]
    client.push_image("other", LAYER)
    client.delete("manifests/other")
    client.delete(f"manifests/{Digest.of(image(LAYER))}")

    assert [202, 404, 202] == [client.delete(path).status for path in paths]
    assert [404, 404, 404] == [client.delete(path).status for path in paths]


def test_a_manifest_can_be_pushed_again_after_its_delete(client):
    data, digest = client.push_image("latest", LAYER)
    client.delete(f"manifests/{digest}")

    assert digest == client.push_manifest("latest", data)
    assert data == client.get("manifests/latest").body
    assert LAYER == client.pull_blob(Digest.of(LAYER))


@pytest.mark.parametrize("data", [LAYER, LARGE], ids=["small", "large"])
def test_a_blob_that_is_deleted_is_gone_at_once(client, data):
    digest = client.push_blob(data)

    assert (202, b"") == ((answer := client.delete(f"blobs/{digest}")).status, answer.body)
    assert (404, ["BLOB_UNKNOWN"]) == client.get(f"blobs/{digest}").error
    assert 404 == client.head(f"blobs/{digest}").status
    assert (404, ["BLOB_UNKNOWN"]) == client.delete(f"blobs/{digest}").error
    assert 404 == client.put("manifests/latest", body=image(data)).status


@pytest.mark.parametrize("data", [LAYER, LARGE], ids=["small", "large"])
def test_a_blob_can_be_pushed_again_after_its_delete(client, data):
    for _ in range(2):
        digest = client.push_blob(data)
        assert data == client.pull_blob(digest)
        assert 202 == client.delete(f"blobs/{digest}").status


@pytest.mark.parametrize("data", [LAYER, LARGE], ids=["small", "large"])
def test_a_blob_that_a_manifest_needs_is_kept(client, data):
    _, digest = client.push_image("latest", data)

    for blob in (Digest.of(data), EMPTY):
        assert (405, ["UNSUPPORTED"]) == client.delete(f"blobs/{blob}").error
    assert data == client.pull_blob(Digest.of(data))
    client.delete(f"manifests/{digest}")
    assert 202 == client.delete(f"blobs/{Digest.of(data)}").status


def test_a_delete_in_one_repository_is_none_in_another(registry):
    """
    CVE-2026-35172: nothing of the delete is seen there, and the other way round nothing of theirs here.
    """
    clients = [registry.client(name=name) for name in ("acme/a", "acme/b")]
    for client in clients:
        client.push_image("latest", LARGE)
    digest = Digest.of(image(LARGE))
    assert 202 == clients[0].delete(f"manifests/{digest}").status
    assert 202 == clients[0].delete(f"blobs/{Digest.of(LARGE)}").status

    assert [404, 200] == [client.head(f"manifests/{digest}").status for client in clients]
    assert [404, 200] == [client.head(f"blobs/{Digest.of(LARGE)}").status for client in clients]
    assert LARGE == clients[1].pull_blob(Digest.of(LARGE))


@pytest.mark.parametrize(("sparse", "status"), [(Sparse.INDEXES, 202), (Sparse.NONE, 405), (Sparse.ALL, 202)])
def test_a_manifest_of_an_index_goes_only_where_an_index_may_lack_some(make_registry, sparse, status):
    client = make_registry(sparse=sparse).client()
    data, digest = client.push_image("child")
    client.push_manifest("index", index(data), OCI_INDEX)
    answer = client.delete(f"manifests/{digest}")

    assert status == answer.status
    assert {202: 404, 405: 200}[status] == client.head(f"manifests/{digest}").status
    if status == 405:
        assert (405, ["UNSUPPORTED"]) == answer.error
        assert str(Digest.of(index(data))) == answer.detail["index"]


def test_a_digest_can_be_pulled_after_its_tag_has_moved(client):
    """
    Untagged, a child of an index, a referrer: a pin is a pin.
    """
    data, digest = client.push_image("latest")
    client.push_image("latest", LAYER)

    assert data == client.get(f"manifests/{digest}").body


@pytest.mark.parametrize("path", ["manifests/latest", f"manifests/{EMPTY}", f"blobs/{EMPTY}"])
def test_a_repository_that_is_not_there_has_nothing_to_delete(registry, path):
    assert (404, ["NAME_UNKNOWN"]) == registry.client(name="acme/nothing").delete(path).error


@pytest.mark.parametrize("anew", [False, True], ids=["gone", "made anew"])
def test_a_token_of_a_deleted_repository_writes_no_manifest_and_no_tag(registry, anew):
    """
    What it would be told is done, nobody would ever see: the manifest is there, and only its tags would change.
    """
    made, client = registry.repository(), registry.client()
    data, digest = client.push_image("latest", LAYER)
    repository_changes.delete(registry.stores, made.id, lambda _: None)
    if anew:
        registry.client().push_image("other")

    headers = {"Content-Type": OCI_MANIFEST}
    for reference in ("latest", "new", digest):
        assert (404, ["NAME_UNKNOWN"]) == client.put(f"manifests/{reference}", headers, data).error
    for reference in ("latest", digest):
        assert (404, ["NAME_UNKNOWN"]) == client.delete(f"manifests/{reference}").error
    assert (["other"] if anew else None) == registry.client().get("tags/list").json().get("tags")


@pytest.mark.parametrize("digest", ["latest", "sha256:x", f"sha256:{EMPTY.hex.upper()}", "%00"])
def test_a_blob_is_deleted_by_its_digest_alone(memory, digest):
    client = memory.client()
    client.push_blob(CONFIG)

    assert (400, ["DIGEST_INVALID"]) == client.delete(f"blobs/{digest}").error
    assert 200 == client.head(f"blobs/{EMPTY}").status
