"""Presigned URLs: the same signatures as botocore's, and nothing served that was not signed."""

from datetime import UTC, datetime, timedelta
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st

from moorage.stores.presign import Credentials, SignatureRefused, presign, verify

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
REGION = "eu-west-1"
HOST = "localhost:5000"

keys = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=40)


def sign(method="GET", base=f"http://{HOST}/moorage", key="blobs/one", *, credentials=CREDENTIALS, **more):
    arguments = {"region": REGION, "expires": timedelta(seconds=300), "now": NOW, **more}
    return presign(method, base, key, credentials=credentials, **arguments)


def check(url, method="GET", host=HOST, now=NOW, region=REGION):
    target = url.removeprefix(f"http://{HOST}")
    secrets = {CREDENTIALS.access_key: CREDENTIALS.secret_key}
    return verify(method, target, host, secret_of=secrets.get, region=region, now=now)


def code_of(url, **arguments):
    with pytest.raises(SignatureRefused) as refused:
        check(url, **arguments)
    return refused.value.code


def sign_with_botocore(style, endpoint, method, bucket, key, credentials, more):
    client = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
        aws_session_token=credentials.token,
        config=Config(signature_version="s3v4", s3={"addressing_style": style}),
    )
    parameters = {"Bucket": bucket, "Key": key, **more}
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)),
        mock.patch("botocore.signers.get_current_datetime", return_value=NOW.replace(tzinfo=None)),
    ):
        return client.generate_presigned_url({"GET": "get_object", "HEAD": "head_object"}[method], parameters, 300)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("style", "endpoint", "base"),
    [
        pytest.param("path", "http://localhost:5000", "http://localhost:5000/moorage", id="path style, local"),
        pytest.param("path", "http://localhost:80", "http://localhost:80/moorage", id="default port"),
        pytest.param("virtual", None, f"https://moorage.s3.{REGION}.amazonaws.com", id="virtual host"),
    ],
)
@pytest.mark.parametrize(
    "key",
    ["blobs/sha256:ab/01J", "a@b", "with space", "double//slash", "/first", "ünï/c~de", "plus+per%cent", "a/../b/."],
)
def test_signatures_are_botocores(method, style, endpoint, base, key):
    """
    URL and signature are what botocore makes, whatever is in the key.
    """
    theirs = urlsplit(sign_with_botocore(style, endpoint, method, "moorage", key, CREDENTIALS, {}))
    ours = urlsplit(sign(method, base, key))

    assert (theirs.netloc, theirs.path, parse_qs(theirs.query)) == (ours.netloc, ours.path, parse_qs(ours.query))


def test_role_credentials_and_parameters_are_botocores():
    """
    A session token and response parameters are signed as botocore signs them.
    """
    credentials = Credentials("ASIA", "secret", "token/with+signs==")
    more = {"ResponseContentType": "application/octet-stream"}
    theirs = urlsplit(sign_with_botocore("path", "http://localhost:5000", "GET", "moorage", "a b", credentials, more))
    ours = sign("GET", key="a b", credentials=credentials, query={"response-content-type": "application/octet-stream"})

    assert parse_qs(theirs.query) == parse_qs(urlsplit(ours).query)


@given(keys, st.dictionaries(st.sampled_from(["x-digest", "response-content-type", "n"]), keys))
def test_what_was_signed_is_served(key, query):
    """
    A signed URL passes, and its parameters come back.
    """
    parameters = check(sign(key=key, query=query))

    assert query == {name: parameters[name] for name in query}


def test_clients_that_escape_differently_are_served():
    """
    '%3A' and ':' are the same key: clients normalise paths.
    """
    assert check(sign(key="sha256:ab").replace("sha256%3Aab", "sha256:ab"))


@given(keys, st.data())
def test_no_changed_character_is_served(key, data):
    """
    Whatever character of path or query is changed, the request is refused.
    """
    url = sign(key=key, query={"x-digest": "sha256:ab"})
    place = data.draw(st.integers(url.index("/moorage"), len(url) - 1))
    character = data.draw(st.sampled_from("abcXYZ019-_.&=/?"))
    changed = url[:place] + character + url[place + 1 :]

    if _meaning(changed) != _meaning(url):
        assert code_of(changed)


def _meaning(url):
    """Return what a URL asks for: '%a0' is '%A0'."""
    parts = urlsplit(url)
    return unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param({"method": "HEAD"}, "SignatureDoesNotMatch", id="signed for GET"),
        pytest.param({"method": "DELETE"}, "SignatureDoesNotMatch", id="delete"),
        pytest.param({"host": "127.0.0.1:5000"}, "SignatureDoesNotMatch", id="another host"),
        pytest.param({"region": "us-east-1"}, "AuthorizationQueryParametersError", id="another region"),
        pytest.param({"now": NOW + timedelta(seconds=300)}, "AccessDenied", id="expired"),
        pytest.param({"now": NOW - timedelta(minutes=16)}, "AccessDenied", id="not yet valid"),
    ],
)
def test_refusals(arguments, code):
    assert code == code_of(sign(), **arguments)


def test_last_second_is_served():
    """
    A URL is good until the instant it expires.
    """
    assert check(sign(), now=NOW + timedelta(seconds=299))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        pytest.param("X-Amz-Signature", "X-Amz-Other", "AuthorizationQueryParametersError", id="no signature"),
        pytest.param("Expires=300", "Expires=0300", "SignatureDoesNotMatch", id="another life"),
        pytest.param("SignedHeaders=host", "SignedHeaders=range", "AuthorizationQueryParametersError", id="headers"),
        pytest.param("HMAC-SHA256", "HMAC-SHA1", "AuthorizationQueryParametersError", id="algorithm"),
        pytest.param("AKIDEXAMPLE", "AKIDOTHER", "InvalidAccessKeyId", id="unknown key"),
        pytest.param("?", "?n=1&", "SignatureDoesNotMatch", id="one parameter more"),
        pytest.param("one?", "one?X-Amz-Expires=604800&", "SignatureDoesNotMatch", id="a parameter twice"),
        pytest.param("Signature=", "Signature=%C3%BC", "SignatureDoesNotMatch", id="signature not ASCII"),
    ],
)
def test_changed_queries_are_refused(old, new, code):
    assert code == code_of(sign().replace(old, new))


def test_unsigned_is_refused():
    assert "AccessDenied" == code_of(f"http://{HOST}/moorage/blobs/one")


@pytest.mark.parametrize(
    "expires", [timedelta(0), timedelta(days=8), timedelta(seconds=-1)], ids=["no life", "too long", "negative"]
)
def test_lives_that_s3_refuses_are_refused(expires):
    assert "AuthorizationQueryParametersError" == code_of(sign(expires=expires))
