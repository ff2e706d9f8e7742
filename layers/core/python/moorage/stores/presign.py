"""Presigned S3 URLs: AWS Signature Version 4 in the query, signed and checked by arithmetic alone.

The canonical form is S3's (its API reference, "Authenticating Requests: Using Query Parameters"): paths are encoded
once and not normalised, so that keys with '//', ':' and '@' sign as botocore signs them. Every parameter is signed.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote, urlsplit

LONGEST_LIFE = timedelta(days=7)
CLOCK_SKEW = timedelta(minutes=15)
ALGORITHM = "AWS4-HMAC-SHA256"
TIME = "%Y%m%dT%H%M%SZ"

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_SIGNED_QUERY = {"X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature"}
_PARAMETERS_CODE = "AuthorizationQueryParametersError"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What botocore calls frozen credentials; `token` only for those of a role."""

    access_key: str
    secret_key: str
    token: str | None = None


class SignatureRefused(Exception):
    """A presigned URL is not to be served; `code` is S3's name for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def sign(secret: str, time: str, scope: str, request: str) -> str:
    """Sign a canonical request: its last line is the hash of the payload, or UNSIGNED-PAYLOAD."""
    hashed = hashlib.sha256(request.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return _hmac(key, f"{ALGORITHM}\n{time}\n{scope}\n{hashed}").hex()


def presign(
    method: str,
    base: str,
    key: str,
    *,
    credentials: Credentials,
    region: str,
    expires: timedelta,
    now: datetime,
    query: Mapping[str, str] | None = None,
) -> str:
    """Return a URL for one object.

    `base` names the bucket: `https://<bucket>.s3.<region>.amazonaws.com` or `<endpoint>/<bucket>`. `query` is signed as
    well: S3's `response-content-type`, or a parameter that only a front of ours reads.
    """
    parts = urlsplit(base)
    time = now.astimezone(UTC).strftime(TIME)
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    parameters = {
        **(query or {}),
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": time,
        "X-Amz-Expires": str(int(expires.total_seconds())),
        "X-Amz-SignedHeaders": "host",
        **({"X-Amz-Security-Token": credentials.token} if credentials.token else {}),
    }
    path = _encode_path(f"{parts.path.rstrip('/')}/{key}")
    host = parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, ""))
    canonical = _canonical_query(parameters.items())
    request = f"{method}\n{path}\n{canonical}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    signature = sign(credentials.secret_key, time, scope, request)
    return f"{parts.scheme}://{parts.netloc}{path}?{canonical}&X-Amz-Signature={signature}"


def verify(
    method: str, target: str, host: str, *, secret_of: Callable[[str], str | None], region: str, now: datetime
) -> dict[str, str]:
    """Check a presigned request and return its parameters. `target` is path and query as they came.

    Raises SignatureRefused unless the URL was signed for this method, host and region by a key that `secret_of` knows,
    and has not expired.
    """
    path, _, text = target.partition("?")
    pairs = parse_qsl(text, keep_blank_values=True)
    parameters = dict(pairs)
    secret, time, scope = _read(parameters, secret_of, region)
    canonical = _canonical_query(pair for pair in pairs if pair[0] != "X-Amz-Signature")
    encoded = _encode_path(unquote(path))
    request = f"{method}\n{encoded}\n{canonical}\nhost:{host.lower()}\n\nhost\nUNSIGNED-PAYLOAD"
    signature = sign(secret, time, scope, request)
    if not hmac.compare_digest(signature.encode(), parameters["X-Amz-Signature"].encode()):
        raise SignatureRefused("SignatureDoesNotMatch", "the signature is not for this method, host, path and query")
    _check_life(time, parameters["X-Amz-Expires"], now)
    return parameters


def _read(parameters: Mapping[str, str], secret_of: Callable[[str], str | None], region: str) -> tuple[str, str, str]:
    """Return secret, time and scope of a presigned query."""
    if not parameters.keys() & _SIGNED_QUERY:
        raise SignatureRefused("AccessDenied", "the request is not signed")
    if parameters.keys() & _SIGNED_QUERY != _SIGNED_QUERY:
        raise SignatureRefused(_PARAMETERS_CODE, f"a presigned URL has {', '.join(sorted(_SIGNED_QUERY))}")
    if parameters.get("X-Amz-Algorithm") != ALGORITHM or parameters.get("X-Amz-SignedHeaders") != "host":
        raise SignatureRefused(_PARAMETERS_CODE, f"the algorithm is {ALGORITHM}, the signed header is host")
    access_key, _, scope = parameters["X-Amz-Credential"].partition("/")
    time = parameters["X-Amz-Date"]
    if not re.fullmatch(r"\d{8}T\d{6}Z", time, re.ASCII) or scope != f"{time[:8]}/{region}/s3/aws4_request":
        raise SignatureRefused(
            _PARAMETERS_CODE, "the credential's scope is <day of X-Amz-Date>/<region>/s3/aws4_request"
        )
    secret = secret_of(access_key)
    if secret is None:
        raise SignatureRefused("InvalidAccessKeyId", "the access key is not known")
    return secret, time, scope


def _check_life(time: str, expires: str, now: datetime) -> None:
    try:
        signed, life = datetime.strptime(time, TIME).replace(tzinfo=UTC), timedelta(seconds=int(expires))
    except (ValueError, OverflowError):
        raise SignatureRefused(_PARAMETERS_CODE, "X-Amz-Date or X-Amz-Expires is not a time") from None
    if not timedelta() < life <= LONGEST_LIFE:
        raise SignatureRefused(_PARAMETERS_CODE, "X-Amz-Expires is from 1 second to 7 days")
    if now < signed - CLOCK_SKEW:
        raise SignatureRefused("AccessDenied", "the request is not yet valid")
    if now >= signed + life:
        raise SignatureRefused("AccessDenied", "the request has expired")


def _encode_path(path: str) -> str:
    return quote(path, safe="/~")


def _canonical_query(parameters: Iterable[tuple[str, str]]) -> str:
    encoded = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in parameters)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
