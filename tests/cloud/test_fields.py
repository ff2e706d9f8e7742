"""Fields whose form the documents say: what is refused, and with which words."""

import json

import pytest

from moorage.domain.errors import ParameterInvalid
from moorage.web.cloud.contract import read_contract

IDENTITY = read_contract("identity")
GENERAL = {"compartmentId": "c", "name": "n", "description": "d", "matchingRule": "r"}
EMAIL = r"email: must match ^([^@\s]+@[^@\s]+)?$, unlike "
SOURCES = ["CreateNetworkSource", "UpdateNetworkSource"]
USERS = ["CreateUser", "UpdateUser"]
RULES = ["CreateDynamicGroup", "UpdateDynamicGroup"]


def read(operation, **body):
    return IDENTITY.read_body(IDENTITY.operations[operation], json.dumps({**GENERAL, **body}).encode())


def refused(operation, **body):
    with pytest.raises(ParameterInvalid) as caught:
        read(operation, **body)
    return caught.value.message


@pytest.mark.parametrize("operation", USERS)
@pytest.mark.parametrize("email", ["x", " ", "\n", "a@b\n", "a b@c", "@", "a@", "@b", "a@b@c", "\U0001f642"])
def test_an_email_has_a_name_and_a_place(operation, email):
    assert f"{EMAIL}{email!r}" == refused(operation, email=email)


@pytest.mark.parametrize("operation", USERS)
@pytest.mark.parametrize("email", ["", "alice@example.com", "a+b@c"])
def test_an_email_may_be_any_such_or_empty(operation, email):
    assert email == read(operation, email=email)["email"]


@pytest.mark.parametrize("operation", SOURCES)
@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("fe80::1%eth0", "must have no zone; write fe80::1, not 'fe80::1%eth0'"),
        ("fe80::%eth0/64", "must have no zone; write fe80::/64, not 'fe80::%eth0/64'"),
        ("nowhere", "must be an address or a network as in 192.0.2.0/24, not 'nowhere'"),
        ("192.0.2.1/24", "must be an address or a network as in 192.0.2.0/24, not '192.0.2.1/24'"),
    ],
)
def test_a_network_is_one_everywhere(operation, network, message):
    virtual = [{"vcnId": "v", "ipRanges": [network]}]

    assert f"publicSourceList[1]: {message}" == refused(operation, publicSourceList=["192.0.2.1", network])
    assert f"virtualSourceList[0].ipRanges[0]: {message}" == refused(operation, virtualSourceList=virtual)


@pytest.mark.parametrize("operation", SOURCES)
@pytest.mark.parametrize("network", ["192.0.2.1", "192.0.2.0/24", "2001:db8::/32", "::ffff:192.0.2.0/120"])
def test_a_network_is_of_either_kind(operation, network):
    assert [network] == read(operation, publicSourceList=[network])["publicSourceList"]


@pytest.mark.parametrize("operation", SOURCES)
def test_services_are_all_or_none(operation):
    assert ["none"] == read(operation, services=["none"])["services"]
    assert "services[0]: must be one of all, none, not 'x'" == refused(operation, services=["x"])


@pytest.mark.parametrize("operation", RULES)
def test_a_matching_rule_has_its_length(operation):
    assert "r" * 10_000 == read(operation, matchingRule="r" * 10_000)["matchingRule"]
    assert "matchingRule: must have at most 10000 characters, not 10001" == refused(
        operation, matchingRule="r" * 10_001
    )
