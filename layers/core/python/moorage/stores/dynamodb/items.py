"""The rows of the registry, and each one's way into the domain. Keys: `stores/keys.py`."""

import json
from datetime import datetime
from typing import Any, TypeVar

from pynamodb.attributes import (
    BinaryAttribute,
    BinarySetAttribute,
    BooleanAttribute,
    JSONAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.expressions.update import Action

from moorage.domain.content import Link, LinkState, ManifestRecord, ManifestState, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.names import RepositoryName, Tag
from moorage.domain.repository import Description, Readme, ReadmeFormat, Repository, RepositoryRecord, RepositoryState
from moorage.domain.ulid import unpack_ulid
from moorage.domain.upload import Progress, Tail, UploadSession, UploadState
from moorage.stores.dynamodb.packed import unpack_digests, unpack_etags
from moorage.stores.dynamodb.table import Item

REVIEW_SHARDS = 4  # partitions of the index that finds the sweeps' work


def _binary(**options: Any) -> BinaryAttribute:
    return BinaryAttribute(legacy_encoding=False, **options)


class TagsAttribute(JSONAttribute):
    """Tags of a resource as JSON, of which each character takes what it does in UTF-8: so all that may be there fit."""

    def serialize(self, value: Any) -> str:
        """Write them."""
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class ReviewedItem(Item):
    """A row that a sweep looks at when `review` ("<due time>#<ulid>") is due; without the mark, never."""

    review_shard = UnicodeAttribute(null=True)
    review = UnicodeAttribute(null=True)


R = TypeVar("R", bound=ReviewedItem)


class NameItem(Item, discriminator="name"):
    """A repository's name. `NAMESPACE#<ns>` / `REPOSITORY#<name>`."""

    repository_id = UnicodeAttribute()
    public = BooleanAttribute()
    state = UnicodeAttribute()
    time_created = UTCDateTimeAttribute()
    created_by = UnicodeAttribute()
    compartment_id = UnicodeAttribute(null=True)
    immutable = BooleanAttribute(null=True)

    def to_domain(self, root: str) -> Repository:
        """Return the repository that the name resolves to."""
        return _repository(self, self.repository_id, self.sk.partition("#")[2], root)


class RepositoryItem(ReviewedItem, discriminator="repository"):
    """The full record. `REPOSITORY#<id>` / `META`; without a compartment it is in the root, and in no list yet."""

    name = UnicodeAttribute()
    public = BooleanAttribute()
    state = UnicodeAttribute()
    time_created = UTCDateTimeAttribute()
    created_by = UnicodeAttribute()
    compartment_id = UnicodeAttribute(null=True)
    immutable = BooleanAttribute(null=True)
    readme = UnicodeAttribute(null=True)
    readme_format = UnicodeAttribute(null=True)
    freeform_tags = TagsAttribute(null=True)
    defined_tags = TagsAttribute(null=True)
    version = NumberAttribute(null=True)
    time_deleted = UTCDateTimeAttribute(null=True)

    def to_domain(self, root: str) -> RepositoryRecord:
        """Return all of the repository."""
        readme = None if self.readme is None else Readme(self.readme, ReadmeFormat(self.readme_format))
        return RepositoryRecord(
            repository=_repository(self, self.pk.partition("#")[2], self.name, root),
            description=Description(readme, self.freeform_tags or {}, self.defined_tags or {}),
            version=int(self.version or 1),
            time_deleted=self.time_deleted,
            placed=self.compartment_id is not None,
        )


class CountItem(Item, discriminator="count"):
    """One shard of the counters. `REPOSITORY#<id>` / `COUNT#<shard>`; `share` absent is the first share.

    `stored` are those of its bytes that are in the sums of `StorageItem` too; of a `closed` shard, whose repository is
    deleted, none are.
    """

    images = NumberAttribute(default=0)
    layers = NumberAttribute(default=0)
    bytes = NumberAttribute(default=0)
    stored = NumberAttribute(default=0)
    share = NumberAttribute(null=True)
    closed = BooleanAttribute(null=True)


class TagItem(Item, discriminator="tag"):
    """A tag. `REPOSITORY#<id>` / `TAG#<tag>`."""

    digest = UnicodeAttribute()
    media_type = UnicodeAttribute()
    size = NumberAttribute()
    time_pushed = UTCDateTimeAttribute()
    pushed_by = UnicodeAttribute()

    def to_domain(self) -> TagRecord:
        """Return the tag."""
        return TagRecord(
            tag=Tag(self.sk.partition("#")[2]),
            digest=Digest.parse(self.digest),
            media_type=self.media_type,
            size=int(self.size),
            time_pushed=self.time_pushed,
            pushed_by=self.pushed_by,
        )


class HistoryItem(Item, discriminator="history"):
    """A tag moved or went. `REPOSITORY#<id>` / `HISTORY#<tag>#<ulid>`."""

    before = UnicodeAttribute(null=True)
    after = UnicodeAttribute(null=True)
    by = UnicodeAttribute()
    time = UTCDateTimeAttribute()


class ImageItem(Item, discriminator="image"):
    """A manifest's place in the list of images. `REPOSITORY#<id>` / `IMAGE#<ulid>#<digest>`."""


class DeletedImageItem(Item, discriminator="deleted_image"):
    """The same place while it is deleted. `REPOSITORY#<id>` / `DELETED#<ulid>#<digest>`."""


class LinkItem(ReviewedItem, discriminator="link"):
    """The repository has the blob. `CONTENT#<id>#<digest>` / `LINK`."""

    state = UnicodeAttribute()
    generation = UnicodeAttribute()
    epoch = NumberAttribute()
    lease = UTCDateTimeAttribute()
    size = NumberAttribute()
    key = UnicodeAttribute(null=True)
    data = _binary(null=True)
    counted = NumberAttribute(null=True)
    hidden = BooleanAttribute(null=True)
    holder = UnicodeAttribute(null=True)

    def to_domain(self) -> Link:
        """Return the link."""
        repository_id, digest = _content(self.pk)
        return Link(
            repository_id=repository_id,
            digest=digest,
            state=LinkState(self.state),
            generation=self.generation,
            epoch=int(self.epoch),
            lease=self.lease,
            size=int(self.size),
            key=self.key,
            data=self.data,
            counted=None if self.counted is None else int(self.counted),
            hidden=bool(self.hidden),
        )


class ManifestItem(ReviewedItem, discriminator="manifest"):
    """A manifest. `CONTENT#<id>#<digest>` / `MANIFEST`."""

    state = UnicodeAttribute()
    put = UnicodeAttribute()
    version = NumberAttribute()
    media_type = UnicodeAttribute()
    size = NumberAttribute()
    data = _binary(null=True)
    key = UnicodeAttribute(null=True)
    dead = UnicodeSetAttribute(null=True)
    subject = UnicodeAttribute(null=True)
    artifact_type = UnicodeAttribute(null=True)
    config = UnicodeAttribute(null=True)
    children = _binary(null=True)
    shard = NumberAttribute(null=True)
    listed = UnicodeAttribute()
    time_pushed = UTCDateTimeAttribute()
    pushed_by = UnicodeAttribute()
    time_deleted = UTCDateTimeAttribute(null=True)
    time_last_pulled = UTCDateTimeAttribute(null=True)
    pulls = NumberAttribute(null=True)
    freeform_tags = TagsAttribute(null=True)
    defined_tags = TagsAttribute(null=True)
    removed = JSONAttribute(null=True)
    restored = UnicodeAttribute(null=True)  # the restore that made it LIVE

    def to_domain(self) -> ManifestRecord:
        """Return the manifest."""
        repository_id, digest = _content(self.pk)
        return ManifestRecord(
            repository_id=repository_id,
            digest=digest,
            state=ManifestState(self.state),
            put=self.put,
            version=int(self.version),
            media_type=self.media_type,
            size=int(self.size),
            data=self.data,
            key=self.key,
            dead=frozenset(self.dead or ()),
            subject=Digest.parse(self.subject) if self.subject else None,
            artifact_type=self.artifact_type,
            config=Digest.parse(self.config) if self.config else None,
            children=unpack_digests(self.children or b""),
            shard=None if self.shard is None else int(self.shard),
            listed=self.listed,
            time_pushed=self.time_pushed,
            pushed_by=self.pushed_by,
            time_deleted=self.time_deleted,
            time_last_pulled=self.time_last_pulled,
            pulls=int(self.pulls or 0),
            freeform_tags=self.freeform_tags or {},
            defined_tags=self.defined_tags or {},
            removed=tuple(Tag(text) for text in self.removed or ()),
        )


class EdgeItem(Item, discriminator="edge"):
    """Manifest `parent` needs this. `CONTENT#<id>#<digest>` / `NEEDED_BY#<parent>`."""

    put = UnicodeAttribute()


class ReferrerItem(Item, discriminator="referrer"):
    """What the referrers API lists. `CONTENT#<id>#<subject>` / `REFERRER#<digest>`."""

    descriptor = JSONAttribute()


class TaggedItem(Item, discriminator="tagged"):
    """A tag points at this, since when and by whose hand. `CONTENT#<id>#<digest>` / `TAGGED#<tag>`."""

    by = UnicodeAttribute(null=True)
    time = UTCDateTimeAttribute(null=True)


class UntaggedItem(Item, discriminator="untagged"):
    """The last tag that left this. `CONTENT#<id>#<digest>` / `UNTAGGED`."""

    tag = UnicodeAttribute()


class RefusedItem(ReviewedItem, discriminator="refused"):
    """A refused PUT left edges from this manifest. `CONTENT#<id>#<digest>` / `REFUSED`."""

    put = UnicodeAttribute()


class BytesItem(ReviewedItem, discriminator="bytes"):
    """The bytes of a digest. `BLOB#<digest>` / `META`; a reference is a repository id and a link generation."""

    state = UnicodeAttribute()
    generation = UnicodeAttribute()
    key = UnicodeAttribute()
    size = NumberAttribute()
    epoch = NumberAttribute()
    references = BinarySetAttribute(legacy_encoding=False, attr_name="refs")
    dead = UnicodeSetAttribute(null=True)


class UploadItem(ReviewedItem, discriminator="upload"):
    """An upload session. `UPLOAD#<id>` / `META`; `owner` is the principal while the session is OPEN."""

    repository_id = UnicodeAttribute()
    principal = UnicodeAttribute()
    owner = UnicodeAttribute(null=True)
    state = UnicodeAttribute()
    session_expires = UTCDateTimeAttribute()
    offset = NumberAttribute(default=0)
    algorithm = UnicodeAttribute()
    hash_state = _binary(null=True)
    part_key = UnicodeAttribute(null=True)
    multipart = UnicodeAttribute(null=True)
    etags = _binary(null=True)
    tail_size = NumberAttribute(default=0)
    tail = _binary(null=True)
    tail_key = UnicodeAttribute(null=True)
    key = UnicodeAttribute(null=True)
    digest = UnicodeAttribute(null=True)
    time_closed = UTCDateTimeAttribute(null=True)
    writer = UnicodeAttribute(null=True)
    writer_until = UTCDateTimeAttribute(null=True)

    def to_domain(self) -> UploadSession:
        """Return the session."""
        return UploadSession(
            id=self.pk.partition("#")[2],
            repository_id=self.repository_id,
            principal=self.principal,
            state=UploadState(self.state),
            expires=self.session_expires,
            progress=Progress(
                offset=int(self.offset),
                algorithm=self.algorithm,
                hash_state=self.hash_state or b"",
                key=self.part_key,
                multipart=self.multipart,
                etags=unpack_etags(self.etags or b""),
                tail=Tail(int(self.tail_size), self.tail or b"", self.tail_key),
            ),
            key=self.key,
            digest=Digest.parse(self.digest) if self.digest else None,
            time_closed=self.time_closed,
            writer=self.writer,
            writer_until=self.writer_until,
        )


def marking(family: str, due: datetime, ulid: str) -> list[Action]:
    """Return the updates that bring the sweep of a family of rows to one at `due`.

    The mark is unique, so that dropping it cannot hit a newer one.
    """
    return [ReviewedItem.review_shard.set(_review_shard(family, ulid)), ReviewedItem.review.set(_review(due, ulid))]


def marked(item: R, family: str, due: datetime, ulid: str) -> R:
    """Put the mark on a row that is to be written whole."""
    item.review_shard, item.review = _review_shard(family, ulid), _review(due, ulid)
    return item


def stamp(time: datetime) -> str:
    """Write a time so that later times sort later."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _review_shard(family: str, ulid: str) -> str:
    return f"{family}#{unpack_ulid(ulid)[-1] % REVIEW_SHARDS}"


def _review(due: datetime, ulid: str) -> str:
    return f"{stamp(due)}#{ulid}"


def _repository(item: NameItem | RepositoryItem, repository_id: str, name: str, root: str) -> Repository:
    return Repository(
        id=repository_id,
        name=RepositoryName(name),
        public=item.public,
        state=RepositoryState(item.state),
        time_created=item.time_created,
        created_by=item.created_by,
        compartment_id=item.compartment_id or root,
        immutable=bool(item.immutable),
    )


def _content(pk: str) -> tuple[str, Digest]:
    _, repository_id, digest = pk.split("#", 2)
    return repository_id, Digest.parse(digest)
