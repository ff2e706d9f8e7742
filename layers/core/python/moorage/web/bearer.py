"""Who a token says is asking, and whether it says that they may: the rules, for any front, without a web framework."""

import re
from collections.abc import Sequence

from moorage.domain.access import Access, Action, Catalog, Grant
from moorage.domain.errors import NO_REPOSITORY, Denied, NameUnknown, Unauthenticated
from moorage.domain.names import RepositoryName
from moorage.web.site import Site

CATALOG_SCOPE = "registry:catalog:*"

# What a client should ask a token for: whoever pushes also reads what is there.
_ASKED = {Action.PULL: "pull", Action.PUSH: "pull,push", Action.DELETE: "delete"}
_NOT_MADE = (
    "push access to this repository is denied: it is not there, and no policy lets you make it "
    "(REPOSITORY_CREATE in the root compartment)"
)
_HEADER = re.compile(r"bearer +(?P<token>[A-Za-z0-9._~+/=-]+)", re.ASCII | re.IGNORECASE)


def scope_of(name: RepositoryName, action: Action) -> str:
    """Return the scope to ask a token for."""
    return f"repository:{name}:{_ASKED[action]}"


def verify(site: Site, headers: Sequence[str], scope: str = "") -> Access:
    """Return what the token of these Authorization headers says.

    Raises Unauthenticated, naming `scope`, unless there is one header with a valid token.
    """
    match = _HEADER.fullmatch(headers[0].strip()) if len(headers) == 1 else None
    if not match:
        raise Unauthenticated("authentication required", scope=scope)
    try:
        return site.keyring.verify(match["token"], site.services)
    except Unauthenticated as error:
        raise Unauthenticated(error.message, scope=scope, error=error.error) from error


def check(site: Site, access: Access, name: RepositoryName, action: Action) -> Grant:
    """Return what the token says of the repository, when that allows the action.

    Raises Unauthenticated when another token may help, and Denied or NameUnknown when none will.
    """
    if not site.holds(name):
        raise NameUnknown(f"repository names here start with {site.namespace}/", name=name)
    grant = access.grant(name)
    if grant and action in grant.allowed:
        return grant
    refused = grant is not None and action in grant.refused
    if grant is None or not refused or access.principal.anonymous:
        missing = "log in to do this" if access.principal.anonymous else "the token does not allow this"
        raise Unauthenticated(missing, scope=scope_of(name, action), error="insufficient_scope")
    if not grant.visible:
        raise NameUnknown(NO_REPOSITORY, name=name)
    if grant.repository_id is None and action is Action.PUSH:
        raise Denied(_NOT_MADE, name=name)
    raise Denied(f"{action} access to this repository is denied: no policy grants it", name=name)


def check_catalog(access: Access) -> Access:
    """Return what the token says, when it may list repositories: every user may, for what they may see.

    Raises Unauthenticated otherwise: a token that was asked for the catalog, by a user, is good for it.
    """
    if access.catalog is not Catalog.NONE:
        return access
    missing = "log in to do this" if access.principal.anonymous else "the token does not allow this"
    raise Unauthenticated(missing, scope=CATALOG_SCOPE, error="insufficient_scope")
