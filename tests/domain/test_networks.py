"""Networks that a tenancy names."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.networks import may_sign_in, within
from moorage.domain.tenancy import NetworkSourceNode, Tenancy

NETWORKS = ("192.0.2.0/25", "198.51.100.7/32", "2001:db8::/32", "203.0.113.9/28")


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.0.2.1", True),
        ("192.0.2.127", True),
        ("192.0.2.128", False),
        ("198.51.100.7", True),
        ("198.51.100.8", False),
        ("203.0.113.1", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.128", False),
        ("", False),
        ("localhost", False),
        ("192.0.2.1:80", False),
    ],
)
def test_an_address_is_in_a_network_or_not(address, inside):
    assert inside is within(address, NETWORKS)
    assert within(address, ()) is False


@pytest.mark.parametrize(
    ("network", "inside"),
    [
        ("::ffff:192.0.2.1", ["192.0.2.1", "::ffff:192.0.2.1"]),
        ("::ffff:192.0.2.0/127", ["192.0.2.1", "::ffff:192.0.2.1"]),
        ("::ffff:0:0/96", ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"]),
        ("::ffff:0:0/97", []),  # 0.0.0.0/1
        ("::/0", ["2001:db8::1"]),
    ],
)
def test_a_network_of_ipv4_may_be_written_as_ipv6(network, inside):
    asked = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2", "2001:db8::1"]

    assert inside == [address for address in asked if within(address, (network,))]


@given(st.integers(0, 2**32 - 1), st.integers(0, 32), st.integers(0, 2**32 - 1))
def test_a_mapped_network_has_the_addresses_of_the_one_that_it_maps(base, length, address):
    plain = IPv4Network((base, length), strict=False)
    mapped = f"::ffff:{plain.network_address}/{96 + length}"

    assert within(str(IPv4Address(address)), (mapped,)) is within(str(IPv4Address(address)), (str(plain),))


@pytest.mark.parametrize(
    ("sources", "addresses"),
    [
        pytest.param((), ["192.0.2.1", "198.51.100.1", "nonsense"], id="from anywhere"),
        pytest.param(("office",), ["192.0.2.1"], id="from one"),
        pytest.param(("office", "home"), ["192.0.2.1", "198.51.100.1"], id="from two"),
        pytest.param(("gone",), [], id="from one that has gone: better nobody than everybody"),
        pytest.param(("gone", "home"), ["198.51.100.1"], id="from one of two that is there"),
    ],
)
def test_users_sign_in_from_the_networks_that_are_chosen(sources, addresses):
    tenancy = Tenancy(
        "root",
        network_sources={
            "office": NetworkSourceNode("office", ("192.0.2.0/24",)),
            "home": NetworkSourceNode("home", ("198.51.100.0/24",)),
        },
        sign_in_sources=sources,
    )

    assert addresses == [one for one in ("192.0.2.1", "198.51.100.1", "nonsense") if may_sign_in(tenancy, one)]
