"""What policies say where a token does not: read when it is asked, and kept for a moment."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from moorage.domain.access import Action, Principal, PrincipalKind
from moorage.domain.directory import State
from moorage.domain.policy.decision import Asking
from moorage.domain.repository import Repository
from moorage.domain.rights import rights_in
from moorage.domain.tenancy import Tenancy
from moorage.stores.base import Stores

POLICIES_LIFE = timedelta(seconds=10)  # how long what was read decides

_KEPT = 1000  # principals

MayPull = Callable[[Repository], bool]


class Deciding:
    """What principals may pull by the policies of the last 10 seconds; one for each process."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[datetime, Principal | None, Tenancy]] = {}

    def may_pull(self, stores: Stores, principal: Principal, address: str) -> MayPull:
        """Return what decides for a principal; it reads, in one call, when it is first asked about what is private."""

        def decides(repository: Repository) -> bool:
            if repository.public:
                return True
            known, tenancy = self._read(stores, principal)
            if known is None:
                return False
            asking = Asking(known, None, address, stores.clock(), stores.limits.region.key)
            return Action.PULL in rights_in(tenancy, asking, repository.name, repository).actions

        return decides

    def _read(self, stores: Stores, principal: Principal) -> tuple[Principal | None, Tenancy]:
        """Return the principal with its groups, None when it is one no more, and the rules."""
        now, key = stores.clock(), principal.id or ""
        kept = self._known.get(key)
        if kept is None or now - kept[0] >= POLICIES_LIFE:
            if len(self._known) >= _KEPT:
                self._known.clear()
            user, tenancy = stores.directory.user_and_tenancy(key)
            known: Principal | None = principal
            if principal.kind is PrincipalKind.USER:
                known = replace(principal, groups=user.groups) if user and user.state is State.ACTIVE else None
            kept = self._known[key] = (now, known, tenancy)
        return kept[1], kept[2]
