"""Who sends a request, and whether the token says that they may do this. The rules: `web/bearer.py`."""

from typing import cast

from starlette.requests import Request

from moorage.domain.access import Access, Action, Grant
from moorage.domain.errors import Unauthenticated
from moorage.domain.names import RepositoryName
from moorage.web.bearer import CATALOG_SCOPE, check, check_catalog, scope_of, verify
from moorage.web.site import site_of


def authenticate(request: Request, scope: str = "") -> Access:
    """Return what the request's token says. Raises Unauthenticated, naming `scope`, without a valid one."""
    if known := getattr(request.state, "access", None):
        return cast("Access", known)
    access = verify(site_of(request), request.headers.getlist("authorization"), scope)
    request.state.access = access  # a request is verified once, however many ask
    return access


def authorize(request: Request, name: RepositoryName, action: Action) -> Grant:
    """Return what the token says of the repository, when that allows the action.

    Raises Unauthenticated when another token may help, and Denied or NameUnknown when none will.
    """
    return check(site_of(request), authenticate(request, scope_of(name, action)), name, action)


def authorize_catalog(request: Request) -> Access:
    """Return what the token says, when it may list repositories. Raises as `authorize` does."""
    return check_catalog(authenticate(request, CATALOG_SCOPE))


def challenge(request: Request, error: Unauthenticated) -> str:
    """Return the WWW-Authenticate value that sends a client to the token endpoint. RFC 6750, section 3."""
    host = request.headers.get("host")
    site = site_of(request)
    fields = {"realm": site.realm(host), "service": site.service(host), "scope": error.scope, "error": error.error}
    return "Bearer " + ",".join(f'{field}="{value}"' for field, value in fields.items() if value)
