"""What statements say once the tree has changed. tests/directory/test_statements.py does what users do to a tree."""

from dataclasses import replace

import pytest

from moorage.domain.errors import ParameterInvalid
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.policy.reading import LENGTH
from moorage.domain.policy.retelling import retold
from moorage.domain.tenancy import CompartmentNode, PolicyNode, Tenancy

ROOT = "ocid1.tenancy.moorage..acme"
A, B, C, D = (f"ocid1.compartment.moorage..{letter}" for letter in "abcd")
TREE = {A: (ROOT, "a"), B: (A, "b"), C: (B, "c"), D: (ROOT, "d")}
SAYS = "Allow any-user to read repos in compartment"


def tenancy(tree):
    return Tenancy(ROOT, 1, {key: CompartmentNode(*node) for key, node in tree.items()})


def told(text, attached, *changes):
    """Return the text of a statement after changes of the tree, each one retold; it means what it did all the time."""
    now = tenancy(TREE)
    written = compile_policy(now, attached, [text])
    now = replace(now, policies={"p": PolicyNode(attached, "p", written)})
    tree = dict(TREE)
    for change in changes:
        tree |= change
        now = retold(now, replace(tenancy(tree), policies=now.policies))
    (statement,) = now.policies["p"].statements
    assert replace(statement, text=text) == written[0]
    if attached in now.ancestors(statement.location):
        assert (statement,) == compile_policy(now, attached, [statement.text])
    return statement.text


@pytest.mark.parametrize(
    ("text", "now"),
    [
        (f"{SAYS} a:b", f"{SAYS} a:x"),
        (f"{SAYS} A : B", f"{SAYS} a:x"),
        (f"{SAYS} a:'b'", f"{SAYS} 'a:x'"),
        (f"{SAYS} 'a:b'", f"{SAYS} 'a:x'"),
        (f"{SAYS}'a':b  where request.user.name = 'b'", f"{SAYS}'a:x'  where request.user.name = 'b'"),
        (f"{SAYS}\n\ta:'b'where target.repo.name=/b*/", f"{SAYS}\n\t'a:x'where target.repo.name=/b*/"),
        (f"{SAYS} a:b:c \n", f"{SAYS} a:x:c \n"),
        (f"{SAYS} a", f"{SAYS} a"),
        (f"{SAYS} d", f"{SAYS} d"),
        (f"{SAYS} id {B}", f"{SAYS} id {B}"),
        ("allow any-user to read repos in tenancy", "allow any-user to read repos in tenancy"),
    ],
)
def test_a_statement_has_the_new_name_of_a_compartment_and_is_the_same_otherwise(text, now):
    assert now == told(text, ROOT, {B: (A, "x")})


def test_a_name_that_differs_by_case_alone_leaves_a_statement_as_it_is():
    assert f"{SAYS} a:b" == told(f"{SAYS} a:b", ROOT, {B: (A, "B")})


@pytest.mark.parametrize("name", ["id", "where", "compartment", "tenancy", "ocid1.x", "..."])
def test_any_name_of_a_compartment_can_be_said(name):
    assert f"{SAYS} {name}" == told(f"{SAYS} a", ROOT, {A: (ROOT, name)})
    assert f"{SAYS} {name}:b where request.user.name = 'b'" == told(
        f"{SAYS} a:b where request.user.name = 'b'", ROOT, {A: (ROOT, name)}
    )


@pytest.mark.parametrize(
    ("text", "attached", "target", "now"),
    [
        (f"{SAYS} a:b", ROOT, D, f"{SAYS} d:b"),
        (f"{SAYS} a:b:c", ROOT, ROOT, f"{SAYS} b:c"),
        (f"{SAYS} b:c", A, D, f"{SAYS} b:c"),  # out of the policy's reach
        (f"{SAYS} c", B, D, f"{SAYS} c"),  # the policy goes along
        (f"{SAYS} b:c", B, D, f"{SAYS} b:c"),
    ],
)
def test_a_statement_has_the_new_path_of_a_compartment_that_has_moved(text, attached, target, now):
    assert now == told(text, attached, {B: (target, "b")})


def test_a_compartment_that_comes_back_is_named_by_the_path_that_it_has_then():
    away, back = {B: (ROOT, "b")}, {B: (A, "x")}

    assert f"{SAYS} b" == told(f"{SAYS} b", A, away)
    assert f"{SAYS} x" == told(f"{SAYS} b", A, away, back)


@pytest.mark.parametrize(
    ("text", "change", "now"),
    [
        (f"{SAYS} a", {A: (ROOT, "x")}, f"{SAYS} x"),
        (f"{SAYS} a:b", {A: (ROOT, "x")}, f"{SAYS} x:b"),
        (f"{SAYS} a:b", {B: (A, "x")}, f"{SAYS} a:x"),
        (f"{SAYS} b", {A: (ROOT, "x")}, f"{SAYS} b"),
        (f"{SAYS} a:b:c", {C: (A, "c")}, f"{SAYS} a:c"),
        (f"{SAYS} a:b:c", {C: (A, "a")}, f"{SAYS} a"),  # a child of that name comes before the compartment itself
        (f"{SAYS} a", {B: (A, "a")}, f"{SAYS} id {A}"),
        (f"{SAYS}'a'where target.repo.name = 'x'", {B: (A, "a")}, f"{SAYS} id {A} where target.repo.name = 'x'"),
        (f"{SAYS} a", {C: (A, "A")}, f"{SAYS} id {A}"),
        (f"{SAYS} a:b", {C: (A, "A")}, f"{SAYS} b"),
    ],
)
def test_a_path_goes_on_to_begin_with_the_compartment_of_its_policy_while_it_can(text, change, now):
    assert now == told(text, A, change)


def test_a_statement_that_a_name_has_made_longer_than_any_may_be_still_follows_the_tree():
    text = f"{SAYS} a:b where target.repo.name = '{{}}'"
    longest = text.format("r" * (LENGTH - len(text) + 2))

    assert longest.replace("a:b", "a:x") == told(longest, ROOT, {B: (A, 100 * "b")}, {B: (A, "x")})


def test_a_statement_that_another_release_wrote_and_that_cannot_be_read_here_stays():
    before = tenancy(TREE)
    (statement,) = compile_policy(before, ROOT, [f"{SAYS} a:b"])
    foreign = replace(statement, text=f"{SAYS} a:b if so")
    before = replace(before, policies={"p": PolicyNode(ROOT, "p", (foreign,))})
    after = replace(before, compartments={**before.compartments, B: CompartmentNode(A, "x")})

    with pytest.raises(ParameterInvalid):
        compile_policy(after, ROOT, [foreign.text])
    assert before.policies == retold(before, after).policies
