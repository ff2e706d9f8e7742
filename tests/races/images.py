"""Content to push: blobs of a few bytes and the manifests that name them."""

import json
from collections.abc import Sequence
from typing import Any

from moorage.domain.content import INLINE_BLOB_LIMIT
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.domain.names import Tag
from moorage.domain.repository import Repository
from moorage.operations import repositories, uploads
from moorage.operations.push import Push, push_manifest
from moorage.stores.base import Stores

ALICE = "ocid1.user.moorage..alice"
CONFIG = b"{}"
LAYER = b"layer" * INLINE_BLOB_LIMIT  # too large for a row


def make_repository(stores: Stores, name: str = "acme/app") -> Repository:
    return repositories.create(stores, name, ALICE, public=False)


def by_token(_: Repository) -> bool:
    """What policies say of a mount that the token allows: they are not asked."""
    raise AssertionError


def upload(stores: Stores, repository_id: str, data: bytes, algorithm: str = "sha256") -> Digest:
    """Push a blob in one request."""
    digest = Digest.of(data, algorithm)
    session = uploads.start(stores, repository_id, ALICE, algorithm)
    uploads.finish(stores, session.ticket, digest, data)
    return digest


def descriptor(data: bytes, media_type: str = "application/octet-stream") -> dict[str, Any]:
    return {"mediaType": media_type, "digest": str(Digest.of(data)), "size": len(data)}


def image(*layers: bytes, config: bytes = CONFIG, subject: bytes | None = None, note: str = "") -> bytes:
    """Return an image manifest."""
    body: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config),
        "layers": [descriptor(layer) for layer in layers],
    }
    if subject is not None:
        body["subject"] = descriptor(subject, OCI_MANIFEST)
    if note:
        body["annotations"] = {"note": note}
    return json.dumps(body).encode()


def index(*images: bytes) -> bytes:
    """Return an index of image manifests."""
    children = [descriptor(data, OCI_MANIFEST) for data in images]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children}).encode()


def put(repository_id: str, data: bytes, *tags: str, **changes: Any) -> Push:
    """Return a manifest PUT."""
    named: Sequence[Tag] = [Tag(tag) for tag in tags]
    usual = {"content_type": None, "digest": None, "expected": None, "by": ALICE}
    return Push(repository_id=repository_id, data=data, tags=tuple(named), **{**usual, **changes})


def push_image(stores: Stores, repository_id: str, data: bytes, *blobs: bytes, tags: Sequence[str] = ()) -> Digest:
    """Push blobs and the manifest that names them."""
    for blob in (CONFIG, *blobs):
        upload(stores, repository_id, blob)
    return push_manifest(stores, put(repository_id, data, *tags)).digest
