"""A tenancy of any size: compartments, repositories, users, groups, policies, and images by the hundred thousand."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.bench.backend import lay_rows
from tests.bench.client import Login, scope
from tests.bench.images import make_image, make_layer
from tests.bench.partitions import copy_row
from tests.bench.registry import NAMESPACE, TABLE, Registry
from tests.cloud.signing import fingerprint, private_key, public_pem, signed, unsigned

from moorage.domain.digest import Digest
from moorage.domain.names import RepositoryName
from moorage.domain.repository import Repository
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.operations.directory.compartments import create_compartment
from moorage.operations.directory.credentials import create_auth_token, upload_api_key
from moorage.operations.directory.groups import add_user_to_group, create_group
from moorage.operations.directory.policies import create_policy
from moorage.operations.directory.users import create_user
from moorage.operations.repositories import make, new_repository
from moorage.stores import keys
from moorage.stores.base import Stores
from moorage.stores.dynamodb.items import CountItem

LAYERS = 10  # of the image whose rows are copied

_FIRST = datetime(2026, 1, 1, tzinfo=UTC)  # image; each of the next a second later
_TAG = "zz-a-real-one"


@dataclass(frozen=True, slots=True)
class Signer:
    """A user with an API key."""

    key_id: str
    key: RSAPrivateKey

    def headers(self, target: str, host: str) -> dict[str, str]:
        """Return the headers of a GET that is signed."""
        return dict(signed(unsigned("GET", target, host, datetime.now(UTC)), self.key_id, self.key).headers)


@dataclass(frozen=True, slots=True)
class Member:
    """A user who is no administrator."""

    id: str
    login: Login
    signer: Signer


def administrator(registry: Registry) -> Signer:
    """Return the first administrator, with the key that bootstrap has made."""
    made = registry.made
    key = load_pem_private_key(made.private_key_pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    return Signer(f"{made.tenancy_id}/{made.user.id}/{made.api_key_fingerprint}", key)


def add_compartment(stores: Stores, name: str) -> str:
    """Make a compartment in the root, and return its id."""
    tenancy = stores.directory.tenancy()
    return create_compartment(stores, tenancy, tenancy.id, name=name, description=name).id


def add_member(stores: Stores, name: str) -> Member:
    """Make a user with an auth token and an API key."""
    tenancy = stores.directory.tenancy()
    user = create_user(stores, tenancy, name=name, description=name)
    password = create_auth_token(stores, tenancy, user.id, description=name)
    upload_api_key(stores, tenancy, user.id, public_pem(name))
    signer = Signer(f"{tenancy.id}/{user.id}/{fingerprint(name)}", private_key(name))
    return Member(user.id, Login(f"{NAMESPACE}/{name}", password.text), signer)


def add_groups(stores: Stores, member: Member, names: Iterable[str]) -> None:
    """Make groups, and put a user into each."""
    for name in names:
        tenancy = stores.directory.tenancy()
        group = create_group(stores, tenancy, name=name, description=name)
        add_user_to_group(stores, tenancy, member.id, group.id)


def add_policy(stores: Stores, name: str, statements: Iterable[str]) -> None:
    """Attach a policy to the root."""
    tenancy = stores.directory.tenancy()
    create_policy(stores, tenancy, tenancy.id, name=name, description=name, statements=tuple(statements))


def add_repository(stores: Stores, name: str, compartment_id: str, by: str) -> Repository:
    """Make a repository whose counters have all the rows that many pushes give them."""
    repository = new_repository(stores, RepositoryName(name), by, public=False, compartment_id=compartment_id)
    assert make(stores, repository), f"{name} is there already"
    first, *others = (keys.count(repository.id, shard) for shard in range(keys.SHARDS))
    lay_rows(TABLE, [CountItem(*first, images=10, layers=50, bytes=10**7, stored=10**7).serialize()])
    copy_row(TABLE, first, ((key, {}) for key in others))
    return repository


@dataclass(frozen=True, slots=True)
class PushedImage:
    """An image that a client has pushed, whose rows are copied to make as many images as are needed."""

    repository_id: str
    listed: str
    digest: Digest

    @classmethod
    def push(cls, registry: Registry, repository: Repository) -> "PushedImage":
        """Push it."""
        image = make_image(*(make_layer(f"list {number}", 1_000) for number in range(LAYERS)), seed="list")
        with registry.client(scope(repository.name, "pull,push")) as client:
            client.push(repository.name, _TAG, image, chunked=False)
        digest = Digest.parse(image.manifest.digest)
        record = registry.stores.manifests.get(repository.id, digest)
        assert record is not None
        return cls(repository.id, record.listed, digest)

    def copy(self, numbers: range) -> None:
        """Make as many images, one pushed after the other, and all before the one that was pushed."""
        where = self.repository_id
        images = [_Copy(number) for number in numbers]
        copy_row(
            TABLE,
            keys.image(where, self.listed, self.digest),
            ((keys.image(where, one.listed, one.digest), {}) for one in images),
        )
        copy_row(
            TABLE,
            keys.manifest(where, self.digest),
            ((keys.manifest(where, one.digest), {"listed": one.listed}) for one in images),
        )
        copy_row(
            TABLE,
            keys.tag(where, _TAG),
            ((keys.tag(where, one.tag), {"digest": str(one.digest)}) for one in images),
        )
        copy_row(
            TABLE,
            keys.tagged(where, self.digest, _TAG),
            ((keys.tagged(where, one.digest, one.tag), {}) for one in images),
        )


class _Copy:
    """What is an image's own."""

    def __init__(self, number: int) -> None:
        self.digest = Digest.parse(f"sha256:{number:064x}")
        self.listed = make_ulid(_FIRST + timedelta(seconds=number), number.to_bytes(ENTROPY_BYTES))
        self.tag = f"v1.0.{number:08}"
