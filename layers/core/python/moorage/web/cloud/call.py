"""One call of an operation, as its handler gets it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moorage.domain.directory import Remembered
from moorage.domain.errors import EtagChanged, NotFound, RetryTokenUsed
from moorage.domain.policy.decision import Asking, Target, allowed
from moorage.domain.policy.permissions import OPERATIONS
from moorage.stores.base import Stores
from moorage.web.cloud.caller import Caller
from moorage.web.site import Site


@dataclass(frozen=True)
class Call:
    """Who calls which operation with what; all of it was checked against the contract."""

    stores: Stores
    site: Site
    operation: str
    caller: Caller
    now: datetime
    parameters: Mapping[str, Any] = field(default_factory=dict)  # of path and query
    body: Mapping[str, Any] = field(default_factory=dict)
    if_match: str | None = None  # without quotes; None where any state will do
    retry_token: str | None = None

    def allows(self, permission: str, target: Target) -> bool:
        """Whether the caller has a permission on the target."""
        return allowed(self.caller.tenancy, self._asking, (permission,), target)

    def require(self, target: Target, *permissions: str) -> None:
        """Go on only with all these permissions on the target; with none named, with those of the operation.

        Raises NotFound: what is forbidden is not there.
        """
        needed = permissions or OPERATIONS[self.operation]
        if not allowed(self.caller.tenancy, self._asking, needed, target):
            raise NotFound

    def check_etag(self, etag: object) -> None:
        """Go on only if `etag` is what if-match names, if it names any. Raises EtagChanged."""
        if self.if_match is not None and self.if_match != str(etag):
            raise EtagChanged(f"if-match: the resource has the etag {etag} by now; get it again")

    def remember(self, resource_id: str, version: object) -> Remembered | None:
        """Return what to store with what this call makes, None without a retry token."""
        if self.retry_token is None:
            return None
        return Remembered(
            principal_id=self._principal_id,
            token=self.retry_token,
            fingerprint=self._fingerprint,
            resource_id=resource_id,
            version=str(version),
            time=self.now,
        )

    def replayed(self) -> str | None:
        """Return the id of what this very call has made before, None when it has not. Raises RetryTokenUsed."""
        remembered = self._remembered()
        return remembered.resource_id if remembered else None

    def check_replayed(self, etag: object) -> None:
        """Go on only if what the call has made before is as it was made; None is gone. Raises RetryTokenUsed."""
        remembered = self._remembered()
        if remembered and remembered.version != str(etag):
            raise RetryTokenUsed("opc-retry-token: what it made has changed or gone since; use a new token")

    @property
    def _asking(self) -> Asking:
        region = self.stores.limits.region.key
        return Asking(self.caller.principal, self.operation, self.caller.address, self.now, region)

    @property
    def _principal_id(self) -> str:
        return self.caller.principal.id or ""

    @property
    def _fingerprint(self) -> str:
        asked = {"operation": self.operation, "parameters": self.parameters, "body": self.body}
        text = json.dumps(asked, sort_keys=True, separators=(",", ":"))  # objects have no order
        return hashlib.sha256(text.encode()).hexdigest()

    def _remembered(self) -> Remembered | None:
        if self.retry_token is None:
            return None
        remembered = self.stores.directory.remembered(self._principal_id, self.retry_token)
        if remembered and remembered.fingerprint != self._fingerprint:
            raise RetryTokenUsed("opc-retry-token: it was used for another request; use a new token")
        return remembered
