"""Policies: statements, attached to a compartment. They are compiled when they are written."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from moorage.domain.directory import ADMINISTRATORS_POLICY, Change, Policy, ResourceTags
from moorage.domain.errors import LimitReached, ParameterInvalid, RelatedNotFound, StateConflict
from moorage.domain.ocid import Kind
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.tenancy import PolicyNode, Tenancy
from moorage.operations.directory.changing import (
    Remember,
    Retag,
    beginning,
    changed,
    commit,
    create,
    read,
    require_room,
    revised,
    settle,
)
from moorage.operations.directory.fields import check_name, check_new_description
from moorage.stores.base import Stores

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


def texts_of(tenancy: Tenancy, policy: Policy) -> list[str]:
    """Return the statements of a policy with the paths that compartments have now; none of one that is gone.

    Whoever shows both reads the tenancy after the policy: an etag is then never newer than the texts beside it.
    """
    node = tenancy.policies.get(policy.id)
    return [one.text for one in node.statements] if node else []


def create_policy(
    stores: Stores,
    tenancy: Tenancy,
    compartment_id: str,
    *,
    name: str,
    description: str,
    statements: Sequence[str],
    version_date: str | None = None,
    tags: ResourceTags | None = None,
    remember: Remember | None = None,
) -> Policy:
    """Attach a policy to a compartment."""
    policy = Policy(
        version_date=_check_date(version_date),
        **beginning(stores, Kind.POLICY, compartment_id, check_name(name), description, tags),
    )

    def step(current: Tenancy) -> Policy:
        if not current.holds(compartment_id):
            raise RelatedNotFound("compartmentId")
        require_room(len(current.policies), stores.limits.directory.policies, "policies")
        return create(stores, policy, _with(stores, current, policy, statements), remember)

    return settle(stores, tenancy, step, remember)


def update_policy(
    stores: Stores,
    tenancy: Tenancy,
    policy_id: str,
    *,
    description: str | None = None,
    statements: Sequence[str] | None = None,
    version_date: str | None = None,
    tags: Retag | None = None,
    if_match: str | None = None,
) -> Policy:
    """Change a policy; statements are compiled anew when they are given, with the names as they are then.

    An empty version date takes away the one that there is.
    """
    given = {"description": check_new_description(description)}
    day = _check_date(version_date)

    def step(current: Tenancy) -> Policy:
        before = _read(stores, policy_id, if_match)
        after = replace(
            changed(before, tags=tags, **given), version_date=before.version_date if version_date is None else day
        )
        decided = None if statements is None else _with(stores, current, after, statements)
        commit(stores, [Change(before, after)], decided)
        return after

    return settle(stores, tenancy, step)


def delete_policy(stores: Stores, tenancy: Tenancy, policy_id: str, *, if_match: str | None = None) -> None:
    """Delete a policy."""

    def step(current: Tenancy) -> None:
        policy = _read(stores, policy_id, if_match)
        left = {key: node for key, node in current.policies.items() if key != policy_id}
        commit(stores, [Change(policy, None)], revised(current, policies=left))

    settle(stores, tenancy, step)


def _read(stores: Stores, policy_id: str, if_match: str | None) -> Policy:
    """Return a policy that is to be changed. Raises StateConflict for that of administrators."""
    policy = read(stores, Policy, policy_id, if_match)
    if policy.name == ADMINISTRATORS_POLICY:
        raise StateConflict(f"the policy {ADMINISTRATORS_POLICY} can be neither changed nor deleted")
    return policy


def _with(stores: Stores, tenancy: Tenancy, policy: Policy, statements: Sequence[str]) -> Tenancy:
    """Return the tenancy with a policy, compiled. Raises ParameterInvalid and LimitReached."""
    limits = stores.limits.directory
    if not 1 <= len(statements) <= limits.statements_of_policy:
        most = limits.statements_of_policy
        raise ParameterInvalid("statements", f"must have 1 to {most} statements, not {len(statements)}")
    node = PolicyNode(policy.compartment_id, policy.name, compile_policy(tenancy, policy.compartment_id, statements))
    policies = {**tenancy.policies, policy.id: node}
    count = sum(len(one.statements) for one in policies.values())
    if count > limits.statements:
        raise LimitReached(f"all policies together have at most {limits.statements} statements; this makes {count}")
    return revised(tenancy, policies=policies)


def _check_date(text: str | None) -> str | None:
    """Return a version date, None for none: an empty one means the same. Raises ParameterInvalid."""
    if not text:
        return None
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ParameterInvalid("versionDate", f"must be a date, yyyy-mm-dd, not {text[:40]!r}")
