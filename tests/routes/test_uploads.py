"""Upload sessions (end-4a, 4b, 4c, 5, 6, 13, 14)."""

import hashlib
from datetime import timedelta

import pytest
from tests.routes.registry import NAME

from moorage.domain.digest import Digest
from moorage.domain.upload import SESSION_LIFE

DATA = b"0123456789"
DIGEST = Digest.of(DATA)


def standing(answer):
    return answer.status, answer.headers["location"], answer.headers["range"], answer.headers["docker-upload-uuid"]


def test_a_session_is_opened_with_all_that_clients_read(client):
    """
    202; a relative Location below the repository, so that a client stays on its host, without a query.
    """
    answer = client.post("blobs/uploads/")
    session = answer.headers["docker-upload-uuid"]

    assert (202, f"/v2/{NAME}/blobs/uploads/{session}", "0-0", session) == standing(answer)
    assert "oci-chunk-min-length" not in answer.headers
    assert 202 == client.post("blobs/uploads").status


def test_where_bodies_are_limited_chunks_have_a_least_length(make_registry):
    """
    At most 1 MiB: the conformance suite sends three chunks' worth in one body.
    """
    assert (
        "1048576" == make_registry(body_bytes=4_194_304).client().post("blobs/uploads/").headers["oci-chunk-min-length"]
    )


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [0, 10, 16_385])
def test_post_then_put(client, size, algorithm):
    data = bytes(size)
    digest = Digest.of(data, algorithm)
    answer = client.put(f"{client.start()}?digest={digest}", body=data)

    assert (201, f"/v2/{NAME}/blobs/{digest}", str(digest)) == (
        answer.status,
        answer.headers["location"],
        answer.headers["docker-content-digest"],
    )
    assert data == client.pull_blob(digest)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("size", [0, 10, 16_385])
def test_post_alone(client, size, algorithm):
    data = bytes(size)
    digest = Digest.of(data, algorithm)
    answer = client.post(f"blobs/uploads/?digest={digest}", body=data)

    assert (201, f"/v2/{NAME}/blobs/{digest}") == (answer.status, answer.headers["location"])
    assert data == client.pull_blob(digest)


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(
    "chunks",
    [
        [DATA, b""],
        [DATA[:3], DATA[3:], b""],
        [DATA[:3], b"", DATA[3:], b""],
        [DATA[:3], DATA[3:7], DATA[7:]],
        [b"x" * 20_000, b"y" * 20_000, b"z"],
    ],
    ids=["one chunk", "two chunks", "an empty chunk", "the last with PUT", "larger than a row"],
)
def test_chunks(client, chunks, announced, algorithm):
    """
    distribution-spec, "Pushing a blob in chunks"; the algorithm is announced, or known from the closing PUT alone.
    """
    digest = Digest.of(b"".join(chunks), algorithm)
    location, offset = client.start(f"?digest-algorithm={algorithm}" if announced else ""), 0
    for chunk in chunks[:-1]:
        headers = {"Content-Range": f"{offset}-{offset + len(chunk) - 1}"} if chunk else {}
        answer = client.patch(location, headers, chunk)
        offset += len(chunk)
        assert (202, location, f"0-{max(offset - 1, 0)}") == standing(answer)[:3]
        assert (204, location, f"0-{max(offset - 1, 0)}") == standing(client.get(location))[:3]

    assert 201 == client.put(f"{location}?digest={digest}", body=chunks[-1]).status
    assert b"".join(chunks) == client.pull_blob(digest)


@pytest.mark.parametrize("length", [True, False], ids=["with Content-Length", "without"])
def test_a_stream_of_any_size_in_one_request(client, length):
    """
    As docker pushes: one PATCH, whose length nobody knows, over the size of two parts.
    """
    pieces = [bytes([number]) * 1_000_000 for number in range(18)]
    digest = Digest("sha256", hashlib.sha256(b"".join(pieces)).hexdigest())
    location = client.start()

    assert 202 == client.patch(location, body=pieces, length=length).status
    assert 201 == client.put(f"{location}?digest={digest}").status
    assert b"".join(pieces) == client.pull_blob(digest)


