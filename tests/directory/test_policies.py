from dataclasses import replace

import pytest
from tests.directory.acting import (
    Retry,
    make_compartment,
    make_dynamic_group,
    make_group,
    make_network_source,
    make_policy,
)

from moorage.domain.directory import (
    ADMINISTRATORS_POLICY,
    AuthenticationPolicy,
    Change,
    NetworkSource,
    Policy,
    VirtualSource,
)
from moorage.domain.errors import (
    AlreadyExists,
    EtagChanged,
    LimitReached,
    NotFound,
    ParameterInvalid,
    RelatedNotFound,
    StateConflict,
)
from moorage.domain.tenancy import NetworkSourceNode
from moorage.operations.directory import authentication, networks, policies

READ = "Allow group developers to read repos in tenancy"
MANAGE = "Allow group developers to manage repos in compartment project"


def tenancy(stores):
    return stores.directory.tenancy()


def update(stores, policy, **changes):
    return policies.update_policy(stores, tenancy(stores), policy.id, **changes)


def compiled(stores, policy):
    return tenancy(stores).policies[policy.id].statements


# Policies


def test_a_policy_is_compiled_when_it_is_made(stores):
    group, project = make_group(stores), make_compartment(stores)

    made = make_policy(stores, READ, MANAGE, version_date="2026-01-31")

    assert made == stores.directory.get(Policy, made.id)
    assert ([READ, MANAGE], "2026-01-31") == (policies.texts_of(tenancy(stores), made), made.version_date)
    assert [(READ, (group.id,), tenancy(stores).id), (MANAGE, (group.id,), project.id)] == [
        (one.text, one.subjects, one.location) for one in compiled(stores, made)
    ]
    assert tenancy(stores).id == tenancy(stores).policies[made.id].compartment_id


def test_dynamic_groups_have_policies_too(stores):
    machines = make_dynamic_group(stores)

    made = make_policy(stores, "Allow dynamic-group builders to manage repos in tenancy")

    assert (machines.id,) == compiled(stores, made)[0].subjects


@pytest.mark.parametrize("statement", ["", "Allow", READ, "Allow any-user to fly repos in tenancy"])
def test_a_statement_that_cannot_be_compiled_is_named(stores, statement):
    with pytest.raises(ParameterInvalid, match=r"^statements\[1\]: line 1, column"):
        make_policy(stores, "Allow any-user to read repos in tenancy", statement)

    assert {} == tenancy(stores).policies


def test_a_policy_has_a_statement_and_at_most_as_many_as_the_limit(narrow):
    statement = "Allow any-user to read repos in tenancy"
    made = make_policy(narrow, *[statement] * 2)

    for statements in ([], [statement] * 3):
        with pytest.raises(ParameterInvalid, match=r"^statements: "):
            update(narrow, made, statements=statements)


def test_there_are_limits_of_policies_and_of_all_statements(narrow):
    statement = "Allow any-user to read repos in tenancy"
    make_policy(narrow, statement, statement, name="one")
    with pytest.raises(LimitReached, match="at most 3"):
        make_policy(narrow, statement, statement, name="two")
    make_policy(narrow, statement, name="two")

    with pytest.raises(LimitReached, match="2 is the limit"):
        make_policy(narrow, statement, name="three")


def test_a_policy_that_is_replaced_is_not_counted_twice(narrow):
    statement = "Allow any-user to read repos in tenancy"
    made = make_policy(narrow, statement, statement)

    update(narrow, made, statements=[statement, statement])


def test_names_are_unique_in_the_tenancy(stores):
    made = make_compartment(stores)
    make_policy(stores)

    with pytest.raises(AlreadyExists):
        make_policy(stores, "Allow any-user to read repos in compartment project", compartment=made.id)


def test_a_policy_is_attached_to_what_is_there(stores):
    with pytest.raises(RelatedNotFound, match=r"^compartmentId: "):
        make_policy(stores, compartment="ocid1.compartment.moorage..absent")


@pytest.mark.parametrize("text", ["yesterday", "2026-1-1", "2026-02-30", "20260101", "2026-01-01T00:00:00Z"])
def test_a_version_date_is_a_date(stores, text):
    with pytest.raises(ParameterInvalid, match=r"^versionDate: "):
        make_policy(stores, version_date=text)


def test_statements_that_are_given_are_compiled_anew(stores):
    make_group(stores)
    made = make_policy(stores)

    changed = update(stores, made, statements=[READ], description="other", version_date="2026-01-01", if_match="1")

    assert replace(made, description="other", version_date="2026-01-01", version=2) == changed
    assert changed == stores.directory.get(Policy, made.id)
    assert [READ] == [one.text for one in compiled(stores, made)]


@pytest.mark.parametrize(("given", "now"), [(None, "2026-01-31"), ("", None), ("2026-02-01", "2026-02-01")])
def test_an_empty_version_date_takes_the_old_one_away(stores, given, now):
    made = make_policy(stores, version_date="2026-01-31")

    assert replace(made, version_date=now, version=2) == update(stores, made, version_date=given)


def test_a_policy_that_is_described_otherwise_goes_on_to_mean_what_it_did(stores):
    """
    Its names are not looked up again: the group may have gone meanwhile.
    """
    make_group(stores)
    made = make_policy(stores, READ)
    before = tenancy(stores)

    update(stores, made, description="other")

    assert before == tenancy(stores)


def test_a_deleted_policy_has_gone(stores):
    made = make_policy(stores)

    policies.delete_policy(stores, tenancy(stores), made.id, if_match="1")

    assert stores.directory.get(Policy, made.id) is None
    assert {} == tenancy(stores).policies


