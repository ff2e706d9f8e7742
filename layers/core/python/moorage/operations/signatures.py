"""Signatures of images: records that are seen while their image is."""

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from moorage.domain.content import Page
from moorage.domain.directory import Remembered, ResourceTags
from moorage.domain.errors import NotFound, StateConflict
from moorage.domain.repository import Repository, Sort
from moorage.domain.signature import Signature, Sought, check_message
from moorage.operations.contention import ATTEMPTS, busy, pause
from moorage.operations.image_lists import LEAST, READ_ON, read_place, read_position
from moorage.stores.base import Conflict, Stores
from moorage.stores.deadline import operation

Position = Mapping[str, Any]

_BATCH = 100  # signatures that are read together


def create(stores: Stores, signature: Signature, repository: Repository, remember: Remembered | None) -> None:
    """Keep a signature of an image. Raises ParameterInvalid, or StateConflict when the image has gone meanwhile."""
    check_message(signature, repository.display_name)
    with operation():
        for attempt in range(ATTEMPTS):
            try:
                kept = stores.signatures.create(signature, remember)
            except Conflict:
                pause(stores, attempt)
                continue
            if not kept:
                raise StateConflict("the image is deleted; restore it first")
            return
    raise busy()


def find(stores: Stores, repository_id: str, signature_id: str) -> Signature:
    """Return a signature whose image can be seen. Raises NotFound."""
    signature = stores.signatures.get(repository_id, signature_id)
    if signature is None or not stores.signatures.readable([(repository_id, signature.digest)]):
        raise NotFound
    return signature


def label(
    stores: Stores,
    repository_id: str,
    signature_id: str,
    change: Callable[[ResourceTags], ResourceTags],
    check: Callable[[Signature], None],
) -> Signature:
    """Change the labels of a signature and return it. Raises NotFound, or what `check` does."""
    with operation():
        for attempt in range(ATTEMPTS):
            before = find(stores, repository_id, signature_id)
            check(before)
            after = replace(before, tags=change(before.tags), version=before.version + 1)
            if stores.signatures.update(after):
                return after
            pause(stores, attempt)
    raise busy()


def remove(stores: Stores, repository_id: str, signature_id: str, check: Callable[[Signature], None]) -> None:
    """Delete a signature for good. Raises NotFound, or what `check` does."""
    with operation():
        for attempt in range(ATTEMPTS):
            signature = find(stores, repository_id, signature_id)
            check(signature)
            if stores.signatures.remove(signature):
                return
            pause(stores, attempt)
    raise busy()


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked for: filters, order, and the page."""

    sought: Sought
    limit: int
    sort: Sort = Sort.TIME_CREATED
    descending: bool = True
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class SignaturePage:
    """A page of a list; `next` is where the next one begins, None at the end."""

    items: list[Signature] = field(default_factory=list)
    next: Position | None = None


def list_signatures(stores: Stores, repositories: Sequence[Repository], listing: Listing) -> SignaturePage:
    """Return a page of the signatures of some repositories.

    By time, reads grow with the page. By name, all are read: names are of keys, which no order of rows can follow.
    """
    by_name = listing.sort is Sort.DISPLAY_NAME
    ids = [repository.id for repository in repositories]
    found = _by_name(stores, ids, listing) if by_name else _by_time(stores, ids, listing)
    key = "n" if by_name else "t"
    items: list[Signature] = []
    looked, last = 0, listing.position
    waiting = next(found, None)
    while waiting and looked < READ_ON and len(items) < listing.limit:
        batch = [waiting, *islice(found, min(listing.limit - len(items), _BATCH) - 1)]
        waiting = next(found, None)
        looked += len(batch)
        last = {key: _name_key(batch[-1]) if by_name else batch[-1].id}
        items += _seen(stores, [one for one in batch if listing.sought.matches(one)])
    return SignaturePage(items, last if waiting else None)


def _seen(stores: Stores, signatures: Sequence[Signature]) -> list[Signature]:
    """Return those whose image is not deleted."""
    if not signatures:
        return []
    images = {(one.repository_id, one.digest) for one in signatures}
    readable = stores.signatures.readable(sorted(images))
    return [one for one in signatures if (one.repository_id, one.digest) in readable]


def _by_time(stores: Stores, ids: Sequence[str], listing: Listing) -> Iterator[Signature]:
    after = read_place(listing.position, "t") if listing.position is not None else None
    each = max(LEAST, listing.limit // max(1, len(ids)) + 1)
    heads = stores.signatures.heads(ids, each, after=after, newest_first=listing.descending)
    streams = [_all(stores, one, head, each, listing) for one, head in zip(ids, heads, strict=True)]
    return heapq.merge(*streams, key=lambda signature: signature.id, reverse=listing.descending)


def _by_name(stores: Stores, ids: Sequence[str], listing: Listing) -> Iterator[Signature]:
    after = read_position(listing.position, "n") if listing.position is not None else None
    heads = stores.signatures.heads(ids, None, after=None, newest_first=listing.descending)
    everything = [
        signature for one, head in zip(ids, heads, strict=True) for signature in _all(stores, one, head, None, listing)
    ]
    for signature in sorted(everything, key=_name_key, reverse=listing.descending):
        name = _name_key(signature)
        if after is None or (name < after if listing.descending else name > after):
            yield signature


def _all(
    stores: Stores, repository_id: str, head: Page[Signature], limit: int | None, listing: Listing
) -> Iterator[Signature]:
    """Yield the signatures of one repository, reading on when they are needed."""
    yield from head.items
    after = head.last
    while after is not None:
        page = stores.signatures.page(repository_id, after, limit, newest_first=listing.descending)
        yield from page.items
        after = page.last


def _name_key(signature: Signature) -> str:
    return f"{signature.display_name} {signature.id}"
