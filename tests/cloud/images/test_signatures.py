"""Signatures of images as records: what they say is checked against the image."""

import base64
import json
from datetime import timedelta

import pytest
from tests.cloud.images.docker import Docker, all_pages, image_of, query, repository
from tests.cloud.plane import API, refusal
from tests.cloud.schema import check

NOT_FOUND = (404, "NotAuthorizedOrNotFound")
KEY, KEY_VERSION = "ocid1.key.moorage..first-key", "ocid1.keyversion.moorage..first-version"
ALGORITHM = "SHA_256_RSA_PKCS_PSS"
SIGNATURES = "/container/imageSignatures"


@pytest.fixture
def pushed(memory):
    """An image that can be signed."""
    repository(memory)
    return image_of(memory, Docker(memory).push("1.0", b"layer"))


@pytest.fixture
def stored(plane):
    """The same on each kind of storage."""
    repository(plane)
    return image_of(plane, Docker(plane).push("1.0", b"layer"))


def message(image, **changes):
    """Return what the CLI's sign-upload signs: compact JSON in base64."""
    fields = {
        "description": "",
        "imageDigest": image["digest"],
        "kmsKeyId": KEY,
        "kmsKeyVersionId": KEY_VERSION,
        "metadata": "{}",
        "region": "eu-central-1",
        "repositoryName": image["repositoryName"],
        "signingAlgorithm": ALGORITHM,
        **changes,
    }
    said = {name: value for name, value in fields.items() if value is not None}
    return encoded(json.dumps(said, separators=(",", ":")))


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def details(image, **changes):
    usual = {
        "compartmentId": image["compartmentId"],
        "imageId": image["id"],
        "kmsKeyId": KEY,
        "kmsKeyVersionId": KEY_VERSION,
        "message": message(image),
        "signature": encoded("signature"),
        "signingAlgorithm": ALGORITHM,
    }
    return {**usual, **changes}


def sign(plane, image, headers=(), **changes):
    answer = plane.as_().post(SIGNATURES, details(image, **changes), headers)
    check("POST", f"{API}{SIGNATURES}", answer)
    assert 200 == answer.status, answer.body
    return answer.json()


def test_a_signature_is_made_shown_labelled_and_deleted(plane, stored):
    made = sign(plane, stored, freeformTags={"a": "b"})
    path = f"{SIGNATURES}/{made['id']}"
    caller = plane.as_()

    assert details(stored).items() <= made.items()
    assert f"{KEY[-10:]}::{KEY_VERSION[-10:]}::{ALGORITHM}::{made['id'][-10:]}" == made["displayName"]
    assert (caller.user.id, "AVAILABLE") == (made["createdBy"], made["lifecycleState"])
    shown = caller.get(path)
    check("GET", f"{API}{path}", shown)
    assert made == shown.json()

    stale = {"if-match": "7"}
    assert (412, "NoEtagMatch") == refusal(caller.put(path, {"freeformTags": {}}, stale))
    changed = caller.put(path, {"freeformTags": {"c": "d"}}, {"if-match": shown.headers["etag"]})
    assert {**made, "freeformTags": {"c": "d"}} == changed.json()
    assert (412, "NoEtagMatch") == refusal(caller.delete(path, {"if-match": shown.headers["etag"]}))

    assert 204 == caller.delete(path).status
    assert NOT_FOUND == refusal(caller.get(path)) == refusal(caller.delete(path))
    assert [[]] == all_pages(plane, SIGNATURES)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("imageDigest", f"sha256:{'0' * 64}"),
        ("imageDigest", None),
        ("repositoryName", "other"),
        ("repositoryName", "acme/app"),
        ("kmsKeyId", "ocid1.key.moorage..other"),
        ("kmsKeyVersionId", "ocid1.keyversion.moorage..other"),
        ("signingAlgorithm", "SHA_512_RSA_PKCS_PSS"),
        ("imageDigest", ["a"]),
    ],
)
def test_a_message_that_says_something_else_is_refused(memory, pushed, field, value):
    answer = memory.as_().post(SIGNATURES, details(pushed, message=message(pushed, **{field: value})))

    assert (400, "InvalidParameter") == refusal(answer)
    assert answer.json()["message"].startswith("message:")
    assert field in answer.json()["message"]


