"""The language of statements: what is read, and what is said of what cannot be."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.domain.policy.world import ROOT, World, statements
from tests.strategies import bounded

from moorage.domain.errors import ParameterInvalid
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.policy.parsing import parse_statement
from moorage.domain.policy.reading import DEPTH, LENGTH
from moorage.domain.policy.statement import SubjectKind
from moorage.domain.policy.syntax import show
from moorage.domain.tenancy import CompartmentNode, DynamicGroupNode, Tenancy

C = "ocid1.compartment.moorage.."
TREE = {C + "0": (ROOT, "c0", {}), C + "1": (C + "0", "C1", {}), C + "2": (C + "1", "where", {})}
TENANCY = Tenancy(
    ROOT,
    1,
    {key: CompartmentNode(*node) for key, node in TREE.items()},
    {"ocid1.group.moorage..a": "Admins", "ocid1.group.moorage..id": "id"},
    {"ocid1.dynamicgroup.moorage..b": DynamicGroupNode("builders", "any {instance.id = 'x'}")},
)
PLAIN = "Allow any-user to read repos in tenancy"


def _compile(text, attached=ROOT):
    return compile_policy(TENANCY, attached, [text])[0]


def _refused(text, attached=ROOT):
    with pytest.raises(ParameterInvalid) as refused:
        compile_policy(TENANCY, attached, [PLAIN if attached == ROOT else f"{PLAIN[:-7]}compartment C1", text])
    assert "statements[1]" == refused.value.field
    return refused.value.message.removeprefix("statements[1]: ")


@given(st.data())
@bounded
def test_a_statement_that_is_written_from_what_it_says_says_the_same(data):
    said = data.draw(statements(World(TREE), data.draw(st.sampled_from([ROOT, *TREE]))))
    parsed = parse_statement("statements[0]", said.text)

    assert parsed == parse_statement("statements[0]", show(parsed))


_WORDS = re.split(
    " ",
    "Allow any-user any-group group dynamic-group service to read manage repos all-resources in tenancy compartment id "
    "where all any { } ( ) , = != : / ' * before after between and request.user.name target.repo.name Admins c0 "
    "request.utc-timestamp 'x' /x*/ ocid1.group.moorage..a REPOSITORY_READ 12 2026-01-01T00:00:00Z \n ß İ \x00 \ud800",
)
_garbage = st.text() | st.lists(st.sampled_from(_WORDS)).map(" ".join)


@given(_garbage | _garbage.map(lambda text: f"{PLAIN} where {text}") | _garbage.map(lambda text: f"Allow {text}"))
@bounded
@example("Allow group to to read repos in tenancy")
@example("Allow any-user to read repos in tenancy where request.utc-timestamp before '0001-01-01T00:00:00+23:59'")
@example("Allow any-user to read repos in tenancy where request.utc-timestamp before '2026-02-30Z'")
@example("Allow any-user to read repos in tenancy where request.utc-timestamp.day-of-month = '²'")
def test_any_text_is_a_statement_or_an_error_that_says_where(text):
    try:
        compiled = _compile(text)
    except ParameterInvalid as refused:
        assert refused.message.startswith("statements[0]: line ")
    else:
        assert text == compiled.text


@given(st.data())
@bounded
def test_a_statement_with_a_slip_is_a_statement_or_an_error_that_says_where(data):
    text = data.draw(statements(World(TREE), ROOT)).text
    at = data.draw(st.integers(0, len(text)))
    slip = data.draw(st.sampled_from(["", "'", "{", "/", ",", "x", " ", "="]))

    try:
        _compile(text[:at] + slip + text[at + 1 :])
    except ParameterInvalid as refused:
        assert "line" in refused.message


@pytest.mark.parametrize(
    ("text", "kind", "subjects", "location"),
    [
        ("ALLOW\nANY-USER\tTO READ REPOS IN TENANCY", SubjectKind.ANY_USER, (), ROOT),
        ("allow any-group to read repos in tenancy", SubjectKind.ANY_GROUP, (), ROOT),
        ("Allow group admins to read repos in tenancy", SubjectKind.GROUP, ("ocid1.group.moorage..a",), ROOT),
        (
            "Allow group 'Admins' to read repos in compartment c0",
            SubjectKind.GROUP,
            ("ocid1.group.moorage..a",),
            C + "0",
        ),
        ("Allow group Default/Admins to read repos in tenancy", SubjectKind.GROUP, ("ocid1.group.moorage..a",), ROOT),
        (
            "Allow group 'default' / 'admins' to read repos in tenancy",
            SubjectKind.GROUP,
            ("ocid1.group.moorage..a",),
            ROOT,
        ),
        ("Allow group 'default/admins' to read repos in tenancy", SubjectKind.GROUP, ("ocid1.group.moorage..a",), ROOT),
        (
            "Allow group id ocid1.group.moorage..a , ocid1.group.moorage..id to read repos in tenancy",
            SubjectKind.GROUP,
            ("ocid1.group.moorage..a", "ocid1.group.moorage..id"),
            ROOT,
        ),
        (
            "Allow group id, id ocid1.group.moorage..a,admins to read repos in tenancy",
            SubjectKind.GROUP,
            ("ocid1.group.moorage..id", "ocid1.group.moorage..a"),
            ROOT,
        ),
        (
            "Allow dynamic-group builders to read repos in tenancy",
            SubjectKind.DYNAMIC_GROUP,
            ("ocid1.dynamicgroup.moorage..b",),
            ROOT,
        ),
        ("Allow service FaaS, x to read repos in tenancy", SubjectKind.SERVICE, ("FaaS", "x"), ROOT),
        (f"Allow any-user to read repos in compartment id {C}1", SubjectKind.ANY_USER, (), C + "1"),
        (f"Allow any-user to read repos in compartment id {ROOT}", SubjectKind.ANY_USER, (), ROOT),
        ("Allow any-user to read repos in compartment c0:c1:'where'", SubjectKind.ANY_USER, (), C + "2"),
        ("Allow any-user to read repos in compartment 'c0:c1'", SubjectKind.ANY_USER, (), C + "1"),
    ],
)
def test_names_become_ids(text, kind, subjects, location):
    compiled = _compile(text)

    assert (kind, subjects, location) == (compiled.kind, compiled.subjects, compiled.location)


@pytest.mark.parametrize(
    ("attached", "name", "location"),
    [(C + "0", "c1", C + "1"), (C + "0", "c0", C + "0"), (C + "0", "c0:c1", C + "1"), (C + "1", "where", C + "2")],
)
def test_names_of_compartments_are_read_from_where_the_policy_is_attached(attached, name, location):
    assert location == _compile(f"Allow any-user to read repos in compartment {name}", attached).location


@pytest.mark.parametrize(
    ("condition", "tree"),
    [
        ("target.repo.name = /a/b*/", ["=", "target.repo.name", ["like", "a/b*"]]),
        ("TARGET.repo.NAME != /*b/", ["!=", "target.repo.name", ["like", "*b"]]),
        (
            "all{target.repo.name=/*/,any{request.user.name in('a',/b*/)}}",
            [
                "all",
                ["=", "target.repo.name", ["like", "*"]],
                ["any", ["in", "request.user.name", ["text", "a"], ["like", "b*"]]],
            ],
        ),
        ("request.user.id = target.user.id", ["=", "request.user.id", ["var", "target.user.id"]]),
        ("target.resource.tag.Ops.Cost = 42", ["=", "target.resource.tag.Ops.Cost", ["text", "42"]]),
        (
            "request.utc-timestamp between '2026-01-01Z' and '2026-01-01T01:00:00+01:00'",
            ["between", "request.utc-timestamp", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"],
        ),
        (
            "request.utc-timestamp.time-of-day between '17:00:00Z' and '01:00:00Z'",
            ["between", "request.utc-timestamp.time-of-day", "17:00:00Z", "01:00:00Z"],
        ),
    ],
)
def test_conditions_become_trees(condition, tree):
    assert tree == _compile(f"{PLAIN} where {condition}").condition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: expected Allow, found the end"),
        (
            "Deny any-user to read repos in tenancy",
            "line 1, column 1: expected Allow, found Deny: only Allow statements",
        ),
        ("define tenancy x as y", "line 1, column 1: expected Allow, found define: only Allow statements"),
        ("Endorse any-user", "line 1, column 1: expected Allow, found Endorse: only Allow statements"),
        ("Admit any-user", "line 1, column 1: expected Allow, found Admit: only Allow statements"),
        (
            "Allow grup x",
            "line 1, column 7: expected any-user, any-group, group, dynamic-group or service, found grup; did",
        ),
        ("Allow group Admin to", "line 1, column 21: expected inspect, read, use, manage or a list of permissions in"),
        (
            "Allow any-user\n to\n peek",
            "line 3, column 2: expected inspect, read, use, manage or a list of permissions in",
        ),
        ("Allow any-user to read repo in", "line 1, column 24: expected a resource type (repos, compartments,"),
        ("Allow any-user to read repos tenancy", "line 1, column 30: expected in, found tenancy"),
        (
            "Allow any-user to {REPOSITORY_RED} in tenancy",
            "line 1, column 20: expected a permission, found REPOSITORY_RED;",
        ),
        ("Allow any-user to {} in tenancy", "line 1, column 20: expected a permission, found }"),
        ("Allow any-user to {USER_READ in tenancy", "line 1, column 30: expected ',' or '}', found in"),
        ("Allow group Admins, to read repos in tenancy", "line 1, column 24: expected ',' or to, found read"),
        ("Allow group Admins x to read repos in tenancy", "line 1, column 20: expected ',' or to, found x"),
        ("Allow group '' to read repos in tenancy", "line 1, column 13: expected the name of a group, found ''"),
        ("Allow group id x to read repos in tenancy", "line 1, column 16: expected an OCID, found x"),
        (
            "Allow group x/Admins to read repos in tenancy",
            "line 1, column 13: expected the identity domain Default, which",
        ),
        (
            "Allow group Admns to read repos in tenancy",
            "line 1, column 13: expected a group of this tenancy, found Admns",
        ),
        (
            "Allow dynamic-group Admins to read repos in tenancy",
            "line 1, column 21: expected a dynamic-group of this tenancy",
        ),
        (
            f"Allow group id {C}1 to read repos in tenancy",
            f"line 1, column 16: expected a group of this tenancy, found {C}1",
        ),
        (
            f"{PLAIN[:-7]}compartment C1",
            "line 1, column 45: expected a compartment in the root, found C1; did you mean c0:C1?",
        ),
        (f"{PLAIN[:-7]}compartment c0:c2", "line 1, column 48: expected a compartment in c0, found c2"),
        (f"{PLAIN[:-7]}compartment c0:", "line 1, column 48: expected the name of a compartment, found the end"),
        (f"{PLAIN[:-7]}compartment id {C}9", "line 1, column 48: expected a compartment at or below the one that the"),
        (f"{PLAIN} x", "line 1, column 41: expected where or the end, found x"),
        (f"{PLAIN} where", "line 1, column 46: expected a variable, all or any, found the end"),
        (f"{PLAIN} where x = 'y'", "line 1, column 47: expected a variable, all or any, found x"),
        (
            f"{PLAIN} where target.repo.nam = 'y'",
            "line 1, column 47: expected a variable, all or any, found target.repo.nam;",
        ),
        (f"{PLAIN} where target.resource.tag.x = 'y'", "line 1, column 47: expected a variable, all or any, found"),
        (f"{PLAIN} where target.repo.name like 'y'", "line 1, column 64: expected =, != or in, found like"),
        (f"{PLAIN} where target.repo.name before 'y'", "line 1, column 64: expected =, != or in, found before"),
        (
            f"{PLAIN} where request.user.name = y",
            "line 1, column 67: expected a 'string', a /pattern/, an OCID, a number",
        ),
        (f"{PLAIN} where request.user.name = 'y", "line 1, column 67: expected a closing ', found the end"),
        (
            f'{PLAIN} where request.user.name = "y"',
            "line 1, column 67: expected a 'string', a /pattern/, an OCID, a number",
        ),
        (
            f"{PLAIN} where request.user.name = /y",
            "line 1, column 67: expected a /pattern/ without spaces and quotes, up to",
        ),
        (
            f"{PLAIN} where request.user.name = /a*b/",
            "line 1, column 67: expected a /pattern/ with * at its begin, its end",
        ),
        (f"{PLAIN} where request.user.name in ()", "line 1, column 69: expected a 'string', a /pattern/"),
        (f"{PLAIN} where request.user.name in ('a' 'b')", "line 1, column 73: expected ',' or ')', found 'b'"),
        (f"{PLAIN} where all request.user.name = 'a'", "line 1, column 51: expected '{', found request.user.name"),
        (f"{PLAIN} where all {{}}", "line 1, column 52: expected a variable, all or any, found }"),
        (f"{PLAIN} where all {{request.user.name = 'a'", "line 1, column 75: expected ',' or '}', found the end"),
        (f"{PLAIN} where request.user.name = 'a' and", "line 1, column 71: expected the end, found and"),
        (
            f"{PLAIN} where request.operation = 'ListDockerRepositories'",
            "line 1, column 67: expected an operation, found",
        ),
        (f"{PLAIN} where request.permission = 'X'", "line 1, column 68: expected a permission, found 'X'"),
        (f"{PLAIN} where request.utc-timestamp before 'noon'", "line 1, column 76: expected a time in UTC, such as"),
        (f"{PLAIN} where request.utc-timestamp before /n*/", "line 1, column 76: expected a time in UTC, such as"),
        (
            f"{PLAIN} where request.utc-timestamp.month-of-year between '11' and '2'",
            "line 1, column 100: expected nothing before '11', found '2'; write two tests in any {}",
        ),
        (f"{PLAIN} where request.utc-timestamp.month-of-year = '13'", "line 1, column 85: expected a month from '1'"),
        (f"{PLAIN} where {'any{' * (DEPTH + 1)}", f"line 1, column 91: expected at most {DEPTH} levels of all and any"),
        (f"{PLAIN} {'x' * LENGTH}", f"{len(PLAIN) + 1 + LENGTH} characters; there can be {LENGTH}"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text, message):
    assert _refused(text).startswith(message)


@pytest.mark.parametrize("subject", ["group Admns", "dynamic-group builder"])
def test_names_of_groups_are_not_told_to_who_guesses_them(subject):
    """
    Whoever may write policies in a compartment need not see the groups of the tenancy.
    """
    assert _refused(f"Allow {subject} to read repos in tenancy").endswith(
        f"of this tenancy, found {subject.split()[1]}"
    )


def test_the_tenancy_is_named_only_where_a_policy_is_attached_to_the_root():
    expected = (
        "line 1, column 33: expected a compartment: only policies that are attached to the root can name the tenancy"
    )

    assert _refused(PLAIN, C + "1").startswith(expected)


@pytest.mark.parametrize("place", [f"compartment id {ROOT}", f"compartment id {C}0", "compartment c0"])
def test_a_statement_cannot_name_what_is_above_its_policy(place):
    assert "found" in _refused(f"Allow any-user to read repos in {place}", C + "1")


def test_what_is_found_is_shown_only_in_part():
    word = "abc" * 200

    assert _refused(f"Allow {word}").endswith(f"found {word[:40]}...")
