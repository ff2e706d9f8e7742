import pytest
from tests.factories import OTHER_REPOSITORY, REPOSITORY, commit, digest, manifest, tag_record
from tests.fakes import NOW

from moorage.domain.content import Page

TAGS = ["1.0", "1.0-rc", "A", "Z", "_", "a", "a.b", "a_b", "aa", "z"]  # in the order of their bytes
SUBJECT = digest("subject")


@pytest.fixture
def tagged(backend):
    """A manifest with many tags."""
    backend.stores.manifests.commit(commit(manifest(), *reversed(TAGS)))


def pages(read):
    """Follow pages to the last."""
    found = [read("")]
    while found[-1].last is not None:
        found.append(read(found[-1].last))
    return found


@pytest.mark.parametrize("limit", [1, 3, len(TAGS) - 1, len(TAGS), len(TAGS) + 1])
def test_pages_of_tags_join_without_gap_in_byte_order(stores, tagged, limit):
    found = pages(lambda after: stores.manifests.tags_page(REPOSITORY, after, limit))

    assert TAGS == [tag for page in found for tag in page.items]
    assert [limit] * (len(found) - 1) == [len(page.items) for page in found[:-1]]
    assert found[-1].items


def test_a_page_names_its_last_tag_unless_it_is_the_end(stores, tagged):
    assert Page(tuple(TAGS[:2]), TAGS[1]) == stores.manifests.tags_page(REPOSITORY, "", 2)
    assert Page(tuple(TAGS), None) == stores.manifests.tags_page(REPOSITORY, "", len(TAGS))
    assert Page((TAGS[-1],), None) == stores.manifests.tags_page(REPOSITORY, TAGS[-2], 5)
    assert Page((), None) == stores.manifests.tags_page(REPOSITORY, TAGS[-1], 5)


def test_a_page_may_start_after_a_tag_that_is_not_there(stores, tagged):
    assert Page(("aa",), "aa") == stores.manifests.tags_page(REPOSITORY, "a_z", 1)


def test_a_repository_without_tags_has_one_empty_page(stores, tagged):
    assert Page((), None) == stores.manifests.tags_page(OTHER_REPOSITORY, "", 5)


def test_the_rows_beside_the_tags_are_no_tags(stores, tagged):
    stores.manifests.commit(commit(manifest("other"), "A", replaced={"A": tag_record("A", manifest())}))
    for tag in TAGS[1:]:
        record = stores.manifests.get_tag(REPOSITORY, tag)
        stores.manifests.untag(record, REPOSITORY, "alice", NOW)

    assert Page((TAGS[0],), None) == stores.manifests.tags_page(REPOSITORY, "", 5)


# Referrers


def refer(stores, number, *, padding=0, subject=SUBJECT):
    """Commit a referrer and return its descriptor."""
    record = manifest(f"referrer {number}", subject=subject, shard=number)
    descriptor = {"digest": str(record.digest), "size": record.size, "annotations": {"padding": "x" * padding}}
    stores.manifests.commit(commit(record, referrer=descriptor))
    return descriptor


def test_a_few_referrers_come_in_one_page_in_the_order_of_their_digests(stores):
    made = [refer(stores, number) for number in range(6)]

    made.sort(key=lambda descriptor: descriptor["digest"])
    assert Page(tuple(made), None) == stores.manifests.referrers_page(REPOSITORY, SUBJECT, "")


def test_a_page_of_referrers_may_start_after_a_digest(stores):
    made = sorted((refer(stores, number) for number in range(6)), key=lambda descriptor: descriptor["digest"])

    page = stores.manifests.referrers_page(REPOSITORY, SUBJECT, made[3]["digest"])

    assert Page(tuple(made[4:]), None) == page


def test_referrers_beyond_a_megabyte_come_in_pages_that_join_without_gap(backend):
    stores = backend.stores
    made = [refer(stores, number, padding=240_000) for number in range(9)]

    found = pages(lambda after: stores.manifests.referrers_page(REPOSITORY, SUBJECT, after))

    assert sorted(descriptor["digest"] for descriptor in made) == [
        descriptor["digest"] for page in found for descriptor in page.items
    ]
    assert len(found) in (2, 3)
    assert all(len(page.items) <= 4 for page in found)


def test_a_subject_without_referrers_has_one_empty_page(stores):
    refer(stores, 1)

    assert Page((), None) == stores.manifests.referrers_page(REPOSITORY, digest("other"), "")
    assert Page((), None) == stores.manifests.referrers_page(OTHER_REPOSITORY, SUBJECT, "")


def test_the_rows_beside_the_referrers_are_no_referrers(stores):
    subject = manifest("subject")
    stores.manifests.commit(commit(subject, "v1"))
    stores.manifests.write_edges(REPOSITORY, digest("index"), [subject.digest], subject.put)
    descriptor = refer(stores, 1)

    assert Page((descriptor,), None) == stores.manifests.referrers_page(REPOSITORY, SUBJECT, "")
