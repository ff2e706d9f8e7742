"""OCIDs: the ids of the cloud plane, `ocid1.<kind>.<realm>.<region>.<unique>`. The realm is ours, the region empty."""

import re
from enum import StrEnum

REALM = "moorage"

_OCID = re.compile(rf"ocid1\.(?P<kind>[a-z]{{1,40}})\.{REALM}\.\.(?P<unique>[a-z0-9._-]{{1,220}})", re.ASCII)


class Kind(StrEnum):
    """What an id is of."""

    TENANCY = "tenancy"
    COMPARTMENT = "compartment"
    USER = "user"
    GROUP = "group"
    MEMBERSHIP = "groupmembership"
    DYNAMIC_GROUP = "dynamicgroup"
    POLICY = "policy"
    NETWORK_SOURCE = "networksource"
    AUTH_TOKEN = "credential"  # noqa: S105 - a kind
    WORK_REQUEST = "workrequest"
    REPOSITORY = "containerrepo"
    IMAGE = "containerimage"
    SIGNATURE = "containerimagesignature"


def make_ocid(kind: Kind, unique: str) -> str:
    """Write an id; what is unique in it is a ULID, or made of some, in lower case."""
    return f"ocid1.{kind}.{REALM}..{unique.lower()}"


def unique_of(text: str, kind: Kind) -> str | None:
    """Return what is unique in an id of that kind, as it is written; None for any other text."""
    match = _OCID.fullmatch(text)
    return match["unique"] if match and match["kind"] == kind else None


def tenancy_ocid(namespace: str) -> str:
    """Return the id of the tenancy, which is that of its root compartment too: one namespace, one tenancy."""
    return make_ocid(Kind.TENANCY, namespace)


def repository_ocid(repository_id: str) -> str:
    """Return the id of a repository by the ULID that storage knows it by."""
    return make_ocid(Kind.REPOSITORY, repository_id)


def parse_repository_ocid(text: str) -> str | None:
    """Return the ULID that storage knows a repository by; None for any other text."""
    unique = unique_of(text, Kind.REPOSITORY)
    return unique.upper() if unique else None
