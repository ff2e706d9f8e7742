"""Values of the domain, whole and plausible; a test names only what it is about."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.fakes import NOW

from moorage.domain.content import LEASE, Link, LinkState, ManifestRecord, ManifestState, TagRecord
from moorage.domain.digest import Digest
from moorage.domain.identity import SigningKey
from moorage.domain.manifest import OCI_MANIFEST
from moorage.domain.names import RepositoryName, Tag
from moorage.domain.ocid import tenancy_ocid
from moorage.domain.regions import find_region
from moorage.domain.repository import Repository, RepositoryState, Sparse
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.domain.upload import SESSION_LIFE, UploadSession, UploadState
from moorage.stores.base import Commit, Limits


def ulid(word: str) -> str:
    """Return an id that stands for the word."""
    return make_ulid(NOW, hashlib.sha256(word.encode()).digest()[:ENTROPY_BYTES])


REPOSITORY = ulid("repository")
OTHER_REPOSITORY = ulid("other repository")
ROOT = tenancy_ocid("ns")


def digest(text: str) -> Digest:
    return Digest.of(text.encode())


def limits(**changes: Any) -> Limits:
    usual = Limits(
        namespace="ns",
        region=find_region("eu-central-1"),
        sparse=Sparse.INDEXES,
        create_on_push=True,
        body_bytes=None,
        open_sessions=100,
        staged_bytes=1 << 40,
        images=100_000,
    )
    return replace(usual, **changes)


def repository(name: str = "acme/app", **changes: Any) -> Repository:
    usual = Repository(
        id=ulid(name),
        name=RepositoryName(name),
        public=False,
        state=RepositoryState.AVAILABLE,
        time_created=NOW,
        created_by="alice",
        compartment_id=ROOT,
    )
    return replace(usual, **changes)


def link(text: str = "layer", **changes: Any) -> Link:
    """Return a link to a blob too large to be inline."""
    usual = Link(
        repository_id=REPOSITORY,
        digest=digest(text),
        state=LinkState.LIVE,
        generation=ulid(f"generation of {text}"),
        epoch=1,
        lease=NOW + LEASE,
        size=1000,
        key=f"blobs/{ulid(text)}/{ulid(text)}",
    )
    return replace(usual, **changes)


def manifest(text: str = "manifest", **changes: Any) -> ManifestRecord:
    usual = ManifestRecord(
        repository_id=REPOSITORY,
        digest=digest(text),
        state=ManifestState.LIVE,
        put=ulid(f"put of {text}"),
        version=1,
        media_type=OCI_MANIFEST,
        size=len(text),
        data=text.encode(),
        shard=0,
        listed=ulid(f"put of {text}"),
        time_pushed=NOW,
        pushed_by="alice",
    )
    return replace(usual, **changes)


def tag_record(tag: str, record: ManifestRecord) -> TagRecord:
    """Return the tag as a commit of `record` writes it."""
    return TagRecord(Tag(tag), record.digest, record.media_type, record.size, NOW, "alice")


def commit(
    record: ManifestRecord, *tags: str, replaced: Mapping[str, TagRecord] | None = None, **changes: Any
) -> Commit:
    """Return the commit of a manifest that was not there before."""
    usual = Commit(
        record=record,
        own=None,
        tags=tuple(Tag(tag) for tag in tags),
        replaced={Tag(tag): before for tag, before in (replaced or {}).items()},
        counted=(),
        referrer=None,
        by="alice",
        now=NOW,
    )
    return replace(usual, **changes)


def session(word: str = "session", **changes: Any) -> UploadSession:
    usual = UploadSession(
        id=ulid(word),
        repository_id=REPOSITORY,
        principal="alice",
        state=UploadState.OPEN,
        expires=NOW + SESSION_LIFE,
    )
    return replace(usual, **changes)


def signing_key(number: int = 1) -> SigningKey:
    """Return the key of a rotation; later numbers are newer."""
    time = NOW + timedelta(days=number)
    return SigningKey(make_ulid(time, bytes(ENTROPY_BYTES)), f"public {number}", f"private {number}", time)
