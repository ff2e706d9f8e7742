"""GET, HEAD and PUT of a manifest (end-3, end-7)."""

import json

import pytest
from tests.routes.registry import CONFIG, descriptor, image, index, quoted

from moorage.domain.content import INLINE_MANIFEST_LIMIT
from moorage.domain.digest import Digest
from moorage.domain.manifest import (
    CHILDREN_LIMIT,
    DEPTH_LIMIT,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MANIFEST_LIMIT,
    OCI_INDEX,
    OCI_MANIFEST,
)
from moorage.domain.repository import Sparse

ARTIFACT = "application/vnd.oci.artifact.manifest.v1+json"
HUGE = {"annotations": {"filling": "x" * INLINE_MANIFEST_LIMIT}}


def put(client, data, media_type=OCI_MANIFEST, reference="latest", query=""):
    return client.put(f"manifests/{reference}{query}", {"Content-Type": media_type} if media_type else {}, data)


@pytest.fixture
def ready(client):
    """A repository that has the blobs of every manifest here."""
    for data in (CONFIG, b"layer"):
        client.push_blob(data)
    return client


@pytest.mark.parametrize("fields", [{}, HUGE], ids=["in its row", "in the bucket"])
def test_a_manifest_comes_back_byte_for_byte_by_tag_and_by_digest(ready, fields):
    data = image(b"layer", **fields) + b"\n \n"
    digest = Digest.of(data)
    answer = put(ready, data)

    assert (201, str(digest)) == (answer.status, answer.headers["docker-content-digest"])
    assert f"/v2/acme/app/manifests/{digest}" == answer.headers["location"]
    for reference in ("latest", digest):
        got, head = ready.get(f"manifests/{reference}"), ready.head(f"manifests/{reference}")
        assert (200, data, 200, b"") == (got.status, got.body, head.status, head.body)
        expected = {
            "content-length": str(len(data)),
            "content-type": OCI_MANIFEST,
            "docker-content-digest": str(digest),
            "etag": f'"{digest}"',
        }
        assert [expected] * 2 == [{name: one.headers[name] for name in expected} for one in (got, head)]


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        pytest.param(image(b"layer"), OCI_MANIFEST, id="image"),
        pytest.param(image(b"layer", mediaType=DOCKER_MANIFEST), DOCKER_MANIFEST, id="docker image"),
        pytest.param(image(mediaType=None), OCI_MANIFEST, id="no layers, and it does not say what it is"),
        pytest.param(index(image()), OCI_INDEX, id="index of what is not there yet"),
        pytest.param(index(mediaType=DOCKER_LIST), DOCKER_LIST, id="docker list of nothing"),
        pytest.param(
            json.dumps({"mediaType": ARTIFACT, "blobs": [descriptor(b"layer")]}).encode(), ARTIFACT, id="artifact"
        ),
        pytest.param(b"{}", "application/vnd.example+json", id="anything that is an object"),
        pytest.param(image(artifactType="application/vnd.example"), OCI_MANIFEST, id="artifact type"),
        pytest.param(
            image(config=descriptor(CONFIG, "application/vnd.cncf.helm.config.v1+json")), OCI_MANIFEST, id="h"
        ),
    ],
)
def test_every_kind_of_manifest_keeps_its_type(ready, data, media_type):
    assert 201 == put(ready, data, media_type).status
    for accept in ("*/*", OCI_INDEX, "text/html"):
        answer = ready.get("manifests/latest", {"Accept": accept})
        assert (200, data, media_type) == (answer.status, answer.body, answer.headers["content-type"])


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        pytest.param(image(), OCI_MANIFEST, id="what it says"),
        pytest.param(image(mediaType=None), OCI_MANIFEST, id="layers: an image"),
        pytest.param(index(mediaType=DOCKER_LIST), DOCKER_LIST, id="what it says, a list"),
    ],
)
def test_without_a_content_type_the_body_tells(ready, data, media_type):
    assert 201 == put(ready, data, None).status
    assert media_type == ready.head("manifests/latest").headers["content-type"]


