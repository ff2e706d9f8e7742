"""What verbs mean, and what each operation needs (ocir.md 5.5, 5.6).

Verbs are cumulative: each grants what those before it do. An operation that needs several permissions needs all of
them; each may come from another statement.
"""

from collections.abc import Mapping
from functools import cache

VERBS = ("inspect", "read", "use", "manage")
ALL_RESOURCES = "all-resources"

# What each verb adds, in the order of VERBS.
_ADDED: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "repos": (
        ("REPOSITORY_INSPECT",),
        ("REPOSITORY_READ",),
        (),
        ("REPOSITORY_CREATE", "REPOSITORY_DELETE", "REPOSITORY_UPDATE", "REPOSITORY_MANAGE"),
    ),
    "compartments": (
        ("COMPARTMENT_INSPECT",),
        ("COMPARTMENT_READ",),
        ("COMPARTMENT_UPDATE",),
        ("COMPARTMENT_CREATE", "COMPARTMENT_DELETE", "COMPARTMENT_RECOVER"),
    ),
    "users": (
        ("USER_INSPECT",),
        ("USER_READ",),
        ("USER_UPDATE",),
        (
            "USER_CREATE",
            "USER_DELETE",
            "USER_UNBLOCK",
            "USER_APIKEY_ADD",
            "USER_APIKEY_REMOVE",
            "USER_AUTHTOKEN_SET",
            "USER_AUTHTOKEN_RESET",
            "USER_AUTHTOKEN_REMOVE",
        ),
    ),
    "groups": (("GROUP_INSPECT",), (), ("GROUP_UPDATE",), ("GROUP_CREATE", "GROUP_DELETE")),
    "dynamic-groups": (
        ("DYNAMIC_GROUP_INSPECT",),
        (),
        ("DYNAMIC_GROUP_UPDATE",),
        ("DYNAMIC_GROUP_CREATE", "DYNAMIC_GROUP_DELETE"),
    ),
    "network-sources": (
        ("NETWORK_SOURCE_INSPECT",),
        (),
        ("NETWORK_SOURCE_UPDATE",),
        ("NETWORK_SOURCE_CREATE", "NETWORK_SOURCE_DELETE"),
    ),
    "policies": (("POLICY_READ",), (), (), ("POLICY_UPDATE", "POLICY_CREATE", "POLICY_DELETE")),
    "authentication-policies": (("AUTHENTICATION_POLICY_INSPECT",), (), (), ("AUTHENTICATION_POLICY_UPDATE",)),
    "tenancies": (("TENANCY_INSPECT",), (), ("TENANCY_UPDATE",), ()),
}

RESOURCE_TYPES = (*_ADDED, ALL_RESOURCES)


@cache
def permissions_of(verb: str, resource_type: str) -> frozenset[str]:
    """Return what a verb grants on a type, or on all of them."""
    if resource_type == ALL_RESOURCES:
        return frozenset().union(*(permissions_of(verb, each) for each in _ADDED))
    levels = _ADDED[resource_type][: VERBS.index(verb) + 1]
    return frozenset(permission for level in levels for permission in level)


EVERYTHING = permissions_of("manage", ALL_RESOURCES)  # every permission there is

# Docker's and Helm's actions. A public repository is pulled without any.
DOCKER_PULL = ("REPOSITORY_READ",)
DOCKER_PUSH = ("REPOSITORY_READ", "REPOSITORY_UPDATE")
DOCKER_DELETE = ("REPOSITORY_UPDATE",)
CREATE_REPOSITORY = ("REPOSITORY_CREATE",)  # in the root, for a push that makes the repository

# What some bodies need beside what their operation does.
PUBLISH_REPOSITORY = ("REPOSITORY_MANAGE",)  # to make one that is public, or to change whether it is
RECEIVE_REPOSITORY = ("REPOSITORY_CREATE",)  # in the compartment that a repository moves to

_ON_KEYS = {
    "UploadApiKey": ("USER_UPDATE", "USER_APIKEY_ADD"),
    "ListApiKeys": ("USER_READ",),
    "DeleteApiKey": ("USER_UPDATE", "USER_APIKEY_REMOVE"),
    "CreateAuthToken": ("USER_UPDATE", "USER_AUTHTOKEN_SET"),
    "ListAuthTokens": ("USER_READ",),
    "UpdateAuthToken": ("USER_UPDATE", "USER_AUTHTOKEN_RESET"),
    "DeleteAuthToken": ("USER_UPDATE", "USER_AUTHTOKEN_REMOVE"),
}

