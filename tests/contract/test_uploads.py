from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import OTHER_REPOSITORY, digest, session, ulid
from tests.fakes import NOW

from moorage.domain.content import ORPHAN_AGE
from moorage.domain.digest import Digest
from moorage.domain.upload import SESSION_LIFE, WRITER_LIFE, Progress, Tail, UploadState

SECOND = timedelta(seconds=1)
BLOB = digest("layer")
KEY = "blobs/session/1"
INLINE = Progress(offset=3, hash_state=b"\x00\xffstate", tail=Tail(3, b"abc"))
PARTS = Progress(
    offset=20,
    algorithm="sha256",
    hash_state=b"state",
    key="blobs/session/2",
    multipart="multipart",
    etags=(f'"{"0a" * 16}"', f'"{"ff" * 16}"'),
    tail=Tail(4, key="blobs/session/tail"),
)

STRANGERS = [
    pytest.param({"principal": "mallory"}, id="of another principal"),
    pytest.param({"repository_id": OTHER_REPOSITORY}, id="of another repository"),
    pytest.param({"id": ulid("absent")}, id="that is not there"),
]


@pytest.fixture
def opened(stores):
    """A session that nobody writes to."""
    stores.uploads.create(session())
    return session()


@pytest.fixture
def claimed(stores, opened):
    """A session that `one` writes to, as it is stored."""
    return stores.uploads.claim(opened.ticket, "one", NOW)


@pytest.fixture
def closed(stores, opened):
    """A CLOSING session, as it is stored."""
    return stores.uploads.close(opened.ticket, BLOB, KEY, NOW)


@pytest.fixture
def cancelled(stores, opened):
    """A session that belongs to the sweep, as it is stored."""
    stores.uploads.cancel(opened)
    return replace(opened, state=UploadState.EXPIRED)


def test_a_session_reads_as_it_was_created(stores, opened):
    assert opened == stores.uploads.get(opened.id)
    assert stores.uploads.get(ulid("absent")) is None


def test_a_session_keeps_the_algorithm_it_was_created_for(stores):
    stores.uploads.create(session(progress=Progress(algorithm="sha512")))

    assert session(progress=Progress(algorithm="sha512")) == stores.uploads.get(session().id)


# claim


def test_claim_makes_one_writer(stores, opened):
    written = replace(opened, writer="one", writer_until=NOW + WRITER_LIFE)

    assert written == stores.uploads.claim(opened.ticket, "one", NOW)
    assert written == stores.uploads.get(opened.id)


def test_claim_by_the_writer_renews(stores, claimed):
    renewed = stores.uploads.claim(claimed.ticket, "one", NOW + 30 * SECOND)

    assert replace(claimed, writer_until=NOW + 30 * SECOND + WRITER_LIFE) == renewed


def test_claim_misses_while_another_writes(stores, claimed):
    assert stores.uploads.claim(claimed.ticket, "two", NOW + WRITER_LIFE - SECOND) is None


def test_claim_takes_over_from_a_writer_that_has_gone(stores, claimed):
    taken = stores.uploads.claim(claimed.ticket, "two", NOW + WRITER_LIFE)

    assert replace(claimed, writer="two", writer_until=NOW + 2 * WRITER_LIFE) == taken


@pytest.mark.parametrize("stranger", STRANGERS)
def test_claim_misses_a_session(stores, opened, stranger):
    assert stores.uploads.claim(replace(opened, **stranger).ticket, "one", NOW) is None


def test_claim_misses_a_session_that_has_expired(stores, opened):
    assert stores.uploads.claim(opened.ticket, "one", opened.expires) is None
    assert stores.uploads.claim(opened.ticket, "one", opened.expires - SECOND) is not None


def test_claim_for_the_digest_takes_a_closing_session(stores, closed):
    claimed = stores.uploads.claim(closed.ticket, "one", NOW, digest=BLOB)

    assert replace(closed, writer="one", writer_until=NOW + WRITER_LIFE) == claimed
    assert stores.uploads.claim(closed.ticket, "two", NOW, digest=digest("other")) is None
    assert stores.uploads.claim(closed.ticket, "two", NOW, digest=BLOB) is None
    assert closed == stores.uploads.close(closed.ticket, BLOB, KEY, NOW, writer="one")


def test_claim_misses_a_closing_session(stores, closed):
    assert stores.uploads.claim(closed.ticket, "one", NOW) is None


def test_claim_misses_a_cancelled_session(stores, cancelled):
    assert stores.uploads.claim(cancelled.ticket, "one", NOW) is None


