"""A presigned URL is a secret with an end: never after the credentials that signed it."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import RefreshableCredentials

from moorage.domain.digest import Digest
from moorage.domain.errors import Unavailable
from moorage.stores.s3 import S3ObjectStore

DIGEST = Digest.of(b"bytes")


class Role:
    """A role whose credentials end `left` from now, however often they are renewed."""

    def __init__(self, left):
        self.ends = datetime.now(UTC) + left

    def renewed(self):
        return {"access_key": "AKID", "secret_key": "secret", "token": "session", "expiry_time": self.ends.isoformat()}

    def credentials(self):
        return RefreshableCredentials.create_from_metadata(self.renewed(), self.renewed, "test")


def url(monkeypatch, left, **endpoints):
    """Return a URL that a role with `left` signs."""
    store = S3ObjectStore(
        "bucket",
        region="eu-central-1",
        **{"endpoint": None, "public_endpoint": None, **endpoints},
        behind_front=False,
        url_life=timedelta(minutes=15),
        clock=lambda: datetime.now(UTC),
    )
    monkeypatch.setattr(store._session, "get_credentials", lambda: Role(left).credentials())
    return store.url("blobs/1/2", method="GET", host="https://registry.example.com", digest=DIGEST)


def signed(monkeypatch, left):
    """Return how many seconds a URL is good that a role with `left` signs."""
    return int(parse_qs(urlsplit(url(monkeypatch, left)).query)["X-Amz-Expires"][0])


def test_a_url_is_good_for_as_long_as_is_set(monkeypatch):
    """
    Credentials that last for hours do not lengthen it.
    """
    assert 15 * 60 == signed(monkeypatch, timedelta(hours=6))


def test_a_url_ends_a_minute_before_its_credentials(monkeypatch):
    """
    S3 would refuse it after their end, in the middle of a pull.
    """
    assert 238 <= signed(monkeypatch, timedelta(minutes=5)) <= 240


def test_no_url_is_signed_by_credentials_that_are_ending(monkeypatch):
    """
    The answer is that it can be tried again, not a link that is dead.
    """
    with pytest.raises(Unavailable):
        signed(monkeypatch, timedelta(seconds=30))


@pytest.mark.parametrize(
    ("endpoint", "public", "expected"),
    [
        (None, None, "https://bucket.s3.eu-central-1.amazonaws.com/blobs/1/2"),
        ("http://s3.internal:9000", None, "http://s3.internal:9000/bucket/blobs/1/2"),
        ("http://s3.internal:9000", "http://localhost:9000", "http://localhost:9000/bucket/blobs/1/2"),
    ],
)
def test_a_url_leads_to_where_clients_find_the_bucket(monkeypatch, endpoint, public, expected):
    """
    It need not be where the functions find it, whose network clients may not be in.
    """
    made = url(monkeypatch, timedelta(hours=6), endpoint=endpoint, public_endpoint=public)

    assert expected == made.partition("?")[0]
