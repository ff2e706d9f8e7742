"""`IdentityStore` on DynamoDB."""

from collections.abc import Mapping
from datetime import datetime
from math import ceil

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute

from moorage.domain.identity import (
    FAILURES_REMEMBERED,
    REFRESH_LIFE,
    Guard,
    SigningKey,
    Trust,
)
from moorage.stores import keys
from moorage.stores.dynamodb.table import Item, Missed, Table, prefix_end


class GuardItem(Item, discriminator="guard"):
    """Wrong passwords. `GUARD#<ns>#<user>` / `ADDRESS#<address>`; DynamoDB may remove it after `expires`."""

    failures = NumberAttribute()
    last = UTCDateTimeAttribute()
    expires = NumberAttribute()

    def to_domain(self, now: datetime) -> Guard:
        """Return the guard; one that is forgotten says nothing, whether or not it was removed."""
        return Guard(int(self.failures), self.last) if self.last > now - FAILURES_REMEMBERED else Guard()


class PublicKeyItem(Item, discriminator="public_key"):
    """A key that verifies. `KEYRING#<ns>` / `PUBLIC#<kid>`; DynamoDB may remove it after `expires`."""

    public = UnicodeAttribute()
    time_created = UTCDateTimeAttribute()
    time_retired = UTCDateTimeAttribute(null=True)
    expires = NumberAttribute(null=True)

    def to_domain(self) -> SigningKey:
        """Return the key without its private half."""
        return SigningKey(self.sk.partition("#")[2], self.public, None, self.time_created, self.time_retired)


class RevokedItem(Item, discriminator="revoked"):
    """Tokens of a principal are void. `KEYRING#<ns>` / `REVOKED#<principal>`; DynamoDB may remove it after `expires`.

    One row a principal: nothing is read before it is written, and no number of them fills a row.
    """

    time = UTCDateTimeAttribute()
    expires = NumberAttribute()


class PrivateKeyItem(Item, discriminator="private_key"):
    """A key that signs. `SIGNER#<ns>` / `PRIVATE#<kid>`."""

    public = UnicodeAttribute()
    private = UnicodeAttribute()
    time_created = UTCDateTimeAttribute()

    def to_domain(self) -> SigningKey:
        """Return the key with its private half."""
        return SigningKey(self.sk.partition("#")[2], self.public, self.private, self.time_created)


class DynamoIdentityStore:
    """The guard against guessing, signing keys, revocations."""

    def __init__(self, table: Table, namespace: str) -> None:
        self._table = table
        self._namespace = namespace

    def failed(self, name: str, address: str, now: datetime) -> None:
        """Add to the count; start a new one, with a second call, when the last is forgotten."""
        key, expires = self._guard(name, address), _seconds(now + FAILURES_REMEMBERED)
        actions = [GuardItem.failures.add(1), GuardItem.last.set(now), GuardItem.expires.set(expires)]
        counted = GuardItem.last == now  # by an earlier sending of the same request
        remembered = Item.pk.does_not_exist() | ((GuardItem.last > now - FAILURES_REMEMBERED) & ~counted)
        try:
            self._table.update(key, GuardItem, actions, remembered)
        except Missed as missed:
            if isinstance(missed.item, GuardItem) and missed.item.last == now:
                return
            # Two that start the new count at once count as one: no matter.
            self._table.put(GuardItem(*key, failures=1, last=now, expires=expires))

    def trust(self) -> Trust:
        """Query the keys that verify, and the revocations beside them."""
        within = Item.sk.between(keys.PUBLIC, prefix_end(keys.REVOKED))
        items = list(self._table.query(keys.keyring(self._namespace), within, kind=Item))
        found = _newest_first([item.to_domain() for item in items if isinstance(item, PublicKeyItem)])
        revoked = [item for item in items if isinstance(item, RevokedItem)]
        return Trust(tuple(found), {item.sk.removeprefix(keys.REVOKED): item.time for item in revoked})

    def revoke(self, principal_id: str, now: datetime) -> None:
        """Write the row; DynamoDB may remove it when the longest token of before is over."""
        expires = _seconds(now + REFRESH_LIFE) + 1
        self._table.put(RevokedItem(*keys.revoked(self._namespace, principal_id), time=now, expires=expires))

    def signing_key(self) -> SigningKey | None:
        """Query the keys that sign: one, but for two rotations at once."""
        return next(iter(_newest_first([item.to_domain() for item in self._signers()])), None)

    def rotate(self, new: SigningKey, retire: Mapping[str, datetime]) -> None:
        """Write both halves of the new key, the ends of others, and remove other private halves, in one transaction."""
        table, namespace = self._table, self._namespace
        public = PublicKeyItem(*keys.public_key(namespace, new.kid), public=new.public, time_created=new.time_created)
        private = PrivateKeyItem(
            *keys.private_key(namespace, new.kid),
            public=new.public,
            private=new.private,
            time_created=new.time_created,
        )
        ends = [
            table.update_write(
                keys.public_key(namespace, kid),
                PublicKeyItem,
                [PublicKeyItem.time_retired.set(end), PublicKeyItem.expires.set(_seconds(end))],
                Item.pk.exists(),
            )
            for kid, end in retire.items()
        ]
        others = [table.delete_write(keys.Key(item.pk, item.sk)) for item in self._signers()]
        table.insist([table.put_write(public), table.put_write(private), *ends, *others])

    def _signers(self) -> list[PrivateKeyItem]:
        within = Item.sk.startswith(keys.PRIVATE)
        return list(self._table.query(keys.signer(self._namespace), within, kind=PrivateKeyItem))

    def _guard(self, name: str, address: str) -> keys.Key:
        return keys.guard(self._namespace, name, address)


def _newest_first(found: list[SigningKey]) -> list[SigningKey]:
    return sorted(found, key=lambda key: (key.time_created, key.kid), reverse=True)


def _seconds(time: datetime) -> int:
    """Write a time as DynamoDB's time to live wants it."""
    return ceil(time.timestamp())
