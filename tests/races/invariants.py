"""What must hold of a repository's rows at every instant: I1, I6, I10, and the lists beside them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.contract.backends import DynamoBackend, MemoryBackend

from moorage.domain.content import BytesState, Counts, Link, ManifestRecord, ManifestState
from moorage.domain.digest import Digest
from moorage.domain.manifest import parse_manifest
from moorage.domain.names import Tag
from moorage.domain.repository import Sparse
from moorage.stores.dynamodb.counting import StorageItem
from moorage.stores.dynamodb.items import (
    BytesItem,
    CountItem,
    DeletedImageItem,
    HistoryItem,
    ImageItem,
    LinkItem,
    ManifestItem,
    ReferrerItem,
    TaggedItem,
    TagItem,
)
from moorage.stores.dynamodb.table import Item

Move = tuple[Digest | None, Digest | None]  # before, after


@dataclass
class Snapshot:
    """The rows of one repository, and the bytes, at one instant."""

    sparse: Sparse
    links: dict[Digest, Link] = field(default_factory=dict)
    manifests: dict[Digest, ManifestRecord] = field(default_factory=dict)
    tags: dict[Tag, Digest] = field(default_factory=dict)
    tagged: set[tuple[Digest, Tag]] = field(default_factory=set)
    referrers: set[tuple[Digest, Digest]] = field(default_factory=set)  # subject, referrer
    listed: set[tuple[str, Digest]] = field(default_factory=set)
    deleted: set[tuple[str, Digest]] = field(default_factory=set)
    history: dict[Tag, list[Move]] = field(default_factory=dict)
    shards: dict[int, Counts] = field(default_factory=dict)
    keys: dict[Digest, str] = field(default_factory=dict)  # of LIVE bytes
    references: dict[Digest, frozenset[str]] = field(default_factory=dict)
    objects: Mapping[str, bytes] = field(default_factory=dict)
    stored: int = 0  # bytes that count for the limit of all repositories
    stored_here: int = 0  # those that counters of repositories say

    @property
    def readable(self) -> dict[Digest, ManifestRecord]:
        """The manifests that clients can pull."""
        return {digest: record for digest, record in self.manifests.items() if record.readable}

    def check(self) -> None:
        """Fail on the first thing that is not as it must be."""
        self._check_manifests()
        self._check_links()
        self._check_lists()
        self._check_history()
        self._check_counts()

    def _check_manifests(self) -> None:
        for digest, record in self.readable.items():
            data = self.objects[record.key] if record.key else record.data
            assert data is not None
            assert digest == Digest.of(data, digest.algorithm)
            manifest = parse_manifest(data, record.media_type)
            if self.sparse is not Sparse.ALL:
                for blob in manifest.blobs:
                    assert blob in self.links, f"{digest} names {blob}, which was never here"
                    assert self.links[blob].readable, f"{digest} names {blob}, which cannot be pulled"
            if self.sparse is Sparse.NONE:
                assert manifest.children.keys() <= self.readable.keys(), f"{digest} names a manifest that is not there"

    def _check_links(self) -> None:
        """Every blob that can be read has its bytes, and what holds them (protocol 7, "I1, bytes")."""
        for digest, link in self.links.items():
            if not link.readable:
                continue
            if link.data is not None:
                data = link.data
            else:
                assert link.key == self.keys[digest]
                assert f"{link.repository_id}+{link.generation}" in self.references[digest]
                data = self.objects[link.key]
            assert digest == Digest.of(data, digest.algorithm), f"{digest} has other bytes"
            assert link.size == len(data)

    def _check_lists(self) -> None:
        readable = self.readable
        assert self.tags.keys() == {tag for tag, digest in self.tags.items() if digest in readable}
        assert self.tagged == {(digest, tag) for tag, digest in self.tags.items()}
        assert self.listed == {(record.listed, digest) for digest, record in readable.items()}
        restorable = {one for one, record in self.manifests.items() if record.state is ManifestState.DELETED}
        assert self.deleted == {(self.manifests[digest].listed, digest) for digest in restorable}
        assert self.referrers == {(record.subject, digest) for digest, record in readable.items() if record.subject}

    def _check_history(self) -> None:
        """Of each tag, every move starts where the one before ended, and the last one ended where the tag is."""
        assert self.tags.keys() <= self.history.keys()
        for tag, moves in self.history.items():
            ends = [None, *(after for _, after in moves)]
            assert ends == [*(before for before, _ in moves), self.tags.get(tag)], f"{tag} jumped"

    def _check_counts(self) -> None:
        counted = [link for link in self.links.values() if link.counted is not None]
        images = Counter(record.shard for record in self.readable.values())
        layers = Counter(link.counted for link in counted)
        shards = {*images, *layers, *self.shards}
        expected = {
            shard: Counts(images[shard], layers[shard], sum(link.size for link in counted if link.counted == shard))
            for shard in shards
        }
        assert expected == {shard: self.shards.get(shard, Counts()) for shard in shards}
        assert self.stored_here == self.stored

    @property
    def counts(self) -> Counts:
        """The sum of the counters."""
        totals = self.shards.values()
        return Counts(
            sum(one.images for one in totals), sum(one.layers for one in totals), sum(one.bytes for one in totals)
        )


def snapshot(backend: MemoryBackend | DynamoBackend, repository_id: str) -> Snapshot:
    """Look at all rows of a repository."""
    if isinstance(backend, MemoryBackend):
        return _of_memory(backend, repository_id)
    return _of_dynamo(backend, repository_id)


def _of_memory(backend: MemoryBackend, repository_id: str) -> Snapshot:
    rows = backend.rows
    with rows.lock:
        taken = Snapshot(
            backend.stores.limits.sparse,
            links={digest: link for (where, digest), link in rows.links.items() if where == repository_id},
            manifests={digest: row for (where, digest), row in rows.manifests.items() if where == repository_id},
            tags={tag: row.digest for (where, tag), row in rows.tags.items() if where == repository_id},
            referrers={key[1:] for key in rows.referrers if key[0] == repository_id},
            listed={image[1:] for image in rows.listed if image[0] == repository_id},
            deleted={image[1:] for image in rows.deleted if image[0] == repository_id},
            tagged={key[1:] for key in rows.tagged if key[0] == repository_id},
            shards={
                number: Counts(shard.images, shard.layers, shard.bytes)
                for (where, number), shard in rows.shards.items()
                if where == repository_id
            },
            keys={digest: row.stored.key for digest, row in rows.held.items() if row.stored.state is BytesState.LIVE},
            references={digest: row.references for digest, row in rows.held.items()},
            objects=dict(rows.objects),
            stored=sum(rows.storage.values()),
            stored_here=sum(shard.bytes for shard in rows.shards.values() if not shard.closed),
        )
        moves = [(move.tag, move.before, move.after) for move in rows.history if move.repository_id == repository_id]
    _add_history(taken, moves)
    return taken


def _of_dynamo(backend: DynamoBackend, repository_id: str) -> Snapshot:
    """Read the table as it is when nobody writes."""
    taken = Snapshot(backend.stores.limits.sparse)
    moves: list[tuple[Tag, Digest | None, Digest | None]] = []
    for raw in backend.everything():
        item = Item.from_raw_data(raw)
        if repository_id in item.pk:
            _add(taken, moves, item)
        if isinstance(item, BytesItem):
            digest = Digest.parse(item.pk.partition("#")[2])
            taken.keys[digest] = item.key
            taken.references[digest] = frozenset(backend.references(digest))
        if isinstance(item, StorageItem):
            taken.stored += int(item.bytes)
        if isinstance(item, CountItem):
            taken.stored_here += int(item.stored)
    _add_history(taken, moves)
    wanted = [row.key for row in (*taken.links.values(), *taken.readable.values()) if row.key]
    taken.objects = {key: backend.stores.objects.read(key) for key in wanted}
    return taken


def _add(taken: Snapshot, moves: list[Any], item: Item) -> None:
    digest = item.pk.split("#")[2] if item.pk.startswith("CONTENT#") else ""
    name = item.sk.split("#")
    match item:
        case LinkItem():
            taken.links[Digest.parse(digest)] = item.to_domain()
        case ManifestItem():
            taken.manifests[Digest.parse(digest)] = item.to_domain()
        case TagItem():
            taken.tags[Tag(name[1])] = Digest.parse(item.digest)
        case TaggedItem():
            taken.tagged.add((Digest.parse(digest), Tag(name[1])))
        case ReferrerItem():
            taken.referrers.add((Digest.parse(digest), Digest.parse(name[1])))
        case ImageItem():
            taken.listed.add((name[1], Digest.parse(name[2])))
        case DeletedImageItem():
            taken.deleted.add((name[1], Digest.parse(name[2])))
        case CountItem():
            taken.shards[int(name[1])] = Counts(int(item.images), int(item.layers), int(item.bytes))
        case HistoryItem():
            before, after = (Digest.parse(text) if text else None for text in (item.before, item.after))
            moves.append((Tag(name[1]), before, after))
        case _:
            pass


def _add_history(taken: Snapshot, moves: Iterable[tuple[Tag, Digest | None, Digest | None]]) -> None:
    for tag, before, after in moves:
        taken.history.setdefault(tag, []).append((before, after))
