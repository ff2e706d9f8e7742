"""GET /v2/: whether this is a registry, and whether the caller is known to it."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moorage.web.auth import authenticate
from moorage.web.errors import API_VERSION


def get_base(request: Request) -> Response:
    """Answer any valid token; without one, the challenge that clients take their realm from (end-1)."""
    authenticate(request)
    return JSONResponse({}, headers=API_VERSION)
