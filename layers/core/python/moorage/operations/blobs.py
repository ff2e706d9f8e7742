"""Blobs: linking, mounting, the promise of a HEAD, and a client's DELETE. docs/protocol.md, 4.1 to 4.3 and 4.6."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from moorage.domain.access import Access, Action, Principal, permitted
from moorage.domain.content import LEASE, OPERATION_OVER, Edge, Link, LinkState
from moorage.domain.digest import Digest
from moorage.domain.errors import BlobInUse, BlobUnknown, Unavailable
from moorage.domain.names import RepositoryName
from moorage.domain.ulid import time_of
from moorage.operations.repositories import new_ulid
from moorage.stores.base import Stores
from moorage.stores.deadline import operation

ATTEMPTS = 8  # at a compare-and-set that somebody else keeps winning
HOLDERS = 25  # repositories looked at for a mount that names no source


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
        _attach(stores, _new_link(stores, repository_id, digest, generation, size, data=content))
        return
    key = _hold(stores, digest, content, size, _reference(repository_id, generation))
    _attach(stores, _new_link(stores, repository_id, digest, generation, size, key=key))


def mount(stores: Stores, target_id: str, digest: Digest, source: RepositoryName | None, access: Access) -> bool:
    """Give a repository a blob that another one has, if the caller may read it there; False: it must be uploaded.

    A source that is not there and one that the caller may not read are the same answer.
    """
    if source is None and not stores.limits.automatic_mount:
        return False
    with operation():
        sources = _named(stores, source, access) if source is not None else _holders(stores, target_id, digest, access)
        return any(_mount_from(stores, source_id, target_id, digest) for source_id in sources)


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


def _mount_from(stores: Stores, source_id: str, target_id: str, digest: Digest) -> bool:
    """Mount from one repository (4.2); a blob that the target itself has is only promised again."""
    link = stores.links.get(source_id, digest)
    if link is None or not link.readable:
        return False
    if source_id == target_id:
        return stores.links.revive(link, stores.clock() + LEASE)
    generation = new_ulid(stores)
    if link.data is not None:
        _attach(stores, _new_link(stores, target_id, digest, generation, link.size, data=link.data))
        return True
    key = stores.bytes.share(digest, _reference(target_id, generation))  # not the key that the source's link names (N2)
    if key is None:
        return False
    _attach(stores, _new_link(stores, target_id, digest, generation, link.size, key=key))
    return True


def _named(stores: Stores, source: RepositoryName, access: Access) -> Iterable[str]:
    """Yield the id of a named source that the caller may read."""
    grant = access.grant(source)
    if grant and grant.repository_id and Action.PULL in grant.allowed:
        yield grant.repository_id
        return
    repository = stores.repositories.find(source)
    if repository and _may_read(access.principal, public=repository.public):
        yield repository.id


def _holders(stores: Stores, target_id: str, digest: Digest, access: Access) -> Iterable[str]:
    """Yield ids of repositories that may have the blob and that the caller may read; the target first."""
    yield target_id
    ids = [holder for holder in stores.links.holders(digest, HOLDERS) if holder != target_id]
    for repository in stores.repositories.by_ids(ids) if ids else ():
        if _may_read(access.principal, public=repository.public):
            yield repository.id


def _may_read(principal: Principal, *, public: bool) -> bool:
    return Action.PULL in permitted(principal, public=public)


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


def _attach(stores: Stores, link: Link) -> None:
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
        stores.bytes.release(link.digest, _reference(link.repository_id, generation))


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


def _new_link(
    stores: Stores,
    repository_id: str,
    digest: Digest,
    generation: str,
    size: int,
    *,
    key: str | None = None,
    data: bytes | None = None,
) -> Link:
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


def _reference(repository_id: str, generation: str) -> str:
    return f"{repository_id}+{generation}"


def _unknown(digest: Digest) -> BlobUnknown:
    return BlobUnknown("this repository does not have the blob", digest=str(digest))
