"""Whether a request may pass to the functions of /v2, judged as they judge it.

What they would answer with 401 is refused here, because only an answer of the gateway itself can carry the challenge.
All else passes: they say in their own words what is forbidden, unknown or malformed.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from moorage.domain.access import Access, Action
from moorage.domain.errors import Denied, NameInvalid, NameUnknown
from moorage.domain.names import parse_name
from moorage.web.bearer import CATALOG_SCOPE, check, check_catalog, scope_of, verify
from moorage.web.paths import CATALOG, SPEC_METHODS, pattern_of
from moorage.web.site import Site

_ROUTES = [(path, pattern_of(path), methods) for path, methods in SPEC_METHODS.items()]


def admit(event: Mapping[str, Any], site: Site) -> Access | None:
    """Return what the token of a request says, None when nobody asks for one.

    Raises Unauthenticated for what the functions would answer with 401, and Unavailable when keys cannot be read.
    """
    method, path = event["httpMethod"], unquote(event["path"])
    for route, pattern, methods in _ROUTES:
        if method in methods and (match := pattern.match(path)):
            name = match.groupdict().get("name")
            action = methods[method]
            if name is None or action is None:
                return _asked(event, site, route)
            return _used(event, site, name, action)
    return None  # no such path, or not with this method


def _asked(event: Mapping[str, Any], site: Site, route: str) -> Access:
    """Judge what is about no repository: the base path takes any token that is valid."""
    if route != CATALOG:
        return verify(site, _authorization(event))
    access = verify(site, _authorization(event), CATALOG_SCOPE)
    with suppress(Denied):
        check_catalog(access)
    return access


def _used(event: Mapping[str, Any], site: Site, text: str, action: Action) -> Access | None:
    """Judge what is done to a repository; one whose name cannot be is told so by the functions."""
    try:
        name = parse_name(text)
    except NameInvalid:
        return None
    access = verify(site, _authorization(event), scope_of(name, action))
    with suppress(Denied, NameUnknown):
        check(site, access, name, action)
    return access


def _authorization(event: Mapping[str, Any]) -> list[str]:
    """Return the request's Authorization header, several of them as one: so the functions get them from the gateway."""
    headers: Mapping[str, list[str]] = event.get("multiValueHeaders") or {}
    return [", ".join(values) for name, values in headers.items() if name.lower() == "authorization"][-1:]
