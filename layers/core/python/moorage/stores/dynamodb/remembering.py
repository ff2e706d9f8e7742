"""What a retry token made, in the transaction that makes it."""

from math import ceil

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute

from moorage.domain.directory import Remembered
from moorage.domain.tenancy import RETRY_LIFE
from moorage.stores import keys
from moorage.stores.dynamodb.table import Item, Table, Write


class RememberedItem(Item, discriminator="remembered"):
    """What a retry token made. `RETRY#<ns>#<principal>` / `<token>`; DynamoDB may remove it after `expires`."""

    fingerprint = UnicodeAttribute()
    resource_id = UnicodeAttribute()
    version = UnicodeAttribute()
    time = UTCDateTimeAttribute()
    expires = NumberAttribute()

    def to_domain(self) -> Remembered:
        """Return what was made."""
        return Remembered(
            principal_id=self.pk.split("#", 2)[2],
            token=self.sk,
            fingerprint=self.fingerprint,
            resource_id=self.resource_id,
            version=self.version,
            time=self.time,
        )


def remembered_row(namespace: str, remember: Remembered) -> RememberedItem:
    """Return the row of what a retry token makes."""
    return RememberedItem(
        *keys.retry(namespace, remember.principal_id, remember.token),
        fingerprint=remember.fingerprint,
        resource_id=remember.resource_id,
        version=remember.version,
        time=remember.time,
        expires=ceil((remember.time + RETRY_LIFE).timestamp()),
    )


def remembering(table: Table, namespace: str, remember: Remembered) -> Write:
    """Describe the write of the row, if the token made nothing in the last 24 hours."""
    over = RememberedItem.time <= remember.time - RETRY_LIFE
    return table.put_write(remembered_row(namespace, remember), Item.pk.does_not_exist() | over)


def is_remembered(row: Item | None, remember: Remembered | None) -> bool:
    """Whether a row says that exactly this was made."""
    return isinstance(row, RememberedItem) and row.to_domain() == remember
