"""What a principal has open: uploads, and the bytes that they may become."""

import pytest
from tests.factories import OTHER_REPOSITORY, digest, session
from tests.fakes import NOW

from moorage.domain.upload import Progress, Tail

INLINE = Progress(offset=3, hash_state=b"state", tail=Tail(3, b"abc"))
PARTS = Progress(
    offset=20,
    hash_state=b"state",
    key="blobs/session/2",
    multipart="multipart",
    etags=(f'"{"0a" * 16}"', f'"{"ff" * 16}"'),
    tail=Tail(4, key="blobs/session/tail"),
)

# A store may remember usage for a while: each test has its own principals.


def opened_by(stores, principal, word, progress):
    """Open a session that has come so far."""
    new = session(f"{word} of {principal}", principal=principal)
    stores.uploads.create(new)
    stores.uploads.advance(stores.uploads.claim(new.ticket, "one", NOW), progress, new.expires)
    return stores.uploads.get(new.id)


def test_usage_counts_the_open_sessions_of_a_principal(stores):
    opened_by(stores, "carol", "first", PARTS)
    opened_by(stores, "carol", "second", INLINE)
    stores.uploads.create(session("of dave", principal="dave", repository_id=OTHER_REPOSITORY))

    assert (2, PARTS.offset + INLINE.offset) == stores.uploads.usage("carol")
    assert (1, 0) == stores.uploads.usage("dave")
    assert (0, 0) == stores.uploads.usage("nobody")


@pytest.mark.parametrize("asked_before", [False, True])
@pytest.mark.parametrize("end", ["closed", "cancelled", "closed and cancelled"])
def test_usage_leaves_out_a_session_that_was(stores, end, asked_before):
    principal = f"{end} {asked_before}"
    ended = opened_by(stores, principal, "first", PARTS)
    opened_by(stores, principal, "second", INLINE)
    if asked_before:
        stores.uploads.usage(principal)

    if "closed" in end:
        ended = stores.uploads.close(ended.ticket, digest("layer"), "blobs/session/1", NOW)
    if "cancelled" in end:
        stores.uploads.cancel(ended)

    assert (1, INLINE.offset) == stores.uploads.usage(principal)


def test_usage_follows_what_happens_after_it_was_asked(stores):
    asked = [stores.uploads.usage("erin")]

    first = opened_by(stores, "erin", "first", INLINE)
    asked.append(stores.uploads.usage("erin"))
    stores.uploads.advance(stores.uploads.claim(first.ticket, "one", NOW), PARTS, first.expires)
    asked.append(stores.uploads.usage("erin"))

    assert [(0, 0), (1, INLINE.offset), (1, PARTS.offset)] == asked


def test_usage_leaves_out_a_session_that_was_removed(stores):
    removed = opened_by(stores, "frank", "first", PARTS)
    stores.uploads.remove(removed.id)

    assert (0, 0) == stores.uploads.usage("frank")
