"""That somebody is always left who governs the registry by signed requests, whatever becomes of one user."""

from moorage.domain.directory import ADMINISTRATORS, State, User
from moorage.domain.errors import StateConflict
from moorage.domain.tenancy import Tenancy
from moorage.operations.directory.changing import revised
from moorage.stores.base import Stores


def keep_an_administrator(stores: Stores, tenancy: Tenancy, before: User, after: User) -> Tenancy | None:
    """Return the tenancy to commit with a change of a user, None when the change does not bear on who governs.

    It is a new version, so that of two changes at once the second is decided on what the first has left.
    Raises StateConflict when nobody would be left.
    """
    group_id = next((key for key, name in tenancy.groups.items() if name == ADMINISTRATORS), "")
    if not _governs(before, group_id) or _governs(after, group_id):
        return None
    if not any(_governs(user, group_id) for user in stores.directory.all(User) if user.id != before.id):
        raise StateConflict(
            f"{before.name} is the last administrator who can sign requests; "
            f"give another member of {ADMINISTRATORS} an API key first"
        )
    return revised(tenancy)


def _governs(user: User, group_id: str) -> bool:
    return (
        group_id in user.groups
        and user.state is State.ACTIVE
        and "canUseApiKeys" in user.capabilities
        and bool(user.api_keys)
    )