@pytest.mark.parametrize(
    "field",
    [
        pytest.param({"message": "not base64"}, id="message"),
        pytest.param({"message": encoded("no JSON")}, id="message"),
        pytest.param({"message": encoded("[]")}, id="message"),
        pytest.param({"message": encoded("[" * 700)}, id="message"),
        pytest.param({"message": base64.b64encode(b"\xff\xfe\xff").decode()}, id="message"),
        pytest.param({"signature": "not base64"}, id="signature"),
        pytest.param({"signingAlgorithm": "SHA_1_RSA_PKCS_PSS"}, id="signingAlgorithm"),
    ],
)
def test_what_cannot_be_a_signature_is_refused(memory, pushed, field):
    answer = memory.as_().post(SIGNATURES, details(pushed, **field))

    assert (400, "InvalidParameter") == refusal(answer)
    assert answer.json()["message"].startswith(f"{next(iter(field))}:")


def test_the_image_must_be_there_and_in_that_compartment(memory, pushed):
    elsewhere = memory.compartment("elsewhere")
    caller = memory.as_()

    for image_id in ("x", pushed["id"][:-4] + "aaaa"):
        answer = caller.post(SIGNATURES, details(pushed, imageId=image_id))
        assert (400, "RelatedResourceNotAuthorizedOrNotFound") == refusal(answer)
    answer = caller.post(SIGNATURES, details(pushed, compartmentId=elsewhere))
    assert (400, "InvalidParameter") == refusal(answer)
    assert answer.json()["message"].startswith("compartmentId:")
    caller.delete(f"/container/images/{pushed['id']}")
    assert (409, "Conflict") == refusal(caller.post(SIGNATURES, details(pushed)))


def test_a_caller_who_may_not_sign_hears_what_one_hears_of_no_image(memory, pushed):
    memory.group("Some")
    memory.policy("Allow group Some to read repos in tenancy")
    memory.user("bob", ["Some"])
    forbidden = memory.as_("bob").post(SIGNATURES, details(pushed))
    absent = memory.as_().post(SIGNATURES, details(pushed, imageId="x"))

    assert (400, "RelatedResourceNotAuthorizedOrNotFound") == refusal(forbidden)
    assert absent.body == forbidden.body


def test_signatures_are_hidden_while_their_image_is_deleted(plane, stored):
    made = sign(plane, stored)
    caller = plane.as_()

    caller.delete(f"/container/images/{stored['id']}")
    assert NOT_FOUND == refusal(caller.get(f"{SIGNATURES}/{made['id']}"))
    assert [[]] == all_pages(plane, SIGNATURES)

    caller.post(f"/container/images/{stored['id']}/actions/restore", {})
    assert made == caller.get(f"{SIGNATURES}/{made['id']}").json()
    assert [[made["id"]]] == [[one["id"] for one in page] for page in all_pages(plane, SIGNATURES)]


def test_a_retry_token_signs_once(plane, stored):
    token = {"opc-retry-token": "once"}
    first, second = sign(plane, stored, token), sign(plane, stored, token)
    other = plane.as_().post(SIGNATURES, details(stored, signature=encoded("other")), token)

    assert first == second
    assert (409, "InvalidatedRetryToken") == refusal(other)
    assert [1] == [len(page) for page in all_pages(plane, SIGNATURES)]
    plane.as_().delete(f"{SIGNATURES}/{first['id']}")
    assert (409, "InvalidatedRetryToken") == refusal(plane.as_().post(SIGNATURES, details(stored), token))


