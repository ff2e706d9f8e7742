"""The authentication policy: how users may sign in, and from where. There is one, and it has the tenancy's id."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from moorage.domain.directory import AuthenticationPolicy, Change
from moorage.domain.errors import EtagChanged, RelatedNotFound
from moorage.domain.tenancy import Tenancy
from moorage.operations.directory.changing import commit, revised, settle
from moorage.operations.directory.tenancies import since
from moorage.stores.base import Stores


def get_authentication_policy(stores: Stores, tenancy: Tenancy) -> AuthenticationPolicy:
    """Return it; as it is when nobody has changed it, it has version 0."""
    found = stores.directory.get(AuthenticationPolicy, tenancy.id)
    return found or AuthenticationPolicy(
        id=tenancy.id,
        compartment_id=tenancy.id,
        name="AuthenticationPolicy",
        description="how users sign in",
        time_created=since(tenancy),
        version=0,
    )


def update_authentication_policy(
    stores: Stores,
    tenancy: Tenancy,
    *,
    password_policy: Mapping[str, Any] | None = None,
    network_source_ids: Sequence[str] | None = None,
    if_match: str | None = None,
) -> AuthenticationPolicy:
    """Change how users sign in. Without network sources they may from anywhere."""

    def step(current: Tenancy) -> AuthenticationPolicy:
        before = get_authentication_policy(stores, current)
        if if_match not in {None, str(before.version)}:
            raise EtagChanged(f"if-match: the resource has the etag {before.version} by now; get it again")
        sources = before.network_source_ids if network_source_ids is None else tuple(network_source_ids)
        if set(sources) - current.network_sources.keys():
            raise RelatedNotFound("networkPolicy.networkSourceIds")
        passwords = {**before.password_policy, **(password_policy or {})}
        after = replace(before, password_policy=passwords, network_source_ids=sources, version=before.version + 1)
        change = Change(before if before.version else None, after)
        commit(stores, [change], revised(current, sign_in_sources=sources))
        return after

    return settle(stores, tenancy, step)
