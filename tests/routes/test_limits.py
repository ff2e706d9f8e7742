"""What one request may carry, and what one principal may have open."""

import pytest
from tests.routes.registry import image

from moorage.domain.digest import Digest
from moorage.domain.manifest import MANIFEST_LIMIT

LIMIT = 65_536
BODY = bytes(LIMIT + 1)
DIGEST = Digest.of(BODY)


@pytest.fixture
def narrow(make_registry):
    """A registry behind a gateway that carries 64 KiB at once."""
    return make_registry(body_bytes=LIMIT, open_sessions=3, staged_bytes=100_000).client()


def post(client, _location, **body):
    return client.post(f"blobs/uploads/?digest={DIGEST}", **body)


def put(client, location, **body):
    return client.put(f"{location}?digest={DIGEST}", **body)


def put_a_range(client, location, **body):
    return client.put(f"{location}?digest={DIGEST}", {"Content-Range": f"0-{LIMIT}"}, **body)


def patch(client, location, **body):
    return client.patch(location, **body)


@pytest.mark.parametrize("length", [True, False], ids=["with Content-Length", "without"])
@pytest.mark.parametrize("way", [post, put, put_a_range, patch], ids=lambda way: way.__name__)
def test_a_body_that_cannot_fit_is_refused_and_told_what_to_do(narrow, way, length):
    """
    413, never a hang; the session stays, and takes the same bytes in chunks.
    """
    location = narrow.start()
    answer = way(narrow, location, body=[BODY[:40_000], BODY[40_000:]] if not length else BODY, length=length)

    assert (413, ["SIZE_INVALID"], {"limit": LIMIT}) == (*answer.error, answer.detail)
    message = answer.json()["errors"][0]["message"]
    assert (True, True, True) == (str(LIMIT) in message, "chunks" in message, "relay" in message)
    assert (204, "0-0") == ((status := narrow.get(location)).status, status.headers["range"])
    for chunk in (BODY[:LIMIT], BODY[LIMIT:]):
        assert 202 == narrow.patch(location, body=chunk).status
    assert 201 == narrow.put(f"{location}?digest={DIGEST}").status


@pytest.mark.parametrize("way", [post, put, patch], ids=lambda way: way.__name__)
def test_a_body_of_the_limit_is_taken(narrow, way):
    """
    The refusal of a blob that is not what it is said to be comes after its bytes.
    """
    expected = 202 if way is patch else 400

    assert expected == way(narrow, narrow.start(), body=BODY[:LIMIT]).status


def test_a_manifest_has_a_limit_of_its_own(make_registry):
    """
    4 MiB on every front, with and without Content-Length.
    """
    client = make_registry().client()
    for length in (True, False):
        answer = client.put("manifests/latest", body=[b" " * 1_000_000] * 5, length=length)
        assert (413, ["SIZE_INVALID"]) == answer.error
        assert str(MANIFEST_LIMIT) in answer.json()["errors"][0]["message"]


def test_so_many_sessions_may_be_open(narrow):
    """
    429 with Retry-After; one that ends makes room, and others are not concerned.
    """
    locations = [narrow.start() for _ in range(3)]
    answer = narrow.post("blobs/uploads/")

    assert (429, ["TOOMANYREQUESTS"]) == answer.error
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert 202 == narrow.registry.client("writer").post("blobs/uploads/").status
    assert 204 == narrow.delete(locations[0]).status
    assert 201 == narrow.put(f"{narrow.start()}?digest={Digest.of(b'')}").status
    narrow.start()
    assert 429 == narrow.post("blobs/uploads/").status


def test_what_is_refused_at_once_leaves_no_session_open(narrow):
    """
    Nobody was told its path, so nobody could end it.
    """
    refused = [
        narrow.post(f"blobs/uploads/?digest={DIGEST}", body=BODY),
        narrow.post(f"blobs/uploads/?digest={DIGEST}", body=[BODY], length=False),
        narrow.post(f"blobs/uploads/?digest={DIGEST}", body=b"other"),
        narrow.post(f"blobs/uploads/?digest={DIGEST}", {"Content-Range": "5-9"}, b"other"),
        narrow.post(f"blobs/uploads/?digest={DIGEST}", {"Content-Range": "0-9"}, b"other"),
        narrow.post(f"blobs/uploads/?digest={DIGEST}", {"Content-Range": "x"}, b"other"),
    ]

    assert [413, 413, 400, 416, 400, 400] == [answer.status for answer in refused]
    assert (0, 0) == narrow.registry.stores.uploads.usage(narrow.registry.people.find("administrator").id)


def test_so_many_bytes_may_be_staged(narrow):
    """
    Over all open sessions of a principal; what was staged before stays.
    """
    locations = [narrow.start() for _ in range(2)]
    assert 202 == narrow.patch(locations[0], body=bytes(LIMIT)).status
    answer = narrow.patch(locations[1], body=bytes(LIMIT))

    assert (429, ["TOOMANYREQUESTS"]) == answer.error
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "0-0" == narrow.get(locations[1]).headers["range"]
    assert f"0-{LIMIT - 1}" == narrow.get(locations[0]).headers["range"]
    assert 202 == narrow.patch(locations[1], body=bytes(100_000 - LIMIT)).status
    assert 429 == narrow.patch(locations[1], body=b"x").status
    assert 429 == narrow.post("blobs/uploads/").status
    assert 201 == narrow.put(f"{locations[0]}?digest={Digest.of(bytes(LIMIT))}").status
    assert 202 == narrow.patch(locations[1], body=b"x").status


def test_so_many_images_a_repository_may_have(make_registry):
    """
    403 with the limit; a manifest that is there already can be pushed again, and one that goes makes room.
    """
    client = make_registry(images=2).client()
    client.push_blob(b"{}")
    images = [image(annotations={"number": str(number)}) for number in range(3)]
    first, _ = (client.push_manifest(f"t{number}", images[number]) for number in range(2))
    answer = client.put("manifests/latest", body=images[2])

    assert (403, ["DENIED"]) == answer.error
    assert "2 images" in answer.json()["errors"][0]["message"]
    assert 404 == client.head("manifests/latest").status
    assert first == client.push_manifest("again", images[0])
    assert 202 == client.delete(f"manifests/{first}").status
    client.push_manifest("latest", images[2])
