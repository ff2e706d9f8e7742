"""GET and HEAD of a blob (end-2)."""

from urllib.parse import parse_qs, urlsplit

import pytest

from moorage.domain.content import INLINE_BLOB_LIMIT
from moorage.domain.digest import Digest

SMALL = b"0123456789"
LARGE = b"x" * (INLINE_BLOB_LIMIT + 1)
ABSENT = Digest.of(b"absent")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_a_blob_comes_back_as_it_was_pushed(client, data, algorithm):
    digest = client.push_blob(data, algorithm)

    assert data == client.pull_blob(digest)


def test_a_small_blob_is_answered_at_once(client):
    """
    With every header that a client reads, from the row that was read anyway.
    """
    digest = client.push_blob(SMALL)
    answer = client.get(f"blobs/{digest}")

    assert (200, SMALL) == (answer.status, answer.body)
    expected = {
        "accept-ranges": "bytes",
        "content-length": "10",
        "content-type": "application/octet-stream",
        "docker-content-digest": str(digest),
        "etag": f'"{digest}"',
    }
    assert expected == {name: answer.headers[name] for name in expected}


def test_a_large_blob_is_a_redirect_to_storage(client):
    """
    The bytes never pass through the function: 307, the digest, and nothing else.
    """
    digest = client.push_blob(LARGE)
    answer = client.get(f"blobs/{digest}")
    target = urlsplit(answer.headers["location"])

    assert (307, b"", str(digest)) == (answer.status, answer.body, answer.headers["docker-content-digest"])
    assert "localhost:5000" == target.netloc
    assert [str(digest)] == parse_qs(target.query)["x-digest"]


def test_a_redirect_stays_on_the_host_that_the_client_called(client):
    digest = client.push_blob(LARGE)
    answers = [client.get(f"blobs/{digest}", host=host) for host in ("registry.example.com", "evil.example.com")]

    hosts = [urlsplit(answer.headers["location"]).netloc for answer in answers]
    assert ["registry.example.com", "localhost:5000"] == hosts


@pytest.mark.parametrize("data", [b"", SMALL, LARGE], ids=["empty", "small", "large"])
def test_head_is_answered_from_the_row_with_the_headers_of_get(client, data):
    """
    Never a redirect: storage would refuse a URL that was signed for GET.
    """
    digest = client.push_blob(data)
    answer = client.head(f"blobs/{digest}")

    assert (200, b"") == (answer.status, answer.body)
    expected = [str(len(data)), str(digest), "application/octet-stream", "bytes", f'"{digest}"']
    names = ["content-length", "docker-content-digest", "content-type", "accept-ranges", "etag"]
    assert expected == [answer.headers[name] for name in names]


def test_head_tells_the_same_however_a_blob_has_come(registry):
    """
    A mounted blob has its own size and digest (a peer reports those of the row that links it).
    """
    for data in (SMALL, LARGE):
        digest = registry.client(name="acme/source").push_blob(data)
        target = registry.client(name="acme/target")
        assert 201 == target.post(f"blobs/uploads/?mount={digest}&from=acme/source").status

        answer = target.head(f"blobs/{digest}")
        assert (str(len(data)), str(digest)) == (
            answer.headers["content-length"],
            answer.headers["docker-content-digest"],
        )
        assert data == target.pull_blob(digest)


