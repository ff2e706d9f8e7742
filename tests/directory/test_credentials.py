from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from tests.directory.acting import Retry, make_user
from tests.fakes import NOW

from moorage.domain.directory import ApiKey, User
from moorage.domain.errors import AlreadyExists, EtagChanged, LimitReached, NotFound, ParameterInvalid
from moorage.domain.identity import hash_password
from moorage.operations.directory import credentials

# Made by openssl, which says the fingerprint too: `openssl rsa -pubout -outform DER | openssl md5 -c`.
PUBLIC = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA7QtpkH24C7NfZ2iLaYZK
fFGeSj39ipY0VCYz4tRtUYSRNCvDzjeUsnAXIXFwtcFTdWYnNTnjjyJlRd7nPB3+
I0QF9ANyYnDrhVMMn8Tep4A6htV5oE5vbdolqlXhP6vnf5qdbXX9jMzBXLgwQi8b
g6lu77bWR4WdIEzIWJj7VxqVZx9MsOSt6DinuCVYouZNKfGvHTQznMYep4Q+bid7
VOgb9PnapOfYGXQl9I8reyBKBt0YIj7+mTKa89XQINlV1XXnsf0LaxuTE5+YP02K
lnJv3IoJZk5DPFIWhgCM33CQncQa1LP4847b8hASR6FQHUCTVQm0HjqyVirkiXo7
zQIDAQAB
-----END PUBLIC KEY-----
"""
FINGERPRINT = "4a:82:69:ba:57:6f:a1:b4:cf:04:91:a9:4f:6b:47:37"


def pem(key, form=PublicFormat.SubjectPublicKeyInfo):
    return key.public_key().public_bytes(Encoding.PEM, form).decode()


@pytest.fixture(scope="module")
def keys():
    """Four public keys."""
    return [pem(generate_private_key(public_exponent=65537, key_size=2048)) for _ in range(4)]


@pytest.fixture
def alice(stores):
    return make_user(stores)


def upload(stores, user, key, **rest):
    return credentials.upload_api_key(stores, stores.directory.tenancy(), user.id, key, **rest)


def add_token(stores, user, description="laptop", **rest):
    return credentials.create_auth_token(stores, stores.directory.tenancy(), user.id, description=description, **rest)


def stored(stores, user):
    return stores.directory.get(User, user.id)


# API keys


def test_a_key_is_stored_with_its_fingerprint(stores, alice, keys):
    made = upload(stores, alice, keys[0])

    assert ApiKey(fingerprint=made.fingerprint, public=keys[0], time_created=NOW) == made
    assert replace(alice, api_keys=(made,), version=2) == stored(stores, alice)
    assert made == stored(stores, alice).api_key(made.fingerprint)


def test_a_fingerprint_is_as_openssl_says(stores, alice):
    made = upload(stores, alice, PUBLIC)

    assert FINGERPRINT == made.fingerprint


def test_a_key_may_be_followed_by_other_lines(stores, alice, keys):
    assert keys[0] == upload(stores, alice, f"{keys[0]}OCI_API_KEY\n").public


def test_a_user_has_at_most_three_keys(stores, alice, keys):
    for key in keys[:3]:
        upload(stores, alice, key)

    with pytest.raises(LimitReached, match="3"):
        upload(stores, alice, keys[3])


def test_a_key_is_there_once_for_a_user(stores, alice, keys):
    upload(stores, alice, keys[0])

    with pytest.raises(AlreadyExists):
        upload(stores, alice, keys[0])
    upload(stores, make_user(stores, "bob"), keys[0])


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ssh-rsa AAAA",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505 - it is to be refused
        pem(generate_ec_key(SECP256R1())),
    ],
    ids=["nothing", "another form", "no key", "private", "1024 bits", "no RSA"],
)
def test_what_is_no_rsa_key_of_2048_bits_is_refused(stores, alice, key):
    with pytest.raises(ParameterInvalid, match=r"^key: "):
        upload(stores, alice, key)


def test_a_deleted_key_has_gone(stores, alice, keys):
    first, second = upload(stores, alice, keys[0]), upload(stores, alice, keys[1])
    tenancy = stores.directory.tenancy()

    with pytest.raises(EtagChanged):
        credentials.delete_api_key(stores, tenancy, alice.id, first.fingerprint, if_match="2")
    credentials.delete_api_key(stores, tenancy, alice.id, first.fingerprint, if_match="1")

    assert (second,) == stored(stores, alice).api_keys
    with pytest.raises(NotFound):
        credentials.delete_api_key(stores, tenancy, alice.id, first.fingerprint)
    credentials.delete_api_key(stores, tenancy, alice.id, second.fingerprint)
    assert () == stored(stores, alice).api_keys


def test_a_pair_that_is_made_here_is_one():
    pair = credentials.make_key_pair(NOW)
    private = load_pem_private_key(pair.private_key_pem.encode(), None)

    assert (pair.api_key.public, 2048) == (pem(private), private.key_size)


# Auth tokens


def test_the_text_of_an_auth_token_is_not_kept(stores, alice):
    made = add_token(stores, alice)

    assert hash_password(made.text) == made.auth_token.hash
    assert 160 <= 5 * len(made.text)  # base32
    assert (made.auth_token,) == stored(stores, alice).auth_tokens
    assert made.auth_token == stored(stores, alice).auth_token(made.text)
    assert made.text not in repr(stored(stores, alice))


def test_a_user_has_at_most_two_auth_tokens(stores, alice):
    first = add_token(stores, alice)
    add_token(stores, alice)

    with pytest.raises(LimitReached, match="2"):
        add_token(stores, alice)
    credentials.delete_auth_token(stores, stores.directory.tenancy(), alice.id, first.auth_token.id)
    add_token(stores, alice)


@pytest.mark.parametrize("description", ["", "x" * 401])
def test_an_auth_token_has_a_description(stores, alice, description):
    with pytest.raises(ParameterInvalid, match=r"^description: "):
        add_token(stores, alice, description)


def test_an_auth_token_is_described_otherwise(stores, alice):
    first, second = add_token(stores, alice).auth_token, add_token(stores, alice).auth_token
    tenancy = stores.directory.tenancy()

    with pytest.raises(EtagChanged):
        credentials.update_auth_token(stores, tenancy, alice.id, first.id, description="x", if_match="2")
    changed = credentials.update_auth_token(stores, tenancy, alice.id, first.id, description="other", if_match="1")

    assert replace(first, description="other", version=2) == changed
    assert (changed, second) == stored(stores, alice).auth_tokens


def test_a_deleted_auth_token_has_gone(stores, alice):
    made = add_token(stores, alice).auth_token
    tenancy = stores.directory.tenancy()

    with pytest.raises(EtagChanged):
        credentials.delete_auth_token(stores, tenancy, alice.id, made.id, if_match="2")
    credentials.delete_auth_token(stores, tenancy, alice.id, made.id, if_match="1")

    assert () == stored(stores, alice).auth_tokens
    with pytest.raises(NotFound):
        credentials.delete_auth_token(stores, tenancy, alice.id, made.id)


def test_credentials_of_nobody_are_not_found(stores, alice, keys):
    nobody = replace(alice, id=f"{alice.id}0")
    tenancy = stores.directory.tenancy()

    for absent in (
        lambda: upload(stores, nobody, keys[0]),
        lambda: add_token(stores, nobody),
        lambda: credentials.delete_api_key(stores, tenancy, nobody.id, "aa"),
        lambda: credentials.update_auth_token(stores, tenancy, nobody.id, "x"),
        lambda: credentials.delete_auth_token(stores, tenancy, nobody.id, "x"),
    ):
        with pytest.raises(NotFound):
            absent()


def test_a_retry_token_is_stored_with_what_it_made(stores, alice, keys):
    key = upload(stores, alice, keys[0], remember=Retry(stores))
    made = add_token(stores, alice, remember=Retry(stores, "other"))

    assert key.fingerprint == stores.directory.remembered("somebody", "token").resource_id
    assert made.auth_token.id == stores.directory.remembered("somebody", "other").resource_id
