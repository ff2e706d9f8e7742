"""Wrong bytes are refused on every way in, and nothing of them can be read after."""

import pytest
from tests.routes.registry import CONFIG, image

from moorage.domain.digest import Digest

SMALL, LARGE = b"0123456789", b"x" * 20_000
DIGEST = {SMALL: Digest.of(SMALL), LARGE: Digest.of(LARGE)}
WRONG = {SMALL: b"0123456788", LARGE: b"x" * 19_999 + b"y"}


def post_alone(client, data, digest):
    return client.post(f"blobs/uploads/?digest={digest}", body=data)


def post_and_put(client, data, digest):
    return client.put(f"{client.start()}?digest={digest}", body=data)


def patch_and_put(client, data, digest):
    location = client.start()
    assert 202 == client.patch(location, body=data).status
    return client.put(f"{location}?digest={digest}")


def chunks_and_put(client, data, digest):
    location = client.start()
    for chunk in (data[:3], data[3:7], data[7:]):
        assert 202 == client.patch(location, body=chunk).status
    return client.put(f"{location}?digest={digest}")


def last_chunk_in_put(client, data, digest):
    location = client.start()
    assert 202 == client.patch(location, body=data[:3]).status
    return client.put(f"{location}?digest={digest}", {"Content-Range": f"3-{len(data) - 1}"}, data[3:])


def announced(client, data, digest):
    location = client.start(f"?digest-algorithm={digest.partition(':')[0]}")
    assert 202 == client.patch(location, body=data).status
    return client.put(f"{location}?digest={digest}")


WAYS = [post_alone, post_and_put, patch_and_put, chunks_and_put, last_chunk_in_put, announced]
FORMS = {
    "sha256": lambda data: str(Digest.of(data)),
    "sha512": lambda data: str(Digest.of(data, "sha512")),
}


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_bytes_of_another_digest_are_refused(client, way, form, data):
    """
    Each way of each client, for both algorithms; the same way with the right bytes is good.
    """
    digest = FORMS[form](data)
    assert (400, ["DIGEST_INVALID"]) == way(client, WRONG[data], digest).error
    for absent in (digest, FORMS[form](WRONG[data])):
        assert (404, 404) == (client.head(f"blobs/{absent}").status, client.get(f"blobs/{absent}").status)

    assert 201 == way(client, data, digest).status
    assert data == client.pull_blob(digest)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_what_is_stored_stays_when_other_bytes_come_in_its_name(client, way):
    for data in (SMALL, LARGE):
        client.push_blob(data)
        assert (400, ["DIGEST_INVALID"]) == way(client, WRONG[data], str(DIGEST[data])).error
        assert data == client.pull_blob(DIGEST[data])


@pytest.mark.parametrize(
    "digest",
    [
        pytest.param(f"sha256:{DIGEST[SMALL].hex.upper()}", id="hex in upper case"),
        pytest.param(f"SHA256:{DIGEST[SMALL].hex}", id="algorithm in upper case"),
        pytest.param(f"sha256:{DIGEST[SMALL].hex[:63]}", id="too short"),
        pytest.param(f"sha256:{DIGEST[SMALL].hex}00", id="too long"),
        pytest.param(DIGEST[SMALL].hex, id="no algorithm"),
        pytest.param("", id="empty"),
        pytest.param("md5:781e5e245d69b566979b86e28d23f2c7", id="an algorithm that can be forged"),
        pytest.param("sha1:87acec17cd9dcd20a716cc2cf67417b71c8a7016", id="another one"),
        pytest.param(f"sha384:{'0' * 96}", id="an algorithm that we do not compute"),
        pytest.param(f"sha256:{DIGEST[SMALL].hex}%00", id="NUL after"),
        pytest.param(f"%20sha256:{DIGEST[SMALL].hex}", id="space before"),
        pytest.param("x" * 5000, id="5000 characters"),
    ],
)
@pytest.mark.parametrize("way", [post_alone, post_and_put, patch_and_put], ids=lambda way: way.__name__)
def test_a_digest_that_cannot_be_is_refused_whatever_the_bytes(memory, way, digest):
    client = memory.client()

    assert (400, ["DIGEST_INVALID"]) == way(client, SMALL, digest).error
    assert 404 == client.head(f"blobs/{DIGEST[SMALL]}").status


@pytest.mark.parametrize("first", [SMALL, WRONG[SMALL]])
@pytest.mark.parametrize("way", [post_alone, post_and_put, patch_and_put], ids=lambda way: way.__name__)
def test_two_digests_are_one_too_many(client, way, first):
    """
    Whichever of them the bytes have; the same one twice is one.
    """
    last = SMALL if first != SMALL else WRONG[SMALL]
    both = f"{Digest.of(first)}&digest={Digest.of(last)}"

    assert (400, ["DIGEST_INVALID"]) == way(client, SMALL, both).error
    assert [404, 404] == [client.head(f"blobs/{Digest.of(data)}").status for data in (first, last)]
    assert 201 == way(client, SMALL, f"{DIGEST[SMALL]}&digest={DIGEST[SMALL]}").status


def test_a_put_without_a_digest_is_refused_and_the_session_stays(client):
    location = client.start()

    assert (400, ["DIGEST_INVALID"]) == client.put(location, body=SMALL).error
    assert 201 == client.put(f"{location}?digest={DIGEST[SMALL]}", body=SMALL).status


def test_a_part_of_the_bytes_is_not_the_blob(client):
    """
    A body that a proxy cut short.
    """
    for way in WAYS:
        assert (400, ["DIGEST_INVALID"]) == way(client, SMALL[:9], str(DIGEST[SMALL])).error
    assert 404 == client.head(f"blobs/{DIGEST[SMALL]}").status


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_manifest_of_another_digest_is_refused(client, algorithm):
    client.push_blob(CONFIG)
    client.push_manifest("latest", image())
    wrong = Digest.of(image(annotations={"a": "b"}), algorithm)
    answer = client.put(f"manifests/{wrong}?tag=latest", body=image() + b" ")

    assert (400, ["DIGEST_INVALID"]) == answer.error
    assert [404, 404] == [client.head(f"manifests/{one}").status for one in (wrong, Digest.of(image() + b" "))]
    assert image() == client.get("manifests/latest").body


def test_blobs_of_two_algorithms_are_two(client):
    """
    Who has shown the bytes for one digest has not shown them for the other.
    """
    client.push_blob(SMALL)

    assert 404 == client.head(f"blobs/{Digest.of(SMALL, 'sha512')}").status
