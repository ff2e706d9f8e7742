"""What a token request brings: a Basic header, a signature, or the form of an OAuth2 grant."""

import binascii
from base64 import b64decode
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.datastructures import Headers

from moorage.domain.errors import ScopeInvalid, Unauthenticated

BEARER = "BEARER_TOKEN"  # the user name with which a password is one of our access tokens
FORM = "application/x-www-form-urlencoded"

_FIELDS_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name as it was sent, and a password."""

    username: str
    password: str


def read_basic(headers: Headers) -> Credentials | None:
    """Return what the Basic header says, None for nobody. RFC 7617. Raises Unauthenticated for a header of no use."""
    values = headers.getlist("authorization")
    if not values:
        return None
    scheme, _, encoded = values[0].strip().partition(" ")
    if len(values) > 1 or scheme.lower() != "basic":
        raise Unauthenticated("send user name and password as one Basic header")
    try:
        username, colon, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Unauthenticated("the Basic header is not user:password in base64") from error
    if not colon:
        raise Unauthenticated("the Basic header is not user:password in base64")
    # containers/image sends an empty pair when it has no login.
    return Credentials(username, password) if username or password else None


def is_signed(headers: Headers) -> bool:
    """Whether a request is signed, as those to the cloud plane are."""
    scheme, _, _ = headers.get("authorization", "").strip().partition(" ")
    return scheme.lower() == "signature"


def read_form(content_type: str, body: bytes) -> dict[str, list[str]]:
    """Return the fields of a form. Raises ScopeInvalid for a body that is none."""
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise ScopeInvalid(f"a token is asked for with a body of type {FORM}", content_type=content_type[:100])
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_LIMIT)
    except ValueError as error:
        raise ScopeInvalid(f"the body is not a form of at most {_FIELDS_LIMIT} fields in UTF-8") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def field(fields: dict[str, list[str]], name: str) -> str:
    """Return a field that must be there once. Raises ScopeInvalid."""
    values = fields.get(name, [])
    if len(values) != 1 or not values[0]:
        raise ScopeInvalid(f"the form needs one {name}", field=name)
    return values[0]
