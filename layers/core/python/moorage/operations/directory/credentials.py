"""What users sign in with: API keys sign requests, auth tokens are passwords. Neither secret is kept here."""

import hashlib
from base64 import b32encode
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from moorage.domain.directory import (
    API_KEYS_PER_USER,
    AUTH_TOKENS_PER_USER,
    ApiKey,
    AuthToken,
    Change,
    User,
)
from moorage.domain.errors import AlreadyExists, EtagChanged, LimitReached, NotFound, ParameterInvalid
from moorage.domain.identity import hash_password
from moorage.domain.ocid import Kind
from moorage.domain.tenancy import Tenancy
from moorage.operations.directory.administrators import keep_an_administrator
from moorage.operations.directory.changing import Remember, changed, commit, new_ocid, read, settle
from moorage.operations.directory.fields import check_description
from moorage.stores.base import Stores

RSA_BITS = 2048  # of keys that are made here, and the least of any

_MOST_BITS = 16_384
_PASSWORD_BYTES = 20  # 160 bits: 32 letters and digits


@dataclass(frozen=True, slots=True)
class Password:
    """A new auth token with its text, which nobody can read again."""

    auth_token: AuthToken
    text: str


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A new API key with its private half, which nobody can read again."""

    api_key: ApiKey
    private_key_pem: str


def upload_api_key(
    stores: Stores, tenancy: Tenancy, user_id: str, key: str, *, remember: Remember | None = None
) -> ApiKey:
    """Give a user an API key: the public half of a pair."""
    api_key = read_api_key(key, stores.clock())

    def step(_: Tenancy) -> ApiKey:
        user = read(stores, User, user_id)
        if user.api_key(api_key.fingerprint):
            raise AlreadyExists
        if len(user.api_keys) >= API_KEYS_PER_USER:
            raise LimitReached(f"a user has at most {API_KEYS_PER_USER} API keys; delete one first")
        remembered = remember(api_key.fingerprint, 1) if remember else None
        after = changed(user, api_keys=(*user.api_keys, api_key))
        commit(stores, [Change(user, after)], remembered=remembered)
        return api_key

    return settle(stores, tenancy, step, remember)


def delete_api_key(
    stores: Stores, tenancy: Tenancy, user_id: str, fingerprint: str, *, if_match: str | None = None
) -> None:
    """Take an API key from a user; nothing that it signs counts from then on. An API key has the etag 1.

    The last administrator who signs requests keeps one.
    """

    def step(current: Tenancy) -> None:
        user = read(stores, User, user_id)
        api_key = user.api_key(fingerprint)
        if api_key is None:
            raise NotFound
        _require_etag(if_match, 1)
        left = tuple(one for one in user.api_keys if one != api_key)
        after = replace(changed(user), api_keys=left)
        commit(stores, [Change(user, after)], keep_an_administrator(stores, current, user, after))

    settle(stores, tenancy, step)


def create_auth_token(
    stores: Stores, tenancy: Tenancy, user_id: str, *, description: str, remember: Remember | None = None
) -> Password:
    """Give a user an auth token; its text is shown once."""
    password = make_password(stores, check_description(description))

    def step(_: Tenancy) -> Password:
        user = read(stores, User, user_id)
        if len(user.auth_tokens) >= AUTH_TOKENS_PER_USER:
            raise LimitReached(f"a user has at most {AUTH_TOKENS_PER_USER} auth tokens; delete one first")
        remembered = remember(password.auth_token.id, password.auth_token.version) if remember else None
        after = changed(user, auth_tokens=(*user.auth_tokens, password.auth_token))
        commit(stores, [Change(user, after)], remembered=remembered)
        return password

    return settle(stores, tenancy, step, remember)


def update_auth_token(
    stores: Stores,
    tenancy: Tenancy,
    user_id: str,
    auth_token_id: str,
    *,
    description: str | None = None,
    if_match: str | None = None,
) -> AuthToken:
    """Describe an auth token otherwise."""

    def step(_: Tenancy) -> AuthToken:
        user, before = find_auth_token(stores, user_id, auth_token_id)
        _require_etag(if_match, before.version)
        told = before.description if description is None else check_description(description)
        after = replace(before, description=told, version=before.version + 1)
        kept = tuple(after if one == before else one for one in user.auth_tokens)
        commit(stores, [Change(user, changed(user, auth_tokens=kept))])
        return after

    return settle(stores, tenancy, step)


def delete_auth_token(
    stores: Stores, tenancy: Tenancy, user_id: str, auth_token_id: str, *, if_match: str | None = None
) -> None:
    """Take an auth token from a user; logins that were made with it end with their access tokens."""

    def step(_: Tenancy) -> None:
        user, before = find_auth_token(stores, user_id, auth_token_id)
        _require_etag(if_match, before.version)
        left = tuple(one for one in user.auth_tokens if one != before)
        commit(stores, [Change(user, replace(changed(user), auth_tokens=left))])

    settle(stores, tenancy, step)


def find_auth_token(stores: Stores, user_id: str, auth_token_id: str) -> tuple[User, AuthToken]:
    """Return a user with one of its auth tokens. Raises NotFound."""
    user = read(stores, User, user_id)
    found = [one for one in user.auth_tokens if one.id == auth_token_id]
    if not found:
        raise NotFound
    return user, found[0]


def read_api_key(pem: str, now: datetime) -> ApiKey:
    """Read a public key as users upload it. Raises ParameterInvalid."""
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ParameterInvalid("key", "must be a public key in PEM: -----BEGIN PUBLIC KEY-----") from error
    if not isinstance(key, RSAPublicKey) or not RSA_BITS <= key.key_size <= _MOST_BITS:
        raise ParameterInvalid("key", f"must be an RSA key of {RSA_BITS} bits or more")
    return _api_key(key, now)


def make_key_pair(now: datetime) -> KeyPair:
    """Make an API key with its private half."""
    pair = generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    private = pair.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(_api_key(pair.public_key(), now), private.decode())


def make_password(stores: Stores, description: str) -> Password:
    """Make an auth token at random."""
    now = stores.clock()
    text = b32encode(stores.entropy(_PASSWORD_BYTES)).decode().lower()
    auth_token = AuthToken(
        id=new_ocid(stores, Kind.AUTH_TOKEN, now),
        hash=hash_password(text),
        description=description,
        time_created=now,
    )
    return Password(auth_token, text)


def _api_key(key: RSAPublicKey, now: datetime) -> ApiKey:
    thumb = hashlib.md5(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), usedforsecurity=False)
    return ApiKey(
        fingerprint=thumb.digest().hex(":"),
        public=key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        time_created=now,
    )


def _require_etag(if_match: str | None, version: int) -> None:
    if if_match not in {None, str(version)}:
        raise EtagChanged(f"if-match: the resource has the etag {version} by now; get it again")
