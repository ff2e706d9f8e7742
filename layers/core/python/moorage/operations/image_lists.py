"""Lists of images. Reads grow with the page: one query for each repository, and one for each image that is looked at.

By time: the places of all repositories are merged as far as the page needs them. By name: repository after repository,
in each first the images that have a version, by that, then those that have none, by time. Where filters let little
pass, a request looks at `READ_ON` images and answers what it has found, with where to go on.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from moorage.domain.digest import Digest
from moorage.domain.errors import NameInvalid, ParameterInvalid
from moorage.domain.image import DELETED, Image, Pattern, Place, Wanted
from moorage.domain.names import Tag, parse_name
from moorage.domain.repository import Repository, Sort
from moorage.stores.base import Stores

READ_ON = 1_000  # images that one request looks at
PLACE_LIMIT = 600  # characters: what a sort key has room for
LEAST = 10  # places that are read of a repository, however many there are
_BATCH = 100  # images that are read together

Position = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked for: filters, order, and the page."""

    wanted: Wanted
    limit: int
    digest: Digest | None = None  # of which each repository has one image at most
    version: Tag | None = None  # likewise
    sort: Sort = Sort.TIME_CREATED
    descending: bool = True
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An image of a list, and its repository."""

    image: Image
    repository: Repository

    @property
    def display_name(self) -> str:
        """Return what the image is called."""
        return self.image.display_name(self.repository.display_name)


@dataclass(frozen=True, slots=True)
class ImagePage:
    """A page of a list; `next` is where the next one begins, None at the end."""

    items: list[Found] = field(default_factory=list)
    next: Position | None = None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An image that may be in the list; by name it is there once, where its newest version is."""

    repository: Repository
    digest: Digest
    position: Position
    version: Tag | None = None
    by_name: bool = False

    def stands_for(self, image: Image) -> bool:
        """Whether the image is to be listed here."""
        return not self.by_name or image.version == self.version


def list_images(stores: Stores, repositories: Sequence[Repository], listing: Listing) -> ImagePage:
    """Return a page of the images of some repositories."""
    if listing.digest or listing.version:
        return _page_of_few(stores, repositories, listing)
    by_name = listing.sort is Sort.DISPLAY_NAME
    candidates = (_by_name if by_name else _by_time)(stores, repositories, listing)
    items: list[Found] = []
    looked, last = 0, listing.position
    waiting = next(candidates, None)
    while waiting and looked < READ_ON and len(items) < listing.limit:
        batch = [waiting, *islice(candidates, min(listing.limit - len(items), _BATCH) - 1)]
        waiting = next(candidates, None)
        looked += len(batch)
        last = batch[-1].position
        items += _passing(stores, batch, listing)
    return ImagePage(items, last if waiting else None)


def repositories_within(
    stores: Stores, compartments: Collection[str] | None, ids: Sequence[str] | None, name: Pattern | None
) -> list[Repository]:
    """Return the repositories of compartments, or of all, that filters of id and name let pass."""
    if ids is not None:
        found = stores.repositories.by_ids(ids)
    elif name and name.prefix is None:
        found = _named(stores, name.text)
    else:
        found = list(_all_of(stores, next(iter(compartments)) if compartments and len(compartments) == 1 else None))
    return [
        one
        for one in found
        if (compartments is None or one.compartment_id in compartments) and (not name or name.matches(one.display_name))
    ]


def _named(stores: Stores, display_name: str) -> list[Repository]:
    """Return the repository of a name: none, if no repository can have it."""
    try:
        one = stores.repositories.find(parse_name(f"{stores.limits.namespace}/{display_name}"))
    except NameInvalid:
        return []
    return [one] if one else []


def _all_of(stores: Stores, compartment_id: str | None) -> Iterator[Repository]:
    after: str | None = ""
    while after is not None:
        page = stores.repositories.listed(
            compartment_id, Sort.DISPLAY_NAME, after, _BATCH, descending=False, deleted=False
        )
        yield from stores.repositories.by_ids([place.repository_id for place in page.items])
        after = page.last


def _passing(stores: Stores, batch: Sequence[_Candidate], listing: Listing) -> Iterator[Found]:
    images = stores.images.many([(one.repository.id, one.digest) for one in batch])
    read = {(image.record.repository_id, image.record.digest): image for image in images}
    now = stores.clock()
    for one in batch:
        image = read.get((one.repository.id, one.digest))
        if image and one.stands_for(image) and listing.wanted.matches(image, one.repository.display_name, now):
            yield Found(image, one.repository)


# In the order of time.