def test_the_policy_of_administrators_stays(stores):
    made = make_policy(stores)
    special = replace(made, name=ADMINISTRATORS_POLICY, version=2)
    stores.directory.commit([Change(made, special)])

    with pytest.raises(StateConflict, match="neither changed nor deleted"):
        update(stores, special, description="x")
    with pytest.raises(StateConflict, match="neither changed nor deleted"):
        policies.delete_policy(stores, tenancy(stores), special.id)


# Network sources


def test_a_network_source_is_made_and_decided_by(stores):
    virtual = VirtualSource(vcn_id="vpc-1", ip_ranges=("0.0.0.0/0",))

    made = make_network_source(stores, "office", "192.0.2.1", "2001:db8::/32", virtual_source_list=[virtual])

    assert made == stores.directory.get(NetworkSource, made.id)
    assert (("192.0.2.1", "2001:db8::/32"), (virtual,), ("all",)) == (
        made.public_source_list,
        made.virtual_source_list,
        made.services,
    )
    node = NetworkSourceNode("office", ("192.0.2.1/32", "2001:db8::/32"))
    assert {made.id: node} == tenancy(stores).network_sources


@pytest.mark.parametrize("network", ["", "office", "192.0.2.256", "192.0.2.1/24", "192.0.2.0/33"])
def test_what_is_no_network_is_named(stores, network):
    with pytest.raises(ParameterInvalid, match=r"^publicSourceList\[1\]: "):
        make_network_source(stores, "office", "192.0.2.1", network)
    with pytest.raises(ParameterInvalid, match=r"^virtualSourceList\[0\]\.ipRanges\[0\]: "):
        make_network_source(stores, "office", virtual_source_list=[VirtualSource(vcn_id="vpc-1", ip_ranges=(network,))])


def test_a_list_has_at_most_100_networks(stores):
    make_network_source(stores, "office", *["192.0.2.1"] * 100)
    virtual = VirtualSource(vcn_id="vpc-1", ip_ranges=())

    with pytest.raises(ParameterInvalid, match=r"^publicSourceList: "):
        make_network_source(stores, "other", *["192.0.2.1"] * 101)
    with pytest.raises(ParameterInvalid, match=r"^virtualSourceList: "):
        make_network_source(stores, "other", virtual_source_list=[virtual] * 101)


def test_a_network_source_gets_other_networks(stores):
    made = make_network_source(stores, "office", "192.0.2.1")

    changed = networks.update_network_source(
        stores, tenancy(stores), made.id, public_source_list=["198.51.100.0/24"], services=[], if_match="1"
    )

    assert replace(made, public_source_list=("198.51.100.0/24",), version=2) == changed
    assert ("198.51.100.0/24",) == tenancy(stores).network_sources[made.id].networks


def test_there_is_a_limit_of_network_sources(narrow):
    make_network_source(narrow, "one")
    made = make_network_source(narrow, "two")

    with pytest.raises(LimitReached, match="2 is the limit"):
        make_network_source(narrow, "three")
    networks.delete_network_source(narrow, tenancy(narrow), made.id)
    make_network_source(narrow, "three")


# The authentication policy


def test_nobody_has_changed_the_authentication_policy_yet(stores):
    found = authentication.get_authentication_policy(stores, tenancy(stores))

    assert (tenancy(stores).id, 0, (), {}) == (
        found.id,
        found.version,
        found.network_source_ids,
        found.password_policy,
    )


def test_users_must_sign_in_from_network_sources(stores):
    office = make_network_source(stores, "office", "192.0.2.1")

    first = authentication.update_authentication_policy(
        stores, tenancy(stores), network_source_ids=[office.id], if_match="0"
    )
    second = authentication.update_authentication_policy(
        stores, tenancy(stores), password_policy={"minimumPasswordLength": 16}, if_match="1"
    )

    assert (office.id,) == tenancy(stores).sign_in_sources
    assert replace(first, password_policy={"minimumPasswordLength": 16}, version=2) == second
    assert second == stores.directory.get(AuthenticationPolicy, tenancy(stores).id)
    assert second == authentication.get_authentication_policy(stores, tenancy(stores))

    authentication.update_authentication_policy(stores, tenancy(stores), network_source_ids=[])
    assert () == tenancy(stores).sign_in_sources


def test_a_network_source_that_users_sign_in_from_stays(stores):
    office = make_network_source(stores, "office", "192.0.2.1")
    authentication.update_authentication_policy(stores, tenancy(stores), network_source_ids=[office.id])

    with pytest.raises(StateConflict, match="sign in"):
        networks.delete_network_source(stores, tenancy(stores), office.id)


def test_network_sources_to_sign_in_from_must_be_there(stores):
    with pytest.raises(RelatedNotFound, match="networkSourceIds"):
        authentication.update_authentication_policy(stores, tenancy(stores), network_source_ids=["absent"])


@pytest.mark.parametrize(
    ("make", "act"),
    [
        (make_policy, policies.update_policy),
        (make_policy, policies.delete_policy),
        (make_network_source, networks.update_network_source),
        (make_network_source, networks.delete_network_source),
    ],
)
def test_another_etag_is_refused_and_what_is_not_there_not_found(stores, make, act):
    made = make(stores, name="one")

    with pytest.raises(EtagChanged):
        act(stores, tenancy(stores), made.id, if_match="2")
    with pytest.raises(NotFound):
        act(stores, tenancy(stores), f"{made.id}0")


def test_another_etag_of_the_authentication_policy_is_refused(stores):
    with pytest.raises(EtagChanged):
        authentication.update_authentication_policy(stores, tenancy(stores), if_match="1")


@pytest.mark.parametrize("make", [make_policy, make_network_source, make_dynamic_group])
def test_a_retry_token_is_stored_with_what_it_made(stores, make):
    made = make(stores, name="one", remember=Retry(stores))

    assert made.id == stores.directory.remembered("somebody", "token").resource_id