def test_a_put_of_any_size_in_one_request(client):
    pieces = [bytes([number]) * 1_000_000 for number in range(18)]
    digest = Digest("sha256", hashlib.sha256(b"".join(pieces)).hexdigest())

    assert 201 == client.put(f"{client.start()}?digest={digest}", body=pieces, length=False).status
    assert b"".join(pieces) == client.pull_blob(digest)


def test_through_bodies_of_4_mib_a_blob_of_any_size(make_registry):
    """
    The hash state is carried from one invocation to the next.
    """
    client = make_registry(body_bytes=4_194_304).client()
    chunks = [bytes([number]) * 4_194_304 for number in range(5)] + [b"end"]
    digest = Digest("sha256", hashlib.sha256(b"".join(chunks)).hexdigest())
    location = client.start()
    for number, chunk in enumerate(chunks):
        first = number * 4_194_304
        answer = client.patch(location, {"Content-Range": f"{first}-{first + len(chunk) - 1}"}, chunk)
        assert 202 == answer.status

    assert 201 == client.put(f"{location}?digest={digest}").status
    assert b"".join(chunks) == client.pull_blob(digest)


@pytest.mark.parametrize(
    "content_range",
    ["0-4", "11-15", "9-13", "bytes 0-4/10", "1000000000000-1000000000004"],
)
def test_a_chunk_that_is_out_of_order_is_refused_and_told_where_to_go_on(client, content_range):
    location = client.start()
    client.patch(location, body=DATA)
    answer = client.patch(location, {"Content-Range": content_range}, b"01234")

    assert (416, ["BLOB_UPLOAD_INVALID"]) == answer.error
    assert (location, "0-9") == (answer.headers["location"], answer.headers["range"])
    assert 201 == client.put(f"{location}?digest={DIGEST}").status


@pytest.mark.parametrize(
    "content_range", ["x", "", "5", "4-0", "-5", "0-", "bytes=0-4,6-7", "0-9", "0-99", "0-" + "9" * 99]
)
def test_a_chunk_that_is_not_what_its_header_says_is_refused_and_changes_nothing(client, content_range):
    location = client.start()

    assert (400, ["BLOB_UPLOAD_INVALID"]) == client.patch(location, {"Content-Range": content_range}, b"01234").error
    assert "0-0" == client.get(location).headers["range"]
    assert (400, ["BLOB_UPLOAD_INVALID"]) == client.put(
        f"{location}?digest={DIGEST}", {"Content-Range": content_range}, b"01234"
    ).error
    assert 201 == client.put(f"{location}?digest={DIGEST}", body=DATA).status


def test_of_racing_chunks_for_one_place_one_is_taken(client):
    location = client.start()
    chunks = [bytes([number]) * 100_000 for number in range(6)]
    requests = [client.ask("PATCH", location, {"Content-Range": "0-99999"}, chunk) for chunk in chunks]
    statuses = [answer.status for answer in client.registry.all_at_once(*requests)]

    assert [202, 416, 416, 416, 416, 416] == sorted(statuses)
    digest = Digest.of(chunks[statuses.index(202)])
    assert 201 == client.put(f"{location}?digest={digest}").status


def test_of_racing_ends_all_that_name_the_digest_are_right(client):
    location = client.start()
    client.patch(location, body=DATA)
    requests = [client.ask("PUT", f"{location}?digest={DIGEST}") for _ in range(5)]

    assert {201} == {answer.status for answer in client.registry.all_at_once(*requests)}


def test_a_session_that_is_finished_twice_says_the_same_twice(client):
    """
    The first answer may have been lost.
    """
    location = client.start()
    for _ in range(2):
        assert 201 == client.put(f"{location}?digest={DIGEST}", body=DATA).status
        client.registry.clock.advance(timedelta(seconds=1))

    other = Digest.of(b"other")
    assert (400, ["BLOB_UPLOAD_INVALID"]) == client.put(f"{location}?digest={other}", body=b"other").error
    assert DATA == client.pull_blob(DIGEST)
    assert 404 == client.head(f"blobs/{other}").status


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_session_that_is_finished_is_over(client, method):
    location = client.start()
    client.put(f"{location}?digest={DIGEST}", body=DATA)

    assert (404, ["BLOB_UPLOAD_UNKNOWN"]) == client.send(method, location, body=b"more").error
    assert DATA == client.pull_blob(DIGEST)


