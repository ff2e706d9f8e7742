from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError
from tests.factories import digest

from moorage.domain.errors import Unavailable, UploadUnknown

# A store says that something has gone in its own words. moto answers 500 for a multipart upload that was aborted.
GONE = (LookupError, ClientError, Unavailable, UploadUnknown)
PART = 5 * 1024 * 1024  # the least that S3 takes, but for the last
KEY, OTHER = "blobs/session/1", "blobs/session/2"


@pytest.fixture
def objects(backend):
    return backend.stores.objects


@pytest.mark.parametrize("data", [b"", b"small", bytes(range(256)) * 10_000])
def test_an_object_reads_as_it_was_put(objects, data):
    objects.put(KEY, data)

    assert data == objects.read(KEY)
    assert data == b"".join(objects.stream(KEY))


def test_a_large_object_streams_in_pieces(objects):
    objects.put(KEY, bytes(3 * 1024 * 1024))

    assert len(list(objects.stream(KEY))) > 1


def test_an_object_that_is_not_there_is_an_error(objects):
    with pytest.raises(GONE):
        objects.read(KEY)


def test_parts_become_an_object_in_their_order(objects):
    multipart = objects.start_multipart(KEY)
    last = objects.put_part(KEY, multipart, 2, b"end")
    first = objects.put_part(KEY, multipart, 1, b"a" * PART)

    objects.complete(KEY, multipart, [first, last])

    assert b"a" * PART + b"end" == objects.read(KEY)


def test_only_the_parts_that_are_named_are_in_the_object(objects):
    multipart = objects.start_multipart(KEY)
    first = objects.put_part(KEY, multipart, 1, b"first")
    objects.put_part(KEY, multipart, 2, b"second")

    objects.complete(KEY, multipart, [first])

    assert b"first" == objects.read(KEY)


def test_a_part_can_be_a_copy(objects):
    objects.put(OTHER, b"staged")
    multipart = objects.start_multipart(KEY)

    objects.complete(KEY, multipart, [objects.copy_part(KEY, multipart, 1, OTHER)])

    assert b"staged" == objects.read(KEY)


def test_completing_again_is_fine(objects):
    multipart = objects.start_multipart(KEY)
    etags = [objects.put_part(KEY, multipart, 1, b"data")]
    objects.complete(KEY, multipart, etags)

    objects.complete(KEY, multipart, etags)

    assert b"data" == objects.read(KEY)


def test_completing_what_was_given_up_is_an_error(objects):
    key = "blobs/given-up/1"  # a key is never used again: versitygw says 200 where a deleted version has it
    multipart = objects.start_multipart(key)
    etags = [objects.put_part(key, multipart, 1, b"data")]
    objects.abort(key, multipart)

    with pytest.raises(GONE):
        objects.complete(key, multipart, etags)


def test_completing_with_a_part_that_was_overwritten_is_an_error(objects):
    multipart = objects.start_multipart(KEY)
    etags = [objects.put_part(KEY, multipart, 1, b"data")]
    objects.put_part(KEY, multipart, 1, b"other")

    with pytest.raises(Unavailable):
        objects.complete(KEY, multipart, etags)


def test_two_multipart_uploads_of_one_key_do_not_mix(objects):
    one, two = objects.start_multipart(KEY), objects.start_multipart(KEY)
    etags = [objects.put_part(KEY, one, 1, b"one")]
    objects.put_part(KEY, two, 1, b"two")

    objects.complete(KEY, one, etags)

    assert b"one" == objects.read(KEY)


def test_giving_up_again_is_fine(objects):
    multipart = objects.start_multipart(KEY)

    objects.abort(KEY, multipart)
    objects.abort(KEY, multipart)


def test_delete_removes_objects_and_does_not_mind_absent_ones(objects):
    objects.put(KEY, b"one")
    objects.put(OTHER, b"two")

    objects.delete([KEY, "blobs/absent/1"])
    objects.delete([])

    with pytest.raises(GONE):
        objects.read(KEY)
    assert b"two" == objects.read(OTHER)


def test_sweep_clears_a_folder_but_for_what_is_to_be_kept(objects):
    for key in (KEY, OTHER, "blobs/session/3", "blobs/elsewhere/1"):
        objects.put(key, key.encode())
    multipart = objects.start_multipart("blobs/session/4")
    etags = [objects.put_part("blobs/session/4", multipart, 1, b"data")]

    assert 3 == objects.sweep("blobs/session/", frozenset({KEY, "blobs/absent/1"}))

    assert KEY.encode() == objects.read(KEY)
    assert b"blobs/elsewhere/1" == objects.read("blobs/elsewhere/1")
    for gone in (OTHER, "blobs/session/3"):
        with pytest.raises(GONE):
            objects.read(gone)
    with pytest.raises(GONE):
        objects.complete("blobs/session/4", multipart, etags)


def test_sweep_of_an_empty_folder_finds_nothing(objects):
    assert 0 == objects.sweep("blobs/session/", frozenset())


def test_a_url_names_object_and_digest(objects):
    url = urlsplit(objects.url(KEY, method="GET", host="http://localhost:5000", digest=digest("layer")))

    assert "localhost:5000" == url.netloc
    assert url.path.endswith(f"/{KEY}")
    assert [str(digest("layer"))] == parse_qs(url.query)["x-digest"]
