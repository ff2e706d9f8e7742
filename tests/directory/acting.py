"""The operations, called as somebody does who has just read the tenancy."""

from typing import Any

from moorage.domain.directory import (
    Compartment,
    DynamicGroup,
    Group,
    NetworkSource,
    Policy,
    Remembered,
    User,
)
from moorage.operations.directory import compartments, dynamic_groups, groups, networks, policies, users
from moorage.stores.base import Stores


def make_compartment(stores: Stores, name: str = "project", parent: str | None = None, **rest: Any) -> Compartment:
    tenancy = stores.directory.tenancy()
    return compartments.create_compartment(
        stores, tenancy, parent or tenancy.id, name=name, description="a place", **rest
    )


def make_user(stores: Stores, name: str = "alice", *in_groups: Group, **rest: Any) -> User:
    user = users.create_user(stores, stores.directory.tenancy(), name=name, description="somebody", **rest)
    for group in in_groups:
        user, _ = groups.add_user_to_group(stores, stores.directory.tenancy(), user.id, group.id)
    return user


def make_group(stores: Stores, name: str = "developers", **rest: Any) -> Group:
    return groups.create_group(stores, stores.directory.tenancy(), name=name, description="some users", **rest)


def make_dynamic_group(stores: Stores, name: str = "builders", **rest: Any) -> DynamicGroup:
    rest = {"matching_rule": "instance.id = 'arn:aws:iam::1:role/build'", **rest}
    return dynamic_groups.create_dynamic_group(
        stores, stores.directory.tenancy(), name=name, description="machines", **rest
    )


def make_policy(
    stores: Stores,
    *statements: str,
    name: str = "rules",
    compartment: str | None = None,
    **rest: Any,
) -> Policy:
    tenancy = stores.directory.tenancy()
    return policies.create_policy(
        stores,
        tenancy,
        compartment or tenancy.id,
        name=name,
        description="some rules",
        statements=statements or ("Allow any-user to read repos in tenancy",),
        **rest,
    )


def make_network_source(stores: Stores, name: str = "office", *networks_of_it: str, **rest: Any) -> NetworkSource:
    return networks.create_network_source(
        stores,
        stores.directory.tenancy(),
        name=name,
        description="where we sit",
        public_source_list=networks_of_it,
        **rest,
    )


class Retry:
    """A request with a retry token, as the web remembers it."""

    def __init__(self, stores: Stores, word: str = "token") -> None:
        self._stores = stores
        self._token = word

    def __call__(self, resource_id: str, version: object) -> Remembered:
        return Remembered(
            principal_id="somebody",
            token=self._token,
            fingerprint="0" * 64,
            resource_id=resource_id,
            version=str(version),
            time=self._stores.clock(),
        )
