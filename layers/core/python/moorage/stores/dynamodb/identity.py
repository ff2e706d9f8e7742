"""`IdentityStore` on DynamoDB."""

from collections.abc import Mapping
from datetime import datetime
from math import ceil
from typing import cast

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.expressions.condition import Condition

from moorage.domain.access import Role
from moorage.domain.content import Page
from moorage.domain.identity import ANY_USER, FAILURES_REMEMBERED, AuthToken, Guard, SigningKey, User
from moorage.stores import keys
from moorage.stores.dynamodb.table import Item, Missed, Table, prefix_end


class UserItem(Item, discriminator="user"):
    """A user and the auth tokens. `IDENTITY#<ns>` / `USER#<name>`."""

    role = UnicodeAttribute()
    auth_tokens = JSONAttribute()
    time_created = UTCDateTimeAttribute()
    version = NumberAttribute()

    def to_domain(self) -> User:
        """Return the user."""
        return User(
            name=self.sk.partition("#")[2],
            role=Role(self.role),
            auth_tokens=tuple(
                AuthToken(
                    fields["id"], fields["hash"], fields["description"], datetime.fromisoformat(fields["created"])
                )
                for fields in cast("list[dict[str, str]]", self.auth_tokens)
            ),
            time_created=self.time_created,
            version=int(self.version),
        )


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


class PrivateKeyItem(Item, discriminator="private_key"):
    """A key that signs. `SIGNER#<ns>` / `PRIVATE#<kid>`."""

    public = UnicodeAttribute()
    private = UnicodeAttribute()
    time_created = UTCDateTimeAttribute()

    def to_domain(self) -> SigningKey:
        """Return the key with its private half."""
        return SigningKey(self.sk.partition("#")[2], self.public, self.private, self.time_created)


class DynamoIdentityStore:
    """Users, the guard against guessing, signing keys."""

    def __init__(self, table: Table, namespace: str) -> None:
        self._table = table
        self._namespace = namespace

    def get(self, name: str) -> User | None:
        """Read a user."""
        item = self._table.get(keys.user(self._namespace, name))
        return item.to_domain() if isinstance(item, UserItem) else None

    def login(self, name: str, address: str, now: datetime) -> tuple[User | None, Guard, Guard]:
        """Read a user and both guards in one batch."""
        asked = [keys.user(self._namespace, name), self._guard(name, address), self._guard(ANY_USER, address)]
        found = self._table.get_many(asked)
        user, *guards = [found.get(key) for key in asked]
        one, all_together = [item.to_domain(now) if isinstance(item, GuardItem) else Guard() for item in guards]
        return user.to_domain() if isinstance(user, UserItem) else None, one, all_together

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

    def create(self, user: User) -> bool:
        """Write the row, if there is none."""
        return self._put_once(user, Item.pk.does_not_exist())

    def update(self, user: User) -> bool:
        """Replace the row, if it has the version before."""
        return self._put_once(user, UserItem.version == user.version - 1)

    def _put_once(self, user: User, condition: Condition) -> bool:
        """Write the row; a miss is none when an earlier sending has written it, and its answer was lost."""
        try:
            self._table.put(self._user(user), condition)
        except Missed as missed:
            return missed.repeated and isinstance(missed.item, UserItem) and missed.item.to_domain() == user
        return True

    def remove(self, name: str) -> None:
        """Delete the row."""
        self._table.delete(keys.user(self._namespace, name))

    def users(self, after: str, limit: int) -> Page[User]:
        """Query a page of users."""
        within = Item.sk.between(f"{keys.USER}{after}\0" if after else keys.USER, prefix_end(keys.USER))
        items, more = self._table.page(keys.users(self._namespace), within, kind=UserItem, limit=limit)
        found = tuple(item.to_domain() for item in items)
        return Page(found, found[-1].name if more and found else None)

    def public_keys(self) -> list[SigningKey]:
        """Query the keys that verify."""
        within = Item.sk.startswith(keys.PUBLIC)
        items = self._table.query(keys.keyring(self._namespace), within, kind=PublicKeyItem)
        return _newest_first([item.to_domain() for item in items])

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

    def _user(self, user: User) -> UserItem:
        auth_tokens = [
            {
                "id": auth_token.id,
                "hash": auth_token.hash,
                "description": auth_token.description,
                "created": auth_token.time_created.isoformat(),
            }
            for auth_token in user.auth_tokens
        ]
        return UserItem(
            *keys.user(self._namespace, user.name),
            role=user.role.value,
            auth_tokens=auth_tokens,
            time_created=user.time_created,
            version=user.version,
        )


def _newest_first(found: list[SigningKey]) -> list[SigningKey]:
    return sorted(found, key=lambda key: (key.time_created, key.kid), reverse=True)


def _seconds(time: datetime) -> int:
    """Write a time as DynamoDB's time to live wants it."""
    return ceil(time.timestamp())
