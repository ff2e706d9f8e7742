"""GET /v2/_catalog: the repositories that the caller may see."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moorage.domain.access import Catalog
from moorage.web.auth import authorize_catalog
from moorage.web.paging import link_next, page_of
from moorage.web.shim import stores_of

READS = 5  # pages of names looked through for one page of the answer


def get_catalog(request: Request) -> Response:
    """List names in byte order. A caller who may see few may get a short page with a link to the next."""
    whole = authorize_catalog(request).catalog is Catalog.ALL
    stores = stores_of(request)
    page = page_of(request)
    names: list[str] = []
    after: str | None = page.last
    for _ in range(READS):
        if after is None or len(names) >= page.n:
            break
        found = stores.repositories.names(after, page.n - len(names))
        names += [repository.name for repository in found.items if whole or repository.public]
        after = found.last
    headers = link_next(request, n=page.n, last=after) if after and page.n else {}
    return JSONResponse({"repositories": names}, headers=headers)
