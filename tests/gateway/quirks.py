"""What a gateway does to what passes through it. The defaults are API Gateway's; tests set single ones otherwise."""

from dataclasses import dataclass
from enum import StrEnum

MEBIBYTE = 1024 * 1024


class HeadLength(StrEnum):
    """Where the Content-Length of an answer to HEAD comes from."""

    KEPT = "kept"  # the function's header
    BODY = "body"  # the body that the function returned, which is then taken off
    NONE = "none"  # nowhere


class TooLarge(StrEnum):
    """What becomes of a request that no event can hold."""

    REFUSED = "refused"  # 413
    BROKEN = "broken"  # 502
    HANGS = "hangs"  # no answer, ever


@dataclass(frozen=True)
class Quirks:
    """One gateway. What is True, or has a number, is what the real one does."""

    renames: bool = True  # headers of integration answers that it takes for its own
    renames_range: bool = True  # on the way in
    owns_requests_length: bool = True  # functions see no Content-Length
    head_length: HeadLength = HeadLength.KEPT
    binary_requests: bool = True  # BinaryMediaTypes */*
    binary_answers: bool = True
    authorizer: bool = True
    header_bytes: int = 10_240  # request line, names and values
    request_bytes: int = 10 * MEBIBYTE
    event_bytes: int = 6 * MEBIBYTE  # of an event or an answer as JSON
    too_large: TooLarge = TooLarge.REFUSED
    seconds: float = 29
    keeps_base_path: bool = False  # an event of the HTTP API has the path with what the domain maps to it

    # What other things between client and function do, which the real gateway does not.
    escapes: bool = True  # a path may have %-escapes
    redirects_to: str = ""  # the authority that Locations of other hosts are given
    locations_on: str = ""  # the origin that relative Locations are made absolute with
    digest: bool = True  # Docker-Content-Digest passes
    compresses: bool = False  # JSON, for whom accepts gzip
    clock_seconds: int = 0  # how far the Date is off
    ignores_range: bool = False
    dates: bool = True  # the Date of a request passes to the HTTP API
    host: str = ""  # the Host that functions of the HTTP API are told, whatever the client's was
    raw_query: bool = True  # the HTTP API has the query as it was sent, not encoded anew
    closed: str = ""  # "<method> <begin of a path>" that is not let through
