"""The guard against guessing, signing keys, revocations."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from moorage.domain.identity import Guard, SigningKey, Trust
from moorage.stores.memory.rows import Store, atomic


class MemoryIdentity(Store):
    """`IdentityStore` in memory."""

    @atomic
    def failed(self, name: str, address: str, now: datetime) -> None:
        """Count a wrong password."""
        self._rows.guards[name, address] = Guard(self._rows.guard(name, address, now).failures + 1, now)

    @atomic
    def trust(self) -> Trust:
        """Read the keys that verify, newest first, and the revocations."""
        return Trust(tuple(replace(key, private=None) for key in self._newest_first()), dict(self._rows.revoked))

    @atomic
    def revoke(self, principal_id: str, now: datetime) -> None:
        """Note since when."""
        self._rows.revoked[principal_id] = now

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

    def _newest_first(self) -> list[SigningKey]:
        return sorted(self._rows.keys.values(), key=lambda key: (key.time_created, key.kid), reverse=True)
