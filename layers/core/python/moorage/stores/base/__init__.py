"""What the registry asks of storage, in the words of the domain.

Every method of a store is one call to DynamoDB or S3 unless it says otherwise, and every write names what it read as
its condition (docs/protocol.md). So an operation reads as the protocol does, and a store decides nothing.
"""

from moorage.stores.base.blobs import Attached, BytesStore, Gone, Held, LinkStore, ObjectStore, UploadStore
from moorage.stores.base.directory import (
    Arriving,
    Changed,
    DirectoryStore,
    IdentityStore,
    NameTaken,
    Occupied,
    ResourceT,
    RowFull,
)
from moorage.stores.base.images import ImageStore, SignatureStore
from moorage.stores.base.manifests import (
    LEFT_LIMIT,
    Closed,
    Commit,
    Conflict,
    Gathered,
    LinkRowChanged,
    ManifestStore,
    OwnRowChanged,
    Reading,
    ShardFull,
    StorageFull,
    TagFixed,
    TagRowChanged,
)
from moorage.stores.base.repositories import NO_DESCRIPTION, CompartmentGone, RepositoriesFull, RepositoryStore
from moorage.stores.base.whole import DirectoryLimits, Entropy, Limits, Stores

__all__ = [
    "LEFT_LIMIT",
    "NO_DESCRIPTION",
    "Arriving",
    "Attached",
    "BytesStore",
    "Changed",
    "Closed",
    "Commit",
    "CompartmentGone",
    "Conflict",
    "DirectoryLimits",
    "DirectoryStore",
    "Entropy",
    "Gathered",
    "Gone",
    "Held",
    "IdentityStore",
    "ImageStore",
    "Limits",
    "LinkRowChanged",
    "LinkStore",
    "ManifestStore",
    "NameTaken",
    "ObjectStore",
    "Occupied",
    "OwnRowChanged",
    "Reading",
    "RepositoriesFull",
    "RepositoryStore",
    "ResourceT",
    "RowFull",
    "ShardFull",
    "SignatureStore",
    "StorageFull",
    "Stores",
    "TagFixed",
    "TagRowChanged",
    "UploadStore",
]
