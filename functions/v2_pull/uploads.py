"""GET /v2/{name}/blobs/uploads/{upload} (end-13)."""

from starlette.requests import Request
from starlette.responses import Response

from moorage.domain.access import Action
from moorage.domain.errors import UploadUnknown
from moorage.domain.names import parse_name
from moorage.operations import uploads
from moorage.operations.repositories import absent, resolve
from moorage.web.auth import authorize
from moorage.web.shim import stores_of
from moorage.web.uploads import standing, ticket_of


def get_upload(request: Request) -> Response:
    """Say how many bytes of an upload have arrived."""
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.PUSH)
    stores = stores_of(request)
    try:
        session = uploads.status(stores, ticket_of(request, resolve(stores, grant, name)))
    except UploadUnknown as error:
        raise absent(stores, grant, name, error) from error
    return Response(status_code=204, headers=standing(name, session.id, session.progress.offset))
