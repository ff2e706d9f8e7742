"""Rows by the hundred thousand, each the row that the registry's own items make, but for its key."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.bench.registry import NAMESPACE

from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_MANIFEST
from moorage.stores import keys
from moorage.stores.dynamodb.items import NameItem, ReferrerItem, TagItem
from moorage.stores.dynamodb.table import Item

ANNOTATION_BYTES = 1_500  # of a referrer, a certificate: a thousand of them are more than the 1 MB of one Query

_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_SUBJECT = Digest.of(b"subject")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """One kind of page: where it is asked for, its entries in order, and their rows."""

    title: str
    path: str
    field: str
    entry: Callable[[int], str]
    key: Callable[[str, str], keys.Key]
    item: Callable[[keys.Key], Item]

    def partition(self, repository_id: str) -> str:
        """Return the partition key of the rows."""
        return self.key(repository_id, self.entry(0)).pk

    def rows(self, repository_id: str, numbers: range) -> Iterator[Row]:
        """Yield rows that differ in their sort keys."""
        row = self.item(self.key(repository_id, self.entry(0))).serialize()
        for number in numbers:
            yield {**row, "sk": {"S": self.key(repository_id, self.entry(number)).sk}}


def _tag_key(repository_id: str, tag: str) -> keys.Key:
    return keys.tag(repository_id, tag)


def _tag(key: keys.Key) -> TagItem:
    return TagItem(*key, digest=str(_SUBJECT), media_type=OCI_MANIFEST, size=2_000, time_pushed=_NOW, pushed_by="admin")


def _referrer_key(repository_id: str, digest: str) -> keys.Key:
    return keys.referrer(repository_id, _SUBJECT, Digest.parse(digest))


def _referrer(key: keys.Key) -> ReferrerItem:
    descriptor = {
        "mediaType": OCI_MANIFEST,
        "digest": str(_SUBJECT),
        "size": 900,
        "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "annotations": {"dev.sigstore.cosign/certificate": "c" * ANNOTATION_BYTES},
    }
    return ReferrerItem(*key, descriptor=descriptor)


def _name_key(_repository_id: str, name: str) -> keys.Key:
    return keys.Key(keys.catalog(NAMESPACE), f"{keys.NAME}{name}")


def _name(key: keys.Key) -> NameItem:
    return NameItem(
        *key, repository_id="0" * 26, public=False, state="AVAILABLE", time_created=_NOW, created_by="admin"
    )


LISTINGS = (
    Listing("tags", "/v2/{name}/tags/list", "tags", lambda number: f"v1.0.{number:06}", _tag_key, _tag),
    Listing(
        "referrers",
        f"/v2/{{name}}/referrers/{_SUBJECT}",
        "manifests",
        lambda number: f"sha256:{number:064x}",
        _referrer_key,
        _referrer,
    ),
    Listing(
        "catalog", "/v2/_catalog", "repositories", lambda number: f"{NAMESPACE}/team/app-{number:06}", _name_key, _name
    ),
)
