"""What a tenancy is made of, as the cloud plane shows it: compartments, users, groups, policies and the like.

Every resource is immutable; a change is another value of a `version` one higher. What decisions need of all this is
in `domain/tenancy.py`. Ids are OCIDs throughout.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from moorage.domain.identity import hash_password
from moorage.domain.ocid import Kind, make_ocid, unique_of

ADMINISTRATORS = "Administrators"  # the group that bootstrap makes; it cannot be deleted, nor lose its last member
ADMINISTRATORS_POLICY = "Tenant Admin Policy"  # made with it; it can be neither changed nor deleted

AUTH_TOKENS_PER_USER = 2
API_KEYS_PER_USER = 3
COMPARTMENT_DEPTH = 6  # levels below the root
KEPT = timedelta(days=90)  # how long a deleted compartment and a work request that is over are shown

_UNIQUE = 26  # characters: a ULID


class State(StrEnum):
    """Where a resource is in its life."""

    CREATING = "CREATING"
    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    DELETING = "DELETING"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class ResourceTags:
    """Free-form and defined tags; Oracle's, and nothing to do with tags of images."""

    freeform: Mapping[str, str] = field(default_factory=dict)
    defined: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What every resource of the directory has. `version` is its etag: 1 when it is made, one more with each write."""

    id: str
    compartment_id: str
    name: str
    description: str
    state: State = State.ACTIVE
    time_created: datetime
    tags: ResourceTags = ResourceTags()
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Compartment(Resource):
    """A folder; `compartment_id` is its parent. The root is the tenancy, and is no row.

    A deleted one keeps its row, and its name until then, so that it can be recovered.
    """

    time_deleted: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Resource):
    """A group of users; `members` counts them, so that one that has any is not deleted."""

    members: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicGroup(Resource):
    """A group of machines: those that the rule matches."""

    matching_rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Resource):
    """Statements that are attached to `compartment_id`. They themselves, text and meaning, are in `Tenancy.policies`.

    So the etag is of what was written last: it stays when a change of the tree gives them other paths.
    """

    version_date: str | None = None  # yyyy-mm-dd


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualSource:
    """Addresses within a virtual network."""

    vcn_id: str
    ip_ranges: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSource(Resource):
    """Named networks, for conditions and for signing in."""

    public_source_list: tuple[str, ...] = ()
    virtual_source_list: tuple[VirtualSource, ...] = ()
    services: tuple[str, ...] = ("all",)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationPolicy(Resource):
    """How users may sign in; one for the tenancy, whose id it has. `network_source_ids` empty: from anywhere."""

    password_policy: Mapping[str, Any] = field(default_factory=dict)
    network_source_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkRequest(Resource):
    """A deletion or a move of a compartment, done by the time anybody can ask.

    `name` is its operationType, `status` as Oracle has it; `resource_id` is what it was about.
    """

    status: str
    resource_id: str
    action: str  # of its one resource: DELETED, MOVED
    time_finished: datetime | None = None
    requested_by: str | None = None  # the principal, who may see it: clients wait for what they asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthToken:
    """A password that was made at random and shown once; what is kept is its SHA-256.

    160 random bits cannot be guessed from a fast hash, so a slow one would only cost every login its time.
    """

    id: str
    hash: str
    description: str
    time_created: datetime
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A public key that verifies requests; `fingerprint` is MD5 of its DER form, 16 pairs of digits with colons."""

    fingerprint: str
    public: str  # PEM
    time_created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A user is in a group since then. It never changes, so its etag is 1; its id is made of theirs."""

    group_id: str
    time_created: datetime


def membership_ocid(user_id: str, group_id: str) -> str:
    """Return the id of a user's being in a group."""
    unique = (unique_of(user_id, Kind.USER) or "", unique_of(group_id, Kind.GROUP) or "")
    return make_ocid(Kind.MEMBERSHIP, "".join(unique))


def parse_membership_ocid(text: str) -> tuple[str, str] | None:
    """Return the ids of user and group; None for any other text."""
    unique = unique_of(text, Kind.MEMBERSHIP)
    if unique is None or len(unique) != 2 * _UNIQUE:
        return None
    return make_ocid(Kind.USER, unique[:_UNIQUE]), make_ocid(Kind.GROUP, unique[_UNIQUE:])


CAPABILITIES = (
    "canUseConsolePassword",
    "canUseApiKeys",
    "canUseAuthTokens",
    "canUseSmtpCredentials",
    "canUseDbCredentials",
    "canUseCustomerSecretKeys",
    "canUseOAuth2ClientCredentials",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Resource):
    """Somebody, or something, that can log in. All that a decision needs of a user is in this one row."""

    email: str | None = None
    db_user_name: str | None = None
    capabilities: frozenset[str] = frozenset(CAPABILITIES)
    inactive_status: int | None = None
    memberships: tuple[Membership, ...] = ()
    auth_tokens: tuple[AuthToken, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()

    @property
    def groups(self) -> frozenset[str]:
        """Return the ids of the user's groups."""
        return frozenset(membership.group_id for membership in self.memberships)

    def auth_token(self, password: str) -> AuthToken | None:
        """Return the auth token that `password` is; every one is compared, in constant time."""
        given = hash_password(password)
        matches = [token for token in self.auth_tokens if hmac.compare_digest(token.hash, given)]
        return matches[0] if matches else None

    def api_key(self, fingerprint: str) -> ApiKey | None:
        """Return the key of that fingerprint."""
        return next((key for key in self.api_keys if key.fingerprint == fingerprint), None)


@dataclass(frozen=True, slots=True)
class Change:
    """One write: what was read and shall be still, None for nothing; and what shall be, None for nothing."""

    before: Resource | None
    after: Resource | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What a request with an opc-retry-token made, kept for a day: the same request again gets it again."""

    principal_id: str
    token: str
    fingerprint: str  # SHA-256 of operation and body
    resource_id: str
    version: str  # the etag that was answered
    time: datetime
