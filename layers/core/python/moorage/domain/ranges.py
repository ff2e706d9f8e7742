"""One HTTP byte range. RFC 9110, section 14."""

import re

from moorage.domain.errors import RangeUnsatisfiable

_ONE = re.compile(r"bytes=(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))", re.ASCII)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return first and last byte (inclusive), or None for the whole: no header, several ranges, or another unit.

    Raises RangeUnsatisfiable when no byte of the range exists, or its end comes before its start: RFC 9110 lets such a
    header be ignored, the conformance suite wants it refused.
    """
    match = _ONE.fullmatch(header.strip()) if header else None
    if not match:
        return None
    if match[3] is not None:
        length = min(int(match[3]), size)
        first, last = size - length, size - 1
    else:
        first, last = int(match[1]), min(int(match[2]) if match[2] else size - 1, size - 1)
    if first >= size or first > last:
        raise RangeUnsatisfiable("the blob does not have these bytes", range=header, size=size)
    return first, last
