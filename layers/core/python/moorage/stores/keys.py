"""Every partition key, sort key and object key of the registry, drawn once.

NAMESPACE#<ns>        REPOSITORY#<name>                     name -> repository
REPOSITORY#<id>       META                                  full record
REPOSITORY#<id>       COUNT#<000-199>                       counters and shares
REPOSITORY#<id>       TAG#<tag>                             tag -> digest
REPOSITORY#<id>       HISTORY#<tag>#<ulid>                  a tag moved or went
REPOSITORY#<id>       IMAGE#<time>#<digest>                 the order in which images are listed
CONTENT#<id>#<digest> LINK | MANIFEST                       what the repository holds of the digest
CONTENT#<id>#<digest> NEEDED_BY#<parent>                    an edge
CONTENT#<id>#<digest> REFERRER#<digest> | TAGGED#<tag>      referrers of it, tags that point at it
CONTENT#<id>#<digest> REFUSED                               a refused PUT left edges from it
BLOB#<digest>         META                                  the bytes
UPLOAD#<id>           META                                  an upload session
IDENTITY#<ns>         USER#<name>                           a user and the auth tokens
GUARD#<ns>#<user>     ADDRESS#<address>                     wrong passwords in a row
KEYRING#<ns>          PUBLIC#<kid>                          keys that verify tokens
SIGNER#<ns>           PRIVATE#<kid>                         keys that sign; a partition that only `tokens` may read

In the bucket: blobs/<upload>/<ulid> for blobs and what becomes one, manifests/<repository>/<digest>/<ulid> for
manifests that do not fit their row. Ids come before names, so that no key is a prefix of another as a folder. Each
folder is one row's, or that of a row that was never committed: who clears away after that row clears the folder.
"""

from typing import NamedTuple

from moorage.domain.digest import Digest

META = "META"
LINK = "LINK"
MANIFEST = "MANIFEST"
REFUSED = "REFUSED"
TAG = "TAG#"
EDGE = "NEEDED_BY#"
REFERRER = "REFERRER#"
TAGGED = "TAGGED#"
COUNT = "COUNT#"
NAME = "REPOSITORY#"
USER = "USER#"
PUBLIC = "PUBLIC#"
PRIVATE = "PRIVATE#"

SHARDS = 200


class Key(NamedTuple):
    """A primary key of the table."""

    pk: str
    sk: str


def catalog(namespace: str) -> str:
    """Partition of a namespace's names."""
    return f"NAMESPACE#{namespace}"


def name(namespace: str, repository: str) -> Key:
    """Row that resolves a repository name."""
    return Key(catalog(namespace), f"{NAME}{repository}")


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
    return Key(repository(repository_id), f"IMAGE#{ulid}#{digest}")


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


def stored_bytes(digest: Digest) -> Key:
    """Row of the bytes of a digest."""
    return Key(f"BLOB#{digest}", META)


def upload(session_id: str) -> Key:
    """Row of an upload session."""
    return Key(f"UPLOAD#{session_id}", META)


def users(namespace: str) -> str:
    """Partition of a namespace's users."""
    return f"IDENTITY#{namespace}"


def user(namespace: str, name: str) -> Key:
    """Row of a user."""
    return Key(users(namespace), f"{USER}{name}")


def guard(namespace: str, name: str, address: str) -> Key:
    """Row that counts wrong passwords."""
    return Key(f"GUARD#{namespace}#{name}", f"ADDRESS#{address}")


def keyring(namespace: str) -> str:
    """Partition of the keys that verify."""
    return f"KEYRING#{namespace}"


def public_key(namespace: str, kid: str) -> Key:
    """Row of a key that verifies."""
    return Key(keyring(namespace), f"{PUBLIC}{kid}")


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
