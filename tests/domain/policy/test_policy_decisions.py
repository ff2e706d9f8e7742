"""Who may what: the evaluator beside a slow reading of the rules, and Oracle's own sample statements."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.domain.policy import world as made
from tests.domain.policy.world import GROUPS, NETWORKS, ROLES, ROOT, RULES, moved, reads_granted, requests, worlds
from tests.strategies import bounded

from moorage.domain.access import ANONYMOUS, Principal, PrincipalKind
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.policy.decision import Asking, Target, allowed, decide
from moorage.domain.policy.permissions import EVERYTHING, OPERATIONS, RESOURCE_TYPES, VERBS, permissions_of
from moorage.domain.policy.statement import from_json, to_json
from moorage.domain.tenancy import CompartmentNode, DynamicGroupNode, NetworkSourceNode, PolicyNode, Tenancy

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)  # a Sunday
A = "ocid1.compartment.moorage..a"
B = "ocid1.compartment.moorage..b"
ALL_GROUPS = {
    f"ocid1.group.moorage..{name}": name for name in ("acme-viewers", "acme-pullers", "acme-pushers", "acme-managers")
}


def _tree(world):
    return {key: CompartmentNode(*node) for key, node in world.tree.items()}


def _compiled(world):
    """The tenancy of a world, whose statements were compiled from their texts and stored."""
    bare = Tenancy(
        ROOT,
        1,
        _tree(world),
        GROUPS,
        {key: DynamicGroupNode(name, rule) for key, (name, rule, _) in RULES.items()},
        {name: NetworkSourceNode(name, networks) for name, networks in NETWORKS.items()},
    )
    policies = {}
    for key, (attached, said) in world.policies.items():
        compiled = compile_policy(bare, attached, [each.text for each in said])
        stored = json.dumps([to_json(each) for each in compiled])
        policies[key] = PolicyNode(attached, key, tuple(map(from_json, json.loads(stored))))
        assert policies[key].statements == compiled
    return replace(bare, policies=policies)


def _asked(request):
    kind = PrincipalKind(request.kind)
    asking = Asking(
        Principal(request.id, request.name, kind, request.groups),
        request.operation,
        request.address,
        request.now,
        request.region,
    )
    return asking, request.permission, Target(request.place, request.names, request.tags)


@given(st.data())
@bounded
def test_a_decision_is_what_a_slow_reading_of_the_rules_says(data):
    world = data.draw(worlds())
    tenancy = _compiled(world)

    for request in data.draw(st.lists(requests(world), min_size=4, max_size=8)):
        assert reads_granted(world, request) is decide(tenancy, *_asked(request)).granted


@given(st.data())
@bounded
def test_no_statement_grants_outside_the_subtree_of_its_policy_also_when_compartments_have_moved(data):
    before = data.draw(worlds())
    after = data.draw(moved(before))
    tenancy = replace(_compiled(before), compartments=_tree(after))

    for request in data.draw(st.lists(requests(after), min_size=4, max_size=8)):
        decision = decide(tenancy, *_asked(request))
        assert reads_granted(after, request) is decision.granted
        if decision.granted:
            assert tenancy.policies[decision.policy_id].compartment_id in after.up(request.place)
            assert decision.statement in tenancy.policies[decision.policy_id].statements


@given(st.data())
@bounded
def test_nobody_in_particular_is_granted_anything(data):
    tenancy = _compiled(data.draw(worlds()))
    asking = Asking(ANONYMOUS, None, "192.0.2.1", NOON)

    assert not decide(tenancy, asking, data.draw(st.sampled_from(sorted(EVERYTHING))), Target(ROOT)).granted


@pytest.mark.parametrize("kind", RESOURCE_TYPES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_grants_what_the_pages_say(verb, kind):
    assert made.expand(verb, kind) == permissions_of(verb, kind)


def test_operations_need_permissions_that_a_verb_grants():
    assert {name for needed in OPERATIONS.values() for name in needed} <= EVERYTHING == set(made.EVERYTHING)


def _tenancy(*statements, attached=ROOT, **more):
    bare = Tenancy(
        ROOT,
        1,
        {A: CompartmentNode(ROOT, "acme-compartment"), B: CompartmentNode(A, "below", {"Ops": {"Cost": 42}})},
        ALL_GROUPS,
        network_sources={"n": NetworkSourceNode("Office", ("192.0.2.0/24",))},
    )
    bare = replace(bare, **more)
    return replace(bare, policies={"p": PolicyNode(attached, "p", compile_policy(bare, attached, statements))})


def _asking(*groups, operation=None, address="192.0.2.1", now=NOON, region=""):
    ids = frozenset(f"ocid1.group.moorage..{group}" for group in groups)
    return Asking(Principal("ocid1.user.moorage..ana", "ana", groups=ids), operation, address, now, region)


SAMPLES = [
    "Allow group acme-viewers  to inspect repos in tenancy",
    "Allow group acme-pullers  to read repos in compartment acme-compartment",
    "Allow group acme-pullers  to read repos in tenancy where all { target.repo.name=/acme-web-app*/ }",
    (
        "Allow group acme-pushers  to manage repos in tenancy where ANY {request.permission = 'REPOSITORY_READ', "
        "request.permission = 'REPOSITORY_UPDATE', request.permission = 'REPOSITORY_CREATE'}"
    ),
    "Allow group acme-managers to manage repos in tenancy",
]


@pytest.mark.parametrize(
    ("group", "permission", "place", "name", "granted"),
    [
        ("acme-viewers", "REPOSITORY_INSPECT", B, None, True),
        ("acme-viewers", "REPOSITORY_READ", ROOT, None, False),
        ("acme-pullers", "REPOSITORY_READ", A, "any", True),
        ("acme-pullers", "REPOSITORY_READ", B, "any", True),
        ("acme-pullers", "REPOSITORY_READ", ROOT, "any", False),
        ("acme-pullers", "REPOSITORY_READ", ROOT, None, False),
        ("acme-pullers", "REPOSITORY_READ", ROOT, "ACME-web-app/x", True),
        ("acme-pullers", "REPOSITORY_UPDATE", A, "any", False),
        ("acme-pushers", "REPOSITORY_READ", A, "any", True),
        ("acme-pushers", "REPOSITORY_UPDATE", ROOT, "any", True),
        ("acme-pushers", "REPOSITORY_CREATE", ROOT, "any", True),
        ("acme-pushers", "REPOSITORY_DELETE", ROOT, "any", False),
        ("acme-pushers", "REPOSITORY_MANAGE", ROOT, "any", False),
        ("acme-managers", "REPOSITORY_MANAGE", B, None, True),
    ],
)
def test_the_sample_statements_grant_what_they_say(group, permission, place, name, granted):
    target = Target(place, {"target.repo.name": name} if name else {})

    assert granted is decide(_tenancy(*SAMPLES), _asking(group), permission, target).granted


def test_a_decision_names_the_statement_and_its_policy():
    tenancy = _tenancy(*SAMPLES)
    decision = decide(tenancy, _asking("acme-pullers"), "REPOSITORY_READ", Target(B))

    assert (SAMPLES[1], "p") == (decision.statement.text, decision.policy_id)


def test_permissions_can_come_from_different_statements():
    tenancy = _tenancy(
        "Allow group acme-pullers to use groups in tenancy", "Allow group acme-pushers to use users in tenancy"
    )
    needed = OPERATIONS["AddUserToGroup"]

    assert allowed(tenancy, _asking("acme-pullers", "acme-pushers"), needed, Target(ROOT))
    assert not allowed(tenancy, _asking("acme-pullers"), needed, Target(ROOT))
    assert not allowed(tenancy, _asking("acme-pushers"), needed, Target(ROOT))


def test_only_who_manages_all_resources_moves_compartments():
    granted = _tenancy("Allow group acme-pushers to manage all-resources in tenancy")
    less = _tenancy("Allow group acme-pushers to use all-resources in tenancy")

    assert allowed(granted, _asking("acme-pushers"), OPERATIONS["MoveCompartment"], Target(ROOT))
    assert not allowed(less, _asking("acme-pushers"), OPERATIONS["MoveCompartment"], Target(ROOT))


def test_a_statement_whose_compartment_has_moved_away_from_its_policy_grants_nothing():
    tenancy = _tenancy("Allow any-user to manage repos in compartment below", attached=A)
    moved_away = replace(tenancy, compartments={**tenancy.compartments, B: CompartmentNode(ROOT, "below")})

    assert decide(tenancy, _asking(), "REPOSITORY_READ", Target(B)).granted
    assert not decide(moved_away, _asking(), "REPOSITORY_READ", Target(B)).granted


def test_a_statement_reaches_what_moves_below_its_compartment():
    tenancy = _tenancy("Allow any-user to manage repos in compartment acme-compartment")
    node = tenancy.compartments[B]
    away = replace(tenancy, compartments={**tenancy.compartments, B: replace(node, parent=ROOT)})

    assert decide(tenancy, _asking(), "REPOSITORY_READ", Target(B)).granted
    assert not decide(away, _asking(), "REPOSITORY_READ", Target(B)).granted


def test_a_compartment_that_is_gone_is_nowhere():
    tenancy = _tenancy("Allow any-user to manage repos in tenancy")

    assert not decide(tenancy, _asking(), "REPOSITORY_READ", Target("ocid1.compartment.moorage..gone")).granted


WHERE = "Allow any-user to manage repos in tenancy where "


@pytest.mark.parametrize(
    ("time", "granted"),
    [
        ((16, 59, 59), False),
        ((17, 0, 0), True),
        ((23, 59, 59), True),
        ((0, 0, 0), True),
        ((1, 0, 0), True),
        ((1, 0, 1), False),
        ((12, 0, 0), False),
    ],
)
def test_a_span_of_the_day_can_go_over_midnight(time, granted):
    tenancy = _tenancy(f"{WHERE}request.utc-timestamp.time-of-day between '17:00:00Z' and '01:00:00Z'")
    hour, minute, second = time
    asking = _asking(now=NOON.replace(hour=hour, minute=minute, second=second))

    assert granted is decide(tenancy, asking, "REPOSITORY_READ", Target(A)).granted


@pytest.mark.parametrize(
    ("condition", "asking", "granted"),
    [
        ("request.networkSource.name = 'office'", _asking(), True),
        ("request.networkSource.name = 'office'", _asking(address="198.51.100.1"), False),
        ("request.networkSource.name != 'office'", _asking(address="198.51.100.1"), False),  # it does not apply
        ("request.networkSource.name = 'office'", _asking(address="::ffff:192.0.2.7"), True),
        ("request.networkSource.name = 'office'", _asking(address=""), False),
        ("request.groups.id = ocid1.group.moorage..acme-viewers", _asking("acme-viewers", "acme-pullers"), True),
        ("request.groups.id != 'ocid1.group.moorage..acme-viewers'", _asking("acme-viewers"), False),
        ("request.groups.id != 'ocid1.group.moorage..acme-viewers'", _asking(), True),
        ("request.user.id = target.user.id", _asking(), False),
        ("request.user.mfaTotpVerified = 'false'", _asking(), True),
        ("request.region = 'FRA'", _asking(region="fra"), True),
        ("request.region != 'fra'", _asking(), False),
        ("target.repo.name != 'x'", _asking(operation="ListContainerRepositories"), False),
        ("target.compartment.name = 'ACME-compartment'", _asking(operation="GetContainerImage"), True),
        ("target.compartment.name = 'acme-compartment'", _asking(operation="ListContainerImages"), False),
        ("target.compartment.name = 'acme-compartment'", _asking(), True),
        ("request.operation = 'GetContainerImage'", _asking(), False),
        ("any {request.operation = 'GetContainerImage', request.user.name = 'ANA'}", _asking(), True),
        ("any {all {request.user.name = 'ana', request.user.name = /b*/}, request.user.name = /*n*/}", _asking(), True),
        ("request.utc-timestamp.day-of-week in ('Saturday', 'Sunday')", _asking(), True),
        ("request.utc-timestamp.day-of-month = '29'", _asking(), True),
        ("request.utc-timestamp.month-of-year between '9' and '11'", _asking(), True),
        ("request.utc-timestamp.time-of-day between '12:00' and '12:00:00Z'", _asking(), True),
        ("request.utc-timestamp before '2026-11-30Z'", _asking(), True),
        ("request.utc-timestamp after '2026-11-29T11:59Z'", _asking(), True),
        ("request.utc-timestamp after '2026-11-29T12:00Z'", _asking(), False),
        (
            "request.utc-timestamp.day-of-week = 'saturday'",
            _asking(now=datetime(2026, 11, 29, 1, tzinfo=timezone(timedelta(hours=2)))),
            True,
        ),
    ],
)
def test_a_condition_holds(condition, asking, granted):
    assert granted is decide(_tenancy(WHERE + condition), asking, "REPOSITORY_READ", Target(A)).granted


@pytest.mark.parametrize(
    ("condition", "place", "tags", "granted"),
    [
        ("target.resource.tag.ops.cost = '42'", A, {"OPS": {"Cost": 42}}, True),
        ("target.resource.tag.ops.cost != '43'", A, {}, False),
        ("target.resource.tag.ops.cost != '43'", A, None, False),
        ("target.resource.compartment.tag.ops.cost = 42", B, None, True),
        ("target.resource.compartment.tag.ops.cost = 42", A, {"ops": {"cost": 42}}, False),
        ("target.resource.compartment.tag.ops.cost = 42", ROOT, None, False),
    ],
)
def test_a_condition_on_defined_tags_holds(condition, place, tags, granted):
    target = Target(place, {}, tags)

    assert granted is decide(_tenancy(WHERE + condition), _asking(), "REPOSITORY_READ", target).granted


@pytest.mark.parametrize(("role", "granted"), [(ROLES[0], True), (ROLES[1], False)])
def test_a_machine_is_in_the_dynamic_groups_whose_rule_matches_it(role, granted):
    groups = {"d": DynamicGroupNode("builders", f"any {{instance.id = '{ROLES[0]}'}}")}
    tenancy = _tenancy("Allow dynamic-group builders to manage repos in tenancy", dynamic_groups=groups)
    asking = replace(_asking(), principal=Principal(role, role, PrincipalKind.MACHINE))

    assert granted is decide(tenancy, asking, "REPOSITORY_READ", Target(A)).granted


def test_a_machine_is_in_no_group_of_users():
    tenancy = _tenancy(
        "Allow any-group to manage repos in tenancy", "Allow group acme-viewers to read repos in tenancy"
    )
    machine = Principal(ROLES[0], None, PrincipalKind.MACHINE, frozenset(ALL_GROUPS))

    assert not decide(tenancy, replace(_asking(), principal=machine), "REPOSITORY_READ", Target(A)).granted


def test_a_verb_that_was_stored_grants_what_it_means_when_it_is_read():
    (statement,) = compile_policy(_tenancy(), ROOT, ["Allow any-user to manage all-resources in tenancy"])

    assert "permissions" not in to_json(statement)
    assert EVERYTHING == from_json(to_json(statement)).permissions
