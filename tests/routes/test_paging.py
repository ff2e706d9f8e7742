"""`n`, `last` and Link. distribution-spec, "Listing Tags"; RFC 8288."""

import pytest
from tests.routes.registry import image, link, pages, quoted

from moorage.domain.digest import Digest

TAGS = [f"t{number:02}" for number in range(25)]


@pytest.fixture
def tagged(client):
    client.push_image(TAGS[-1])
    for some in (TAGS[:13], TAGS[13:-1]):
        client.push_manifest(Digest.of(image()), image(), query="?" + "&".join(f"tag={tag}" for tag in some))
    return client


@pytest.mark.parametrize("n", [1, 7, 24, 25, 26, 1000])
def test_pages_together_are_the_whole(tagged, n):
    found = pages(tagged, f"/v2/acme/app/tags/list?n={n}", "tags")

    assert TAGS == [tag for page in found for tag in page]
    assert [n] * (len(found) - 1) == [len(page) for page in found[:-1]]
    assert all(found)


def test_a_link_is_relative_and_goes_on_after_the_page(tagged):
    assert "/v2/acme/app/tags/list?n=2&last=t01" == link(tagged.get("tags/list?n=2"))


@pytest.mark.parametrize(
    ("last", "first"),
    [("t03", "t04"), ("t03x", "t04"), ("", "t00"), ("t", "t00"), ("a", "t00"), ("%20", "t00"), ("T99", "t00")],
)
def test_a_page_starts_after_a_place_in_the_order_whether_or_not_a_tag_is_there(tagged, last, first):
    """
    The `last` of a page may be deleted before the next is asked for.
    """
    assert first == tagged.get(f"tags/list?n=1&last={last}").json()["tags"][0]


def test_deleting_the_last_of_a_page_loses_nothing_of_the_next(tagged):
    following = link(tagged.get("tags/list?n=5"))
    tagged.delete("manifests/t04")

    assert TAGS[5:10] == tagged.get(following).json()["tags"]


@pytest.mark.parametrize("last", ["t24", "zzz", "~"])
def test_after_the_end_there_is_nothing(tagged, last):
    answer = tagged.get(f"tags/list?last={last}")

    assert (200, [], None) == (answer.status, answer.json()["tags"], link(answer))


def test_a_page_of_nothing_is_empty(tagged):
    answer = tagged.get("tags/list?n=0")

    assert ([], None) == (answer.json()["tags"], link(answer))


@pytest.mark.parametrize("n", ["1001", "1000000000000", "9" * 18])
def test_more_than_a_page_can_have_is_a_full_page(tagged, n):
    assert TAGS == tagged.get(f"tags/list?n={n}").json()["tags"]


BAD = [
    "n=-1",
    "n=",
    "n=x",
    "n=1.5",
    "n=1e3",
    "n=+1",
    "n=0x10",
    "n=%00",
    "n=" + "9" * 5000,
    "n=%D9%A3",
    "n=%ff",
    "n=1&n=x",
    "last=%00",
    "last=" + "x" * 256,
    "last=%0a",
    "last=%C3%A4",
    "last=%ff",
]


@pytest.mark.parametrize("query", BAD)
@pytest.mark.parametrize("path", ["tags/list", "/v2/_catalog"])
def test_what_is_no_page_is_refused(memory, path, query):
    """
    CVE-2023-2253: a number is never taken at its word.
    """
    client = memory.client()
    client.push_image()
    answer = client.get(f"{path}?{query}")

    assert (400, ["UNSUPPORTED"]) == answer.error


@pytest.mark.parametrize("last", ["\x01", "~" * 255, "%", "'", "#", "TAG#", "/", "REFERRER#", " "])
@pytest.mark.parametrize("path", ["tags/list", "/v2/_catalog", f"referrers/{Digest.of(b'')}"])
def test_no_place_makes_the_registry_fail_or_shows_what_is_no_entry(registry, path, last):
    client = registry.client()
    client.push_image()
    answer = client.get(f"{path}?last={quoted(last)}")

    assert answer.status in (200, 400)
    if answer.status == 200:
        listed = answer.json()
        assert [] == [entry for entry in listed.get("tags", []) if entry != "latest"]
        assert [] == [entry for entry in listed.get("repositories", []) if entry != "acme/app"]
