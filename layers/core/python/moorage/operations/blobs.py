"""Blobs: linking, the promise of a HEAD, and a client's DELETE. docs/protocol.md, 4.1 to 4.3 and 4.6."""

from collections.abc import Sequence
from dataclasses import replace

from moorage.domain.content import LEASE, OPERATION_OVER, Edge, Link, LinkState
from moorage.domain.digest import Digest
from moorage.domain.errors import BlobInUse, BlobUnknown, Unavailable
from moorage.domain.ulid import time_of
from moorage.operations.repositories import new_ulid
from moorage.stores.base import Stores
from moorage.stores.deadline import operation

ATTEMPTS = 8  # at a compare-and-set that somebody else keeps winning


def stat(stores: Stores, repository_id: str, digest: Digest) -> Link:
    """Return a readable blob and promise that it stays: at least 12 h from now. Raises BlobUnknown."""
    link = readable(stores, repository_id, digest)
    now = stores.clock()
    if link.needs_renewal(now):
        with operation():
            if not stores.links.revive(link, now + LEASE):
                raise _unknown(digest)
    return link


def readable(stores: Stores, repository_id: str, digest: Digest) -> Link:
    """Return a blob that can be read, without a promise. Raises BlobUnknown."""
    link = stores.links.get(repository_id, digest)
    if link is None or not link.readable:
        raise _unknown(digest)
    return link


def link_bytes(stores: Stores, repository_id: str, digest: Digest, content: bytes | str, size: int) -> None:
    """Give a repository a blob whose digest is proved: inline bytes, or the key of an object (4.1.3, 4.1.4)."""
    generation = new_ulid(stores)
    if isinstance(content, bytes):
        attach(stores, new_link(stores, repository_id, digest, generation, size, data=content))
        return
    key = _hold(stores, digest, content, size, reference(repository_id, generation))
    attach(stores, new_link(stores, repository_id, digest, generation, size, key=key))


def delete(stores: Stores, repository_id: str, digest: Digest) -> None:
    """Hide a blob that no manifest needs. Raises BlobUnknown, or BlobInUse.

    The steps are the sweep's (4.7): LIVE -> CONDEMNED by compare-and-set, the edges once more, then hidden, by
    compare-and-set on the same generation and epoch. So a manifest that is pushed meanwhile either is seen, or revives
    the link and makes the last step miss.
    """
    with operation():
        for _ in range(ATTEMPTS):
            link = readable(stores, repository_id, digest)
            _refuse_needed(stores, link)
            if link.state is LinkState.LIVE:
                if not stores.links.condemn(link):
                    continue
                link = replace(link, state=LinkState.CONDEMNED, epoch=link.epoch + 1)
            _refuse_needed(stores, link)
            if stores.links.hide(link):
                return
    raise Unavailable("the blob is in use by other requests; send the request again")


def _hold(stores: Stores, digest: Digest, key: str, size: int, reference: str) -> str:
    """Hold the bytes of a digest: those that are there, or ours (4.1.3). Returns the key to use."""
    for _ in range(ATTEMPTS):
        generation = new_ulid(stores)
        held = stores.bytes.hold(digest, key, size, reference, generation, stores.clock())
        if held.key is not None:
            return held.key
        if stores.bytes.replace(digest, held, key, size, reference, generation):
            return key
    raise Unavailable("the blob is being removed; send the request again")


def attach(stores: Stores, link: Link) -> None:
    """Write the link, or join the one that is there (4.1.4); a reference that is not needed goes."""
    for _ in range(ATTEMPTS):
        attached = stores.links.attach(link)
        if attached.existing is None:
            if attached.replaced_generation:
                _release(stores, link, attached.replaced_generation)
            return
        if stores.links.revive(attached.existing, link.lease, show=True):
            _release(stores, link, link.generation)
            return
    raise Unavailable("the blob is in use by other requests; send the request again")


def _release(stores: Stores, link: Link, generation: str) -> None:
    if link.key is not None:
        stores.bytes.release(link.digest, reference(link.repository_id, generation))


def _refuse_needed(stores: Stores, link: Link) -> None:
    """Raise BlobInUse when a readable manifest has an edge to the blob, or one that is being pushed has."""
    edges = stores.links.edges(link.repository_id, link.digest)
    if needed_by := needs(stores, link.repository_id, edges):
        if link.state is LinkState.CONDEMNED:
            stores.links.revive(link, link.lease)
        raise BlobInUse("a manifest needs this blob; delete the manifest first", manifest=str(needed_by))


def needs(stores: Stores, repository_id: str, edges: Sequence[Edge]) -> Digest | None:
    """Return a parent that is readable, or whose PUT wrote the edge, has not committed and may still do so."""
    if not edges:
        return None
    reading = stores.manifests.read(repository_id, edges[0].parent, [], [edge.parent for edge in edges], [])
    recent = stores.clock() - OPERATION_OVER
    for edge in edges:
        parent = reading.manifests.get(edge.parent)
        uncommitted = parent is None or parent.put != edge.put
        if (parent and parent.readable) or (uncommitted and time_of(edge.put) > recent):
            return edge.parent
    return None


def new_link(
    stores: Stores,
    repository_id: str,
    digest: Digest,
    generation: str,
    size: int,
    *,
    key: str | None = None,
    data: bytes | None = None,
) -> Link:
    """Return a link that is not written yet: to inline bytes, or to an object."""
    return Link(
        repository_id=repository_id,
        digest=digest,
        state=LinkState.LIVE,
        generation=generation,
        epoch=1,
        lease=stores.clock() + LEASE,
        size=size,
        key=key,
        data=data,
    )


def reference(repository_id: str, generation: str) -> str:
    """Return what holds bytes for a link of that generation."""
    return f"{repository_id}+{generation}"


def _unknown(digest: Digest) -> BlobUnknown:
    return BlobUnknown("this repository does not have the blob", digest=str(digest))
