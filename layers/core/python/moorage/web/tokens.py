"""Registry tokens: JWTs that `tokens` signs with ES256 and every other function can only verify.

Three kinds, told apart by their `typ` header (RFC 9068, section 2.1) and by their audience: access tokens carry what
was asked, given and refused; refresh tokens carry a user and the auth token they were made from, and give nothing;
session tokens carry the public key that verifies requests to the cloud plane. All name a principal by its id, and are
void when it was revoked after they were issued.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from moorage.domain.access import Access, Action, Catalog, Grant, Principal, PrincipalKind
from moorage.domain.errors import Unauthenticated
from moorage.domain.identity import EVERYBODY, REFRESH_LIFE, SigningKey, Trust

ACCESS_LIFE = timedelta(minutes=5)
LEEWAY = timedelta(seconds=10)  # between the clocks of two functions
KEYS_LIFE = timedelta(seconds=10)  # how long public keys and revocations are used before they are read again

_ALGORITHM = "ES256"
_ACCESS, _REFRESH, _SESSION = "at+jwt", "rt+jwt", "st+jwt"
_TOKEN_LIMIT = 10_240  # characters: what a gateway takes
_CLAIMS = ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"]
_REFRESH_AUDIENCE = "refresh:"
_SESSION_AUDIENCE = "session:"

# One letter an action, and a list instead of an object for each grant: 16 names must fit in a header.
_LETTERS = {Action.PULL: "r", Action.PUSH: "w", Action.DELETE: "d"}
_VISIBLE = "v"  # behind the actions that are allowed
_ACTIONS = {letter: action for action, letter in _LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a verified refresh token says: whose it is, by id, and which auth token must still exist."""

    user_id: str
    auth_token_id: str


def issue_access(
    access: Access, key: SigningKey, *, service: str, token_id: str, now: datetime, until: datetime | None = None
) -> tuple[str, int]:
    """Sign an access token that ends at `until`, or after five minutes; return it and the seconds it lives."""
    life = min(ACCESS_LIFE, until - now) if until else ACCESS_LIFE
    principal = access.principal
    claims = {
        "name": principal.name or "",
        "kind": principal.kind,
        "access": [
            [
                grant.name,
                grant.repository_id,
                _written(grant.allowed) + _VISIBLE * grant.visible,
                _written(grant.refused),
            ]
            for grant in access.grants
        ],
        "catalog": access.catalog,
    }
    token = _sign(claims, principal.id or "", key, _ACCESS, service, service, token_id, now, life)
    return token, int(life.total_seconds())


def issue_refresh(refresh: Refresh, key: SigningKey, *, service: str, token_id: str, now: datetime) -> str:
    """Sign a refresh token."""
    claims = {"auth_token": refresh.auth_token_id}
    audience = _REFRESH_AUDIENCE + service
    return _sign(claims, refresh.user_id, key, _REFRESH, audience, service, token_id, now, REFRESH_LIFE)


def issue_session(
    principal: Principal,
    public: Mapping[str, str],
    key: SigningKey,
    *,
    tenancy_id: str,
    token_id: str,
    now: datetime,
    life: timedelta,
) -> str:
    """Sign a session token: whoever has the private half of the RSA key `public`, a JWK, is this principal."""
    claims = {"name": principal.name or "", "kind": principal.kind, "jwk": public}
    audience = _SESSION_AUDIENCE + tenancy_id
    return _sign(claims, principal.id or "", key, _SESSION, audience, tenancy_id, token_id, now, life)


def _sign(
    claims: Mapping[str, object],
    subject: str,
    key: SigningKey,
    kind: str,
    audience: str,
    issuer: str,
    token_id: str,
    now: datetime,
    life: timedelta,
) -> str:
    if key.private is None:
        raise ValueError(f"key {key.kid} was read without its private half")
    seconds = int(now.timestamp())
    registered = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + int(life.total_seconds()),
        "jti": token_id,
    }
    return jwt.encode({**claims, **registered}, key.private, _ALGORITHM, {"kid": key.kid, "typ": kind})


@dataclass(frozen=True, slots=True)
class _Known:
    """The public keys and the revocations as they were read, and when."""

    keys: Mapping[str, tuple[EllipticCurvePublicKey, datetime | None]]
    revoked: Mapping[str, datetime]
    read: datetime


