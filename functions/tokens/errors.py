"""Errors of the token endpoint, which clients of both planes ask."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moorage.domain.errors import RegistryError
from moorage.web.cloud.errors import CLOUD, request_id
from moorage.web.errors import spec_error


def token_error(request: Request, error: Exception) -> Response:
    """Tell an error as /v2 does, with code and message of the cloud plane beside its list."""
    told = spec_error(request, error)
    body = json.loads(bytes(told.body))
    code = CLOUD[type(error)][1] if isinstance(error, RegistryError) else "InternalServerError"
    headers = {name: value for name, value in told.headers.items() if not name.startswith("content-")}
    return JSONResponse(
        {**body, "code": code, "message": body["errors"][0]["message"]},
        told.status_code,
        headers={**headers, "opc-request-id": request_id(request)},
    )
