"""GET and POST of the token endpoint. distribution, "Token Authentication Specification" and "OAuth2 Token".

It is GetAccessToken of the cloud plane too, where a request is signed instead of bringing a password.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse

from moorage.domain.access import Access, Catalog, Scope, parse_scopes
from moorage.domain.errors import BodyTooLarge, ScopeInvalid, Unauthenticated, Unavailable
from moorage.domain.identity import SigningKey
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.operations.login import (
    Login,
    grant_scopes,
    log_in,
    log_in_again,
    log_in_by_token,
    nobody,
    parse_login_name,
)
from moorage.stores.base import Stores
from moorage.web.cloud.caller import authenticate
from moorage.web.shim import stores_of, with_body
from moorage.web.site import guarded_address, site_of
from moorage.web.tokens import Refresh, issue_access, issue_refresh
from moorage.web.watch import count, logger
from tokens.credentials import BEARER, Credentials, field, is_signed, read_basic, read_form

_FORM_LIMIT = 64 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a token shall be for, and whether a refresh token shall come with it."""

    service: str
    scopes: tuple[Scope, ...]
    offline: bool


def get_token(request: Request) -> JSONResponse:
    """Answer a token for the user of the Basic header, for whoever has signed the request, or for nobody."""
    query = request.query_params
    asked = _asked(request, query.getlist("service"), query.getlist("scope"), query.get("offline_token") == "true")
    if is_signed(request.headers):
        caller = authenticate(request, b"")
        return _answer(request, asked, Login(caller.principal, caller.tenancy))
    credentials = read_basic(request.headers)
    return _answer(request, asked, _log_in(request, credentials) if credentials else nobody(site_of(request).namespace))


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"a token is asked for with a form of at most {limit} bytes", limit=limit)


@with_body(_FORM_LIMIT, _too_large)
def post_token(request: Request, body: bytes) -> JSONResponse:
    """Answer a token for a password, or for a refresh token that was given for one."""
    form = read_form(request.headers.get("content-type", ""), body)
    asked = _asked(request, form.get("service", []), form.get("scope", []), form.get("access_type") == ["offline"])
    grant_type = field(form, "grant_type")
    if grant_type == "password":
        credentials = Credentials(field(form, "username"), field(form, "password"))
        return _answer(request, asked, _log_in(request, credentials))
    if grant_type == "refresh_token":
        # The refresh token stays the one it was: a login lasts as long as was said when it was made.
        return _answer(request, replace(asked, offline=False), _log_in_again(request, field(form, "refresh_token")))
    raise ScopeInvalid("grant_type is password or refresh_token", grant_type=grant_type[:100])


def _asked(request: Request, services: list[str], scopes: Iterable[str], offline: bool) -> _Asked:
    """Read what both methods ask.

    A service that is none of ours is refused: it means that the realm came from another registry, or that a front is
    missing in the list of origins, and a token for it would only be refused later, with less to go by.
    """
    site = site_of(request)
    service = services[0] if services else site.service(request.headers.get("host"))
    if service not in site.services:
        raise ScopeInvalid(f"service is one of {', '.join(site.services)}", service=service[:200])
    return _Asked(service, parse_scopes(scopes), offline)


def _log_in(request: Request, credentials: Credentials) -> Login:
    """Return who it is. Raises Unauthenticated, one answer for a wrong password and a user that does not exist."""
    site = site_of(request)
    address = site.client_address(request)
    if credentials.username == BEARER:
        access, until = site.keyring.verify_until(credentials.password, site.services)
        return log_in_by_token(stores_of(request), access.principal, until, address)
    name = parse_login_name(credentials.username, site.namespace)
    login = log_in(stores_of(request), name, credentials.password, address, guarded_address(address))
    if login is None:
        logger.warning("login refused", user=name, address=address)
        count("LoginRefused")
        raise Unauthenticated("wrong user name or password; the password is an auth token of this registry")
    return login


def _log_in_again(request: Request, refresh_token: str) -> Login:
    site = site_of(request)
    refresh = site.keyring.verify_refresh(refresh_token, site.services)
    address = site.client_address(request)
    return log_in_again(stores_of(request), refresh.user_id, refresh.auth_token_id, address)


def _answer(request: Request, asked: _Asked, login: Login) -> JSONResponse:
    """Sign what was asked; a refresh token comes with it for nothing but a password."""
    stores, address = stores_of(request), site_of(request).client_address(request)
    access = grant_scopes(stores, login, address, asked.scopes)
    key, now = _signing_key(stores), stores.clock()
    token, expires_in = issue_access(
        access, key, service=asked.service, token_id=_token_id(stores), now=now, until=login.until
    )
    content = {
        "token": token,
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "issued_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "scope": _scope(access),
    }
    if login.principal.id and login.auth_token_id and asked.offline:
        refresh = Refresh(login.principal.id, login.auth_token_id)
        content["refresh_token"] = issue_refresh(
            refresh, key, service=asked.service, token_id=_token_id(stores), now=now
        )
    return JSONResponse(content, headers={"cache-control": "no-store"})


def _signing_key(stores: Stores) -> SigningKey:
    key = stores.identity.signing_key()
    if key is None:
        raise Unavailable("the registry has no signing key yet; its owner makes one with `moorage bootstrap`")
    return key


def _token_id(stores: Stores) -> str:
    return make_ulid(stores.clock(), stores.entropy(ENTROPY_BYTES))


def _scope(access: Access) -> str:
    """Write what was given, in the words of scopes."""
    given = [str(Scope("repository", grant.name, frozenset(grant.allowed))) for grant in access.grants if grant.allowed]
    return " ".join([*given, *(["registry:catalog:*"] if access.catalog is not Catalog.NONE else [])])
