"""`moorage explain` names the statement that grants, or says what each of the closest lacks."""

import json

import pytest
from click.testing import CliRunner
from tests import factories
from tests.fakes import Clock, Dice

from moorage.cli import main
from moorage.stores.memory import memory_stores

REPOSITORY = "acme/web/app"


@pytest.fixture
def moorage():
    stores = memory_stores(factories.limits(namespace="acme"), clock=Clock(), entropy=Dice())

    def run(*arguments, code=0):
        result = CliRunner().invoke(main, arguments, obj=stores)
        assert code == result.exit_code, result.output
        return result.stdout if code == 0 else result.stderr

    run("bootstrap", "--user", "root")
    run("group", "create", "dev")
    run("group", "create", "ops")
    run("user", "create", "ana", "--group", "dev")
    run("repository", "create", REPOSITORY)
    return run


@pytest.fixture
def said(moorage):
    def run(*arguments):
        return json.loads(moorage("explain", *arguments, "--json"))

    return run


def _policy(moorage, *statements):
    options = [word for statement in statements for word in ("--statement", statement)]
    moorage("policy", "create", f"p{len(statements)}", *options)


def test_the_statement_that_grants_is_named(moorage):
    statement = "Allow group dev to read repos in tenancy where target.repo.name = /web*/"
    _policy(moorage, "Allow group dev to inspect repos in tenancy", statement)
    asked = ("--user", "ana", "--permission", "repository_read", "--repository", REPOSITORY)

    assert [
        "ana has REPOSITORY_READ in repository acme/web/app in tenancy",
        f"  {statement}",
        "    in policy p2, attached to tenancy",
    ] == moorage("explain", *asked).splitlines()


def test_the_statement_that_grants_is_named_for_scripts(moorage, said):
    statement = "Allow group dev to read repos in tenancy"
    _policy(moorage, statement)
    answer = said("--user", "ana", "--permission", "REPOSITORY_READ")

    assert (True, statement, "tenancy", []) == (
        answer["granted"],
        answer["statement"],
        answer["where"],
        answer["closest"],
    )
    assert ("p1", "tenancy") == (answer["policy"]["name"], answer["policy"]["attached_to"])


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        ("Allow group ops to read repos in tenancy", "subject: it is about group ops, and ana is not"),
        ("Allow group dev to inspect repos in tenancy", "permission: it grants REPOSITORY_INSPECT"),
        (
            "Allow any-user to read repos in tenancy where all {request.user.name = 'ana', target.repo.name = /api*/}",
            "condition: target.repo.name = /api*/ is not so: target.repo.name is web/app",
        ),
        (
            "Allow any-user to read repos in tenancy where request.operation != 'GetContainerImage'",
            (
                "condition: request.operation != 'GetContainerImage' is not so: "
                "request.operation does not apply to this request"
            ),
        ),
        (
            "Allow any-user to read repos in tenancy where any {all {request.user.name = target.user.name}}",
            (
                "condition: request.user.name = target.user.name is not so: request.user.name is ana, "
                "target.user.name does not apply to this request"
            ),
        ),
    ],
)
def test_what_the_closest_statement_lacks_is_said(moorage, said, statement, missing):
    _policy(moorage, statement)
    answer = said("--user", "ana", "--permission", "REPOSITORY_READ", "--repository", REPOSITORY)

    assert not answer["granted"]
    assert {"statement": statement, "missing": [missing]} == {
        key: answer["closest"][0][key] for key in ("statement", "missing")
    }


def test_statements_that_lack_less_come_first(moorage, said):
    _policy(
        moorage,
        "Allow group ops to inspect users in tenancy",
        "Allow group dev to inspect users in tenancy",
        "Allow group ops to read repos in tenancy where request.user.name = 'bob'",
    )
    closest = said("--user", "ana", "--permission", "REPOSITORY_READ")["closest"]

    assert [
        ["permission"],
        ["subject"],  # that of administrators
        ["subject", "permission"],
        ["subject", "condition"],
    ] == [[reason.partition(":")[0] for reason in each["missing"]] for each in closest]


def test_the_address_and_the_operation_count(moorage, said):
    _policy(moorage, "Allow any-user to read repos in tenancy where request.operation = 'GetContainerImage'")
    asked = ("--user", "ana", "--permission", "REPOSITORY_READ")

    assert not said(*asked)["granted"]
    assert said(*asked, "--operation", "GetContainerImage")["granted"]


def test_a_repository_that_is_not_there_is_judged_as_a_push_would_be(moorage, said):
    _policy(moorage, "Allow group dev to manage repos in tenancy")
    answer = said("--user", "ana", "--permission", "REPOSITORY_CREATE", "--repository", "acme/new")

    assert answer["granted"]
    assert answer["notes"][0].startswith("the repository is not there")


def test_a_public_repository_is_noted(moorage):
    moorage("repository", "set-public", REPOSITORY)
    text = moorage("explain", "--user", "ana", "--permission", "REPOSITORY_READ", "--repository", REPOSITORY)

    assert "note: the repository is public: everybody may pull from it" in text.splitlines()
    assert "public" not in moorage("explain", "--user", "ana", "--permission", "REPOSITORY_UPDATE")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--user", "bob", "--permission", "REPOSITORY_READ"), "Error: there is no user bob"),
        (("--user", "ana", "--permission", "REPOSITORY_RED"), "did you mean REPOSITORY_READ?"),
        (("--user", "ana", "--permission", "USER_READ", "--operation", "GetUsr"), "did you mean GetUser?"),
        (
            ("--user", "ana", "--permission", "USER_READ", "--repository", "x/y"),
            "repository names here start with acme/",
        ),
        (("--user", "ana", "--permission", "USER_READ", "--compartment", "x"), "there is no compartment x"),
    ],
)
def test_what_is_not_there_is_said(moorage, arguments, message):
    assert message in moorage("explain", *arguments, code=1)
