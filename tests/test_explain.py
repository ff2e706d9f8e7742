"""`moorage explain` names the statement that grants, or says what each of the closest lacks."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from tests import factories
from tests.fakes import Clock, Dice
from tests.people import People

from moorage.cli import main
from moorage.operations.directory.dynamic_groups import create_dynamic_group
from moorage.stores.memory import memory_stores

REPOSITORY = "acme/web/app"


@pytest.fixture
def stores():
    return memory_stores(factories.limits(namespace="acme"), clock=Clock(), entropy=Dice())


@pytest.fixture
def moorage(stores):
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


@pytest.mark.parametrize("operation", ["getcontainerimage", "GETCONTAINERIMAGE"])
def test_an_operation_is_found_in_any_case(moorage, said, operation):
    _policy(moorage, "Allow any-user to read repos in tenancy where request.operation = 'GetContainerImage'")

    assert said("--user", "ana", "--permission", "REPOSITORY_READ", "--operation", operation)["granted"]


def test_a_user_may_be_named_as_docker_does(said):
    assert "ana" == said("--user", "acme/ana", "--permission", "REPOSITORY_READ")["user"]


BUILD = "arn:aws:iam::123456789012:role/build"


@pytest.mark.parametrize(
    ("statement", "granted"),
    [
        ("Allow dynamic-group builders to read repos in tenancy", True),
        ("Allow any-user to read repos in tenancy where request.principal.type = 'role'", True),
        ("Allow any-group to read repos in tenancy", False),
        ("Allow any-user to read repos in tenancy where request.user.name != 'ana'", False),
    ],
)
def test_a_machine_is_asked_about_by_its_role(stores, moorage, said, statement, granted):
    """
    It is in dynamic groups, and in no group; the authentication policy is not about it.
    """
    rule = f"instance.id = '{BUILD}'"
    tenancy = stores.directory.tenancy()
    create_dynamic_group(stores, tenancy, name="builders", description="who builds", matching_rule=rule)
    People(stores).network("office", "192.0.2.0/24", sign_in=True)
    _policy(moorage, statement)
    asked = ("--permission", "REPOSITORY_READ", "--repository", REPOSITORY, "--address", "203.0.113.7")
    answer = said("--user", BUILD, *asked)

    assert (BUILD, granted, []) == (answer["user"], answer["granted"], answer["notes"])
    if "dynamic-group" in statement:
        other = said("--user", f"{BUILD}-2", *asked)["closest"][0]["missing"]
        assert [f"subject: it is about dynamic-group builders, and {BUILD}-2 is not"] == other


@pytest.mark.parametrize("address", ["999.1.1.1", "10.0.0.0/8", "here"])
def test_what_is_no_address_is_refused(moorage, address):
    asked = ("--user", "ana", "--permission", "REPOSITORY_READ", "--address", address)

    assert f"'--address': {address} is not one address" in moorage("explain", *asked, code=2)


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


NAMED = "Allow group dev to manage repos in tenancy where target.repo.name = /web*/"


@pytest.mark.parametrize(
    ("permission", "operation", "granted"),
    [
        ("REPOSITORY_INSPECT", "ListContainerRepositories", False),
        ("REPOSITORY_INSPECT", "ListContainerImages", False),
        ("REPOSITORY_READ", "GetContainerRepository", True),
        ("REPOSITORY_READ", "GetContainerImage", True),
    ],
)
def test_a_list_names_no_repository(moorage, said, permission, operation, granted):
    _policy(moorage, NAMED)
    answer = said("--user", "ana", "--permission", permission, "--repository", REPOSITORY, "--operation", operation)

    assert (granted, granted) == (answer["granted"], "a list names no repository" not in answer["notes"])


def test_a_repository_is_made_in_a_compartment_under_a_name(stores, moorage, said):
    People(stores).compartment("team")
    _policy(moorage, "Allow group dev to manage repos in compartment team where target.repo.name = /web*/")
    asked = ("--user", "ana", "--permission", "REPOSITORY_CREATE", "--operation", "CreateContainerRepository")
    there = ("--compartment", "team")

    assert said(*asked, *there, "--repository", "acme/web/new")["granted"]
    assert not said(*asked, *there, "--repository", "acme/api/new")["granted"]
    assert not said(*asked, *there)["granted"]
    root = said(*asked, "--repository", "acme/web/new")
    assert (False, "repository acme/web/new in tenancy") == (root["granted"], root["where"])


def test_a_repository_moves_to_a_compartment_under_its_name(stores, moorage, said):
    People(stores).compartment("team")
    _policy(moorage, "Allow group dev to manage repos in compartment team where target.repo.name = 'web/app'")
    asked = ("--user", "ana", "--operation", "ChangeContainerRepositoryCompartment", "--repository", REPOSITORY)

    assert said(*asked, "--permission", "REPOSITORY_CREATE", "--compartment", "team")["granted"]
    assert not said(*asked, "--permission", "REPOSITORY_MANAGE")["granted"]


@pytest.mark.parametrize(
    "operation",
    [(), ("--operation", "GetContainerRepository"), ("--operation", "ChangeContainerRepositoryCompartment")],
)
def test_a_repository_that_is_somewhere_is_not_asked_for_elsewhere(stores, moorage, operation):
    People(stores).compartment("team")
    asked = ("--user", "ana", "--permission", "REPOSITORY_MANAGE", "--repository", REPOSITORY, *operation)

    assert "give --repository or --compartment" in moorage("explain", *asked, "--compartment", "team", code=2)


def test_the_region_counts_for_both_planes(moorage, said):
    _policy(moorage, "Allow group dev to manage repos in tenancy where request.region = 'FRA'")
    asked = ("--user", "ana", "--permission", "REPOSITORY_READ", "--repository", REPOSITORY)

    assert said(*asked)["granted"]
    assert said(*asked, "--operation", "GetContainerRepository")["granted"]


def test_tags_are_those_of_what_the_operation_is_about(stores, moorage, said):
    _tag(stores, {"billing": {"team": "web"}})
    _policy(moorage, "Allow group dev to manage repos in tenancy where target.resource.tag.billing.team = 'web'")
    note = "defined tags of an image or a signature are not looked at"

    def told(permission, *operation):
        answer = said("--user", "ana", "--permission", permission, "--repository", REPOSITORY, *operation)
        return answer["granted"], answer["notes"]

    assert (True, []) == told("REPOSITORY_READ", "--operation", "GetContainerRepository")
    assert (True, []) == told("REPOSITORY_MANAGE", "--operation", "ChangeContainerRepositoryCompartment")
    assert (False, [note]) == told("REPOSITORY_READ", "--operation", "GetContainerImage")
    assert (False, []) == told("REPOSITORY_UPDATE", "--operation", "CreateContainerImageSignature")
    assert (False, []) == told("REPOSITORY_READ")


def _tag(stores, tags):
    record = stores.repositories.get(stores.repositories.find(REPOSITORY).id)
    changed = replace(record, description=replace(record.description, defined_tags=tags), version=record.version + 1)
    assert stores.repositories.update(changed)


@pytest.mark.parametrize(("address", "allowed"), [("192.0.2.7", True), ("203.0.113.7", False), ("", True)])
def test_an_address_that_nobody_may_sign_in_from_is_noted(stores, moorage, said, address, allowed):
    People(stores).network("office", "192.0.2.0/24", sign_in=True)
    _policy(moorage, "Allow group dev to read repos in tenancy")
    answer = said("--user", "ana", "--permission", "REPOSITORY_READ", "--address", address)
    note = f"users may not sign in from {address}: the authentication policy names other networks"

    assert (True, [] if allowed else [note]) == (answer["granted"], answer["notes"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--user", "ana", "--permission", "USER_READ", "--operation", "GetUser", "--repository", REPOSITORY),
            "GetUser names no repository",
        ),
        (("--user", "bob", "--permission", "REPOSITORY_READ"), "Error: there is no user bob"),
        (("--user", "ana", "--permission", "REPOSITORY_RED"), "did you mean REPOSITORY_READ?"),
        (("--user", "ana", "--permission", "USER_READ", "--operation", "getusr"), "did you mean GetUser?"),
        (
            ("--user", "ana", "--permission", "USER_READ", "--repository", "x/y"),
            "repository names here start with acme/",
        ),
        (("--user", "ana", "--permission", "USER_READ", "--compartment", "x"), "there is no compartment x"),
    ],
)
def test_what_is_not_there_is_said(moorage, arguments, message):
    assert message in moorage("explain", *arguments, code=1)