# advance, give_back


@pytest.mark.parametrize("progress", [pytest.param(INLINE, id="inline tail"), pytest.param(PARTS, id="parts")])
def test_advance_replaces_the_progress_and_gives_back(stores, claimed, progress):
    expires = NOW + SESSION_LIFE + SECOND

    assert stores.uploads.advance(claimed, progress, expires)
    assert session(progress=progress, expires=expires) == stores.uploads.get(claimed.id)


def test_advance_leaves_nothing_of_the_progress_before(stores, claimed):
    stores.uploads.advance(claimed, PARTS, claimed.expires)
    again = stores.uploads.claim(claimed.ticket, "two", NOW)

    assert stores.uploads.advance(again, INLINE, claimed.expires)
    assert session(progress=INLINE) == stores.uploads.get(claimed.id)


def test_advance_misses_after_another_took_over(stores, claimed):
    stores.uploads.claim(claimed.ticket, "two", NOW + WRITER_LIFE)

    assert not stores.uploads.advance(claimed, INLINE, claimed.expires)


def test_advance_misses_a_second_time(stores, claimed):
    stores.uploads.advance(claimed, INLINE, claimed.expires)

    assert not stores.uploads.advance(claimed, PARTS, claimed.expires)


def test_advance_misses_without_a_claim(stores, opened):
    assert not stores.uploads.advance(opened, INLINE, opened.expires)


def test_advance_misses_a_closing_session(stores, claimed):
    stores.uploads.close(claimed.ticket, BLOB, KEY, NOW, writer="one")

    assert not stores.uploads.advance(claimed, INLINE, claimed.expires)


def test_advance_misses_a_cancelled_session(stores, claimed):
    stores.uploads.cancel(claimed)

    assert not stores.uploads.advance(claimed, INLINE, claimed.expires)


def test_advance_misses_a_session_that_has_gone(stores, claimed):
    stores.uploads.remove(claimed.id)

    assert not stores.uploads.advance(claimed, INLINE, claimed.expires)


def test_give_back_lets_the_next_writer_in(stores, claimed):
    stores.uploads.give_back(claimed)

    assert session() == stores.uploads.get(claimed.id)
    assert stores.uploads.claim(claimed.ticket, "two", NOW) is not None


def test_give_back_by_a_writer_that_was_replaced_changes_nothing(stores, claimed, unchanged):
    stores.uploads.claim(claimed.ticket, "two", NOW + WRITER_LIFE)

    with unchanged():
        stores.uploads.give_back(claimed)


def test_give_back_of_a_session_that_has_gone_makes_no_row(stores, unchanged):
    with unchanged():
        stores.uploads.give_back(session(writer="one"))


# close


def test_close_records_digest_key_and_time(stores, opened):
    closing = replace(opened, state=UploadState.CLOSING, digest=BLOB, key=KEY, time_closed=NOW)

    assert closing == stores.uploads.close(opened.ticket, BLOB, KEY, NOW)
    assert closing == stores.uploads.get(opened.id)


def test_close_reads_how_far_the_session_came(stores, claimed):
    stores.uploads.advance(claimed, PARTS, claimed.expires)
    closing = session(state=UploadState.CLOSING, digest=BLOB, key=KEY, time_closed=NOW, progress=PARTS)

    assert closing == stores.uploads.close(claimed.ticket, BLOB, KEY, NOW)


def test_close_again_keeps_key_and_time(stores, closed):
    assert closed == stores.uploads.close(closed.ticket, BLOB, "blobs/session/other", NOW + SECOND)
    assert closed == stores.uploads.get(closed.id)


@pytest.mark.parametrize("other", [digest("other layer"), Digest.of(b"layer", "sha512")])
def test_close_misses_a_session_that_is_closing_for_another_digest(stores, closed, other):
    assert stores.uploads.close(closed.ticket, other, KEY, NOW) is None


def test_close_by_the_writer_leaves_no_writer(stores, opened, claimed):
    closing = replace(opened, state=UploadState.CLOSING, digest=BLOB, key=KEY, time_closed=NOW)

    assert closing == stores.uploads.close(claimed.ticket, BLOB, KEY, NOW, writer="one")


def test_close_after_the_writer_has_gone(stores, claimed):
    assert stores.uploads.close(session().ticket, BLOB, KEY, NOW + WRITER_LIFE) is not None


@pytest.mark.parametrize("writer", [None, "two"])
def test_close_misses_while_another_writes(stores, claimed, writer):
    assert stores.uploads.close(claimed.ticket, BLOB, KEY, NOW + WRITER_LIFE - SECOND, writer=writer) is None