@pytest.fixture
def several(memory):
    """Signatures of three images in two repositories, one a second: the ids, the oldest first."""
    made = []
    for name, tag, key in (("app", "1", "aaa"), ("lib", "1", "ccc"), ("app", "2", "bbb"), ("app", "1", "ddd")):
        if not memory.stores.repositories.find(f"acme/{name}"):
            repository(memory, name)
        memory.registry.clock.advance(timedelta(seconds=1))
        image = image_of(memory, Docker(memory, name).push(tag, name.encode(), tag.encode()), repositoryName=name)
        made.append(sign(memory, image, kmsKeyId=key, message=message(image, kmsKeyId=key)))
    return made


def listed(plane, limit=100, **filters):
    pages = all_pages(plane, SIGNATURES, limit=limit, **filters)
    return [item["kmsKeyId"] for page in pages for item in page]


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_signatures_are_listed_in_order(memory, several, limit):
    assert ["ddd", "bbb", "ccc", "aaa"] == listed(memory, limit)
    assert ["aaa", "ccc", "bbb", "ddd"] == listed(memory, limit, sortOrder="ASC")
    assert ["aaa", "bbb", "ccc", "ddd"] == listed(memory, limit, sortBy="DISPLAYNAME")
    assert ["ddd", "ccc", "bbb", "aaa"] == listed(memory, limit, sortBy="DISPLAYNAME", sortOrder="DESC")


def test_a_page_of_another_list_of_signatures_is_refused(memory, several):
    asked = {"compartmentId": memory.tenancy_id, "limit": 1}
    page = memory.as_().get(query(SIGNATURES, **asked)).headers["opc-next-page"]

    for other in ({"sortOrder": "ASC"}, {"sortBy": "DISPLAYNAME"}, {"kmsKeyId": "aaa"}, {"repositoryName": "app"}):
        assert (400, "InvalidParameter") == refusal(memory.as_().get(query(SIGNATURES, page=page, **asked, **other)))


def test_signatures_are_filtered(memory, several):
    first = several[0]
    image = memory.as_().get(f"/container/images/{first['imageId']}").json()

    assert ["ddd", "aaa"] == listed(memory, imageId=first["imageId"])
    assert ["ddd", "bbb", "aaa"] == listed(memory, repositoryId=image["repositoryId"])
    assert ["ddd", "bbb", "aaa"] == listed(memory, repositoryName="a*")
    assert ["ccc"] == listed(memory, repositoryName="lib")
    assert ["ddd", "aaa"] == listed(memory, imageDigest=image["digest"])
    assert ["aaa"] == listed(memory, displayName=first["displayName"])
    assert ["ccc"] == listed(memory, kmsKeyId="ccc")
    assert [] == listed(memory, kmsKeyVersionId="other")
    assert 4 == len(listed(memory, kmsKeyVersionId=KEY_VERSION, signingAlgorithm=ALGORITHM))
    assert [] == listed(memory, signingAlgorithm="SHA_224_RSA_PKCS_PSS")
    assert [] == listed(memory, imageId=first["imageId"], repositoryName="lib")
    assert [] == listed(memory, imageId="x")


def test_a_list_looks_into_the_compartment_it_names(memory, several):
    elsewhere = memory.compartment("elsewhere")
    path = query(SIGNATURES, compartmentId=elsewhere)

    assert [] == memory.as_().get(path).json()["items"]
    memory.user("bob")
    assert NOT_FOUND == refusal(memory.as_("bob").get(path))


@pytest.mark.parametrize("absent", ["x", "ocid1.containerimagesignature.moorage..x", "{other}"])
def test_a_signature_that_is_not_there_is_not_found(memory, several, absent):
    path = f"{SIGNATURES}/{absent.format(other=several[0]['id'][:-4] + 'zzzz')}"
    caller = memory.as_()

    for answer in (caller.get(path), caller.put(path, {"freeformTags": {}}), caller.delete(path)):
        assert NOT_FOUND == refusal(answer)
