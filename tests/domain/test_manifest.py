import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import bounded, descriptors, manifest_bytes, media_types

from moorage.domain.digest import Digest
from moorage.domain.errors import ManifestInvalid, ManifestTooLarge
from moorage.domain.manifest import (
    CHILDREN_LIMIT,
    DEPTH_LIMIT,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    MANIFEST_LIMIT,
    OCI_INDEX,
    OCI_MANIFEST,
    REFERRER_LIMIT,
    Manifest,
    parse_manifest,
)

D = str(Digest.of(b"layer"))
LAYER = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": D, "size": 5}
IMAGE = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": LAYER, "layers": [LAYER]}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [LAYER]}


def parse(body: object, content_type: str | None = None) -> Manifest:
    return parse_manifest(json.dumps(body).encode(), content_type)


@bounded
@given(manifest_bytes, media_types | st.none() | st.text(max_size=20))
def test_any_bytes_are_a_manifest_or_refused(data, content_type):
    try:
        manifest = parse_manifest(data, content_type)
    except (ManifestInvalid, ManifestTooLarge):
        return

    assert (json.loads(data).get("mediaType") or manifest.media_type) == manifest.media_type
    assert not (manifest.manifests and manifest.layers)
    assert manifest.media_type.isascii()
    assert not any(character.isspace() for character in manifest.media_type)


@bounded
@given(descriptors, st.lists(descriptors, max_size=5), st.none() | descriptors)
def test_an_image_says_what_it_names(config, layers, subject):
    manifest = parse({"schemaVersion": 2, "config": config, "layers": layers, "subject": subject}, OCI_MANIFEST)

    named = [config, *layers]
    assert {one["digest"] for one in named} == {str(digest) for digest in manifest.blobs}
    assert [one["size"] for one in layers] == [layer.size for layer in manifest.layers]
    assert (subject["digest"] if subject else None) == (str(manifest.subject.digest) if manifest.subject else None)
    assert {} == manifest.children


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_an_image(media_type):
    manifest = parse({**IMAGE, "mediaType": media_type}, f"{media_type}; charset=utf-8")

    assert media_type == manifest.media_type
    assert {Digest.of(b"layer")} == manifest.blobs.keys()


@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index(media_type):
    manifest = parse({**INDEX, "mediaType": media_type}, media_type)

    assert (media_type, {Digest.of(b"layer")}) == (manifest.media_type, manifest.children.keys())
    assert {} == manifest.blobs


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param({**IMAGE, "mediaType": None}, OCI_MANIFEST, id="an image"),
        pytest.param({**INDEX, "mediaType": None}, OCI_INDEX, id="an index"),
    ],
)
def test_a_manifest_that_nobody_names_is_what_it_looks_like(body, expected):
    assert expected == parse(body).media_type


def test_the_layers_of_others_are_not_needed():
    foreign = {**LAYER, "digest": str(Digest.of(b"foreign"))}
    for media_type in ("docker.image.rootfs.foreign.diff.tar", "oci.image.layer.nondistributable.v1.tar"):
        layers = [LAYER, {**foreign, "mediaType": f"application/vnd.{media_type}"}]

        assert {Digest.of(b"layer")} == parse({**IMAGE, "layers": layers}).blobs.keys()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        pytest.param(b"", ManifestInvalid, id="empty"),
        pytest.param(b"[]", ManifestInvalid, id="a list"),
        pytest.param(b'"text"', ManifestInvalid, id="a text"),
        pytest.param(b"\xef\xbb\xbf" + json.dumps(IMAGE).encode(), ManifestInvalid, id="a byte order mark"),
        pytest.param(json.dumps(IMAGE).encode("utf-16"), ManifestInvalid, id="UTF-16"),
        pytest.param(b'{"schemaVersion": 2, "x": "\xff"}', ManifestInvalid, id="not UTF-8"),
        pytest.param(b'{"schemaVersion": 2, "x": "\\ud800"}', ManifestInvalid, id="half a surrogate pair"),
        pytest.param(b'{"schemaVersion": 2, "\\udc00": 1}', ManifestInvalid, id="half a pair as a name"),
        pytest.param(b'{"schemaVersion": 2, "x": NaN}', ManifestInvalid, id="NaN"),
        pytest.param(b'{"schemaVersion": 2, "x": -Infinity}', ManifestInvalid, id="Infinity"),
        pytest.param(b'{"schemaVersion": 2, "x": ' + b"9" * 5000 + b"}", ManifestInvalid, id="a huge number"),
        pytest.param(b'{"schemaVersion": 2, "x": 1, "x": 1}', ManifestInvalid, id="a name twice"),
        pytest.param(b'{"schemaVersion": 2, "x": [{"y": {"z": 1, "\\u007a": 2}}]}', ManifestInvalid, id="twice, deep"),
        pytest.param(json.dumps(IMAGE).encode() + b"{}", ManifestInvalid, id="two of them"),
        pytest.param(b"[" * 100_000, ManifestTooLarge, id="deep lists"),
        pytest.param(b'{"a":' * 100_000, ManifestTooLarge, id="deep objects"),
        pytest.param(b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1), ManifestTooLarge, id="a level too deep"),
        pytest.param(b" " * (MANIFEST_LIMIT + 1), ManifestTooLarge, id="a byte too long"),
    ],
)
def test_bytes_that_are_no_manifest(data, error):
    with pytest.raises(error):
        parse_manifest(data, None)


def test_brackets_in_text_are_not_depth():
    note = '[{"' * 1000

    assert note == parse({**IMAGE, "annotations": {"note": note}}).annotations["note"]


