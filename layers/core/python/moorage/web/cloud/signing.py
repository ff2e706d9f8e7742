"""Signed requests: draft-cavage-http-signatures-08 as clients of the cloud use it, for any front, without a framework.

What was signed is known only where nothing stood between: a gateway changes Host, Date and how a path is written. So
a request comes with everything that it may have been, and the signature says which of them it was: the digest that was
signed is taken out of the signature with the public key, once, and compared with that of each possible text.
"""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from hmac import compare_digest
from itertools import islice, product
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from moorage.domain.errors import Unauthenticated

SKEW = timedelta(minutes=5)  # between the date of a request and our clock, at most
TEXTS_LIMIT = 512  # texts that are compared with what was signed

_TARGET = "(request-target)"
_BODY_HEADERS = ("content-length", "content-type", "x-content-sha256")
_WITH_BODY = {"POST", "PUT", "PATCH"}
_HEADERS_LIMIT = 32  # names in the list of what was signed
_AUTHORIZATION_LIMIT = 10_240  # characters: what a gateway takes
_SIGNATURE = re.compile(r"signature +(?P<parameters>\S.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_PARAMETER = re.compile(r'\s*([A-Za-z]+)="([^"]*)"\s*(?:,|$)', re.ASCII)
_NAME = re.compile(r"\(request-target\)|[a-z0-9-]{1,64}", re.ASCII)

# What clients leave as it is in a path: nothing but slashes; all that RFC 3986 lets them; what JavaScript does.
_SAFE = ("/", "/:@!$&'()*+,;=", "/!*'()")


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came, and what it may have been before. Names of headers are in lower case.

    `headers` lacks those that came more than once; of each of `targets`, `hosts` and `dates` one is what was sent.
    """

    method: str
    targets: Sequence[str]
    hosts: Sequence[str]
    dates: Sequence[str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """What an Authorization header says. `names` are those of what was signed, in its order."""

    key_id: str
    names: tuple[str, ...]
    value: bytes


def verify(received: Received, now: datetime, find_key: Callable[[str], RSAPublicKey]) -> None:
    """Go on only with a request that was signed now, as a whole, by the key that its key id means.

    `find_key` is asked when all else is in order, and raises Unauthenticated where there is none. Raises the same.
    """
    signature = read_authorization(received.headers.get("authorization", ""))
    _check_names(received, signature.names)
    dates = _dates(received, signature.names, now)
    _check_body(received, signature.names)
    key = find_key(signature.key_id)
    try:
        digest = key.recover_data_from_signature(signature.value, PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise unverified() from error
    texts = islice(_texts(received, signature.names, dates), TEXTS_LIMIT)
    text = next((text for text in texts if compare_digest(sha256(text).digest(), digest)), None)
    if text is None:
        raise unverified()
    try:
        key.verify(signature.value, text, PKCS1v15(), SHA256())
    except InvalidSignature as error:
        raise unverified() from error


def read_authorization(header: str) -> Signature:
    """Read `Signature version="1",keyId="...",...`, its parameters in any order. Raises Unauthenticated."""
    match = _SIGNATURE.fullmatch(header.strip()) if len(header) <= _AUTHORIZATION_LIMIT else None
    if match is None:
        raise Unauthenticated('the request is not signed: Authorization must be Signature version="1",...')
    parameters = _parameters(match["parameters"])
    if parameters.get("version", "1") != "1":
        raise Unauthenticated('Authorization: the version of signatures is "1"')
    if parameters.get("algorithm") != "rsa-sha256":
        raise Unauthenticated('Authorization: the algorithm of signatures is "rsa-sha256"')
    key_id, value = parameters.get("keyId"), parameters.get("signature")
    if not key_id or not value:
        raise Unauthenticated("Authorization: keyId and signature must be there")
    names = tuple(parameters.get("headers", "date").lower().split())
    if len(names) > _HEADERS_LIMIT or len(set(names)) != len(names) or not all(map(_NAME.fullmatch, names)):
        raise Unauthenticated(f"Authorization: headers lists up to {_HEADERS_LIMIT} names of headers, each once")
    try:
        return Signature(key_id, names, b64decode(value, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated("Authorization: signature is not in base64") from error


def unverified() -> Unauthenticated:
    """One answer for a key that is not there, one that may not be used, and a signature that is not its."""
    return Unauthenticated("the signature cannot be verified with the key that its keyId names")


def targets(paths: Sequence[str], query: str) -> list[str]:
    """Return what the signed target may have been, of paths that came decoded: as clients encode them."""
    ends = [f"?{query}" if query else ""]
    if not query:
        ends.append("?")
    written = [way for path in paths for way in (path, *(quote(path, safe=safe) for safe in _SAFE))]
    return list(dict.fromkeys(path + end for path in written for end in ends))


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or match[1] in found:
            raise Unauthenticated('Authorization: after Signature stand parameters as name="value", each once')
        found[match[1]] = match[2]
        position = match.end()
    return found


def _check_names(received: Received, names: Sequence[str]) -> None:
    """Refuse a signature over less than what makes the request what it is."""
    needed = [_TARGET, "host", *(_BODY_HEADERS if received.method in _WITH_BODY else ())]
    if missing := [name for name in needed if name not in names]:
        raise Unauthenticated(f"the signature does not cover {', '.join(missing)}")
    if "date" not in names and "x-date" not in names:
        raise Unauthenticated("the signature covers neither date nor x-date")
    made_good = {_TARGET, "host", "date", "content-length"}
    if absent := [name for name in names if name not in made_good and name not in received.headers]:
        raise Unauthenticated(f"the signature covers {', '.join(absent)}, which the request has not, or not once")


def _dates(received: Received, names: Sequence[str], now: datetime) -> list[str]:
    """Return what the signed date may have been, none of it far from now; x-date is what it is."""
    if "x-date" in names:
        if not _is_near(received.headers["x-date"], now):
            raise _skewed()
        return list(received.dates) or [""] if "date" in names else [""]
    if not received.dates:
        raise Unauthenticated("the signature covers date, which the request has not, or not once")
    near = [date for date in received.dates if _is_near(date, now)]
    if not near:
        raise _skewed()
    return near


def _is_near(text: str, now: datetime) -> bool:
    try:
        moment = parsedate_to_datetime(text)
        # Python reads -0000 as a time of no zone: RFC 5322 says that it is UTC.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return abs(moment - now) <= SKEW
    except (ValueError, TypeError, IndexError, OverflowError):
        return False


def _skewed() -> Unauthenticated:
    minutes = int(SKEW.total_seconds()) // 60
    return Unauthenticated(
        f"the date of the request is more than {minutes} minutes from now, or no date: check the clock"
    )


def _check_body(received: Received, names: Sequence[str]) -> None:
    """Compare the body with what was signed of it, which no gateway changes."""
    if "x-content-sha256" not in names and received.body:
        raise Unauthenticated("the signature does not cover x-content-sha256")
    if "x-content-sha256" in names:
        own = b64encode(sha256(received.body).digest())
        if not compare_digest(own, received.headers["x-content-sha256"].encode()):
            raise Unauthenticated("x-content-sha256 is not the hash of the body")


def _texts(received: Received, names: Sequence[str], dates: Sequence[str]) -> Iterator[bytes]:
    """Yield every text that may have been signed, the likeliest first."""
    known = {"content-length": str(len(received.body)), **received.headers}
    for target, host, date in product(received.targets, received.hosts, dates):
        values = {**known, _TARGET: f"{received.method.lower()} {target}", "host": host, "date": date}
        yield "\n".join(f"{name}: {values[name]}" for name in names).encode()
