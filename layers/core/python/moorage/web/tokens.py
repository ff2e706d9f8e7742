"""Registry tokens: JWTs that `tokens` signs with ES256 and every other function can only verify.

Two kinds, told apart by their `typ` header (RFC 9068, section 2.1) and by their audience: access tokens carry what was
asked, given and refused; refresh tokens carry a user and the auth token they were made from, and give nothing.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from moorage.domain.access import Access, Action, Grant, Principal, Role
from moorage.domain.errors import Unauthenticated
from moorage.domain.identity import REFRESH_LIFE, SigningKey

ACCESS_LIFE = timedelta(minutes=5)
LEEWAY = timedelta(seconds=10)  # between the clocks of two functions
KEYS_LIFE = timedelta(minutes=5)  # how long public keys are used before they are read again
RELOAD_PAUSE = timedelta(seconds=10)  # between two reads for key ids that nobody knows: those cost a caller nothing

_ALGORITHM = "ES256"
_ACCESS, _REFRESH = "at+jwt", "rt+jwt"
_TOKEN_LIMIT = 10_240  # characters: what a gateway takes
_CLAIMS = ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"]
_REFRESH_AUDIENCE = "refresh:"

# One letter an action, and a list instead of an object for each grant: 16 names must fit in a header.
_LETTERS = {Action.PULL: "r", Action.PUSH: "w", Action.DELETE: "d"}
_ACTIONS = {letter: action for action, letter in _LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a verified refresh token says: whose it is, and which auth token must still exist."""

    user: str
    auth_token_id: str


def issue_access(access: Access, key: SigningKey, *, service: str, token_id: str, now: datetime) -> tuple[str, int]:
    """Sign an access token; return it and the seconds it lives."""
    claims = {
        "role": access.principal.role,
        "access": [
            [grant.name, grant.repository_id, _written(grant.allowed), _written(grant.refused)]
            for grant in access.grants
        ],
        "catalog": access.catalog,
    }
    token = _sign(claims, access.principal.name or "", key, _ACCESS, service, service, token_id, now, ACCESS_LIFE)
    return token, int(ACCESS_LIFE.total_seconds())


def issue_refresh(refresh: Refresh, key: SigningKey, *, service: str, token_id: str, now: datetime) -> str:
    """Sign a refresh token."""
    claims = {"auth_token": refresh.auth_token_id}
    audience = _REFRESH_AUDIENCE + service
    return _sign(claims, refresh.user, key, _REFRESH, audience, service, token_id, now, REFRESH_LIFE)


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
    """The public keys as they were read, and when."""

    keys: Mapping[str, tuple[EllipticCurvePublicKey, datetime | None]]
    read: datetime


class Keyring:
    """The public keys that verify tokens, kept in memory.

    Keys are read again after 5 minutes, so a retired key counts for so long at most; a key id that is not known makes
    it read at once, at most every 10 seconds.
    """

    def __init__(self, load: Callable[[], list[SigningKey]], clock: Callable[[], datetime]) -> None:
        self._load = load
        self._clock = clock
        self._lock = Lock()
        self._known: _Known | None = None

    def verify(self, token: str, services: Collection[str]) -> Access:
        """Return what an access token for one of `services` says. Raises Unauthenticated for anything else."""
        claims = self._claims(token, _ACCESS, services, list(services))
        try:
            return _access(claims)
        except (KeyError, TypeError, ValueError) as error:
            raise _invalid() from error

    def verify_refresh(self, token: str, services: Collection[str]) -> Refresh:
        """Return what a refresh token for one of `services` says. Raises Unauthenticated for anything else."""
        claims = self._claims(token, _REFRESH, services, [_REFRESH_AUDIENCE + service for service in services])
        user, auth_token = claims["sub"], claims.get("auth_token")
        if not user or not isinstance(auth_token, str):
            raise _invalid()
        return Refresh(user, auth_token)

    def _claims(self, token: str, kind: str, issuers: Collection[str], audiences: list[str]) -> dict[str, Any]:
        """Check signature, kind, issuer, audience and times; `jwk`, `jku` and `x5u` in the header say nothing to us."""
        key = self._key(_kid(token, kind))
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
        return claims

    def _key(self, kid: str) -> EllipticCurvePublicKey:
        """Return a public key that still counts. Raises Unauthenticated."""
        now = self._clock()
        with self._lock:
            known = self._known
            if known is None or self._stale(known, kid, now):
                known = self._known = _Known({key.kid: _parsed(key) for key in self._load()}, now)
        key, retired = known.keys.get(kid, (None, None))
        if key is None or (retired is not None and retired <= now):
            raise _invalid()
        return key

    @staticmethod
    def _stale(known: _Known, kid: str, now: datetime) -> bool:
        age = now - known.read
        return age >= KEYS_LIFE or (kid not in known.keys and age >= RELOAD_PAUSE)


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


def _access(claims: Mapping[str, Any]) -> Access:
    grants = tuple(
        Grant(name, repository_id, _read(allowed), _read(refused))
        for name, repository_id, allowed, refused in claims["access"]
    )
    return Access(Principal(claims["sub"] or None, Role(claims["role"])), grants, bool(claims["catalog"]))


def _written(actions: frozenset[Action]) -> str:
    return "".join(letter for action, letter in _LETTERS.items() if action in actions)


def _read(letters: str) -> frozenset[Action]:
    return frozenset(_ACTIONS[letter] for letter in letters)


def _invalid() -> Unauthenticated:
    """One answer for every defect: it tells a client to fetch another token, and a forger nothing."""
    return Unauthenticated("the token is not valid, or no longer", error="invalid_token")