def test_whole_surrogate_pairs_are_text():
    data = json.dumps({**IMAGE, "annotations": {"note": "\U0001f600"}}).encode()
    assert b"\\ud83d\\ude00" in data

    assert "\U0001f600" == parse_manifest(data, None).annotations["note"]


def test_bytes_of_the_limit_are_taken():
    data = json.dumps(IMAGE).encode()

    assert parse_manifest(data + b" " * (MANIFEST_LIMIT - len(data)), None)


def without(body: dict[str, object], field: str) -> dict[str, object]:
    return {name: value for name, value in body.items() if name != field}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param({**IMAGE, "manifests": [LAYER]}, None, id="layers and manifests"),
        pytest.param({**INDEX, "config": LAYER}, None, id="manifests and a config"),
        pytest.param({**INDEX, "layers": []}, None, id="manifests and no layers, but their list"),
        pytest.param(IMAGE, OCI_INDEX, id="Content-Type says another"),
        pytest.param(INDEX, OCI_MANIFEST, id="Content-Type says another of an index"),
        pytest.param({**IMAGE, "mediaType": 1}, None, id="mediaType is a number"),
        pytest.param(without(IMAGE, "config"), None, id="no config"),
        pytest.param(without(INDEX, "manifests"), None, id="no manifests"),
        pytest.param(without(IMAGE, "schemaVersion"), None, id="no schemaVersion"),
        pytest.param({**IMAGE, "schemaVersion": 1}, None, id="schema 1"),
        pytest.param({}, "application/vnd.docker.distribution.manifest.v1+prettyjws", id="schema 1 by its type"),
        pytest.param({**IMAGE, "schemaVersion": "2"}, None, id="schemaVersion is text"),
        pytest.param({**IMAGE, "layers": {}}, None, id="layers are an object"),
        pytest.param({**IMAGE, "layers": [D]}, None, id="a layer is text"),
        pytest.param({**IMAGE, "layers": [without(LAYER, "digest")]}, None, id="no digest"),
        pytest.param({**IMAGE, "layers": [without(LAYER, "mediaType")]}, None, id="no media type"),
        pytest.param({**IMAGE, "layers": [without(LAYER, "size")]}, None, id="no size"),
        pytest.param({**IMAGE, "layers": [{**LAYER, "size": -1}]}, None, id="less than nothing"),
        pytest.param({**IMAGE, "layers": [{**LAYER, "size": True}]}, None, id="size is true"),
        pytest.param({**IMAGE, "layers": [{**LAYER, "size": 5.0}]}, None, id="size is a fraction"),
        pytest.param({**IMAGE, "layers": [{**LAYER, "size": 2**63}]}, None, id="size is beyond 63 bits"),
        pytest.param({**IMAGE, "layers": [{**LAYER, "digest": D.upper()}]}, None, id="digest in upper case"),
        pytest.param({**IMAGE, "subject": []}, None, id="subject is a list"),
        pytest.param({**IMAGE, "artifactType": 1}, None, id="artifactType is a number"),
        pytest.param({**IMAGE, "annotations": {"a": 1}}, None, id="an annotation is a number"),
        pytest.param({**IMAGE, "mediaType": None}, "text/plain\r\nx: y", id="a media type that ends a header"),
        pytest.param({**IMAGE, "mediaType": None}, "a" * 300, id="a long media type"),
    ],
)
def test_manifests_that_two_clients_could_read_as_two_things_or_that_lack_something(body, content_type):
    with pytest.raises(ManifestInvalid):
        parse(body, content_type)


def test_schema_1_is_told_what_to_do():
    with pytest.raises(ManifestInvalid, match="schema 1 manifests are not supported"):
        parse({"schemaVersion": 1, "fsLayers": []})


def test_so_many_layers_and_not_one_more():
    assert CHILDREN_LIMIT - 1 == len(parse({**IMAGE, "layers": [LAYER] * (CHILDREN_LIMIT - 1)}).layers)
    with pytest.raises(ManifestTooLarge):
        parse({**IMAGE, "layers": [LAYER] * CHILDREN_LIMIT})
    with pytest.raises(ManifestTooLarge):
        parse({**INDEX, "manifests": [LAYER] * CHILDREN_LIMIT})


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(json.dumps({**IMAGE, "layers": [LAYER] * 30_000}).encode()[:MANIFEST_LIMIT], id="30,000 layers"),
        pytest.param(b'{"' + b"\\" * (MANIFEST_LIMIT - 10), id="backslashes"),
        pytest.param(b'"' * (MANIFEST_LIMIT - 10), id="quotes"),
        pytest.param(
            b"{" + b",".join(b'"%d":0' % n for n in range(300_000)) + b',"5":0}', id="300,000 names, one twice"
        ),
    ],
)
def test_the_worst_four_mebibytes_are_refused_in_seconds(data):
    start = time.process_time()

    with pytest.raises((ManifestInvalid, ManifestTooLarge)):
        parse_manifest(data, None)

    assert time.process_time() - start < 5


def test_a_referrer_is_described_by_its_artifact_type_or_its_config():
    digest = Digest.of(b"manifest")
    plain = {"mediaType": OCI_MANIFEST, "digest": str(digest), "size": 7}

    assert {**plain, "artifactType": LAYER["mediaType"]} == parse(IMAGE).referrer(digest, 7)
    typed = {**IMAGE, "artifactType": "a/b", "annotations": {"c": "d"}}
    assert {**plain, "artifactType": "a/b", "annotations": {"c": "d"}} == parse(typed).referrer(digest, 7)


def test_a_referrer_whose_annotations_no_list_can_carry_is_refused():
    manifest = parse({**IMAGE, "annotations": {"note": "x" * REFERRER_LIMIT}})

    with pytest.raises(ManifestTooLarge):
        manifest.referrer(Digest.of(b"manifest"), 7)
