"""Network sources: addresses by a name, for conditions of policies and for signing in."""

from collections.abc import Sequence
from ipaddress import ip_network

from moorage.domain.directory import Change, NetworkSource, ResourceTags, VirtualSource
from moorage.domain.errors import ParameterInvalid, StateConflict
from moorage.domain.networks import check_network
from moorage.domain.ocid import Kind
from moorage.domain.tenancy import NetworkSourceNode, Tenancy
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

NETWORKS_LIMIT = 100  # networks in each list
_EVERY_SERVICE = ("all",)


def create_network_source(
    stores: Stores,
    tenancy: Tenancy,
    *,
    name: str,
    description: str,
    public_source_list: Sequence[str] = (),
    virtual_source_list: Sequence[VirtualSource] = (),
    services: Sequence[str] = _EVERY_SERVICE,
    tags: ResourceTags | None = None,
    remember: Remember | None = None,
) -> NetworkSource:
    """Give networks a name."""
    source = NetworkSource(
        public_source_list=tuple(public_source_list),
        virtual_source_list=tuple(virtual_source_list),
        services=tuple(services) or _EVERY_SERVICE,
        **beginning(stores, Kind.NETWORK_SOURCE, tenancy.id, check_name(name), description, tags),
    )
    node = _compile(source)

    def step(current: Tenancy) -> NetworkSource:
        require_room(len(current.network_sources), stores.limits.directory.network_sources, "network sources")
        after = revised(current, network_sources={**current.network_sources, source.id: node})
        return create(stores, source, after, remember)

    return settle(stores, tenancy, step, remember)


def update_network_source(
    stores: Stores,
    tenancy: Tenancy,
    source_id: str,
    *,
    description: str | None = None,
    public_source_list: Sequence[str] | None = None,
    virtual_source_list: Sequence[VirtualSource] | None = None,
    services: Sequence[str] | None = None,
    tags: Retag | None = None,
    if_match: str | None = None,
) -> NetworkSource:
    """Replace lists or the description of a network source; its name stays."""
    given = {
        "description": check_new_description(description),
        "public_source_list": None if public_source_list is None else tuple(public_source_list),
        "virtual_source_list": None if virtual_source_list is None else tuple(virtual_source_list),
        "services": None if services is None else tuple(services) or _EVERY_SERVICE,
    }

    def step(current: Tenancy) -> NetworkSource:
        before = read(stores, NetworkSource, source_id, if_match)
        after = changed(before, tags=tags, **given)
        sources = {**current.network_sources, source_id: _compile(after)}
        commit(stores, [Change(before, after)], revised(current, network_sources=sources))
        return after

    return settle(stores, tenancy, step)


def delete_network_source(stores: Stores, tenancy: Tenancy, source_id: str, *, if_match: str | None = None) -> None:
    """Delete a network source, unless users must sign in from it."""

    def step(current: Tenancy) -> None:
        source = read(stores, NetworkSource, source_id, if_match)
        if source_id in current.sign_in_sources:
            raise StateConflict("users must sign in from this network source; change the authentication policy first")
        left = {key: node for key, node in current.network_sources.items() if key != source_id}
        commit(stores, [Change(source, None)], revised(current, network_sources=left))

    settle(stores, tenancy, step)


def _compile(source: NetworkSource) -> NetworkSourceNode:
    """Check the lists, and return what decisions read of them. Raises ParameterInvalid.

    Addresses within virtual networks are kept and shown, and match nobody: a caller's address says no network, and
    0.0.0.0/0, the whole of one, would match everybody.
    """
    _check_networks("publicSourceList", source.public_source_list)
    if len(source.virtual_source_list) > NETWORKS_LIMIT:
        raise ParameterInvalid("virtualSourceList", f"must have at most {NETWORKS_LIMIT} entries")
    for number, virtual in enumerate(source.virtual_source_list):
        _check_networks(f"virtualSourceList[{number}].ipRanges", virtual.ip_ranges)
    return NetworkSourceNode(source.name, tuple(str(ip_network(text)) for text in source.public_source_list))


def _check_networks(field: str, networks: Sequence[str]) -> None:
    if len(networks) > NETWORKS_LIMIT:
        raise ParameterInvalid(field, f"must have at most {NETWORKS_LIMIT} entries, not {len(networks)}")
    for number, text in enumerate(networks):
        check_network(f"{field}[{number}]", text)
