"""Images as the cloud plane shows them: every manifest of a repository is one, and its tags are its versions."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from moorage.domain.content import RESTORE_WINDOW, ManifestRecord, ManifestState
from moorage.domain.digest import HEX_LENGTHS, Digest
from moorage.domain.errors import DigestInvalid, NameInvalid, ParameterInvalid, TagInvalid
from moorage.domain.names import RepositoryName, Tag, parse_name, parse_tag
from moorage.domain.ocid import Kind, make_ocid, unique_of
from moorage.domain.ulid import is_ulid, time_of

AVAILABLE = "AVAILABLE"
DELETED = "DELETED"

_ULID = 26  # characters
_LETTERS = {"sha256": b"s", "sha512": b"l"}


@dataclass(frozen=True, slots=True)
class Version:
    """A tag that points at an image, since when, and who made it do so; None is before anybody noted that."""

    tag: Tag
    by: str | None
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Image:
    """A manifest with its versions, the oldest first, and the last one that left it."""

    record: ManifestRecord
    versions: tuple[Version, ...] = ()
    last_version: Tag | None = None

    @property
    def version(self) -> Tag | None:
        """Return the newest version."""
        return self.versions[-1].tag if self.versions else None

    @property
    def time_created(self) -> datetime:
        """Return when it got its place in the list."""
        return time_of(self.record.listed)

    @property
    def etag(self) -> str:
        """Return what changes whenever the image does; a pull is no change."""
        return etag_of(self.record)

    def state(self, now: datetime) -> str | None:
        """Return its lifecycleState; None when it is gone for good, or may be at any moment."""
        return lifecycle_of(self.record, now)

    def display_name(self, repository: str) -> str:
        """Return `repository:version`, or what an image without versions is called."""
        if self.versions:
            return f"{repository}:{self.version}"
        return f"{repository}:{self.last_version or 'unknown'}@{self.record.digest}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image is in the list of its repository: by `listed`, the ULID of the PUT that brought it."""

    repository_id: str
    listed: str
    digest: Digest

    @property
    def position(self) -> str:
        """Return what sorts places of all repositories by time, and is no other's."""
        return f"{self.listed}#{self.digest}"


@dataclass(frozen=True, slots=True)
class Restoring:
    """What a restore commits in one transaction (protocol 4.6)."""

    record: ManifestRecord  # as read: the condition
    shard: int
    tags: tuple[Tag, ...]  # that are free
    links: Mapping[Digest, str]  # blobs that must be LIVE and to be seen, with their generations
    children: tuple[Digest, ...]  # manifests that must be LIVE
    referrer: Mapping[str, object] | None
    by: str
    now: datetime
    id: str  # of this restore: by which its second sending is recognised


@dataclass(frozen=True, slots=True)
class Pattern:
    """A filter of names: exact, or all that begin with what is before a trailing `*`."""

    text: str

    @property
    def prefix(self) -> str | None:
        """Return what is before the `*`; None for an exact name."""
        return self.text[:-1] if self.text.endswith("*") else None

    def matches(self, name: str) -> bool:
        """Whether a name passes."""
        return name == self.text if self.prefix is None else name.startswith(self.prefix)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of a list that look at one image; None lets everything pass."""

    display_name: str | None = None
    is_versioned: bool | None = None
    version: Pattern | None = None
    state: str = AVAILABLE

    def matches(self, image: Image, repository: str, now: datetime) -> bool:
        """Whether an image of a repository of that display name passes."""
        if image.state(now) != self.state:
            return False
        if self.is_versioned is not None and self.is_versioned != bool(image.versions):
            return False
        if self.version and not any(self.version.matches(version.tag) for version in image.versions):
            return False
        return self.display_name is None or self.display_name == image.display_name(repository)


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of an image: what the manifest says of it, and since when the repository has it."""

    digest: Digest
    size: int
    time_created: datetime


def etag_of(record: ManifestRecord) -> str:
    """Return what changes whenever the row does."""
    return f"{record.put}.{record.version}"


def lifecycle_of(record: ManifestRecord, now: datetime) -> str | None:
    """Return the lifecycleState of an image; None when it is gone for good, or may be at any moment."""
    if record.readable:
        return AVAILABLE
    if record.state is not ManifestState.DELETED or record.time_deleted is None:
        return None
    return DELETED if now < record.time_deleted + RESTORE_WINDOW else None


def image_ocid(repository_id: str, digest: Digest) -> str:
    """Return the id of an image, which is made of where it is and of what it is."""
    packed = _LETTERS[digest.algorithm] + bytes.fromhex(digest.hex)
    return make_ocid(Kind.IMAGE, repository_id + base64.b32encode(packed).decode().rstrip("="))


def parse_image_ocid(text: str) -> tuple[str, Digest] | None:
    """Return repository and digest; None for what is no id of an image."""
    unique = (unique_of(text, Kind.IMAGE) or "").upper()
    repository_id, packed = unique[:_ULID], unique[_ULID:]
    try:
        raw = base64.b32decode(packed + "=" * (-len(packed) % 8))
    except binascii.Error:
        return None
    algorithm = next((name for name, letter in _LETTERS.items() if letter == raw[:1]), None)
    if algorithm is None or 2 * len(raw) - 2 != HEX_LENGTHS[algorithm] or not is_ulid(repository_id):
        return None
    digest = Digest(algorithm, raw[1:].hex())
    return (repository_id, digest) if image_ocid(repository_id, digest) == text else None


def parse_image_uri(text: str, namespace: str) -> tuple[RepositoryName, Tag | Digest]:
    """Read `namespace/repository:version` or `namespace/repository@digest`, a registry's host before it or not.

    Beside a digest a version says nothing, as with docker. Raises ParameterInvalid.
    """
    path, at, digest = text.partition("@")
    host, slash, rest = path.partition("/")
    if slash and host != namespace and rest.startswith(f"{namespace}/"):
        path = rest
    name, colon, version = path.partition(":")
    if not at and not colon:
        raise ParameterInvalid("imageUri", f"ends in :<version> or @<digest>: {namespace}/<repository>:<version>")
    try:
        found = parse_name(name)
        tag = parse_tag(version) if colon else None
        reference = Digest.parse(digest) if at else tag
    except (NameInvalid, TagInvalid, DigestInvalid) as error:
        raise ParameterInvalid("imageUri", error.message) from error
    if reference is None or not found.startswith(f"{namespace}/"):
        raise ParameterInvalid("imageUri", f"begins with the namespace: {namespace}/<repository>:<version>")
    return found, reference
