"""Matching rules of dynamic groups."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import bounded

from moorage.domain.errors import ParameterInvalid
from moorage.domain.policy.matching import Machine, matches, parse_rule, read_rule

ROLE = "arn:aws:iam::123456789012:role/Build"
MACHINE = Machine(ROLE, "ocid1.tenancy.moorage..acme")


@pytest.mark.parametrize(
    ("rule", "is_in"),
    [
        (f"instance.id = '{ROLE}'", True),
        (f"RESOURCE.ID='{ROLE.lower()}'", True),
        (f"resource.id != '{ROLE}'", False),
        ("instance.compartment.id = 'ocid1.tenancy.moorage..acme'", True),
        ("resource.compartment.id != 'ocid1.compartment.moorage..x'", True),
        ("resource.type = 'role'", True),
        ("resource.type = 'instance'", False),
        ("tag.ops.cost.value", False),
        ("tag.ops.cost.value = '42'", False),
        ("tag.ops.cost.value != '42'", False),
        ("all {resource.type = 'role', instance.id = 'x'}", False),
        ("Any {resource.type = 'x' , All{ resource.type='role' } }", True),
    ],
)
def test_a_rule_matches_machines(rule, is_in):
    assert is_in is matches(parse_rule(rule))(MACHINE)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", "line 1, column 1: expected a variable, all or any, found the end"),
        ("instance.idd = 'x'", "line 1, column 1: expected a variable, all or any, found instance.idd; did you mean"),
        ("tag.x.value = 'x'", "line 1, column 1: expected a variable, all or any, found tag.x.value"),
        ("instance.id", "line 1, column 12: expected = or !=, found the end"),
        ("instance.id = x", "line 1, column 15: expected a 'value' in single quotes, found x"),
        ("instance.id = 'x' and", "line 1, column 19: expected the end, found and"),
        ("any {instance.id = 'x'", "line 1, column 23: expected ',' or '}', found the end"),
        ("any\n instance.id", "line 2, column 2: expected '{', found instance.id"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(rule, message):
    with pytest.raises(ParameterInvalid) as refused:
        parse_rule(rule)

    assert refused.value.message.startswith(f"matchingRule: {message}")


_WORDS = ["any", "all", "{", "}", ",", "=", "!=", "'x'", "'", "instance.id", "tag.a.b.value", "tag.", ".value"]


@given(st.text() | st.lists(st.sampled_from(_WORDS)).map(" ".join))
@bounded
def test_any_text_is_a_rule_or_an_error(text):
    try:
        rule = parse_rule(text)
    except ParameterInvalid as refused:
        assert "matchingRule" == refused.field
        assert not matches(read_rule(text))(MACHINE)
    else:
        assert matches(rule)(MACHINE) in {True, False}
