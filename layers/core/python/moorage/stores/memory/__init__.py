"""All of storage in this process: for tests, and the plainest statement of what `base` asks for."""

import os
from collections.abc import Callable
from datetime import UTC, datetime

from moorage.stores.base import Limits, Stores
from moorage.stores.memory.content import MemoryBytes, MemoryLinks
from moorage.stores.memory.directory import MemoryDirectory
from moorage.stores.memory.identity import MemoryIdentity
from moorage.stores.memory.images import MemoryImages, MemorySignatures
from moorage.stores.memory.manifests import MemoryManifests
from moorage.stores.memory.objects import MemoryObjects
from moorage.stores.memory.repositories import MemoryRepositories
from moorage.stores.memory.rows import Rows
from moorage.stores.memory.uploads import MemoryUploads

__all__ = ["Rows", "memory_stores"]


def memory_stores(
    limits: Limits,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    entropy: Callable[[int], bytes] = os.urandom,
    rows: Rows | None = None,
) -> Stores:
    """Make stores that share one set of rows and one lock; a caller that wants to look inside brings the rows."""
    rows = rows or Rows(limits.images, limits.storage_bytes)
    return Stores(
        repositories=MemoryRepositories(rows, limits),
        links=MemoryLinks(rows),
        bytes=MemoryBytes(rows),
        uploads=MemoryUploads(rows),
        objects=MemoryObjects(rows),
        manifests=MemoryManifests(rows),
        images=MemoryImages(rows),
        signatures=MemorySignatures(rows),
        identity=MemoryIdentity(rows),
        directory=MemoryDirectory(rows, limits.namespace, clock),
        limits=limits,
        clock=clock,
        entropy=entropy,
    )
