"""Where a request came from, and whether that is one of the networks that a tenancy names."""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network

from moorage.domain.tenancy import Tenancy


def within(address: str, networks: Iterable[str]) -> bool:
    """Whether an address is in one of the networks; what is no address is in none."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed in ip_network(network, strict=False) for network in networks)


def may_sign_in(tenancy: Tenancy, address: str) -> bool:
    """Whether users may sign in from an address: from any, or from the networks that are chosen for it."""
    sources = [tenancy.network_sources.get(source_id) for source_id in tenancy.sign_in_sources]
    return not sources or any(source is not None and within(address, source.networks) for source in sources)
