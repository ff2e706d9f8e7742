"""Users, the guard against guessing, signing keys."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from moorage.domain.content import Page
from moorage.domain.identity import ANY_USER, FAILURES_REMEMBERED, Guard, SigningKey, User
from moorage.stores.memory.rows import Store, atomic, page


class MemoryIdentity(Store):
    """`IdentityStore` in memory."""

    @atomic
    def get(self, name: str) -> User | None:
        """Read a user."""
        return self._rows.users.get(name)

    @atomic
    def login(self, name: str, address: str, now: datetime) -> tuple[User | None, Guard, Guard]:
        """Read a user and the wrong guesses from this address."""
        return self._rows.users.get(name), self._guard(name, address, now), self._guard(ANY_USER, address, now)

    @atomic
    def failed(self, name: str, address: str, now: datetime) -> None:
        """Count a wrong password."""
        self._rows.guards[name, address] = Guard(self._guard(name, address, now).failures + 1, now)

    @atomic
    def create(self, user: User) -> bool:
        """Take the name, if it is free."""
        if user.name in self._rows.users:
            return False
        self._rows.users[user.name] = user
        return True

    @atomic
    def update(self, user: User) -> bool:
        """Replace the version before."""
        row = self._rows.users.get(user.name)
        if row is None or row.version != user.version - 1:
            return False
        self._rows.users[user.name] = user
        return True

    @atomic
    def remove(self, name: str) -> None:
        """Delete a user."""
        self._rows.users.pop(name, None)

    @atomic
    def users(self, after: str, limit: int) -> Page[User]:
        """Return a page of users."""
        return page(list(self._rows.users.items()), after, limit)

    @atomic
    def public_keys(self) -> list[SigningKey]:
        """Read the keys that verify, newest first."""
        return [replace(key, private=None) for key in self._newest_first()]

    @atomic
    def signing_key(self) -> SigningKey | None:
        """Read the newest key with its private half."""
        return next(iter(self._newest_first()), None)

    @atomic
    def rotate(self, new: SigningKey, retire: Mapping[str, datetime]) -> None:
        """Write a new key; the others lose their private halves and end when `retire` says."""
        for kid, key in self._rows.keys.items():
            ends = retire.get(kid, key.time_retired)
            self._rows.keys[kid] = replace(key, private=None, time_retired=ends)
        self._rows.keys[new.kid] = new

    def _guard(self, name: str, address: str, now: datetime) -> Guard:
        guard = self._rows.guards.get((name, address), Guard())
        return guard if guard.last and now < guard.last + FAILURES_REMEMBERED else Guard()

    def _newest_first(self) -> list[SigningKey]:
        return sorted(self._rows.keys.values(), key=lambda key: (key.time_created, key.kid), reverse=True)
