"""Digests, names, tags, references, ranges, content ranges and ULIDs: what is one, and what is refused."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOW
from tests.strategies import bounded, digests, names, tags

from moorage.domain.digest import Digest, parse_algorithm
from moorage.domain.errors import DigestInvalid, NameInvalid, RangeUnsatisfiable, TagInvalid, UploadInvalid
from moorage.domain.names import parse_name, parse_reference, parse_tag
from moorage.domain.ranges import parse_range
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid, time_of, unpack_ulid
from moorage.domain.upload import BLOB_LIMIT, parse_content_range, part_size

HEX = "ab" * 32
START = datetime(2000, 1, 1, tzinfo=UTC)
# The grammars of distribution-spec, "Pulling manifests", as it writes them.
NAME = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
odd = st.text(max_size=40) | st.text("aA0._-/:%@ \n", max_size=40)


@given(digests)
@bounded
def test_a_digest_reads_as_it_is_written(digest):
    assert digest == Digest.parse(str(digest))
    assert digest == parse_reference(str(digest))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(HEX, id="no algorithm"),
        pytest.param(f"sha256:{HEX.upper()}", id="upper case"),
        pytest.param(f"SHA256:{HEX}", id="the algorithm in upper case"),
        pytest.param(f"sha256:{HEX[1:]}", id="a digit short"),
        pytest.param(f"sha256:{HEX}0", id="a digit long"),
        pytest.param(f"sha512:{HEX}", id="the length of another algorithm"),
        pytest.param(f"sha256:{HEX[:-1]}g", id="not hexadecimal"),
        pytest.param(f"sha256:{HEX}\n", id="a line feed"),
        pytest.param(f" sha256:{HEX}", id="a space"),
        pytest.param(f"sha256::{HEX}", id="two colons"),
        pytest.param(f"sha256:{HEX[:-1]}\u0661", id="an Arabic digit"),
        pytest.param(f"md5:{HEX[:32]}", id="an algorithm that nobody should use"),
        pytest.param(f"sha256+b64u:{HEX}", id="an algorithm that nobody computes"),
        pytest.param(f"../sha256:{HEX}", id="a path"),
    ],
)
def test_what_is_no_digest(text):
    with pytest.raises(DigestInvalid):
        Digest.parse(text)


@bounded
@given(odd)
def test_any_text_is_a_digest_or_refused(text):
    with pytest.raises(DigestInvalid):
        Digest.parse(text)
    with pytest.raises(DigestInvalid):
        parse_algorithm(text)


@bounded
@given(names)
def test_a_name_of_the_grammar_is_taken_as_it_is(name):
    assert name == parse_name(name)


@bounded
@given(odd)
def test_the_names_are_those_of_the_spec(text):
    try:
        parse_name(text)
    except NameInvalid:
        assert not re.fullmatch(NAME, text, re.ASCII)
    else:
        assert re.fullmatch(NAME, text, re.ASCII)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("a/../b", id="a way up"),
        pytest.param("a//b", id="an empty part"),
        pytest.param("/a", id="a slash first"),
        pytest.param("a/", id="a slash last"),
        pytest.param("A", id="upper case"),
        pytest.param("a\n", id="a line feed"),
        pytest.param("a%2fb", id="an escaped slash"),
        pytest.param("a\x00", id="a null"),
        pytest.param("a\u2024b", id="a dot that is none"),
        pytest.param("\u0661", id="an Arabic digit"),
        pytest.param("a___b", id="three underscores"),
        pytest.param("a..b", id="two dots"),
        pytest.param("-a", id="a dash first"),
        pytest.param("a" * 256, id="256 characters"),
        pytest.param("a." * 100_000, id="very long"),
    ],
)
def test_what_is_no_name(name):
    with pytest.raises(NameInvalid):
        parse_name(name)


@pytest.mark.parametrize("name", ["a" * 255, "a/b/c", "a__b", "a---b", "x/manifests", "x/tags/list", "0"])
def test_names_that_are(name):
    assert name == parse_name(name)


@bounded
@given(tags)
def test_a_tag_of_the_grammar_is_taken_as_it_is(tag):
    assert tag == parse_tag(tag) == parse_reference(tag)


@bounded
@given(odd)
def test_the_tags_are_those_of_the_spec(text):
    try:
        parse_tag(text)
    except TagInvalid:
        assert not re.fullmatch(TAG, text, re.ASCII)
    else:
        assert re.fullmatch(TAG, text, re.ASCII)


@pytest.mark.parametrize("tag", ["", ".a", "-a", "a b", "a/b", "a\n", "a" * 129, "ä", "a%20b"])
def test_what_is_no_tag(tag):
    with pytest.raises(TagInvalid):
        parse_tag(tag)


@bounded
@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60) | st.none())
def test_a_range_is_what_slicing_says(size, first, last):
    data = bytes(range(size))
    header = f"bytes={first}-{'' if last is None else last}"
    expected = data[first : None if last is None else last + 1]
    try:
        found = parse_range(header, size)
    except RangeUnsatisfiable:
        assert b"" == expected
        return

    assert found is not None
    assert expected == data[found[0] : found[1] + 1]


@bounded
@given(st.integers(0, 50), st.integers(0, 60))
def test_a_suffix_is_the_last_bytes(size, length):
    data = bytes(range(size))
    try:
        found = parse_range(f"bytes=-{length}", size)
    except RangeUnsatisfiable:
        assert 0 in (size, length)
        return

    assert found is not None
    assert data[-length:] == data[found[0] : found[1] + 1]


@bounded
@given(odd | st.from_regex(r"bytes=[0-9,\- ]{0,12}", fullmatch=True), st.integers(0, 2**62))
def test_any_range_lies_in_the_blob_or_is_ignored_or_refused(header, size):
    try:
        found = parse_range(header, size)
    except RangeUnsatisfiable:
        return

    assert found is None or 0 <= found[0] <= found[1] < size


@pytest.mark.parametrize("header", [None, "", "bytes=", "bytes=-", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "0-1"])
def test_what_is_no_single_range_of_bytes_is_ignored(header):
    assert parse_range(header, 10) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0-99", (0, 99), id="as the spec has it"),
        pytest.param("bytes 0-99/100", (0, 99), id="as RFC 9110 has it"),
        pytest.param("bytes=5-9", (5, 9), id="as some clients have it"),
        pytest.param(" 0-0 ", (0, 0), id="one byte, in spaces"),
        pytest.param("bytes 5-9/*", (5, 9), id="of unknown size"),
    ],
)
def test_content_ranges_as_clients_write_them(text, expected):
    assert expected == parse_content_range(text)


@pytest.mark.parametrize("text", ["", "-", "5", "5-", "-5", "9-5", "a-b", "0-1-2", "0-\u0661", "0-" + "9" * 5000])
def test_what_is_no_content_range(text):
    with pytest.raises(UploadInvalid):
        parse_content_range(text)


def test_parts_grow_so_that_ten_thousand_hold_the_largest_blob():
    sizes = [part_size(number) for number in range(1, 10_001)]

    assert sizes == sorted(sizes)
    assert (8 * 2**20, 64 * 2**20) == (sizes[0], sizes[-1])
    assert BLOB_LIMIT == sum(sizes)
    assert 400 * 2**30 < BLOB_LIMIT < 48.8 * 2**40  # what an S3 object can have


@bounded
@given(
    st.integers(0, 500 * 365 * 24 * 3600 * 10**6).map(
        lambda microseconds: START + timedelta(microseconds=microseconds)
    ),
    st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES),
)
def test_a_ulid_tells_its_millisecond(time, entropy):
    ulid = make_ulid(time, entropy)

    assert 26 == len(ulid)
    assert timedelta() <= time - time_of(ulid) < timedelta(milliseconds=1)
    assert entropy == unpack_ulid(ulid)[6:]


@bounded
@given(st.integers(1, 10**9), st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_later_ulids_sort_later(milliseconds, one, other):
    later = NOW + timedelta(milliseconds=milliseconds)

    assert make_ulid(NOW, one) < make_ulid(later, other)


@pytest.mark.parametrize("text", ["I" * 26, "0" * 25 + "u", "\u0661" * 26])
def test_what_is_no_ulid(text):
    with pytest.raises(ValueError):
        time_of(text)
