"""All of storage, with the limits, the clock and the dice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from moorage.domain.regions import Region
from moorage.domain.repository import Sparse
from moorage.stores.base.blobs import BytesStore, LinkStore, ObjectStore, UploadStore
from moorage.stores.base.directory import DirectoryStore, IdentityStore
from moorage.stores.base.images import ImageStore, SignatureStore
from moorage.stores.base.manifests import ManifestStore
from moorage.stores.base.repositories import RepositoryStore

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class DirectoryLimits:
    """How many resources of each kind a tenancy may have; Oracle's limits unless a deployment says otherwise."""

    users: int = 2000
    groups: int = 250
    dynamic_groups: int = 50
    policies: int = 100
    statements: int = 500  # of all policies
    statements_of_policy: int = 50
    compartments: int = 1000
    network_sources: int = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """What a deployment allows; `wiring` reads it from the environment."""

    namespace: str
    region: Region
    sparse: Sparse
    create_on_push: bool
    body_bytes: int | None  # of one upload request; None where bodies stream
    open_sessions: int  # for each principal
    staged_bytes: int  # for each principal
    images: int  # in each repository
    automatic_mount: bool = True  # a mount that names no source looks for one
    directory: DirectoryLimits = DirectoryLimits()
    repositories: int = 500  # in the namespace
    storage_bytes: int = 500 * 10**9  # of layers, in all repositories of the namespace


@dataclass(frozen=True, slots=True)
class Stores:
    """All of storage, the clock and the dice, handed to every operation."""

    repositories: RepositoryStore
    links: LinkStore
    bytes: BytesStore
    uploads: UploadStore
    objects: ObjectStore
    manifests: ManifestStore
    images: ImageStore
    signatures: SignatureStore
    identity: IdentityStore
    directory: DirectoryStore
    limits: Limits
    clock: Callable[[], datetime]
    entropy: Entropy