def test_parameters_of_a_content_type_are_not_part_of_the_type(ready):
    assert 201 == put(ready, image(), f"{OCI_MANIFEST}; charset=utf-8").status
    assert OCI_MANIFEST == ready.head("manifests/latest").headers["content-type"]


def test_pushing_again_is_fine_and_a_tag_moves(ready):
    first, second = image(), image(b"layer")
    assert [201] * 4 == [put(ready, data).status for data in (first, first, second, second)]

    assert second == ready.get("manifests/latest").body
    assert first == ready.get(f"manifests/{Digest.of(first)}").body


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_push_by_digest_has_no_tag(ready, algorithm):
    data = image()
    digest = Digest.of(data, algorithm)

    assert str(digest) == put(ready, data, reference=digest).headers["docker-content-digest"]
    assert data == ready.get(f"manifests/{digest}").body
    assert [] == ready.get("tags/list").json()["tags"]


def test_one_push_can_write_many_tags(ready):
    """
    distribution-spec, "Pushing Manifests": `?tag=`, each of which is named in the answer.
    """
    data = image()
    answer = put(ready, data, reference=Digest.of(data), query="?tag=a&tag=b&tag=a")

    assert (201, ["a", "b", "a"]) == (answer.status, answer.headers.getlist("oci-tag"))
    assert ["a", "b"] == ready.get("tags/list").json()["tags"]
    assert [data, data] == [ready.get(f"manifests/{tag}").body for tag in ("a", "b")]


def test_a_push_of_more_tags_than_one_can_write_writes_none(ready):
    query = "?" + "&".join(f"tag=t{number}" for number in range(21))
    answer = put(ready, image(), reference=Digest.of(image()), query=query)

    assert (400, ["MANIFEST_INVALID"]) == answer.error
    assert "20" in answer.json()["errors"][0]["message"]
    assert 404 == ready.get(f"manifests/{Digest.of(image())}").status


def nested(depth):
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def many(number):
    return json.dumps({"layers": [descriptor(str(place).encode()) for place in range(number)]}).encode()