def _by_time(stores: Stores, repositories: Sequence[Repository], listing: Listing) -> Iterator[_Candidate]:
    named = {repository.id: repository for repository in repositories}
    after = read_place(listing.position, "t") if listing.position is not None else None
    each = max(LEAST, listing.limit // max(1, len(named)) + 1)  # one more than a page: whether there is another
    order = {"newest_first": listing.descending, "deleted": listing.wanted.state == DELETED}
    heads = stores.images.heads(list(named), each, after=after, **order)
    streams = [
        _places(stores, repository_id, head.items, head.last, each, **order)
        for repository_id, head in zip(named, heads, strict=True)
    ]
    merged = heapq.merge(*streams, key=lambda place: place.position, reverse=listing.descending)
    for place in merged:
        yield _Candidate(named[place.repository_id], place.digest, {"t": place.position})


def _places(
    stores: Stores, repository_id: str, first: Sequence[Place], after: str | None, limit: int, **order: bool
) -> Iterator[Place]:
    """Yield the places of one repository, reading on when they are needed."""
    yield from first
    while after is not None:
        page = stores.images.places(repository_id, after, limit, **order)
        yield from page.items
        after = page.last


# In the order of names.


def _by_name(stores: Stores, repositories: Sequence[Repository], listing: Listing) -> Iterator[_Candidate]:
    """Yield, for each repository, its tags and then all its images; or the other way round."""
    ordered = sorted(repositories, key=_name_key, reverse=listing.descending)
    start = listing.position
    reached = read_position(start, "r") if start is not None else None
    parts = [_versioned, _unversioned]
    for repository in ordered:
        if reached is not None and _is_before(_name_key(repository), reached, descending=listing.descending):
            continue
        here = start if reached is not None and _name_key(repository) == reached else None
        for part in parts[::-1] if listing.descending else parts:
            if here and here.get("p") != part.__name__:
                continue
            yield from part(stores, repository, listing, read_place(here, "a") if here else None)
            here = None


def _versioned(stores: Stores, repository: Repository, listing: Listing, after: str | None) -> Iterator[_Candidate]:
    if listing.wanted.is_versioned is False or listing.wanted.state == DELETED:
        return
    more = True
    while more:
        page = stores.images.versions(
            repository.id, after, max(LEAST, listing.limit + 1), descending=listing.descending
        )
        for tag in page.items:
            position = {"r": _name_key(repository), "p": _versioned.__name__, "a": tag.tag}
            yield _Candidate(repository, tag.digest, position, tag.tag, by_name=True)
        after, more = page.last, page.last is not None


def _unversioned(stores: Stores, repository: Repository, listing: Listing, after: str | None) -> Iterator[_Candidate]:
    if listing.wanted.is_versioned or listing.wanted.version:
        return
    order = {"newest_first": listing.descending, "deleted": listing.wanted.state == DELETED}
    head = stores.images.places(repository.id, after, max(LEAST, listing.limit + 1), **order)
    for place in _places(stores, repository.id, head.items, head.last, max(LEAST, listing.limit + 1), **order):
        position = {"r": _name_key(repository), "p": _unversioned.__name__, "a": place.position}
        yield _Candidate(repository, place.digest, position, by_name=True)


def _name_key(repository: Repository) -> str:
    """Return what display names of a repository's images begin with."""
    return f"{repository.display_name}:"


def _is_before(name: str, reached: str, *, descending: bool) -> bool:
    return name > reached if descending else name < reached


# Few images, found by what they are.


def _page_of_few(stores: Stores, repositories: Sequence[Repository], listing: Listing) -> ImagePage:
    """Read the one image that each repository can have of the digest or the version, and sort them here."""
    named = {repository.id: repository for repository in repositories}
    places = [(repository_id, listing.digest) for repository_id in named] if listing.digest else []
    if listing.version and not listing.digest:
        places = stores.images.tagged(list(named), listing.version)
    now, found = stores.clock(), []
    for image in stores.images.many(places):
        repository = named[image.record.repository_id]
        if listing.wanted.matches(image, repository.display_name, now):
            found.append(Found(image, repository))
    by_name = listing.sort is Sort.DISPLAY_NAME
    keyed = sorted(((_few_key(one, by_name=by_name), one) for one in found), key=lambda pair: pair[0])
    if listing.descending:
        keyed.reverse()
    if listing.position is not None:
        after = read_position(listing.position, "f")
        keyed = [pair for pair in keyed if (pair[0] < after if listing.descending else pair[0] > after)]
    shown = keyed[: listing.limit]
    return ImagePage([one for _, one in shown], {"f": shown[-1][0]} if len(keyed) > len(shown) else None)


def _few_key(found: Found, *, by_name: bool) -> str:
    record = found.image.record
    place = Place(record.repository_id, record.listed, record.digest)
    return f"{found.display_name} {place.position}" if by_name else place.position


def read_position(position: Position, name: str) -> str:
    """Read what an earlier answer said, to compare with it. Raises ParameterInvalid when that was another list's."""
    value = position.get(name)
    if not isinstance(value, str) or not value:
        raise _of_another_list()
    return value


def read_place(position: Position, name: str) -> str:
    """Read what an earlier answer said, to read storage from there. Raises ParameterInvalid likewise."""
    value = read_position(position, name)
    if len(value) > PLACE_LIMIT or not (value.isascii() and value.isprintable()):
        raise _of_another_list()
    return value


def _of_another_list() -> ParameterInvalid:
    return ParameterInvalid("page", "is the opc-next-page of another list; ask with the filters it was answered to")
