"""Requests signed as clients do, and keys to sign with: making one takes long, so each is made once."""

import base64
import hashlib
from dataclasses import dataclass, replace
from email.utils import format_datetime
from functools import cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import MD5, SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SHORT = ("date", "(request-target)", "host")
LONG = (*SHORT, "content-length", "content-type", "x-content-sha256")
PARAMETERS = ("algorithm", "headers", "keyId", "signature", "version")  # in the order of the Python SDK


@cache
def private_key(name):
    """Return the RSA key that goes by a name."""
    del name
    return generate_private_key(65537, 2048)


def public_pem(name):
    return private_key(name).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def fingerprint(name):
    der = private_key(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    digest = Hash(MD5())  # noqa: S303 - it is what clients show
    digest.update(der)
    return digest.finalize().hex(":")


@dataclass(frozen=True)
class Request:
    """A request before it is sent; `target` is as it stands on the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""

    def header(self, name):
        return next(value for key, value in self.headers if key.lower() == name)

    def put(self, name, value):
        """Return it with another value of a header; None takes it away."""
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


def unsigned(method, target, host, now, body=b"", headers=()):
    """Return a request with the headers that are to be signed."""
    pairs = [("date", format_datetime(now, usegmt=True)), ("host", host), ("content-type", "application/json")]
    if method in {"POST", "PUT", "PATCH"}:
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        pairs += [("content-length", str(len(body))), ("x-content-sha256", digest)]
    return Request(method, target, (*pairs, *headers), body)


def signed(request, key_id, key, names=None, algorithm="rsa-sha256", order=PARAMETERS, padding=None):
    """Sign a request with a private key, over these headers in this order."""
    names = names or (LONG if request.method in {"POST", "PUT", "PATCH"} else SHORT)
    target = f"{request.method.lower()} {request.target}"
    lines = [f"{name}: {target if name == '(request-target)' else request.header(name)}" for name in names]
    value = key.sign("\n".join(lines).encode(), padding or PKCS1v15(), SHA256())
    parameters = {
        "algorithm": algorithm,
        "headers": " ".join(names),
        "keyId": key_id,
        "signature": base64.b64encode(value).decode(),
        "version": "1",
    }
    text = ",".join(f'{name}="{parameters[name]}"' for name in order)
    return request.put("authorization", f"Signature {text}")
