"""Where a request came from, and whether that is one of the networks that a tenancy names."""

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from moorage.domain.errors import ParameterInvalid
from moorage.domain.tenancy import Tenancy

_ZONE = re.compile(r"%[^/]*")  # eth0 in fe80::1%eth0, which means something on one machine alone
_MAPPED = 96  # bits before the IPv4 address in one of IPv6, as in ::ffff:192.0.2.1


def within(address: str, networks: Iterable[str]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in _read(network) for network in networks)


def check_network(field: str, text: str) -> None:
    """Let an address or a network pass whose addresses are the same everywhere. Raises ParameterInvalid."""
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ParameterInvalid(
            field, f"must be an address or a network as in 192.0.2.0/24, not {text[:60]!r}"
        ) from error
    if isinstance(network, IPv6Network) and network.network_address.scope_id is not None:
        unscoped = _ZONE.sub("", text)
        raise ParameterInvalid(field, f"must have no zone; write {unscoped}, not {text[:60]!r}")


def _read(text: str) -> IPv4Network | IPv6Network:
    """Read a network; one of IPv4 addresses written as IPv6 is one of IPv4, as callers are."""
    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED:
        mapped = network.network_address.ipv4_mapped
        return IPv4Network((mapped, network.prefixlen - _MAPPED)) if mapped else network
    return network


def may_sign_in(tenancy: Tenancy, address: str) -> bool:
    """Whether users may sign in from an address: from any, or from the networks that are chosen for it."""
    sources = [tenancy.network_sources.get(source_id) for source_id in tenancy.sign_in_sources]
    return not sources or any(source is not None and within(address, source.networks) for source in sources)
