"""What is asked for, as policies see it; and what is there, or as good as not there."""

from typing import TypeVar

from moorage.domain.access import PrincipalKind
from moorage.domain.directory import Group, Policy, Resource, User
from moorage.domain.errors import NotFound, ParameterInvalid
from moorage.domain.policy.decision import Target
from moorage.web.cloud.call import Call

ResourceT = TypeVar("ResourceT", bound=Resource)


def read(call: Call, kind: type[ResourceT], parameter: str) -> ResourceT:
    """Return the resource that a parameter of the path names. Raises NotFound."""
    resource = call.stores.directory.get(kind, call.parameters[parameter])
    if resource is None:
        raise NotFound
    return resource


def root(call: Call) -> Target:
    """Return the root as a target: where users, groups and networks are, and are made."""
    return Target(call.caller.tenancy.id)


def of(resource: Resource) -> Target:
    """Return a resource as a target."""
    return Target(resource.compartment_id, _names(resource), resource.tags.defined)


def of_group(call: Call, group: Group) -> Target:
    """Return a group as a target: whether the caller is in it can be a condition too."""
    return Target(group.compartment_id, {**_names(group), **_member(call, group)}, group.tags.defined)


def of_membership(call: Call, user: User, group: Group) -> Target:
    """Return user and group as one target: who is put into which group, or taken out."""
    return Target(user.compartment_id, {**_names(user), **_names(group), **_member(call, group)})


def is_own(call: Call, user_id: str) -> bool:
    """Whether the caller is that user: keys and auth tokens of one's own need no policy."""
    principal = call.caller.principal
    return principal.kind is PrincipalKind.USER and principal.id == user_id


def require_in_root(call: Call, compartment_id: str) -> None:
    """Go on only if the compartment is the root, the only place for what the operation is about.

    Raises NotFound for one that is not the caller's, and ParameterInvalid.
    """
    call.require(Target(compartment_id))
    if compartment_id != call.caller.tenancy.id:
        raise ParameterInvalid("compartmentId", f"must be the tenancy, {call.caller.tenancy.id}: they are all there")


def _names(resource: Resource) -> dict[str, str]:
    kind = next((name for kind, name in _KINDS.items() if isinstance(resource, kind)), None)
    return {f"target.{kind}.id": resource.id, f"target.{kind}.name": resource.name} if kind else {}


def _member(call: Call, group: Group) -> dict[str, str]:
    return {"target.group.member": "true" if group.id in call.caller.principal.groups else "false"}


_KINDS: dict[type[Resource], str] = {User: "user", Group: "group", Policy: "policy"}
