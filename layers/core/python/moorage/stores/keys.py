"""Every partition key, sort key and object key of the registry, drawn once.

NAMESPACE#<ns>        REPOSITORY#<name>                     name -> repository
NAMESPACE#<ns>        CREATED#<id>                          all repositories in the order of making
NAMESPACE#<ns>        DELETED#NAME#<name>#<id> | DELETED#CREATED#<id>    those deleted in the last 48 h, in both orders
NAMESPACE#<ns>        COUNT | CONFIGURATION                 how many repositories there are; what pushes may make
COMPARTMENT#<id>      NAME#<name>#<id> | CREATED#<id>       the repositories of a compartment, in both orders
COMPARTMENT#<id>      DELETED#NAME#<name>#<id> | DELETED#CREATED#<id>    those deleted in the last 48 h
COMPARTMENT#<id>      COUNT                                 how many repositories are in it
STORAGE#<ns>          COUNT#<000-199>                       stored bytes, and shares of their limit
REPOSITORY#<id>       META                                  full record
REPOSITORY#<id>       COUNT#<000-199>                       counters and shares
REPOSITORY#<id>       TAG#<tag>                             tag -> digest
REPOSITORY#<id>       HISTORY#<tag>#<ulid>                  a tag moved or went
REPOSITORY#<id>       IMAGE#<ulid>#<digest>                 the order in which images are listed
REPOSITORY#<id>       DELETED#<ulid>#<digest>               in its place while a deleted image can be restored
REPOSITORY#<id>       SIGNATURE#<ulid>                      a signature of an image
CONTENT#<id>#<digest> LINK | MANIFEST                       what the repository holds of the digest
CONTENT#<id>#<digest> NEEDED_BY#<parent>                    an edge
CONTENT#<id>#<digest> REFERRER#<digest> | TAGGED#<tag>      referrers of it, tags that point at it
CONTENT#<id>#<digest> UNTAGGED                              the last tag that left it
CONTENT#<id>#<digest> REFUSED                               a refused PUT left edges from it
BLOB#<digest>         META                                  the bytes
UPLOAD#<id>           META                                  an upload session
IDENTITY#<ns>         <KIND>#<ocid>                         a resource of the directory: a user, a group, a policy, ...
IDENTITY#<ns>         NAME#<kind>#<name>                    who has a name; NAME#compartment#<parent>#<name>
IDENTITY#<ns>         TENANCY                               what decisions read
RETRY#<ns>#<who>      <token>                               what a request with a retry token made
GUARD#<ns>#<user>     ADDRESS#<address>                     wrong passwords in a row
KEYRING#<ns>          PUBLIC#<kid>                          keys that verify tokens
KEYRING#<ns>          REVOKED#<principal>                   since when tokens of a principal, or of all, are void
SIGNER#<ns>           PRIVATE#<kid>                         keys that sign; a partition that only `tokens` may read

In the bucket: blobs/<upload>/<ulid> for blobs and what becomes one, manifests/<repository>/<digest>/<ulid> for
manifests that do not fit their row. Ids come before names, so that no key is a prefix of another as a folder. Each
folder is one row's, or that of a row that was never committed: who clears away after that row clears the folder.
"""

from typing import NamedTuple

from moorage.domain.digest import Digest
from moorage.domain.errors import Unavailable

SCHEMA = "1.1"  # of the rows that this release writes: <major>.<minor>, docs/protocol.md 8
_MAJOR = 1  # beyond it, this release cannot read

META = "META"
LINK = "LINK"
MANIFEST = "MANIFEST"
REFUSED = "REFUSED"
TAG = "TAG#"
EDGE = "NEEDED_BY#"
REFERRER = "REFERRER#"
TAGGED = "TAGGED#"
UNTAGGED = "UNTAGGED"
IMAGE = "IMAGE#"
SIGNATURE = "SIGNATURE#"
COUNT = "COUNT#"
TOTAL = "COUNT"
CONFIGURATION = "CONFIGURATION"
CREATED = "CREATED#"
NAMED = "NAME#"
DELETED = "DELETED#"
NAME = "REPOSITORY#"
PUBLIC = "PUBLIC#"
REVOKED = "REVOKED#"
PRIVATE = "PRIVATE#"

SHARDS = 200


class Key(NamedTuple):
    """A primary key of the table."""

    pk: str
    sk: str


def require_readable(schema: str) -> None:
    """Raise Unavailable when the release that wrote a row says that this one cannot read it."""
    if schema != SCHEMA and int(schema.partition(".")[0]) > _MAJOR:
        raise Unavailable("a newer release of the registry wrote this; upgrade this one")


def catalog(namespace: str) -> str:
    """Partition of a namespace's names."""
    return f"NAMESPACE#{namespace}"


def name(namespace: str, repository: str) -> Key:
    """Row that resolves a repository name."""
    return Key(catalog(namespace), f"{NAME}{repository}")


def compartment(compartment_id: str) -> str:
    """Partition that lists the repositories of a compartment."""
    return f"COMPARTMENT#{compartment_id}"


def total(partition: str) -> Key:
    """Row that counts the repositories of a namespace or a compartment."""
    return Key(partition, TOTAL)


def configuration(namespace: str) -> Key:
    """Row of what can be configured at run time."""
    return Key(catalog(namespace), CONFIGURATION)


def created(partition: str, repository_id: str, *, deleted: bool = False) -> Key:
    """Row that gives a repository its place in a list in the order of making."""
    return Key(partition, f"{DELETED if deleted else ''}{CREATED}{repository_id}")


