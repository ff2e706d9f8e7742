"""Mounting: a repository gets a blob that another one has. docs/protocol.md, 4.2."""

from collections.abc import Iterable

from moorage.domain.access import Access, Action
from moorage.domain.content import LEASE
from moorage.domain.digest import Digest
from moorage.domain.names import RepositoryName
from moorage.operations.blobs import attach, new_link, reference
from moorage.operations.deciding import MayPull
from moorage.operations.repositories import new_ulid
from moorage.stores.base import Stores
from moorage.stores.deadline import operation

HOLDERS = 25  # repositories looked at for a mount that names no source


def mount(
    stores: Stores, target_id: str, digest: Digest, source: RepositoryName | None, access: Access, may_pull: MayPull
) -> bool:
    """Give a repository a blob that another one has, if the caller may read it there; False: it must be uploaded.

    A source that is not there and one that the caller may not read are the same answer.
    """
    if source is None and not stores.limits.automatic_mount:
        return False
    with operation():
        if source is not None:
            sources = _named(stores, source, access, may_pull)
        else:
            sources = _holders(stores, target_id, digest, may_pull)
        return any(_mount_from(stores, source_id, target_id, digest) for source_id in sources)


def _mount_from(stores: Stores, source_id: str, target_id: str, digest: Digest) -> bool:
    """Mount from one repository (4.2); a blob that the target itself has is only promised again."""
    link = stores.links.get(source_id, digest)
    if link is None or not link.readable:
        return False
    if source_id == target_id:
        return stores.links.revive(link, stores.clock() + LEASE)
    generation = new_ulid(stores)
    if link.data is not None:
        attach(stores, new_link(stores, target_id, digest, generation, link.size, data=link.data))
        return True
    key = stores.bytes.share(digest, reference(target_id, generation))  # not the key that the source's link names (N2)
    if key is None:
        return False
    attach(stores, new_link(stores, target_id, digest, generation, link.size, key=key))
    return True


def _named(stores: Stores, source: RepositoryName, access: Access, may_pull: MayPull) -> Iterable[str]:
    """Yield the id of a named source that the caller may read: by the token, which costs nothing, or by policies."""
    grant = access.grant(source)
    if grant and grant.repository_id and Action.PULL in grant.allowed:
        yield grant.repository_id
        return
    repository = stores.repositories.find(source)
    if repository and may_pull(repository):
        yield repository.id


def _holders(stores: Stores, target_id: str, digest: Digest, may_pull: MayPull) -> Iterable[str]:
    """Yield ids of repositories that may have the blob and that the caller may read; the target first."""
    yield target_id
    ids = [holder for holder in stores.links.holders(digest, HOLDERS) if holder != target_id]
    for repository in stores.repositories.by_ids(ids) if ids else ():
        if may_pull(repository):
            yield repository.id
