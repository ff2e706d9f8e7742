"""Exact counters in the transactions that change what they count. docs/protocol.md, section 5."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum, auto

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from moorage.domain.content import Link, LinkState
from moorage.stores import keys
from moorage.stores.base import (
    Changed,
    Closed,
    Conflict,
    Limits,
    LinkRowChanged,
    OwnRowChanged,
    ShardFull,
    StorageFull,
    TagFixed,
    TagRowChanged,
)
from moorage.stores.dynamodb.items import CountItem, LinkItem
from moorage.stores.dynamodb.table import TRANSACTION, Cancelled, Item, Table, Write


class StorageItem(Item, discriminator="storage"):
    """One shard of the stored bytes. `STORAGE#<ns>` / `COUNT#<shard>`.

    What a shard gives of its share to another is added to its bytes and taken from the other's, so that the sum over
    all shards is what is stored.
    """

    bytes = NumberAttribute(default=0)


class Kind(Enum):
    """What it means when a write of a transaction is refused."""

    FREE = auto()
    OWN = auto()
    TAG = auto()
    FIXED = auto()
    LINK = auto()
    SHARD = auto()
    OPEN = auto()
    STORAGE = auto()
    RETRY = auto()


_MEANING: dict[Kind, type[Exception]] = {
    Kind.OWN: OwnRowChanged,
    Kind.TAG: TagRowChanged,
    Kind.FIXED: TagFixed,
    Kind.LINK: LinkRowChanged,
    Kind.SHARD: ShardFull,
    Kind.OPEN: Closed,
    Kind.STORAGE: StorageFull,
    Kind.RETRY: Changed,
}


_OPEN: Condition = CountItem.closed.does_not_exist()


class Plan:
    """The writes of one transaction, with what a refusal of each means."""

    def __init__(self) -> None:
        self._writes: list[tuple[Kind, Write]] = []

    def add(self, kind: Kind, write: Write) -> None:
        """Add a write."""
        self._writes.append((kind, write))

    def run(self, table: Table, applied: Callable[[Item | None], bool] = lambda _: False) -> None:
        """Apply all of it, or raise what the first refusal means, in the order of `Kind`; else Conflict.

        A refusal is none when an earlier sending was applied and its answer lost: `applied` is asked then, and told
        the first row whose condition does not hold, as it is.
        """
        try:
            table.transact([write for _, write in self._writes])
        except Cancelled as cancelled:
            places = [place for place in range(len(self._writes)) if cancelled.failed(place)]
            refused = {self._writes[place][0] for place in places}
            if cancelled.repeated and places and applied(cancelled.reasons[places[0]][1]):
                return
            for kind, meaning in _MEANING.items():
                if kind in refused:
                    raise meaning from cancelled
            raise Conflict from cancelled


class Counting:
    """The shards of a repository's counters: `REPOSITORY#<id>` / `COUNT#<shard>`."""

    def __init__(self, table: Table, limits: Limits, entropy: Callable[[int], bytes]) -> None:
        self._table = table
        self._image_limit = limits.images
        self._storage = Storage(table, limits.namespace, limits.storage_bytes)
        self._entropy = entropy

    def count_links(self, repository_id: str, shard: int, links: Sequence[Link]) -> None:
        """Count links and their bytes, each once in the life of its row."""
        plan = Plan()
        self._plan_counts(plan, repository_id, shard, images=0, links=links)
        plan.run(self._table)

    def take_share(self, repository_id: str, shard: int, wanted: int) -> bool:
        """Find a shard that does not need its share, and move some in one transaction; the shares' sum stays."""
        within = Item.sk.startswith(keys.COUNT)
        rows = {item.sk: item for item in self._table.query(keys.repository(repository_id), within, kind=CountItem)}
        if any(item.closed for item in rows.values()):
            raise Closed

        def spare(other: int) -> int:
            row = rows.get(keys.count(repository_id, other).sk)
            return self._share(row, other) - (int(row.images) if row else 0)

        donor = max((other for other in range(keys.SHARDS) if other != shard), key=spare)
        moved = min(max(wanted, spare(donor) // 2), spare(donor))
        if moved <= 0:
            return False
        self._move_share(repository_id, donor, shard, moved, rows)
        return True

    def take_room(self, shard: int, wanted: int) -> bool:
        """Move share of the limit of bytes to `shard` from those that do not need theirs."""
        return self._storage.take_room(shard, wanted)

    def _move_share(self, repository_id: str, donor: int, shard: int, moved: int, rows: dict[str, CountItem]) -> None:
        plan = Plan()
        for place, change in ((donor, -moved), (shard, moved)):
            key = keys.count(repository_id, place)
            row = rows.get(key.sk)
            old, new = self._share(row, place), self._share(row, place) + change
            as_read = CountItem.share == old if row and row.share is not None else CountItem.share.does_not_exist()
            room = CountItem.images.does_not_exist() | (CountItem.images <= new)
            actions = [CountItem.share.set(new)]
            plan.add(Kind.SHARD, self._table.update_write(key, CountItem, actions, as_read & room))
        plan.run(self._table)

    def _share(self, row: CountItem | None, shard: int) -> int:
        """Return a shard's part of the limit: as stored, else the equal part; the parts sum to the limit."""
        if row is not None and row.share is not None:
            return int(row.share)
        return equal_part(self._image_limit, shard)

    def _plan_counts(self, plan: Plan, repository_id: str, shard: int, *, images: int, links: Sequence[Link]) -> None:
        """Count images within the shard's share of an open repository, and links with their rows as the record."""
        for link in links:
            uncounted = (
                LinkItem.counted.does_not_exist()
                & (LinkItem.generation == link.generation)
                & (LinkItem.state == LinkState.LIVE.value)
            )
            key = keys.link(link.repository_id, link.digest)
            plan.add(Kind.LINK, self._table.update_write(key, LinkItem, [LinkItem.counted.set(shard)], uncounted))
        actions: list[Action] = [CountItem.images.add(images)] if images else []
        size = sum(link.size for link in links)
        if links:
            actions += [CountItem.layers.add(len(links)), CountItem.bytes.add(size), CountItem.stored.add(size)]
        if actions:
            kind, condition = (Kind.SHARD, self._room(shard) & _OPEN) if images > 0 else (Kind.OPEN, _OPEN)
            plan.add(kind, self._table.update_write(keys.count(repository_id, shard), CountItem, actions, condition))
        else:
            self._plan_open(plan, repository_id, shard)
        if size:
            plan.add(Kind.STORAGE, self._storage.add_write(shard, size))

    def _plan_open(self, plan: Plan, repository_id: str, shard: int) -> None:
        """Ask that the repository is not deleted, of a row that few other writes meet at."""
        plan.add(Kind.OPEN, self._table.check_write(keys.count(repository_id, shard), _OPEN))

    def _room(self, shard: int) -> Condition:
        """Return the condition that there is room in the shard, whose row may not be there yet."""
        first = self._share(None, shard)
        unused = CountItem.images.does_not_exist()
        room: Condition = (CountItem.images < CountItem.share) | (unused & (CountItem.share > 0))
        if first > 0:
            room |= CountItem.share.does_not_exist() & (unused | (CountItem.images < first))
        return room


class Storage:
    """The stored bytes of a namespace and the shares of their limit: `STORAGE#<ns>` / `COUNT#<shard>`.

    A shard that gives some of its share away notes it as bytes, and one that gets some as bytes less: so the sum is
    what is stored, whatever was moved, and the limit is kept while no shard passes its equal part of it.
    """

    def __init__(self, table: Table, namespace: str, limit: int) -> None:
        self._table = table
        self._namespace = namespace
        self._limit = limit

    def add_write(self, shard: int, size: int) -> Write:
        """Describe that so many bytes more are stored, if the shard has room for them."""
        return self._change(shard, size, self._fits(shard, size))

    def free_write(self, shard: int, size: int) -> Write:
        """Describe that so many bytes less are stored."""
        return self._change(shard, -size, None)

    def take_room(self, shard: int, wanted: int) -> bool:
        """Gather room from those that have most, at most half of what each has if that is enough."""
        within = Item.sk.startswith(keys.COUNT)
        partition, _ = keys.storage(self._namespace, shard)
        used = {item.sk: int(item.bytes) for item in self._table.query(partition, within, kind=StorageItem)}
        room = {
            place: equal_part(self._limit, place) - used.get(keys.storage(self._namespace, place).sk, 0)
            for place in range(keys.SHARDS)
        }
        gifts = share_out(room, shard, wanted)
        if not gifts:
            return gifts is not None
        plan = Plan()
        for donor, given in gifts.items():
            plan.add(Kind.STORAGE, self._change(donor, given, self._fits(donor, given)))
        plan.add(Kind.FREE, self._change(shard, -sum(gifts.values()), None))
        plan.run(self._table)
        return True

    def _change(self, shard: int, size: int, condition: Condition | None) -> Write:
        key = keys.storage(self._namespace, shard)
        return self._table.update_write(key, StorageItem, [StorageItem.bytes.add(size)], condition)

    def _fits(self, shard: int, size: int) -> Condition:
        """Return the condition that there is room in the shard, whose row may not be there yet."""
        room = equal_part(self._limit, shard) - size
        fits: Condition = StorageItem.bytes <= room
        return fits if room < 0 else fits | StorageItem.bytes.does_not_exist()


def equal_part(limit: int, shard: int) -> int:
    """Return a shard's part of a limit: the parts sum to the limit."""
    return limit // keys.SHARDS + (shard < limit % keys.SHARDS)


def share_out(room: Mapping[int, int], shard: int, wanted: int) -> dict[int, int] | None:
    """Say what each shard gives, so that `wanted` fit into one; None when all together have no room for that.

    What one transaction can bring together may be less than is wanted; then the next one brings the rest.
    """
    missing = wanted - room[shard]
    if missing <= 0:
        return {}
    donors = sorted((place for place in room if place != shard and room[place] > 0), key=lambda place: -room[place])
    if sum(room[donor] for donor in donors) < missing:
        return None
    donors = donors[: TRANSACTION - 1]
    halves = {donor: room[donor] // 2 for donor in donors}
    most = halves if sum(halves.values()) >= missing else {donor: room[donor] for donor in donors}
    gifts = {}
    for donor in donors:
        gifts[donor] = min(most[donor], missing)
        missing -= gifts[donor]
    return {donor: given for donor, given in gifts.items() if given}
