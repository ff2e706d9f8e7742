"""`LinkStore` and `BytesStore` on DynamoDB. Steps are those of docs/protocol.md, section 4."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from moorage.domain.content import LEASE, ORPHAN_AGE, BytesState, Edge, Link, LinkState
from moorage.domain.digest import Digest
from moorage.domain.ulid import time_of, unpack_ulid
from moorage.stores import keys
from moorage.stores.base import Attached, Held
from moorage.stores.dynamodb.items import BytesItem, EdgeItem, LinkItem, marking
from moorage.stores.dynamodb.table import Item, Missed, Table

_READABLE = LinkItem.state.is_in(LinkState.LIVE.value, LinkState.CONDEMNED.value)


class DynamoLinkStore:
    """`CONTENT#<repository>#<digest>` / `LINK` and `NEEDED_BY#`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, repository_id: str, digest: Digest) -> Link | None:
        """Read the row."""
        item = self._table.get(keys.link(repository_id, digest))
        return item.to_domain() if isinstance(item, LinkItem) else None

    def attach(self, link: Link) -> Attached:
        """Update, never put: `counted` must survive the replacement of a DELETING row."""
        actions = [
            LinkItem.state.set(LinkState.LIVE.value),
            LinkItem.generation.set(link.generation),
            LinkItem.epoch.set(1),
            LinkItem.lease.set(link.lease),
            LinkItem.size.set(link.size),
            LinkItem.holder.set(str(link.digest)),
            *marking("LINK", link.lease - LEASE + ORPHAN_AGE, link.generation),
            LinkItem.hidden.remove(),
            LinkItem.key.set(link.key) if link.key is not None else LinkItem.key.remove(),
            LinkItem.data.set(link.data) if link.data is not None else LinkItem.data.remove(),
        ]
        free = Item.pk.does_not_exist() | (LinkItem.state == LinkState.DELETING.value)
        try:
            before = self._table.update(
                keys.link(link.repository_id, link.digest), LinkItem, actions, free, returns="ALL_OLD"
            )
        except Missed as missed:
            there = missed.item.to_domain() if isinstance(missed.item, LinkItem) else None
            if there and there.generation == link.generation:
                # An earlier sending was applied. Whatever it replaced is not known any more: the sweep of bytes takes
                # out references of links that are not there.
                return Attached()
            return Attached(existing=there)
        return Attached(replaced_generation=before.generation if isinstance(before, LinkItem) else None)

    def revive(self, link: Link, lease: datetime, *, show: bool = False) -> bool:
        """Renew the promise of a readable link."""
        actions = [
            LinkItem.state.set(LinkState.LIVE.value),
            LinkItem.lease.set(lease),
            LinkItem.epoch.add(1),
            *([LinkItem.hidden.remove()] if show else []),
        ]
        condition = _READABLE & (LinkItem.generation == link.generation)
        if not show:
            condition &= LinkItem.hidden.does_not_exist()
        return self._change(link, actions, condition)

    def condemn(self, link: Link) -> bool:
        """Take the first step towards removal."""
        condition = (LinkItem.state == LinkState.LIVE.value) & _as_read(link)
        return self._change(link, [LinkItem.state.set(LinkState.CONDEMNED.value), LinkItem.epoch.add(1)], condition)

    def hide(self, link: Link) -> bool:
        """Take the second step of a client's DELETE."""
        condition = (LinkItem.state == LinkState.CONDEMNED.value) & _as_read(link)
        actions = [LinkItem.hidden.set(True), LinkItem.epoch.add(1)]
        hidden = replace(link, hidden=True, epoch=link.epoch + 1)
        try:
            self._table.update(keys.link(link.repository_id, link.digest), LinkItem, actions, condition)
        except Missed as missed:
            return missed.repeated and isinstance(missed.item, LinkItem) and missed.item.to_domain() == hidden
        return True

    def edges(self, repository_id: str, digest: Digest) -> list[Edge]:
        """Query the edges: a call of its own, after the link was read (M5)."""
        return [
            Edge(Digest.parse(item.sk.removeprefix(keys.EDGE)), item.put)
            for item in self._table.query(
                keys.content(repository_id, digest), Item.sk.startswith(keys.EDGE), kind=EdgeItem
            )
        ]

    def holders(self, digest: Digest, limit: int) -> list[str]:
        """Query the index of links by digest."""
        within = Item.pk.startswith("CONTENT#")
        items, _ = self._table.page(str(digest), within, kind=LinkItem, limit=limit, index="holder")
        return [item.pk.split("#", 2)[1] for item in items]

    def _change(self, link: Link, actions: Sequence[Action], condition: Condition) -> bool:
        try:
            self._table.update(keys.link(link.repository_id, link.digest), LinkItem, actions, condition)
        except Missed:
            return False
        return True


