"""Images as the cloud plane lists and restores them, and their signatures."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from moorage.domain.content import ManifestRecord, Page, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.names import Tag

if TYPE_CHECKING:  # a pull has no use for the directory, and does not pay for reading it in
    from moorage.domain.directory import Remembered, ResourceTags
    from moorage.domain.image import Image, Place, Restoring
    from moorage.domain.signature import Signature


class ImageStore(Protocol):
    """Manifests as images: the order that they are listed in, their versions, their labels, and their way back."""

    def get(self, repository_id: str, digest: Digest) -> "Image | None":
        """Query the collection of a digest, strongly."""

    def many(self, wanted: Sequence[tuple[str, Digest]]) -> "list[Image]":
        """Read images, those that are there, in order: one call per 50, and a Query for the versions of each."""

    def places(
        self, repository_id: str, after: str | None, limit: int, *, newest_first: bool, deleted: bool
    ) -> "Page[Place]":
        """Return places in the list of images, or of deleted ones, beyond a position."""

    def heads(
        self, repository_ids: Sequence[str], limit: int, *, after: str | None, newest_first: bool, deleted: bool
    ) -> "list[Page[Place]]":
        """Return `places` of many repositories: one call for each, several at once."""

    def versions(self, repository_id: str, after: str | None, limit: int, *, descending: bool) -> Page[TagRecord]:
        """Return tags in byte order, or the other way round, beyond one."""

    def tagged(self, repository_ids: Sequence[str], tag: Tag) -> list[tuple[str, Digest]]:
        """Return what a tag points at in each of many repositories: one call per 100."""

    def label(self, record: ManifestRecord, tags: "ResourceTags") -> bool:
        """Replace the labels of a readable manifest, if it is as read; the version goes up by one."""

    def remove_version(
        self, tag: TagRecord, record: ManifestRecord, by: str, now: datetime, remember: "Remembered | None" = None
    ) -> None:
        """Remove a tag from an image, both as they were read. Raises OwnRowChanged, TagRowChanged or Conflict."""

    def restore(self, restoring: "Restoring", remember: "Remembered | None" = None) -> None:
        """Bring a DELETED image back with all that a delete took (protocol 4.6).

        Raises OwnRowChanged, TagRowChanged, LinkRowChanged, ShardFull or Conflict.
        """


class SignatureStore(Protocol):
    """`REPOSITORY#<id>/SIGNATURE#<ulid>`."""

    def create(self, signature: "Signature", remember: "Remembered | None" = None) -> bool:
        """Write a new signature; False when its image is not readable."""

    def get(self, repository_id: str, signature_id: str) -> "Signature | None":
        """Read a signature, strongly."""

    def update(self, signature: "Signature") -> bool:
        """Replace a signature whose version is `signature.version` - 1; False on a miss."""

    def remove(self, signature: "Signature") -> bool:
        """Delete a signature that is as read; False on a miss."""

    def page(
        self, repository_id: str, after: str | None, limit: int | None, *, newest_first: bool
    ) -> "Page[Signature]":
        """Return signatures in the order of their making, beyond the ULID of one; without a limit, up to 1 MB."""

    def heads(
        self, repository_ids: Sequence[str], limit: int | None, *, after: str | None, newest_first: bool
    ) -> "list[Page[Signature]]":
        """Return `page` of many repositories: one call for each, several at once."""

    def readable(self, images: Sequence[tuple[str, Digest]]) -> set[tuple[str, Digest]]:
        """Return those of the images that are readable: one call per 50."""