class Keyring:
    """What verifies tokens, kept in memory: public keys and revocations.

    Both are read again after 10 seconds, together, and never more often, whatever strangers send: so a revocation and
    the end of a key are in force within that time, and a key that is new is known.
    """

    def __init__(self, load: Callable[[], Trust], clock: Callable[[], datetime]) -> None:
        self._load = load
        self._clock = clock
        self._lock = Lock()
        self._known: _Known | None = None

    def verify(self, token: str, services: Collection[str]) -> Access:
        """Return what an access token for one of `services` says. Raises Unauthenticated for anything else."""
        return self.verify_until(token, services)[0]

    def verify_until(self, token: str, services: Collection[str]) -> tuple[Access, datetime]:
        """Return what an access token says, and when it ends. Raises Unauthenticated as `verify` does."""
        claims = self._claims(token, _ACCESS, services, list(services))
        try:
            return _access(claims), datetime.fromtimestamp(claims["exp"], UTC)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _invalid() from error

    def verify_refresh(self, token: str, services: Collection[str]) -> Refresh:
        """Return what a refresh token for one of `services` says. Raises Unauthenticated for anything else."""
        claims = self._claims(token, _REFRESH, services, [_REFRESH_AUDIENCE + service for service in services])
        user_id, auth_token = claims["sub"], claims.get("auth_token")
        if not user_id or not isinstance(auth_token, str):
            raise _invalid()
        return Refresh(user_id, auth_token)

    def verify_session(self, token: str, tenancy_id: str) -> tuple[Principal, Mapping[str, Any]]:
        """Return whose a session token of the tenancy is, and its public key. Raises Unauthenticated."""
        claims = self._claims(token, _SESSION, [tenancy_id], [_SESSION_AUDIENCE + tenancy_id])
        try:
            return Principal(claims["sub"], claims["name"], PrincipalKind(claims["kind"])), dict(claims["jwk"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _invalid() from error

    def _claims(self, token: str, kind: str, issuers: Collection[str], audiences: list[str]) -> dict[str, Any]:
        """Check signature, kind, issuer, audience and times; `jwk`, `jku` and `x5u` in the header say nothing to us."""
        known = self._now_known()
        key = self._key(known, _kid(token, kind))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=audiences,
                issuer=issuers,
                # Times are checked below, with the clock that issued them.
                options={"require": _CLAIMS, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise _invalid() from error
        _check_times(claims, self._clock().timestamp())
        _check_revoked(claims, known.revoked)
        return claims

    def _key(self, known: _Known, kid: str) -> EllipticCurvePublicKey:
        """Return a public key that still counts. Raises Unauthenticated."""
        key, retired = known.keys.get(kid, (None, None))
        if key is None or (retired is not None and retired <= self._clock()):
            raise _invalid()
        return key

    def _now_known(self) -> _Known:
        """Return what was read in the last 10 seconds."""
        now = self._clock()
        with self._lock:
            if self._known is None or now - self._known.read >= KEYS_LIFE:
                trust = self._load()
                self._known = _Known({key.kid: _parsed(key) for key in trust.keys}, trust.revoked, now)
            return self._known


def _parsed(key: SigningKey) -> tuple[EllipticCurvePublicKey, datetime | None]:
    public = load_pem_public_key(key.public.encode())
    if not isinstance(public, EllipticCurvePublicKey):
        raise TypeError(f"key {key.kid} is not one of elliptic curves")
    return public, key.time_retired


def _kid(token: str, kind: str) -> str:
    """Return the key id of a token whose header is that of our tokens of this kind."""
    if len(token) > _TOKEN_LIMIT:
        raise _invalid()
    try:
        header = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError as error:
        raise _invalid() from error
    if header.get("typ") != kind:
        raise _invalid()
    kid: str = header.get("kid", "")  # PyJWT has seen that it is text
    return kid


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    times = [claims["iat"], claims["nbf"], claims["exp"]]
    if not all(type(time) is int for time in times):
        raise _invalid()
    issued, not_before, expires = times
    leeway = LEEWAY.total_seconds()
    if max(issued, not_before) > now + leeway or expires <= now - leeway:
        raise _invalid()


def _check_revoked(claims: Mapping[str, Any], revoked: Mapping[str, datetime]) -> None:
    """Refuse what was issued before its principal, or everybody, was revoked; in the same second, in doubt, too."""
    for whom in (claims["sub"], EVERYBODY):
        if whom in revoked and claims["iat"] <= revoked[whom].timestamp():
            raise _invalid()


def _access(claims: Mapping[str, Any]) -> Access:
    grants = tuple(
        Grant(name, repository_id, _read(allowed.removesuffix(_VISIBLE)), _read(refused), allowed.endswith(_VISIBLE))
        for name, repository_id, allowed, refused in claims["access"]
    )
    principal = Principal(claims["sub"] or None, claims["name"] or None, PrincipalKind(claims["kind"]))
    return Access(principal, grants, Catalog(claims["catalog"]))


def _written(actions: frozenset[Action]) -> str:
    return "".join(letter for action, letter in _LETTERS.items() if action in actions)


def _read(letters: str) -> frozenset[Action]:
    return frozenset(_ACTIONS[letter] for letter in letters)


def _invalid() -> Unauthenticated:
    """One answer for every defect: it tells a client to fetch another token, and a forger nothing."""
    return Unauthenticated("the token is not valid, or no longer", error="invalid_token")
