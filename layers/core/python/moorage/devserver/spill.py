"""moto's objects as files: it would hold a multipart upload in memory four times over while it is completed.

What still is in memory is one part while it is sent, and one object for each GET that is being answered.
"""

import hashlib
import resource
import shutil
from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from typing import Any, cast

from moto.s3.exceptions import EntityTooSmall, InvalidPart, MalformedXML
from moto.s3.models import FakeKey, FakeMultipart
from moto.settings import S3_UPLOAD_PART_MIN_SIZE

PIECE = 1024 * 1024
ENOUGH_FILES = 65_536


def spill_to_disk() -> None:
    """Change moto, in this process, for good; every object and part of size is an open file from now on."""
    multipart, key = cast("Any", FakeMultipart), cast("Any", FakeKey)
    multipart.complete = _complete
    key.value = property(key.value.fget, _set_value(key.value.fset))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = ENOUGH_FILES if hard == resource.RLIM_INFINITY else min(hard, ENOUGH_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


class _Joined:
    """The bytes of an object that is made of parts, in a file."""

    def __init__(self, parts: Iterable[Any]) -> None:
        self.file: SpooledTemporaryFile[bytes] = SpooledTemporaryFile()  # noqa: SIM115 - moto closes it with the object
        self.file.rollover()
        for part in parts:
            part._value_buffer.seek(0)  # noqa: SLF001 - the part's file
            shutil.copyfileobj(part._value_buffer, self.file, PIECE)  # noqa: SLF001
        self.size = self.file.tell()


def _complete(self: Any, body: Iterable[tuple[int, str]]) -> tuple[_Joined, str, None]:
    """Check parts as moto does, but compute no checksum that nobody asked for, and join them on disk."""
    parts = []
    for number, etag in body:
        part = self.parts.get(number)
        if part is None or part.etag.strip('"') != etag.strip('"'):
            raise InvalidPart
        parts.append(part)
    if not parts:
        raise MalformedXML
    if any(part.contentsize < S3_UPLOAD_PART_MIN_SIZE for part in parts[:-1]):
        raise EntityTooSmall
    md5s = b"".join(bytes.fromhex(part.etag.strip('"')) for part in parts)
    return _Joined(parts), f"{hashlib.md5(md5s, usedforsecurity=False).hexdigest()}-{len(parts)}", None


def _set_value(original: Any) -> Any:
    def set_value(self: Any, value: bytes | _Joined) -> None:
        if not isinstance(value, _Joined):
            original(self, value)
            return
        self._value_buffer.close()
        self._value_buffer = value.file
        self.contentsize = value.size

    return set_value
