"""Who sends a request, and whether the token says that they may do this."""

import re
from typing import cast

from starlette.requests import Request

from moorage.domain.access import Access, Action, Grant, permitted
from moorage.domain.errors import Denied, NameUnknown, Unauthenticated
from moorage.domain.names import RepositoryName
from moorage.web.site import site_of

CATALOG_SCOPE = "registry:catalog:*"

# What a client should ask a token for: whoever pushes also reads what is there.
_ASKED = {Action.PULL: "pull", Action.PUSH: "pull,push", Action.DELETE: "delete"}
_HEADER = re.compile(r"bearer +(?P<token>[A-Za-z0-9._~+/=-]+)", re.ASCII | re.IGNORECASE)


def authenticate(request: Request, scope: str = "") -> Access:
    """Return what the request's token says. Raises Unauthenticated, naming `scope`, without a valid one."""
    if known := getattr(request.state, "access", None):
        return cast("Access", known)
    headers = request.headers.getlist("authorization")
    match = _HEADER.fullmatch(headers[0].strip()) if len(headers) == 1 else None
    if not match:
        raise Unauthenticated("authentication required", scope=scope)
    site = site_of(request)
    try:
        access = site.keyring.verify(match["token"], site.services)
    except Unauthenticated as error:
        raise Unauthenticated(error.message, scope=scope, error=error.error) from error
    request.state.access = access  # a request is verified once, however many ask
    return access


def authorize(request: Request, name: RepositoryName, action: Action) -> Grant:
    """Return what the token says of the repository, when that allows the action.

    Raises Unauthenticated when another token may help, and Denied or NameUnknown when none will.
    """
    scope = f"repository:{name}:{_ASKED[action]}"
    access = authenticate(request, scope)
    site = site_of(request)
    if not site.holds(name):
        raise NameUnknown(f"repository names here start with {site.namespace}/", name=name)
    grant = access.grant(name)
    if grant and action in grant.allowed:
        return grant
    refused = grant is not None and action in grant.refused
    if grant is None or not refused or access.principal.anonymous:
        missing = "log in to do this" if access.principal.anonymous else "the token does not allow this"
        raise Unauthenticated(missing, scope=scope, error="insufficient_scope")
    if Action.PULL in grant.allowed | permitted(access.principal, public=False):
        raise Denied(f"your role does not allow {action} in this repository", name=name)
    raise NameUnknown("no such repository, or you may not see it", name=name)


def authorize_catalog(request: Request) -> Access:
    """Return what the token says, when it may list repositories: everyone may, for what they may see."""
    access = authenticate(request, CATALOG_SCOPE)
    if access.catalog:
        return access
    if access.principal.anonymous or permitted(access.principal, public=False):
        raise Unauthenticated("the token does not allow this", scope=CATALOG_SCOPE, error="insufficient_scope")
    raise Denied("your role does not allow this")


def challenge(request: Request, error: Unauthenticated) -> str:
    """Return the WWW-Authenticate value that sends a client to the token endpoint. RFC 6750, section 3."""
    host = request.headers.get("host")
    site = site_of(request)
    fields = {"realm": site.realm(host), "service": site.service(host), "scope": error.scope, "error": error.error}
    return "Bearer " + ",".join(f'{field}="{value}"' for field, value in fields.items() if value)
