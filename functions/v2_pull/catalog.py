"""GET /v2/_catalog: the repositories that the caller may see."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moorage.domain.access import Catalog
from moorage.domain.content import Page
from moorage.domain.repository import Repository
from moorage.stores.base import RepositoryStore
from moorage.web.auth import authorize_catalog
from moorage.web.paging import PageRequest, link_next, page_of
from moorage.web.shim import stores_of

SCANNED = 1_000  # names a read, where few of them may be shown


def get_catalog(request: Request) -> Response:
    """List names in byte order. Neither the names nor the link tell of repositories that the caller may not see."""
    whole = authorize_catalog(request).catalog is Catalog.ALL
    repositories, page = stores_of(request).repositories, page_of(request)
    if not page.n:
        return JSONResponse({"repositories": []})
    found = repositories.names(page.last, page.n) if whole else _public(repositories, page)
    headers = link_next(request, n=page.n, last=found.last) if found.last else {}
    return JSONResponse({"repositories": [repository.name for repository in found.items]}, headers=headers)


def _public(repositories: RepositoryStore, page: PageRequest) -> Page[Repository]:
    """Return a page of public repositories: all names are looked through until there is one that the next begins with.

    So a link leads to what the caller may see, from what they have seen.
    """
    shown: list[Repository] = []
    after: str | None = page.last
    while after is not None and len(shown) <= page.n:
        found = repositories.names(after, SCANNED)
        shown += [repository for repository in found.items if repository.public]
        after = found.last
    items = tuple(shown[: page.n])
    return Page(items, items[-1].name if len(shown) > page.n else None)