@pytest.mark.parametrize("stranger", STRANGERS)
def test_close_misses_a_session(stores, opened, stranger):
    assert stores.uploads.close(replace(opened, **stranger).ticket, BLOB, KEY, NOW) is None


@pytest.mark.parametrize("stranger", STRANGERS)
def test_close_again_misses_a_session(stores, closed, stranger):
    assert stores.uploads.close(replace(closed, **stranger).ticket, BLOB, KEY, NOW) is None


def test_close_misses_a_session_that_has_expired(stores, opened):
    assert stores.uploads.close(opened.ticket, BLOB, KEY, opened.expires) is None
    assert stores.uploads.close(opened.ticket, BLOB, KEY, opened.expires - SECOND) is not None


def test_close_misses_a_cancelled_session(stores, cancelled):
    assert stores.uploads.close(cancelled.ticket, BLOB, KEY, NOW) is None


# cancel, remove


def test_cancel_fences_an_open_session(stores, opened):
    assert stores.uploads.cancel(opened)

    assert UploadState.EXPIRED == stores.uploads.get(opened.id).state


def test_cancel_fences_a_closing_session_and_keeps_its_record(stores, closed):
    assert stores.uploads.cancel(closed)

    assert replace(closed, state=UploadState.EXPIRED) == stores.uploads.get(closed.id)


def test_cancel_misses_a_session_that_was_closed_meanwhile(stores, opened):
    stores.uploads.close(opened.ticket, BLOB, KEY, NOW)

    assert not stores.uploads.cancel(opened)


def test_cancel_misses_a_session_closed_at_another_time(stores, closed):
    assert not stores.uploads.cancel(replace(closed, time_closed=NOW + SECOND))


def test_cancel_misses_a_closing_session_read_as_open(stores, opened):
    assert not stores.uploads.cancel(session(state=UploadState.CLOSING, time_closed=NOW, digest=BLOB, key=KEY))


def test_cancel_misses_a_session_that_was_cancelled(stores, cancelled):
    assert not stores.uploads.cancel(cancelled)
    assert not stores.uploads.cancel(session())


def test_cancel_misses_a_session_that_went_on_meanwhile(stores, claimed):
    stores.uploads.advance(claimed, INLINE, claimed.expires + SECOND)

    assert not stores.uploads.cancel(session())


def test_cancel_misses_a_session_that_has_gone(stores):
    assert not stores.uploads.cancel(session())


def test_remove_deletes_the_row(stores, opened, unchanged):
    stores.uploads.remove(opened.id)

    assert stores.uploads.get(opened.id) is None
    with unchanged():
        stores.uploads.remove(opened.id)


# due


def test_a_session_is_due_once_it_has_expired(stores, opened):
    stores.uploads.create(session("later", expires=NOW + 2 * SESSION_LIFE))

    assert [] == stores.uploads.due(opened.expires - SECOND, 10)
    assert [opened] == stores.uploads.due(opened.expires + 2 * SECOND, 10)


def test_a_session_that_went_on_is_due_later(stores, claimed):
    later = claimed.expires + timedelta(hours=1)
    stores.uploads.advance(claimed, INLINE, later)

    assert [] == stores.uploads.due(claimed.expires + 2 * SECOND, 10)
    assert [session(progress=INLINE, expires=later)] == stores.uploads.due(later + 2 * SECOND, 10)


def test_a_closing_session_is_due_when_nobody_can_be_at_it_any_more(stores, opened):
    closed = stores.uploads.close(opened.ticket, BLOB, KEY, NOW + timedelta(hours=1))
    due = closed.time_closed + ORPHAN_AGE

    assert [] == stores.uploads.due(due - SECOND, 10)
    assert [closed] == stores.uploads.due(due + 2 * SECOND, 10)


def test_a_cancelled_session_is_due(stores, cancelled):
    assert [cancelled] == stores.uploads.due(cancelled.expires + 2 * SECOND, 10)


def test_a_removed_session_is_not_due(stores, opened):
    stores.uploads.remove(opened.id)

    assert [] == stores.uploads.due(opened.expires + 2 * SECOND, 10)


def test_no_more_sessions_are_due_than_asked_for(stores):
    made = {session(str(number)).id for number in range(5)}
    for number in range(5):
        stores.uploads.create(session(str(number)))

    found = [row.id for row in stores.uploads.due(NOW + SESSION_LIFE + 2 * SECOND, 3)]

    assert 3 == len(set(found))
    assert set(found) < made
