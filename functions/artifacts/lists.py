"""What lists of images and of signatures have in common: where they look, and in which order."""

from collections.abc import Collection, Mapping
from typing import Any

from moorage.domain.digest import Digest
from moorage.domain.errors import DigestInvalid, NotFound, ParameterInvalid
from moorage.domain.policy.decision import Target
from moorage.domain.repository import Sort
from moorage.web.cloud.call import Call


def visited(call: Call) -> Collection[str] | None:
    """Return the compartments that a list looks into, of those asked for the ones that the caller may; None is all.

    A list names no repository, so a condition on one does not grant it. Raises NotFound for none, and ParameterInvalid.
    """
    tenancy, compartment_id = call.caller.tenancy, call.parameters["compartmentId"]
    if not call.parameters.get("compartmentIdInSubtree"):
        call.require(Target(compartment_id))
        return [compartment_id]
    if compartment_id != tenancy.id:
        call.require(Target(compartment_id))
        raise ParameterInvalid("compartmentIdInSubtree", "can be true only where compartmentId is the tenancy")
    every = tenancy.subtree(tenancy.id)
    seen = frozenset(one for one in every if call.allows("REPOSITORY_INSPECT", Target(one)))
    if not seen:
        raise NotFound
    return None if len(seen) == len(every) else seen


def listing_order(asked: Mapping[str, Any]) -> tuple[Sort, bool]:
    """Return what to sort by, and whether the last comes first: by time unless it is said otherwise."""
    sort = Sort(asked.get("sortBy") or Sort.TIME_CREATED)
    order = asked.get("sortOrder") or ("DESC" if sort is Sort.TIME_CREATED else "ASC")
    return sort, order == "DESC"


def read_digest(field: str, text: str) -> Digest:
    """Read a digest. Raises ParameterInvalid."""
    try:
        return Digest.parse(text)
    except DigestInvalid as error:
        raise ParameterInvalid(field, error.message) from error
