"""Upload sessions: bytes on their way to becoming a blob. distribution-spec, "Pushing a blob in chunks".

The bytes of a session are parts, each sealed in an S3 multipart upload, and one tail of less than a part: inline in the
session's row, or one object. So a chunk of any size can follow a chunk of any size, and S3's minimum part never shows.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from moorage.domain.content import INLINE_BLOB_LIMIT
from moorage.domain.digest import Digest
from moorage.domain.errors import UploadInvalid

SESSION_LIFE = timedelta(hours=24)  # after the last part
WRITER_LIFE = timedelta(seconds=60)  # a writer that said nothing for so long has gone

_MIB = 1024 * 1024
_PART_SIZES = ((2_000, 8 * _MIB), (5_000, 32 * _MIB), (10_000, 64 * _MIB))  # up to that part number, so many bytes
_RANGE = re.compile(r"(?:bytes[ =])?(\d{1,15})-(\d{1,15})(?:/(?:\d+|\*))?", re.ASCII)


class UploadState(StrEnum):
    """CLOSING has its digest and is the record of the object's key; EXPIRED belongs to the sweep."""

    OPEN = "OPEN"
    CLOSING = "CLOSING"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Tail:
    """The bytes after the last part: inline, or an object of this session."""

    size: int = 0
    data: bytes = b""
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the bytes of a session have come; replaced as a whole, by one conditional write."""

    offset: int = 0
    algorithm: str = "sha256"
    hash_state: bytes = b""
    key: str | None = None  # of the multipart upload
    multipart: str | None = None
    etags: tuple[str, ...] = ()  # of the sealed parts, in order
    tail: Tail = Tail()


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """Which session, in which repository, for whom: all three must match what the session was made for."""

    id: str
    repository_id: str
    principal: str


@dataclass(frozen=True, slots=True)
class UploadSession:
    """One upload, bound to a repository and a principal."""

    id: str
    repository_id: str
    principal: str
    state: UploadState
    expires: datetime
    progress: Progress = Progress()
    key: str | None = None  # of the whole object, once the session is CLOSING
    digest: Digest | None = None
    time_closed: datetime | None = None
    writer: str | None = None
    writer_until: datetime | None = None

    @property
    def ticket(self) -> UploadTicket:
        """What a request must name to use the session."""
        return UploadTicket(self.id, self.repository_id, self.principal)


def part_size(number: int) -> int:
    """Return how many bytes part `number` (from 1) gets; 10,000 parts hold `BLOB_LIMIT`."""
    return next(size for last, size in _PART_SIZES if number <= last)


BLOB_LIMIT = sum(
    (last - first) * size
    for (last, size), first in zip(_PART_SIZES, [0, *(last for last, _ in _PART_SIZES)], strict=False)
)  # bytes: 15.6 GiB + 93.8 GiB + 312.5 GiB


def fits_inline(size: int) -> bool:
    """Whether a blob, or a tail, of `size` bytes lives in its row."""
    return size <= INLINE_BLOB_LIMIT


def parse_content_range(text: str) -> tuple[int, int]:
    """Read `<first>-<last>` of a chunk, both inclusive; the unit is optional. Raises UploadInvalid."""
    match = _RANGE.fullmatch(text.strip())
    if not match or int(match[2]) < int(match[1]):
        raise UploadInvalid("Content-Range of a chunk is written <first byte>-<last byte>", content_range=text[:100])
    return int(match[1]), int(match[2])
