"""Bytes, the links that hold them, and the edges beside the links."""

from dataclasses import replace
from datetime import datetime

from moorage.domain.content import BytesState, Edge, Link, LinkState, StoredBytes
from moorage.domain.digest import Digest
from moorage.stores.base import Attached, Held
from moorage.stores.memory.rows import HeldBytes, Store, atomic


class MemoryBytes(Store):
    """`BytesStore` in memory."""

    @atomic
    def hold(self, digest: Digest, key: str, size: int, reference: str, generation: str, now: datetime) -> Held:
        """Add a reference to LIVE bytes, or make the row."""
        del now  # of the review mark, which nothing here reads
        row = self._rows.held.get(digest)
        if row is None:
            stored = StoredBytes(digest, BytesState.LIVE, generation, key, size)
            row = HeldBytes(stored, epoch=0, references=frozenset())
        if row.stored.state is not BytesState.LIVE:
            return Held(None, row.stored.generation, row.stored.key)
        self._refer(row, reference)
        return Held(row.stored.key)

    @atomic
    def replace(self, digest: Digest, held: Held, key: str, size: int, reference: str, generation: str) -> bool:
        """Put new bytes in the place of DELETING ones, if they are those that `hold` met."""
        row = self._rows.held.get(digest)
        if row is None or row.stored.state is not BytesState.DELETING:
            return False
        if row.stored.generation != held.deleting_generation:
            return False
        stored = StoredBytes(digest, BytesState.LIVE, generation, key, size)
        dead = row.dead | {held.deleting_key}
        self._rows.held[digest] = HeldBytes(stored, row.epoch + 1, frozenset({reference}), dead)
        return True

    @atomic
    def share(self, digest: Digest, reference: str) -> str | None:
        """Add a reference to LIVE bytes that must be there."""
        row = self._rows.held.get(digest)
        if row is None or row.stored.state is not BytesState.LIVE:
            return None
        self._refer(row, reference)
        return row.stored.key

    @atomic
    def release(self, digest: Digest, reference: str) -> None:
        """Take a reference out."""
        row = self._rows.held.get(digest)
        if row:
            left = row.references - {reference}
            self._rows.held[digest] = replace(row, epoch=row.epoch + 1, references=left)

    @atomic
    def keys_of(self, digest: Digest) -> frozenset[str]:
        """Return the row's own and its dead keys."""
        row = self._rows.held.get(digest)
        return row.dead | {row.stored.key} if row else frozenset()

    def _refer(self, row: HeldBytes, reference: str) -> None:
        held = replace(row, epoch=row.epoch + 1, references=row.references | {reference})
        self._rows.held[row.stored.digest] = held


class MemoryLinks(Store):
    """`LinkStore` in memory."""

    @atomic
    def get(self, repository_id: str, digest: Digest) -> Link | None:
        """Read a link."""
        return self._rows.links.get((repository_id, digest))

    @atomic
    def attach(self, link: Link) -> Attached:
        """Write a link where there is none, or a DELETING one, whose count it keeps."""
        row = self._rows.links.get((link.repository_id, link.digest))
        if row and row.state is not LinkState.DELETING:
            return Attached(existing=row)
        counted = row.counted if row else None
        self._write(replace(link, state=LinkState.LIVE, epoch=1, counted=counted, hidden=False))
        return Attached(replaced_generation=row.generation if row else None)

    @atomic
    def revive(self, link: Link, lease: datetime, *, show: bool = False) -> bool:
        """Make a readable link of this generation LIVE with a new lease."""
        row = self._rows.links.get((link.repository_id, link.digest))
        if row is None or row.generation != link.generation or row.state is LinkState.DELETING:
            return False
        if row.hidden and not show:
            return False
        self._write(replace(row, state=LinkState.LIVE, lease=lease, epoch=row.epoch + 1, hidden=False))
        return True

    @atomic
    def condemn(self, link: Link) -> bool:
        """LIVE -> CONDEMNED."""
        row = self._as_read(link)
        if row is None or row.state is not LinkState.LIVE:
            return False
        self._write(replace(row, state=LinkState.CONDEMNED, epoch=row.epoch + 1))
        return True

    @atomic
    def hide(self, link: Link) -> bool:
        """Hide a CONDEMNED link."""
        row = self._as_read(link)
        if row is None or row.state is not LinkState.CONDEMNED:
            return False
        self._write(replace(row, hidden=True, epoch=row.epoch + 1))
        return True

    @atomic
    def edges(self, repository_id: str, digest: Digest) -> list[Edge]:
        """Return the edges to this content in the order of their parents."""
        edges = [edge for key, edge in self._rows.edges.items() if key[:2] == (repository_id, digest)]
        return sorted(edges, key=lambda edge: str(edge.parent))

    @atomic
    def holders(self, digest: Digest, limit: int) -> list[str]:
        """Return repositories that have a link to the blob."""
        return sorted(repository_id for repository_id, linked in self._rows.links if linked == digest)[:limit]

    def _as_read(self, link: Link) -> Link | None:
        row = self._rows.links.get((link.repository_id, link.digest))
        return row if row and (row.generation, row.epoch) == (link.generation, link.epoch) else None

    def _write(self, link: Link) -> None:
        self._rows.links[link.repository_id, link.digest] = link
