"""GET of what refers to a manifest (end-12)."""

import json

import pytest
from tests.routes.registry import CONFIG, descriptor, image, index, link, pages

from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST

SUBJECT = image()
DIGEST = Digest.of(SUBJECT)
SIGNATURE = "application/vnd.dev.cosign.artifact.sig.v1+json"
SBOM = "application/spdx+json"


def referrer(kind=None, **fields):
    return image(subject=descriptor(SUBJECT, OCI_MANIFEST), artifactType=kind, **fields)


@pytest.fixture
def ready(client):
    client.push_blob(CONFIG)
    return client


def test_a_push_with_a_subject_is_listed_with_what_a_client_looks_for(ready):
    """
    distribution-spec, "Listing Referrers": artifactType and annotations come from the manifest.
    """
    data = referrer(SIGNATURE, annotations={"org.example": "\u00e4"})
    answer = ready.put("manifests/signature", {"Content-Type": OCI_MANIFEST}, data)
    assert str(DIGEST) == answer.headers["oci-subject"]

    listed = ready.get(f"referrers/{DIGEST}")
    assert (200, OCI_INDEX) == (listed.status, listed.headers["content-type"])
    expected = {
        "mediaType": OCI_MANIFEST,
        "digest": str(Digest.of(data)),
        "size": len(data),
        "artifactType": SIGNATURE,
        "annotations": {"org.example": "\u00e4"},
    }
    assert {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [expected]} == listed.json()
    assert "oci-filters-applied" not in listed.headers


def test_without_an_artifact_type_the_type_of_the_config_stands_for_it(ready):
    ready.push_manifest("signature", referrer(config=descriptor(CONFIG, SIGNATURE)))

    assert [SIGNATURE] == [one["artifactType"] for one in ready.get(f"referrers/{DIGEST}").json()["manifests"]]


def test_an_index_can_refer_too(ready):
    data = index(subject=descriptor(SUBJECT), artifactType=SBOM)
    ready.push_manifest("sboms", data, OCI_INDEX)

    assert [str(Digest.of(data))] == [one["digest"] for one in ready.get(f"referrers/{DIGEST}").json()["manifests"]]


def test_the_subject_may_come_later(ready):
    data = referrer(SIGNATURE)
    ready.push_manifest("signature", data)
    ready.push_manifest("latest", SUBJECT)

    assert [str(Digest.of(data))] == [one["digest"] for one in ready.get(f"referrers/{DIGEST}").json()["manifests"]]


def test_kinds_can_be_chosen_and_the_answer_says_that_they_were(ready):
    for kind in (SIGNATURE, SBOM):
        ready.push_manifest("x", referrer(kind))
    answer = ready.get(f"referrers/{DIGEST}?artifactType={SBOM}")

    assert [SBOM] == [one["artifactType"] for one in answer.json()["manifests"]]
    assert "artifactType" == answer.headers["oci-filters-applied"]
    assert [] == ready.get(f"referrers/{DIGEST}?artifactType=other").json()["manifests"]


@pytest.mark.parametrize("digest", [Digest.of(b"nothing"), Digest.of(b"nothing", "sha512")])
def test_nothing_refers_to_what_is_not_there(ready, digest):
    """
    distribution-spec: "MUST NOT return a 404" - an empty index says it.
    """
    answer = ready.get(f"referrers/{digest}")

    assert (200, OCI_INDEX, []) == (answer.status, answer.headers["content-type"], answer.json()["manifests"])


def test_nothing_refers_to_anything_in_a_repository_that_is_not_there(client):
    assert [] == client.get(f"referrers/{DIGEST}").json()["manifests"]


@pytest.mark.parametrize("text", ["latest", "sha256:x", "sha256:" + "A" * 64, "md5:0", "%00"])
def test_what_is_no_digest_is_refused(memory, text):
    assert (400, ["DIGEST_INVALID"]) == memory.client().get(f"referrers/{text}").error


def test_a_referrer_that_was_deleted_is_not_listed(ready):
    """
    And is again when it is pushed again.
    """
    data = referrer(SIGNATURE)
    for _ in range(2):
        ready.push_manifest("signature", data)
        assert 1 == len(ready.get(f"referrers/{DIGEST}").json()["manifests"])
        assert 202 == ready.delete(f"manifests/{Digest.of(data)}").status
        assert [] == ready.get(f"referrers/{DIGEST}").json()["manifests"]


def test_referrers_stay_when_their_tag_goes(ready):
    data = referrer(SIGNATURE)
    ready.push_manifest("signature", data)
    ready.delete("manifests/signature")

    assert [str(Digest.of(data))] == [one["digest"] for one in ready.get(f"referrers/{DIGEST}").json()["manifests"]]


def test_more_than_a_function_can_send_comes_in_pages(ready):
    """
    A list has no size limit of its own; Lambda sends 6 MB. Each referrer is there once, over all pages.
    """
    pushed = [referrer(SIGNATURE, annotations={"n": str(number), "x": "x" * 200_000}) for number in range(9)]
    for data in pushed:
        ready.push_manifest(Digest.of(data), data)
    found = pages(ready, f"/v2/acme/app/referrers/{DIGEST}", "manifests")
    chosen = pages(ready, f"/v2/acme/app/referrers/{DIGEST}?artifactType={SIGNATURE}", "manifests")

    assert len(found) > 1
    assert max(len(json.dumps(page)) for page in found) < 2_000_000
    digests = sorted(str(Digest.of(data)) for data in pushed)
    assert [digests, digests] == [[one["digest"] for page in listed for one in page] for listed in (found, chosen)]


def test_a_filter_that_nothing_passes_comes_to_an_end(ready):
    for number in range(6):
        data = referrer(SIGNATURE, annotations={"n": str(number), "x": "x" * 200_000})
        ready.push_manifest(Digest.of(data), data)
    answer = ready.get(f"referrers/{DIGEST}?artifactType=other")

    assert ([], None) == (answer.json()["manifests"], link(answer))