def named(partition: str, name: str, repository_id: str, *, deleted: bool = False) -> Key:
    """Row that gives a repository its place in a list in the order of names; '#' is before all that names have."""
    return Key(partition, f"{DELETED if deleted else ''}{NAMED}{name}#{repository_id}")


def storage(namespace: str, shard: int) -> Key:
    """Row of one shard of the bytes that a namespace stores."""
    return Key(f"STORAGE#{namespace}", f"{COUNT}{shard:03}")


def repository(repository_id: str) -> str:
    """Partition of a repository's own rows."""
    return f"REPOSITORY#{repository_id}"


def record(repository_id: str) -> Key:
    """Row with the full record of a repository."""
    return Key(repository(repository_id), META)


def count(repository_id: str, shard: int) -> Key:
    """Row of one counter shard."""
    return Key(repository(repository_id), f"{COUNT}{shard:03}")


def tag(repository_id: str, tag: str) -> Key:
    """Row of a tag."""
    return Key(repository(repository_id), f"{TAG}{tag}")


def history(repository_id: str, tag: str, ulid: str) -> Key:
    """Row that says how a tag moved."""
    return Key(repository(repository_id), f"HISTORY#{tag}#{ulid}")


def image(repository_id: str, ulid: str, digest: Digest) -> Key:
    """Row that gives a manifest its place in the list of images."""
    return Key(repository(repository_id), f"{IMAGE}{ulid}#{digest}")


def deleted_image(repository_id: str, ulid: str, digest: Digest) -> Key:
    """Row in the place of `image` while the manifest is deleted."""
    return Key(repository(repository_id), f"{DELETED}{ulid}#{digest}")


def signature(repository_id: str, ulid: str) -> Key:
    """Row of a signature of an image."""
    return Key(repository(repository_id), f"{SIGNATURE}{ulid}")


def content(repository_id: str, digest: Digest) -> str:
    """Partition of all that a repository holds of a digest."""
    return f"CONTENT#{repository_id}#{digest}"


def link(repository_id: str, digest: Digest) -> Key:
    """Row that says the repository has the blob."""
    return Key(content(repository_id, digest), LINK)


def manifest(repository_id: str, digest: Digest) -> Key:
    """Row of a manifest."""
    return Key(content(repository_id, digest), MANIFEST)


def refused(repository_id: str, digest: Digest) -> Key:
    """Row that reminds the sweep of edges from a refused PUT."""
    return Key(content(repository_id, digest), REFUSED)


def edge(repository_id: str, child: Digest, parent: Digest) -> Key:
    """Row that says `parent` needs `child`."""
    return Key(content(repository_id, child), f"{EDGE}{parent}")


def referrer(repository_id: str, subject: Digest, digest: Digest) -> Key:
    """Row of a referrer in its subject's collection."""
    return Key(content(repository_id, subject), f"{REFERRER}{digest}")


def tagged(repository_id: str, digest: Digest, tag: str) -> Key:
    """Row of a tag in its digest's collection."""
    return Key(content(repository_id, digest), f"{TAGGED}{tag}")


def untagged(repository_id: str, digest: Digest) -> Key:
    """Row of the last tag that left a digest."""
    return Key(content(repository_id, digest), UNTAGGED)


def stored_bytes(digest: Digest) -> Key:
    """Row of the bytes of a digest."""
    return Key(f"BLOB#{digest}", META)


def upload(session_id: str) -> Key:
    """Row of an upload session."""
    return Key(f"UPLOAD#{session_id}", META)


def directory(namespace: str) -> str:
    """Partition of a namespace's directory: users, groups, policies, ..."""
    return f"IDENTITY#{namespace}"


def resource(namespace: str, kind: str, resource_id: str) -> Key:
    """Row of a resource of the directory; without an id, where rows of the kind begin."""
    return Key(directory(namespace), f"{kind}#{resource_id}")


def resource_name(namespace: str, name: str) -> Key:
    """Row that says who has a name; the name says of which kind."""
    return Key(directory(namespace), f"NAME#{name}")


def tenancy(namespace: str) -> Key:
    """Row of what decisions read."""
    return Key(directory(namespace), "TENANCY")


def retry(namespace: str, principal_id: str, token: str) -> Key:
    """Row of what a request with a retry token made."""
    return Key(f"RETRY#{namespace}#{principal_id}", token)


def guard(namespace: str, name: str, address: str) -> Key:
    """Row that counts wrong passwords."""
    return Key(f"GUARD#{namespace}#{name}", f"ADDRESS#{address}")


def keyring(namespace: str) -> str:
    """Partition of the keys that verify."""
    return f"KEYRING#{namespace}"


def public_key(namespace: str, kid: str) -> Key:
    """Row of a key that verifies."""
    return Key(keyring(namespace), f"{PUBLIC}{kid}")


def revoked(namespace: str, principal_id: str) -> Key:
    """Row that voids what a principal was given."""
    return Key(keyring(namespace), f"{REVOKED}{principal_id}")


def signer(namespace: str) -> str:
    """Partition of the keys that sign."""
    return f"SIGNER#{namespace}"


def private_key(namespace: str, kid: str) -> Key:
    """Row of a key that signs."""
    return Key(signer(namespace), f"{PRIVATE}{kid}")


def blob_prefix(session_id: str) -> str:
    """Folder of all objects that a session made."""
    return f"blobs/{session_id}/"


def blob_object(session_id: str, ulid: str) -> str:
    """Object key for bytes of an upload session, unique for each attempt."""
    return f"{blob_prefix(session_id)}{ulid}"


def manifest_object(repository_id: str, digest: Digest, ulid: str) -> str:
    """Object key for a manifest that does not fit its row, unique for each attempt."""
    return f"manifests/{repository_id}/{digest}/{ulid}"