OPERATIONS: Mapping[str, tuple[str, ...]] = {
    # repositories, images, signatures
    "CreateContainerRepository": ("REPOSITORY_CREATE",),
    "ListContainerRepositories": ("REPOSITORY_INSPECT",),
    "GetContainerRepository": ("REPOSITORY_READ",),
    "UpdateContainerRepository": ("REPOSITORY_MANAGE",),
    "DeleteContainerRepository": ("REPOSITORY_DELETE",),
    "ChangeContainerRepositoryCompartment": ("REPOSITORY_MANAGE",),
    "ListContainerImages": ("REPOSITORY_INSPECT",),
    "GetContainerImage": ("REPOSITORY_READ",),
    "UpdateContainerImage": ("REPOSITORY_UPDATE",),
    "DeleteContainerImage": ("REPOSITORY_UPDATE",),
    "RemoveContainerVersion": ("REPOSITORY_UPDATE",),
    "RestoreContainerImage": ("REPOSITORY_UPDATE",),
    "LookupContainerImageByUri": ("REPOSITORY_READ",),
    "CreateContainerImageSignature": ("REPOSITORY_UPDATE",),
    "ListContainerImageSignatures": ("REPOSITORY_INSPECT",),
    "GetContainerImageSignature": ("REPOSITORY_READ",),
    "UpdateContainerImageSignature": ("REPOSITORY_UPDATE",),
    "DeleteContainerImageSignature": ("REPOSITORY_UPDATE",),
    "GetContainerConfiguration": ("REPOSITORY_INSPECT",),
    "UpdateContainerConfiguration": ("REPOSITORY_MANAGE",),
    # compartments; to move one is to manage all that is where both places are
    "CreateCompartment": ("COMPARTMENT_CREATE",),
    "ListCompartments": ("COMPARTMENT_INSPECT",),
    "GetCompartment": ("COMPARTMENT_INSPECT",),
    "UpdateCompartment": ("COMPARTMENT_UPDATE",),
    "DeleteCompartment": ("COMPARTMENT_DELETE",),
    "RecoverCompartment": ("COMPARTMENT_RECOVER",),
    "MoveCompartment": tuple(sorted(EVERYTHING)),
    "GetWorkRequest": ("COMPARTMENT_READ",),
    "ListWorkRequests": ("COMPARTMENT_READ",),
    # users and their credentials; nobody needs these for his own keys and tokens
    "CreateUser": ("USER_CREATE",),
    "ListUsers": ("USER_INSPECT",),
    "GetUser": ("USER_INSPECT",),
    "UpdateUser": ("USER_UPDATE",),
    "UpdateUserState": ("USER_UPDATE", "USER_UNBLOCK"),
    "UpdateUserCapabilities": ("USER_UPDATE",),
    "DeleteUser": ("USER_DELETE",),
    **_ON_KEYS,
    # groups
    "CreateGroup": ("GROUP_CREATE",),
    "ListGroups": ("GROUP_INSPECT",),
    "GetGroup": ("GROUP_INSPECT",),
    "UpdateGroup": ("GROUP_UPDATE",),
    "DeleteGroup": ("GROUP_DELETE",),
    "AddUserToGroup": ("GROUP_UPDATE", "USER_UPDATE"),
    "RemoveUserFromGroup": ("GROUP_UPDATE", "USER_UPDATE"),
    "ListUserGroupMemberships": ("GROUP_INSPECT", "USER_INSPECT"),
    "GetUserGroupMembership": ("GROUP_INSPECT", "USER_INSPECT"),
    "CreateDynamicGroup": ("DYNAMIC_GROUP_CREATE",),
    "ListDynamicGroups": ("DYNAMIC_GROUP_INSPECT",),
    "GetDynamicGroup": ("DYNAMIC_GROUP_INSPECT",),
    "UpdateDynamicGroup": ("DYNAMIC_GROUP_UPDATE",),
    "DeleteDynamicGroup": ("DYNAMIC_GROUP_DELETE",),
    # policies, networks, the tenancy
    "CreatePolicy": ("POLICY_CREATE",),
    "ListPolicies": ("POLICY_READ",),
    "GetPolicy": ("POLICY_READ",),
    "UpdatePolicy": ("POLICY_UPDATE",),
    "DeletePolicy": ("POLICY_DELETE",),
    "CreateNetworkSource": ("NETWORK_SOURCE_CREATE",),
    "ListNetworkSources": ("NETWORK_SOURCE_INSPECT",),
    "GetNetworkSource": ("NETWORK_SOURCE_INSPECT",),
    "UpdateNetworkSource": ("NETWORK_SOURCE_UPDATE",),
    "DeleteNetworkSource": ("NETWORK_SOURCE_DELETE",),
    "GetAuthenticationPolicy": ("AUTHENTICATION_POLICY_INSPECT",),
    "UpdateAuthenticationPolicy": ("AUTHENTICATION_POLICY_UPDATE",),
    "GetTenancy": ("TENANCY_INSPECT",),
    "ListRegions": ("TENANCY_INSPECT",),
    "ListRegionSubscriptions": ("TENANCY_INSPECT",),
    "GetNamespace": (),
}
