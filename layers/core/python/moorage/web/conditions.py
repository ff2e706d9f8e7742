"""Entity tags and conditional requests: a digest in quotes. RFC 9110, section 13."""

import re

from starlette.requests import Request

from moorage.domain.content import Expected
from moorage.domain.digest import Digest
from moorage.domain.errors import DigestInvalid, Unsupported

_TAG = re.compile(r'(?:W/)?"([^"]*)"', re.ASCII)


def etag(digest: Digest) -> str:
    """Return the entity tag of content with this digest."""
    return f'"{digest}"'


def not_modified(request: Request, digest: Digest) -> bool:
    """Whether If-None-Match names what would be sent."""
    header = request.headers.get("if-none-match")
    return header is not None and (header.strip() == "*" or str(digest) in _TAG.findall(header))


def expected_of(request: Request) -> Expected | None:
    """Return what a PUT expects of its tag: `If-Match: "<digest>"`, or `If-None-Match: *` for a tag that is not there.

    Raises Unsupported for other forms, DigestInvalid for an entity tag that is no digest.
    """
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if match is None and none_match is None:
        return None
    if match is not None and none_match is not None:
        raise Unsupported("send If-Match or If-None-Match, not both")
    if none_match is not None:
        if none_match.strip() != "*":
            raise Unsupported("a tag can be pushed with If-None-Match: *, which asks that it is not there")
        return Expected(frozenset())
    digests = _TAG.findall(match or "")
    if not digests:
        raise DigestInvalid('If-Match is written "<digest>", with the quotes', if_match=(match or "")[:200])
    return Expected(frozenset(Digest.parse(text) for text in digests))