@pytest.mark.parametrize(
    ("data", "media_type", "status", "code"),
    [
        pytest.param(b"", OCI_MANIFEST, 400, "MANIFEST_INVALID", id="no body"),
        pytest.param(b"{", OCI_MANIFEST, 400, "MANIFEST_INVALID", id="not JSON"),
        pytest.param(b"\xff\xfe{}", OCI_MANIFEST, 400, "MANIFEST_INVALID", id="not UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", OCI_MANIFEST, 400, "MANIFEST_INVALID", id="byte order mark"),
        pytest.param(b"\x1f\x8b\x08", OCI_MANIFEST, 400, "MANIFEST_INVALID", id="gzip"),
        pytest.param(b"[]", OCI_MANIFEST, 400, "MANIFEST_INVALID", id="a list"),
        pytest.param(b"null", OCI_MANIFEST, 400, "MANIFEST_INVALID", id="null"),
        pytest.param(b'{"a":1,"a":2}', "x/y", 400, "MANIFEST_INVALID", id="a field twice"),
        pytest.param(b'{"a":NaN}', "x/y", 400, "MANIFEST_INVALID", id="no number"),
        pytest.param(b'{"a":' + b"9" * 5000 + b"}", "x/y", 400, "MANIFEST_INVALID", id="a number of 5000 digits"),
        pytest.param(image(mediaType=OCI_INDEX), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="two types"),
        pytest.param(index(layers=[]), OCI_INDEX, 400, "MANIFEST_INVALID", id="manifests and layers"),
        pytest.param(index(config=descriptor(CONFIG)), OCI_INDEX, 400, "MANIFEST_INVALID", id="manifests and config"),
        pytest.param(image(config=None), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="no config"),
        pytest.param(image(config="x"), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="config is text"),
        pytest.param(image(layers={}), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="layers are no list"),
        pytest.param(image(layers=[None]), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="a layer is null"),
        pytest.param(index(manifests=None), OCI_INDEX, 400, "MANIFEST_INVALID", id="an index without a list"),
        pytest.param(image(schemaVersion=3), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="schema 3"),
        pytest.param(
            image(annotations={"a": 1}), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="an annotation is a number"
        ),
        pytest.param(image(subject="x"), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="subject is text"),
        pytest.param(image(artifactType=1), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="artifact type is a number"),
        pytest.param(
            image(layers=[{**descriptor(b"layer"), "digest": "sha256:x"}]),
            OCI_MANIFEST,
            400,
            "MANIFEST_INVALID",
            id="d",
        ),
        pytest.param(
            image(layers=[{**descriptor(b"layer"), "size": -1}]), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="size -1"
        ),
        pytest.param(
            image(layers=[{**descriptor(b"layer"), "size": True}]),
            OCI_MANIFEST,
            400,
            "MANIFEST_INVALID",
            id="size true",
        ),
        pytest.param(
            image(layers=[{**descriptor(b"layer"), "size": 6}]), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="other size"
        ),
        pytest.param(image(artifactType="\ud800"), OCI_MANIFEST, 400, "MANIFEST_INVALID", id="half a character"),
        pytest.param(
            image(annotations={"\udfff": "x"}, subject=descriptor(b"{}")),
            OCI_MANIFEST,
            400,
            "MANIFEST_INVALID",
            id="half a character in a referrer",
        ),
        pytest.param(b'{"mediaType":" x/y "}', None, 400, "MANIFEST_INVALID", id="spaces around the type"),
        pytest.param(
            b'{"mediaType":"x/y\\r\\nSet-Cookie: z"}', None, 400, "MANIFEST_INVALID", id="a header in the type"
        ),
        pytest.param(b"{}", "x/" + "y" * 254, 400, "MANIFEST_INVALID", id="type of 256 characters"),
        pytest.param(b"{}", "x/\u00e4", 400, "MANIFEST_INVALID", id="type that is not ASCII"),
        pytest.param(image(b"absent"), OCI_MANIFEST, 404, "MANIFEST_BLOB_UNKNOWN", id="a layer is not there"),
        pytest.param(nested(DEPTH_LIMIT + 1), "x/y", 413, "SIZE_INVALID", id="too deep"),
        pytest.param(b"[" * 1_000_000, OCI_MANIFEST, 413, "SIZE_INVALID", id="very deep"),
        pytest.param(many(CHILDREN_LIMIT), "x/y", 413, "SIZE_INVALID", id="too many layers"),
        pytest.param(b" " * MANIFEST_LIMIT + b"{}", "x/y", 413, "SIZE_INVALID", id="too large"),
        pytest.param(
            image(subject=descriptor(b"{}"), annotations={"a": "x" * 300_000}),
            OCI_MANIFEST,
            413,
            "SIZE_INVALID",
            id="too large for a list of referrers",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_and_loses_nothing(memory, data, media_type, status, code):
    client = memory.client()
    kept, _ = client.push_image("latest", b"layer")
    answer = put(client, data, media_type)

    assert (status, [code]) == answer.error
    assert kept == client.get("manifests/latest").body
    assert 404 == client.get(f"manifests/{Digest.of(data)}").status


def test_limits_are_those_that_are_told(memory):
    """
    One less than what is refused above is taken.
    """
    client = memory.client()
    assert 201 == put(client, nested(DEPTH_LIMIT), "x/y").status
    assert 201 == put(client, b" " * (MANIFEST_LIMIT - 2) + b"{}", "x/y").status


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        pytest.param(b'{"schemaVersion":1}', "application/vnd.docker.distribution.manifest.v1+json", id="type"),
        pytest.param(b'{"schemaVersion":1}', "application/vnd.docker.distribution.manifest.v1+prettyjws", id="signed"),
        pytest.param(b'{"schemaVersion":1}', None, id="body"),
    ],
)
def test_schema_1_is_refused_in_so_many_words(memory, data, media_type):
    answer = put(memory.client(), data, media_type)

    assert (400, ["MANIFEST_INVALID"]) == answer.error
    assert "schema 1" in answer.json()["errors"][0]["message"]


def test_what_is_missing_is_told(client):
    client.push_blob(CONFIG)
    answer = put(client, image(b"absent", b"other"))

    assert (404, ["MANIFEST_BLOB_UNKNOWN"]) == answer.error
    assert {str(Digest.of(b"absent")), str(Digest.of(b"other"))} == set(answer.detail["digests"])


def test_layers_that_lie_elsewhere_need_not_be_there(client):
    client.push_blob(CONFIG)
    foreign = descriptor(b"windows", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")

    assert 201 == put(client, image(layers=[{**foreign, "urls": ["https://example.com/"]}])).status


@pytest.mark.parametrize(
    ("sparse", "data", "media_type", "status"),
    [
        (Sparse.NONE, index(image()), OCI_INDEX, 404),
        (Sparse.INDEXES, index(image()), OCI_INDEX, 201),
        (Sparse.INDEXES, image(), OCI_MANIFEST, 404),
        (Sparse.ALL, image(), OCI_MANIFEST, 201),
    ],
)
def test_what_may_be_missing_is_a_setting(make_registry, sparse, data, media_type, status):
    client = make_registry(sparse=sparse).client()
    answer = put(client, data, media_type)

    assert status == answer.status
    if status == 404:
        assert (404, ["MANIFEST_BLOB_UNKNOWN"]) == answer.error


@pytest.mark.parametrize(
    ("method", "reference", "status", "code"),
    [
        ("GET", "absent", 404, "MANIFEST_UNKNOWN"),
        ("GET", Digest.of(b"absent"), 404, "MANIFEST_UNKNOWN"),
        ("GET", ".invalid", 404, "MANIFEST_UNKNOWN"),
        ("GET", "x" * 129, 404, "MANIFEST_UNKNOWN"),
        ("GET", quoted("a b"), 404, "MANIFEST_UNKNOWN"),
        ("GET", "%00", 404, "MANIFEST_UNKNOWN"),
        ("GET", "\u00e4", 404, "MANIFEST_UNKNOWN"),
        ("GET", "sha256:x", 400, "DIGEST_INVALID"),
        ("GET", "sha256:" + "A" * 64, 400, "DIGEST_INVALID"),
        ("PUT", ".invalid", 400, "MANIFEST_INVALID"),
        ("PUT", "x" * 129, 400, "MANIFEST_INVALID"),
        ("PUT", "%00", 400, "MANIFEST_INVALID"),
        ("PUT", "sha256:x", 400, "DIGEST_INVALID"),
        ("PUT", "latest?tag=", 400, "MANIFEST_INVALID"),
        ("PUT", "latest?tag=sha256:x", 400, "MANIFEST_INVALID"),
        ("PUT", "latest?tag=a%20b", 400, "MANIFEST_INVALID"),
        ("DELETE", ".invalid", 400, "MANIFEST_INVALID"),
        ("DELETE", "sha256:x", 400, "DIGEST_INVALID"),
    ],
)
def test_references_that_cannot_be(memory, method, reference, status, code):
    client = memory.client()
    client.push_image()

    assert (status, [code]) == client.send(method, f"manifests/{reference}", body=image()).error


@pytest.mark.parametrize("digest", [Digest.of(b"other"), Digest.of(b"other", "sha512")])
def test_a_manifest_whose_digest_is_another_is_not_kept(ready, digest):
    assert (400, ["DIGEST_INVALID"]) == put(ready, image(), reference=digest, query="?tag=latest").error
    assert [404] * 3 == [ready.get(f"manifests/{one}").status for one in (digest, Digest.of(image()), "latest")]


def test_a_tag_of_128_characters_is_a_tag(ready):
    tag = "_" + "aB9-." * 25 + "aB"
    data, _ = ready.push_image(tag)

    assert (128, data) == (len(tag), ready.get(f"manifests/{tag}").body)
