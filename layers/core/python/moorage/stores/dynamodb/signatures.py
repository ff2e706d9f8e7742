"""`SignatureStore` on DynamoDB."""

from collections.abc import Sequence

from pynamodb.attributes import NumberAttribute, UnicodeAttribute, UTCDateTimeAttribute
from pynamodb.expressions.condition import Condition

from moorage.domain.content import ManifestState, Page
from moorage.domain.digest import Digest
from moorage.domain.directory import Remembered, ResourceTags
from moorage.domain.signature import Signature
from moorage.stores import keys
from moorage.stores.base import OwnRowChanged
from moorage.stores.dynamodb.counting import Kind, Plan
from moorage.stores.dynamodb.images import at_once, bounds
from moorage.stores.dynamodb.items import ManifestItem, TagsAttribute
from moorage.stores.dynamodb.remembering import is_remembered, remembering
from moorage.stores.dynamodb.table import Item, Missed, Table


class SignatureItem(Item, discriminator="signature"):
    """A signature of an image. `REPOSITORY#<id>` / `SIGNATURE#<ulid>`."""

    digest = UnicodeAttribute()
    created_by = UnicodeAttribute()
    kms_key_id = UnicodeAttribute()
    kms_key_version_id = UnicodeAttribute()
    message = UnicodeAttribute()
    signature = UnicodeAttribute()
    signing_algorithm = UnicodeAttribute()
    time_created = UTCDateTimeAttribute()
    version = NumberAttribute()
    freeform_tags = TagsAttribute(null=True)
    defined_tags = TagsAttribute(null=True)

    def to_domain(self) -> Signature:
        """Return the signature."""
        return Signature(
            id=self.sk.removeprefix(keys.SIGNATURE),
            repository_id=self.pk.partition("#")[2],
            digest=Digest.parse(self.digest),
            created_by=self.created_by,
            kms_key_id=self.kms_key_id,
            kms_key_version_id=self.kms_key_version_id,
            message=self.message,
            signature=self.signature,
            signing_algorithm=self.signing_algorithm,
            time_created=self.time_created,
            tags=ResourceTags(self.freeform_tags or {}, self.defined_tags or {}),
            version=int(self.version),
        )


class DynamoSignatureStore:
    """Signatures of images, as records."""

    def __init__(self, table: Table, namespace: str) -> None:
        self._table = table
        self._namespace = namespace

    def create(self, signature: Signature, remember: Remembered | None = None) -> bool:
        """Write the row in one transaction with the condition on its image."""
        plan = Plan()
        manifest = keys.manifest(signature.repository_id, signature.digest)
        plan.add(Kind.OWN, self._table.check_write(manifest, _READABLE))
        plan.add(Kind.FREE, self._table.put_write(_row(signature)))
        if remember:
            plan.add(Kind.RETRY, remembering(self._table, self._namespace, remember))
        try:
            plan.run(self._table, lambda row: is_remembered(row, remember))
        except OwnRowChanged:
            return False
        return True

    def get(self, repository_id: str, signature_id: str) -> Signature | None:
        """Read the row."""
        item = self._table.get(keys.signature(repository_id, signature_id))
        return item.to_domain() if isinstance(item, SignatureItem) else None

    def update(self, signature: Signature) -> bool:
        """Put the row in the place of the version before."""
        try:
            self._table.put(_row(signature), SignatureItem.version == signature.version - 1)
        except Missed as missed:
            row = missed.item
            return missed.repeated and isinstance(row, SignatureItem) and row.to_domain() == signature
        return True

    def remove(self, signature: Signature) -> bool:
        """Delete the row."""
        key = keys.signature(signature.repository_id, signature.id)
        try:
            self._table.delete(key, SignatureItem.version == signature.version)
        except Missed as missed:
            return missed.repeated and missed.item is None
        return True

    def page(self, repository_id: str, after: str | None, limit: int | None, *, newest_first: bool) -> Page[Signature]:
        """Query a page of rows."""
        within = Item.sk.between(*bounds(keys.SIGNATURE, after, descending=newest_first))
        pk = keys.repository(repository_id)
        items, more = self._table.page(pk, within, kind=SignatureItem, limit=limit, forward=not newest_first)
        found = tuple(item.to_domain() for item in items)
        return Page(found, found[-1].id if more and found else None)

    def heads(
        self, repository_ids: Sequence[str], limit: int | None, *, after: str | None, newest_first: bool
    ) -> list[Page[Signature]]:
        """Query a page of each, several at once."""

        def head(repository_id: str) -> Page[Signature]:
            return self.page(repository_id, after, limit, newest_first=newest_first)

        return at_once(head, repository_ids)

    def readable(self, images: Sequence[tuple[str, Digest]]) -> set[tuple[str, Digest]]:
        """Read the rows of the images in batches."""
        places = {keys.manifest(*image): image for image in images}
        rows = self._table.get_many(list(places))
        return {places[key] for key, row in rows.items() if isinstance(row, ManifestItem) and row.to_domain().readable}


_READABLE: Condition = ManifestItem.state.is_in(ManifestState.LIVE.value, ManifestState.CONDEMNED.value)


def _row(signature: Signature) -> SignatureItem:
    return SignatureItem(
        *keys.signature(signature.repository_id, signature.id),
        digest=str(signature.digest),
        created_by=signature.created_by,
        kms_key_id=signature.kms_key_id,
        kms_key_version_id=signature.kms_key_version_id,
        message=signature.message,
        signature=signature.signature,
        signing_algorithm=signature.signing_algorithm,
        time_created=signature.time_created,
        version=signature.version,
        freeform_tags=dict(signature.tags.freeform) or None,
        defined_tags=dict(signature.tags.defined) or None,
    )
