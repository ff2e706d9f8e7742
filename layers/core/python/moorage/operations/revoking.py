"""Tokens that are out become void, sooner than they end by themselves."""

from moorage.domain.directory import User
from moorage.domain.errors import ParameterInvalid
from moorage.domain.identity import EVERYBODY
from moorage.domain.ocid import Kind, unique_of
from moorage.operations.session import is_role
from moorage.stores.base import Stores


def revoke_user(stores: Stores, name: str) -> str:
    """Void what a user was given until now, by name or by id, or a machine, by its role; return the id.

    An id is taken as it is: whoever was removed has no name any more, and may have tokens. Raises ParameterInvalid.
    """
    principal_id = name if unique_of(name, Kind.USER) or is_role(name) else stores.directory.find(User, name)
    if principal_id is None:
        raise ParameterInvalid("user", f"there is no user {name}; give the OCID of one that was removed")
    stores.identity.revoke(principal_id, stores.clock())
    return principal_id


def revoke_all(stores: Stores) -> None:
    """Void what everybody was given until now, logged in or not."""
    stores.identity.revoke(EVERYBODY, stores.clock())
