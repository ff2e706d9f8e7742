"""What users log in against: the slowing of guesses, the keys that sign tokens, and what makes tokens void."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from moorage.domain.errors import NameInvalid

REFRESH_LIFE = timedelta(days=90)  # of a refresh token: how long `docker login` lasts
FREE_FAILURES = 5  # wrong passwords for one user before an answer is delayed
FREE_FAILURES_ANY_USER = 50  # for all users together: many people can share an address
FAILURES_REMEMBERED = timedelta(hours=1)  # after the last one
ANY_USER = "*"  # in the place of a name: the guard of an address alone
LONGEST_DELAY = timedelta(minutes=5)

_USER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._@+-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Guard:
    """Wrong passwords from one address, for one user or for all together."""

    failures: int = 0
    last: datetime | None = None

    def wait(self, now: datetime, free: int = FREE_FAILURES) -> timedelta:
        """Return how long this address must wait before its next try: 1, 2, 4, ... s, at most 5 minutes."""
        if self.last is None or self.failures < free:
            return timedelta()
        doublings = min(self.failures - free, 20)
        delay = min(timedelta(seconds=2**doublings), LONGEST_DELAY)
        return max(self.last + delay - now, timedelta())


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair that signs tokens; only the token function can read `private`."""

    kid: str
    public: str  # PEM
    private: str | None  # PEM; None when it was read for verifying, or was rotated out
    time_created: datetime
    time_retired: datetime | None = None  # from then on nothing that it signed counts


EVERYBODY = "*"  # in the place of a principal's id, in revocations


@dataclass(frozen=True, slots=True)
class Trust:
    """What verifies tokens: the public keys, newest first; and, by a principal's id, when its tokens became void."""

    keys: tuple[SigningKey, ...]
    revoked: Mapping[str, datetime] = field(default_factory=dict)


def parse_user_name(text: str) -> str:
    """Read a user name, without namespace. Raises NameInvalid."""
    if not _USER.fullmatch(text):
        rule = "a user name is a letter or digit, then up to 99 letters, digits, '.', '_', '@', '+' and '-'"
        raise NameInvalid(rule, user=text[:200])
    return text


def hash_password(password: str) -> str:
    """Return the form in which an auth token is kept."""
    return hashlib.sha256(password.encode()).hexdigest()
