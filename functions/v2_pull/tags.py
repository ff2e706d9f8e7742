"""GET /v2/{name}/tags/list (end-8)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moorage.domain.access import Action
from moorage.domain.content import Page
from moorage.domain.names import Tag, parse_name
from moorage.operations.repositories import absent, resolve
from moorage.web.auth import authorize
from moorage.web.paging import link_next, page_of
from moorage.web.shim import stores_of


def get_tags(request: Request) -> Response:
    """List tags in byte order, a page at a time; the reads grow with the page, not with the repository."""
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.PULL)
    stores = stores_of(request)
    page = page_of(request)
    repository_id = resolve(stores, grant, name)
    nothing: Page[Tag] = Page((), None)
    found = stores.manifests.tags_page(repository_id, page.last, page.n) if page.n else nothing
    if not found.items and grant.repository_id and (error := absent(stores, grant, name, None)):
        raise error
    headers = link_next(request, n=page.n, last=found.last) if found.last else {}
    return JSONResponse({"name": name, "tags": list(found.items)}, headers=headers)