def test_a_session_can_be_cancelled_once(client):
    location = client.start()
    client.patch(location, body=bytes(20_000))

    assert (204, b"") == ((answer := client.delete(location)).status, answer.body)
    for method in ("GET", "PATCH", "DELETE"):
        assert (404, ["BLOB_UPLOAD_UNKNOWN"]) == client.send(method, location).error
    assert (404, ["BLOB_UPLOAD_UNKNOWN"]) == client.put(f"{location}?digest={DIGEST}", body=DATA).error


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
def test_a_session_ends(client, method):
    location = client.start()
    client.registry.clock.advance(SESSION_LIFE + timedelta(seconds=1))
    answer = client.renew().send(method, f"{location}?digest={DIGEST}", body=DATA)

    assert (404, ["BLOB_UPLOAD_UNKNOWN"]) == answer.error


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize(("user", "name"), [("writer", NAME), ("administrator", "acme/other")])
def test_a_session_is_of_its_repository_and_its_principal(registry, method, user, name):
    """
    CVE-2026-32589: for others it is not there.
    """
    registry.repository("acme/other")
    owner, stranger = registry.client(), registry.client(user, name)
    location = owner.start()
    owner.patch(location, body=DATA[:5])
    answer = stranger.send(method, f"{location.replace(NAME, name)}?digest={Digest.of(b'')}")

    assert (404, ["BLOB_UPLOAD_UNKNOWN"]) == answer.error
    assert 201 == owner.put(f"{location}?digest={DIGEST}", body=DATA[5:]).status


@pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "upload", ["1", "x" * 5000, "%00", "..", "\u00e4", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "META", "a%23b", "sha256:x"]
)
def test_sessions_that_are_not_there(registry, method, upload):
    registry.repository()
    answer = registry.client().send(method, f"blobs/uploads/{upload}?digest={DIGEST}", body=DATA)

    assert (404, ["BLOB_UPLOAD_UNKNOWN"]) == answer.error


def test_a_client_that_goes_away_can_go_on_where_it_was(client):
    location = client.start()
    client.patch(location, body=[DATA[:4]], length=False, gone=True)

    assert "0-3" == client.get(location).headers["range"]
    assert 202 == client.patch(location, {"Content-Range": "4-9"}, DATA[4:]).status
    assert 201 == client.put(f"{location}?digest={DIGEST}").status


def test_a_closing_put_that_breaks_off_leaves_the_session_as_it_was(client):
    """
    The client will send all of it again.
    """
    location = client.start()
    client.put(f"{location}?digest={DIGEST}", body=[DATA[:4]], length=False, gone=True)

    assert "0-0" == client.get(location).headers["range"]
    assert 201 == client.put(f"{location}?digest={DIGEST}", body=DATA).status


def test_a_token_that_ends_during_an_upload_does_not_end_the_upload(client):
    location, pieces = client.start(), [DATA[:5], DATA[5:]]

    def slowly():
        yield pieces[0]
        client.registry.clock.advance(timedelta(minutes=10))
        yield pieces[1]

    assert 202 == client.patch(location, body=slowly(), length=False).status
    assert 201 == client.renew().put(f"{location}?digest={DIGEST}").status


@pytest.mark.parametrize("query", ["?origin=elsewhere", "?x=%00", "?state=abc&_=1", "?digest-algorithm=sha256"])
def test_a_query_that_is_not_ours_changes_nothing(client, query):
    location = client.start(query)

    assert 202 == client.patch(f"{location}?{'x' * 100}=%ff", body=DATA).status
    assert 201 == client.put(f"{location}?_state=1&digest={DIGEST}&digest={DIGEST}").status


@pytest.mark.parametrize("query", ["?digest-algorithm=md5", "?digest-algorithm=", "?digest-algorithm=SHA256"])
def test_an_algorithm_that_we_do_not_compute_is_refused(client, query):
    assert (400, ["DIGEST_INVALID"]) == client.post(f"blobs/uploads/{query}").error
