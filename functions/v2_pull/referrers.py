"""GET /v2/{name}/referrers/{digest} (end-12)."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moorage.domain.access import Action
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX
from moorage.domain.names import parse_name
from moorage.operations.repositories import absent, resolve
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
    repository_id = resolve(stores, grant, name)
    wanted = request.query_params.get("artifactType")
    after: str | None = page_of(request).last
    descriptors: list[object] = []
    for _ in range(READS if wanted else 1):
        found = stores.manifests.referrers_page(repository_id, subject, after or "")
        descriptors += [item for item in found.items if not wanted or item.get("artifactType") == wanted]
        after = found.last
        if after is None or descriptors:
            break
    if not descriptors and grant.repository_id and (error := absent(stores, grant, name, None)):
        raise error
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": descriptors}
    headers = link_next(request, last=after, artifactType=wanted) if after else {}
    if wanted:
        headers["oci-filters-applied"] = "artifactType"
    return JSONResponse(index, headers=headers, media_type=OCI_INDEX)
