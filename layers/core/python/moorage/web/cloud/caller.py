"""Who has signed a request: a user by an API key or a session, or a machine by a session."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from starlette.requests import Request

from moorage.domain.access import Principal, PrincipalKind
from moorage.domain.directory import State, User
from moorage.domain.networks import may_sign_in
from moorage.domain.ocid import Kind, tenancy_ocid, unique_of
from moorage.domain.tenancy import Tenancy
from moorage.stores.base import Stores
from moorage.web.cloud.sessions import PREFIX, read_session
from moorage.web.cloud.signing import Received, targets, unverified, verify
from moorage.web.shim import stores_of
from moorage.web.site import Site, site_of

_REMAPPED_DATE = ("x-amzn-remapped-date", "x-amz-remapped-date")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where, and all that decides what they may."""

    principal: Principal
    tenancy: Tenancy
    address: str


def authenticate(request: Request, body: bytes) -> Caller:
    """Return who has signed the request. Raises Unauthenticated."""
    site, stores = site_of(request), stores_of(request)
    seeker = _Seeker(site, stores, site.client_address(request))
    verify(_received(request, site, body), stores.clock(), seeker.find_key)
    return seeker.caller()


class _Seeker:
    """Finds the key of a key id, with one read; what was read with it decides the call."""

    def __init__(self, site: Site, stores: Stores, address: str) -> None:
        self._site = site
        self._stores = stores
        self._address = address
        self._found: tuple[Principal, Tenancy] | None = None

    def find_key(self, key_id: str) -> RSAPublicKey:
        """Return the public key that a key id means. Raises Unauthenticated."""
        if key_id.startswith(PREFIX):
            return self._session_key(key_id)
        return self._api_key(key_id)

    def caller(self) -> Caller:
        """Return who it is whose key was found."""
        if self._found is None:
            raise unverified()
        principal, tenancy = self._found
        return Caller(principal, tenancy, self._address)

    def _api_key(self, key_id: str) -> RSAPublicKey:
        tenancy_id, _, rest = key_id.partition("/")
        user_id, _, fingerprint = rest.partition("/")
        if tenancy_id != tenancy_ocid(self._site.namespace):
            raise unverified()
        user = self._active_user(user_id)
        key = user.api_key(fingerprint.lower())
        if key is None or "canUseApiKeys" not in user.capabilities:
            raise unverified()
        return _read_key(key.public)

    def _session_key(self, key_id: str) -> RSAPublicKey:
        principal, key = read_session(self._site, key_id)
        if principal.kind is PrincipalKind.USER:
            self._active_user(principal.id or "")
        else:
            _, tenancy = self._stores.directory.user_and_tenancy(principal.id or "")  # the call that every role allows
            self._found = principal, tenancy
        return key

    def _active_user(self, user_id: str) -> User:
        """Return a user who may sign in from where the request comes from. Raises Unauthenticated."""
        if unique_of(user_id, Kind.USER) is None:
            raise unverified()
        user, tenancy = self._stores.directory.user_and_tenancy(user_id)
        if user is None or user.state is not State.ACTIVE or not may_sign_in(tenancy, self._address):
            raise unverified()
        self._found = Principal(user.id, user.name, PrincipalKind.USER, user.groups), tenancy
        return user


def _read_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, RSAPublicKey):
        raise unverified()
    return key


def _received(request: Request, site: Site, body: bytes) -> Received:
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
    names = [name for name, _ in pairs]
    headers = {name: value.strip() for name, value in pairs if names.count(name) == 1}
    dates = [headers[name] for name in ("date", *_REMAPPED_DATE) if name in headers]
    return Received(
        method=request.method,
        targets=_targets(request.scope),
        hosts=_hosts(site, request.scope, headers.get("host", "")),
        dates=dates,
        headers=headers,
        body=body,
    )


def _targets(scope: Mapping[str, Any]) -> list[str]:
    """Return what the request may have asked for, in the client's own letters.

    A server that has the path as it came leaves no doubt. The event of a gateway has it decoded, and perhaps without
    the base path, or without one of two slashes.
    """
    query = scope["query_string"].decode("latin-1")
    if (raw := scope.get("raw_path")) is not None:
        path = raw.decode("latin-1")
        return [f"{path}?{query}"] if query else [path, f"{path}?"]
    event = scope.get("aws.event") or {}
    given = str(event.get("rawPath") or event.get("path") or scope["path"])
    base = scope.get("base_path", "")  # that the shim has put back
    paths = [base + given, f"/{base}{given}", given, *([base] if base and given == "/" else [])]
    return targets(list(dict.fromkeys(paths)), query)


def _hosts(site: Site, scope: Mapping[str, Any], received: str) -> list[str]:
    """Return what may have been signed as the host: the one that came, if it is a name of the registry's.

    A gateway may have put a name of its own there: then it was the one that it was called by, or any of ours. A server
    that the client speaks to leaves no doubt.
    """
    names: dict[str, None] = {}
    for origin in site.origins:
        scheme, _, netloc = origin.partition("://")
        short = netloc.removesuffix(_DEFAULT_PORTS[scheme])
        names |= dict.fromkeys((short, short + _DEFAULT_PORTS[scheme] if ":" not in short else short))
    event = scope.get("aws.event") or {}
    called_by = event.get("requestContext", {}).get("domainName") or ""
    certain = [name for name in (received, called_by) if name.lower() in names]
    return certain[:1] or (list(names) if event else [])
