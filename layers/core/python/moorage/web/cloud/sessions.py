"""Session tokens: `ST$<jwt>` as a key id, with the public key of the session in the token. ocir.md 4.2."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from moorage.domain.access import Principal
from moorage.domain.ocid import tenancy_ocid
from moorage.web.cloud.signing import unverified
from moorage.web.site import Site

PREFIX = "ST$"  # before a token, as a key id


def read_session(site: Site, key_id: str) -> tuple[Principal, RSAPublicKey]:
    """Return whose a session is, without groups, and the key that its requests are signed with.

    Raises Unauthenticated.
    """
    principal, public = site.keyring.verify_session(key_id.removeprefix(PREFIX), tenancy_ocid(site.namespace))
    return principal, read_jwk(public)


def write_jwk(key: RSAPublicKey) -> dict[str, str]:
    """Write a public key as RFC 7517 does."""
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": _written(numbers.n), "e": _written(numbers.e)}


def write_pem(key: RSAPublicKey) -> str:
    """Write a public key as users upload one."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def read_jwk(public: Mapping[str, Any]) -> RSAPublicKey:
    """Read what `write_jwk` wrote. Raises Unauthenticated."""
    try:
        return RSAPublicNumbers(_read(public["e"]), _read(public["n"])).public_key()
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise unverified() from error


def _written(number: int) -> str:
    return urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).decode().rstrip("=")


def _read(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
