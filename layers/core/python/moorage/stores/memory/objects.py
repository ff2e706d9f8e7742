"""The bucket."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from urllib.parse import quote, urlencode

from moorage.domain.digest import Digest
from moorage.domain.errors import Unavailable, UploadUnknown
from moorage.stores.base import Gone
from moorage.stores.memory.rows import Rows, Store, atomic

PIECE = 64 * 1024  # bytes that `stream` yields at once


class MemoryObjects(Store):
    """`ObjectStore` in memory."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self._multiparts = count(1)

    @atomic
    def put(self, key: str, data: bytes | bytearray) -> None:
        """Store a whole object."""
        self._rows.objects[key] = bytes(data)

    @atomic
    def read(self, key: str) -> bytes:
        """Return a whole object."""
        if key not in self._rows.objects:
            raise Gone
        return self._rows.objects[key]

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object in pieces."""
        data = self.read(key)
        for start in range(0, len(data), PIECE):
            yield data[start : start + PIECE]

    @atomic
    def start_multipart(self, key: str) -> str:
        """Begin a multipart upload."""
        multipart = str(next(self._multiparts))
        self._rows.parts[key, multipart] = {}
        return multipart

    @atomic
    def put_part(self, key: str, multipart: str, number: int, data: bytes | bytearray) -> str:
        """Store a part."""
        if (key, multipart) not in self._rows.parts:
            raise Gone
        self._rows.parts[key, multipart] = {**self._rows.parts[key, multipart], number: bytes(data)}
        return _etag(data)

    @atomic
    def copy_part(self, key: str, multipart: str, number: int, source: str) -> str:
        """Store an object as a part."""
        return self.put_part(key, multipart, number, self.read(source))

    @atomic
    def complete(self, key: str, multipart: str, etags: Sequence[str]) -> None:
        """Make the object from exactly these parts; a repeat finds it made."""
        if (key, multipart) not in self._rows.parts and key in self._rows.objects:
            return
        if (key, multipart) not in self._rows.parts:
            raise UploadUnknown("the upload was given up meanwhile; start another")
        parts = self._rows.parts[key, multipart]
        chosen = [parts[number] for number in range(1, len(etags) + 1)]
        if [_etag(part) for part in chosen] != list(etags):
            raise Unavailable("another request is finishing this upload; send the request again")
        self._rows.objects[key] = b"".join(chosen)
        del self._rows.parts[key, multipart]

    @atomic
    def abort(self, key: str, multipart: str) -> None:
        """Give up a multipart upload."""
        self._rows.parts.pop((key, multipart), None)

    @atomic
    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects."""
        for key in keys:
            self._rows.objects.pop(key, None)

    @atomic
    def sweep(self, prefix: str, keep: frozenset[str]) -> int:
        """Abort and delete everything under `prefix` but the objects of `keep`."""
        uploads = [upload for upload in self._rows.parts if upload[0].startswith(prefix)]
        keys = [key for key in self._rows.objects if key.startswith(prefix) and key not in keep]
        for upload in uploads:
            del self._rows.parts[upload]
        self.delete(keys)
        return len(uploads) + len(keys)

    def url(self, key: str, *, method: str, host: str, digest: Digest) -> str:
        """Return where a test finds the object, with what the front would copy into its answer."""
        query = urlencode({"x-digest": str(digest), "method": method}, safe=":")
        return f"memory://{host.rpartition('://')[2]}/{quote(key)}?{query}"


def _etag(data: bytes | bytearray) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'
