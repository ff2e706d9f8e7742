"""How a registry begins: a signing key, and the first administrator with the rights of one."""

from dataclasses import dataclass

from moorage.domain.directory import (
    ADMINISTRATORS,
    ADMINISTRATORS_POLICY,
    Change,
    Group,
    Membership,
    Policy,
    User,
)
from moorage.domain.errors import StateConflict
from moorage.domain.ocid import Kind
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.tenancy import PolicyNode, Tenancy
from moorage.operations.directory.changing import commit, new_ocid, revised
from moorage.operations.directory.credentials import make_key_pair, make_password
from moorage.operations.directory.fields import check_user_name
from moorage.operations.keys import rotate_keys
from moorage.stores.base import Changed, NameTaken, Stores

_STATEMENT = f"Allow group {ADMINISTRATORS} to manage all-resources in tenancy"


@dataclass(frozen=True, slots=True)
class Bootstrapped:
    """The first administrator, with secrets that nobody can read again."""

    user: User
    auth_token: str  # its id
    auth_token_text: str
    api_key_fingerprint: str
    private_key_pem: str
    tenancy_id: str


def bootstrap(stores: Stores, name: str) -> Bootstrapped:
    """Make the signing key, if there is none, and in one transaction all that the first administrator is.

    Raises StateConflict when that was done already.
    """
    tenancy = stores.directory.tenancy()
    if tenancy.version:
        raise _done()
    check_user_name(name)
    if stores.identity.signing_key() is None:
        rotate_keys(stores)
    now = stores.clock()
    password, pair = make_password(stores, "made by bootstrap"), make_key_pair(now)
    group = Group(
        id=new_ocid(stores, Kind.GROUP, now),
        compartment_id=tenancy.id,
        name=ADMINISTRATORS,
        description="may do everything in the tenancy",
        time_created=now,
        members=1,
    )
    user = User(
        id=new_ocid(stores, Kind.USER, now),
        compartment_id=tenancy.id,
        name=name,
        description="the first administrator",
        time_created=now,
        memberships=(Membership(group_id=group.id, time_created=now),),
        auth_tokens=(password.auth_token,),
        api_keys=(pair.api_key,),
    )
    policy = Policy(
        id=new_ocid(stores, Kind.POLICY, now),
        compartment_id=tenancy.id,
        name=ADMINISTRATORS_POLICY,
        description="lets administrators do everything in the tenancy",
        time_created=now,
    )
    try:
        commit(stores, [Change(None, made) for made in (group, user, policy)], _decided(tenancy, group, policy))
    except (Changed, NameTaken) as error:
        raise _done() from error
    return Bootstrapped(
        user=user,
        auth_token=password.auth_token.id,
        auth_token_text=password.text,
        api_key_fingerprint=pair.api_key.fingerprint,
        private_key_pem=pair.private_key_pem,
        tenancy_id=tenancy.id,
    )


def _decided(tenancy: Tenancy, group: Group, policy: Policy) -> Tenancy:
    grouped = revised(tenancy, groups={group.id: group.name}, users=1)
    node = PolicyNode(tenancy.id, policy.name, compile_policy(grouped, tenancy.id, [_STATEMENT]))
    return revised(tenancy, groups=grouped.groups, users=1, policies={policy.id: node})


def _done() -> StateConflict:
    return StateConflict("there is an administrator already; `moorage user create` makes more users")