@pytest.mark.parametrize(
    ("header", "status", "body", "content_range"),
    [
        ("bytes=0-3", 206, b"0123", "bytes 0-3/10"),
        ("bytes=4-", 206, b"456789", "bytes 4-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=-20", 206, SMALL, "bytes 0-9/10"),
        ("bytes=9-9", 206, b"9", "bytes 9-9/10"),
        ("bytes=5-5000", 206, b"56789", "bytes 5-9/10"),
        ("bytes=0-1,4-5", 200, SMALL, None),
        ("lines=0-1", 200, SMALL, None),
        ("bytes=a-b", 200, SMALL, None),
        ("bytes=-", 200, SMALL, None),
        ("", 200, SMALL, None),
    ],
)
def test_one_range_of_a_small_blob_can_be_asked_for(memory, header, status, body, content_range):
    client = memory.client()
    answer = client.get(f"blobs/{client.push_blob(SMALL)}", {"Range": header})

    assert (status, body, content_range) == (answer.status, answer.body, answer.headers.get("content-range"))
    assert str(len(body)) == answer.headers["content-length"]


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-20", "bytes=5-4", "bytes=-0", "bytes=9999999999999-"])
def test_a_range_of_no_byte_is_refused_with_the_size(memory, header):
    client = memory.client()
    answer = client.get(f"blobs/{client.push_blob(SMALL)}", {"Range": header})

    assert (416, ["SIZE_INVALID"]) == answer.error
    assert "bytes */10" == answer.headers["content-range"]


def test_a_gateway_that_renames_the_range_header_changes_nothing(memory):
    client = memory.client()
    answer = client.get(f"blobs/{client.push_blob(SMALL)}", {"X-Amzn-Remapped-Range": "bytes=1-2"})

    assert (206, b"12") == (answer.status, answer.body)


def test_a_range_of_a_large_blob_is_for_storage_to_cut(make_registry):
    client = make_registry().client()
    digest = client.push_blob(LARGE)

    assert 307 == client.get(f"blobs/{digest}", {"Range": "bytes=0-3"}).status


@pytest.mark.parametrize(
    ("digest", "status", "code"),
    [
        pytest.param(ABSENT, 404, "BLOB_UNKNOWN", id="absent"),
        pytest.param(Digest.of(b"absent", "sha512"), 404, "BLOB_UNKNOWN", id="absent, sha512"),
        pytest.param("sha256:short", 400, "DIGEST_INVALID", id="too short"),
        pytest.param(f"sha256:{ABSENT.hex.upper()}", 400, "DIGEST_INVALID", id="upper case"),
        pytest.param(f"SHA256:{ABSENT.hex}", 400, "DIGEST_INVALID", id="algorithm in upper case"),
        pytest.param(f"sha256:{ABSENT.hex}0", 400, "DIGEST_INVALID", id="too long"),
        pytest.param(f"sha512:{ABSENT.hex}", 400, "DIGEST_INVALID", id="length of another algorithm"),
        pytest.param(f"md5:{ABSENT.hex[:32]}", 400, "DIGEST_INVALID", id="algorithm that we do not compute"),
        pytest.param(ABSENT.hex, 400, "DIGEST_INVALID", id="no algorithm"),
        pytest.param("latest", 400, "DIGEST_INVALID", id="a tag"),
        pytest.param("uploads", 400, "DIGEST_INVALID", id="a path"),
        pytest.param(f"sha256:{'%00' * 64}", 400, "DIGEST_INVALID", id="NUL"),
        pytest.param(f"sha256:{'%D9%A1' * 64}", 400, "DIGEST_INVALID", id="digits that are not ASCII"),
        pytest.param("x" * 5000, 400, "DIGEST_INVALID", id="5000 characters"),
    ],
)
def test_blobs_that_are_not_there(memory, digest, status, code):
    client = memory.client()
    client.push_blob(SMALL)

    assert (status, [code]) == client.get(f"blobs/{digest}").error
    assert (status, b"") == ((answer := client.head(f"blobs/{digest}")).status, answer.body)


def test_a_blob_is_in_the_repository_that_it_was_pushed_to_and_no_other(registry):
    """
    The bytes are stored once for all; who may read them is a matter of each repository.
    """
    digest = registry.client(name="acme/other").push_blob(LARGE)
    registry.repository()

    assert (404, ["BLOB_UNKNOWN"]) == registry.client().get(f"blobs/{digest}").error
    assert 404 == registry.client().head(f"blobs/{digest}").status


def test_a_repository_that_is_not_there_has_no_blobs(registry):
    assert (404, ["NAME_UNKNOWN"]) == registry.client(name="acme/nothing").get(f"blobs/{ABSENT}").error
