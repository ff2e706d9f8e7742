"""DELETE /v2/{name}/blobs/{digest} (end-10)."""

from starlette.requests import Request
from starlette.responses import Response

from moorage.domain.access import Action
from moorage.domain.digest import Digest
from moorage.domain.errors import BlobUnknown
from moorage.domain.names import parse_name
from moorage.operations import blobs
from moorage.operations.repositories import absent, resolve
from moorage.web.auth import authorize
from moorage.web.shim import stores_of


def delete_blob(request: Request) -> Response:
    """Delete a blob that no manifest needs; it is gone at once."""
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.DELETE)
    digest = Digest.parse(request.path_params["digest"])
    stores = stores_of(request)
    try:
        blobs.delete(stores, resolve(stores, grant, name), digest)
    except BlobUnknown as error:
        raise absent(stores, grant, name, error) from error
    return Response(status_code=202)