class DynamoBytesStore:
    """`BLOB#<digest>` / `META`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def hold(self, digest: Digest, key: str, size: int, reference: str, generation: str, now: datetime) -> Held:
        """One upsert: bytes that are there keep their key, and gain a reference."""
        actions = [
            BytesItem.key.set(BytesItem.key | key),
            BytesItem.generation.set(BytesItem.generation | generation),
            BytesItem.state.set(BytesState.LIVE.value),
            BytesItem.size.set(size),
            *marking("BYTES", now + ORPHAN_AGE, generation),
            BytesItem.references.add({pack_reference(reference)}),
            BytesItem.epoch.add(1),
        ]
        free = Item.pk.does_not_exist() | (BytesItem.state == BytesState.LIVE.value)
        try:
            item = self._table.update(keys.stored_bytes(digest), BytesItem, actions, free)
        except Missed as missed:
            item = missed.item
            if not isinstance(item, BytesItem):
                raise
            return Held(None, item.generation, item.key)
        return Held(cast("BytesItem", item).key)

    def replace(self, digest: Digest, held: Held, key: str, size: int, reference: str, generation: str) -> bool:
        """Put a new generation in the place of one that is being deleted; its key stays known as dead."""
        actions = [
            BytesItem.key.set(key),
            BytesItem.generation.set(generation),
            BytesItem.references.set({pack_reference(reference)}),
            BytesItem.state.set(BytesState.LIVE.value),
            BytesItem.size.set(size),
            *marking("BYTES", time_of(generation) + ORPHAN_AGE, generation),
            BytesItem.dead.add({held.deleting_key}),
            BytesItem.epoch.add(1),
        ]
        condition = (BytesItem.state == BytesState.DELETING.value) & (BytesItem.generation == held.deleting_generation)
        try:
            self._table.update(keys.stored_bytes(digest), BytesItem, actions, condition)
        except Missed:
            return False
        return True

    def share(self, digest: Digest, reference: str) -> str | None:
        """Add a reference, without making a row."""
        actions = [BytesItem.references.add({pack_reference(reference)}), BytesItem.epoch.add(1)]
        try:
            item = self._table.update(
                keys.stored_bytes(digest), BytesItem, actions, BytesItem.state == BytesState.LIVE.value
            )
        except Missed:
            return None
        return item.key if isinstance(item, BytesItem) else None

    def release(self, digest: Digest, reference: str) -> None:
        """Take a reference out of a row that is there."""
        actions = [BytesItem.references.delete({pack_reference(reference)}), BytesItem.epoch.add(1)]
        try:
            self._table.update(keys.stored_bytes(digest), BytesItem, actions, Item.pk.exists())
        except Missed:
            return

    def keys_of(self, digest: Digest) -> frozenset[str]:
        """Read the row."""
        item = self._table.get(keys.stored_bytes(digest))
        return frozenset({item.key, *(item.dead or ())}) if isinstance(item, BytesItem) else frozenset()


def pack_reference(reference: str) -> bytes:
    """Write `<repository id>+<link generation>`, two ULIDs, in 32 bytes: 500 of them are about 18 KB."""
    return b"".join(unpack_ulid(ulid) for ulid in reference.split("+"))


def _as_read(link: Link) -> Condition:
    as_read: Condition = (LinkItem.generation == link.generation) & (LinkItem.epoch == link.epoch)
    return as_read
