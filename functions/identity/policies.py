"""Policies: CreatePolicy, ListPolicies, GetPolicy, UpdatePolicy, DeletePolicy."""

from typing import Any

from starlette.responses import Response

from identity.changing import given_tags
from identity.creating import create
from identity.listing import list_resources
from identity.rendering import tell_policy
from identity.targets import of, read
from moorage.domain.directory import Policy
from moorage.domain.policy.decision import Target
from moorage.operations.directory import policies
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call
from moorage.web.cloud.schema import is_time
from moorage.web.cloud.tags import read_tags

_DAY = len("2026-01-31")


def create_policy(call: Call) -> Response:
    """Attach statements to a compartment."""
    compartment_id = call.body["compartmentId"]
    call.require(Target(compartment_id))
    return create(
        call,
        Policy,
        lambda policy: _told(call, policy),
        lambda: policies.create_policy(
            call.stores,
            call.caller.tenancy,
            compartment_id,
            name=call.body["name"],
            description=call.body["description"],
            statements=call.body["statements"],
            version_date=_day(call),
            tags=read_tags(call.body),
            remember=call.remember,
        ),
    )


def list_policies(call: Call) -> Response:
    """List the policies that are attached to a compartment."""
    compartment_id = call.parameters["compartmentId"]
    call.require(Target(compartment_id))
    found = [policy for policy in call.stores.directory.all(Policy) if policy.compartment_id == compartment_id]
    tenancy = call.stores.directory.tenancy()
    return list_resources(call, found, lambda policy: tell_policy(policy, policies.texts_of(tenancy, policy)))


def get_policy(call: Call) -> Response:
    """Show a policy."""
    return _shown(call, _authorised(call))


def update_policy(call: Call) -> Response:
    """Change statements, version date, description or tags."""
    policy = _authorised(call)
    return _shown(
        call,
        policies.update_policy(
            call.stores,
            call.caller.tenancy,
            policy.id,
            description=call.body.get("description"),
            statements=call.body.get("statements"),
            version_date=_day(call),
            tags=given_tags(call),
            if_match=call.if_match,
        ),
    )


def delete_policy(call: Call) -> Response:
    """Delete a policy."""
    policy = _authorised(call)
    policies.delete_policy(call.stores, call.caller.tenancy, policy.id, if_match=call.if_match)
    return answer(None)


def _authorised(call: Call) -> Policy:
    policy = read(call, Policy, "policyId")
    call.require(of(policy))
    return policy


def _day(call: Call) -> str | None:
    """Return the version date, empty to have none: `oci` sends a day, SDKs of languages without days an instant."""
    text: str | None = call.body.get("versionDate")
    return text[:_DAY] if text and is_time(text) else text


def _told(call: Call, policy: Policy) -> dict[str, Any]:
    return tell_policy(policy, policies.texts_of(call.stores.directory.tenancy(), policy))


def _shown(call: Call, policy: Policy) -> Response:
    return answer(_told(call, policy), etag=policy.version)


HANDLERS = {
    "CreatePolicy": create_policy,
    "ListPolicies": list_policies,
    "GetPolicy": get_policy,
    "UpdatePolicy": update_policy,
    "DeletePolicy": delete_policy,
}
