"""GET /v2/{name}/referrers/{digest} (end-12)."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moorage.domain.access import Action, Grant
from moorage.domain.digest import Digest
from moorage.domain.errors import NameUnknown, Unauthenticated
from moorage.domain.manifest import OCI_INDEX
from moorage.domain.names import RepositoryName, parse_name
from moorage.operations.repositories import absent, resolve
from moorage.stores.base import Stores
from moorage.web.auth import authorize
from moorage.web.paging import link_next, page_of
from moorage.web.shim import stores_of

READS = 4  # pages of up to 1 MB looked through for one page of the answer: together below what Lambda can send


def get_referrers(request: Request) -> Response:
    """List descriptors of what refers to a digest, whether or not that is there itself."""
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.PULL)
    stores = stores_of(request)
    subject = Digest.parse(request.path_params["digest"])
    # A media type has no space: a "+" that a client did not encode became one.
    wanted = request.query_params.get("artifactType", "").replace(" ", "+") or None
    try:
        repository_id = resolve(stores, grant, name)
        descriptors, after = _descriptors(stores, repository_id, subject, page_of(request).last, wanted)
    except NameUnknown:
        descriptors, after = [], None  # "MUST NOT return a 404": nothing refers to what is not there
    if not descriptors and grant.repository_id:
        _check_current(stores, grant, name)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors}
    headers = link_next(request, last=after, artifactType=wanted) if after else {}
    if wanted:
        headers["oci-filters-applied"] = "artifactType"
    return JSONResponse(index, headers=headers, media_type=OCI_INDEX)


def _descriptors(
    stores: Stores, repository_id: str, subject: Digest, last: str, wanted: str | None
) -> tuple[list[Mapping[str, object]], str | None]:
    """Return a page of descriptors, and where the next one starts; a filter looks through a few pages for its own."""
    after: str | None = last
    for _ in range(READS if wanted else 1):
        found = stores.manifests.referrers_page(repository_id, subject, after or "")
        after = found.last
        descriptors = [item for item in found.items if not wanted or item.get("artifactType") == wanted]
        if descriptors or after is None:
            return descriptors, after
    return [], after


def _check_current(stores: Stores, grant: Grant, name: RepositoryName) -> None:
    """Send a client whose token names a repository that was made anew for another token."""
    error = absent(stores, grant, name, None)
    if isinstance(error, Unauthenticated):
        raise error
