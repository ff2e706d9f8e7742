import json
import os
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from moto.server import ThreadedMotoServer
from tests import factories
from tests.fakes import Clock, Dice

from moorage.cli import main
from moorage.domain.access import Role
from moorage.domain.errors import Unavailable
from moorage.domain.identity import hash_password
from moorage.domain.names import RepositoryName
from moorage.stores.base import Stores
from moorage.stores.memory import memory_stores

SETTINGS = {
    "MOORAGE_TABLE": "absent",
    "MOORAGE_BUCKET": "absent",
    "MOORAGE_NAMESPACE": "acme",
    "MOORAGE_ORIGINS": "http://localhost:5000",
    "AWS_REGION": "eu-central-1",
}


@pytest.fixture
def stores() -> Stores:
    return memory_stores(factories.limits(namespace="acme"), clock=Clock(), entropy=Dice())


@pytest.fixture
def moorage(stores):
    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, obj=stores)

    return run


@pytest.fixture
def said(moorage):
    """What a command answers to a script."""

    def run(*arguments: str):
        result = moorage(*arguments, "--json")
        assert (0, "") == (result.exit_code, result.stderr)
        return json.loads(result.stdout)

    return run


@pytest.fixture
def refused(moorage):
    """What a command that fails says; it changes nothing and shows no traceback."""

    def run(*arguments: str) -> str:
        result = moorage(*arguments)
        assert (1, "") == (result.exit_code, result.stdout)
        assert result.stderr.startswith("Error: ")
        return result.stderr.removeprefix("Error: ").rstrip()

    return run


def test_bootstrap_makes_a_key_and_an_administrator_whose_password_is_shown_once(stores, said):
    answer = said("bootstrap")
    user = stores.identity.get("administrator")

    assert ["acme/administrator", "ADMINISTRATOR"] == [answer["username"], user.role.name]
    assert (answer["id"], hash_password(answer["auth_token"])) == (user.auth_tokens[0].id, user.auth_tokens[0].hash)
    assert len(answer["auth_token"]) * 5 >= 160  # base32
    assert stores.identity.signing_key().kid == stores.identity.public_keys()[0].kid
    assert answer["auth_token"] not in json.dumps(said("user", "list"))


def test_bootstrap_prints_for_people_too(moorage):
    result = moorage("bootstrap", "--user", "root")

    assert 0 == result.exit_code
    assert ["username:   acme/root", "auth token: "] == [line[:21] for line in result.stdout.splitlines()[:1]] + [
        result.stdout.splitlines()[1][:12]
    ]


def test_bootstrap_refuses_a_second_administrator(stores, said, refused):
    said("bootstrap")
    key = stores.identity.signing_key()

    assert "there is an administrator already" in refused("bootstrap", "--user", "other")
    assert (key, None) == (stores.identity.signing_key(), stores.identity.get("other"))


def test_users_are_made_listed_changed_and_removed(said):
    said("bootstrap")
    said("user", "create", "bob", "--role", "reader")
    said("user", "create", "alice", "--role", "writer")
    said("user", "set-role", "bob", "--role", "none")

    users = [(user["username"], user["role"]) for user in said("user", "list")]
    assert [("acme/administrator", "administrator"), ("acme/alice", "writer"), ("acme/bob", "none")] == users

    said("user", "remove", "bob")
    assert ["administrator", "alice"] == [user["name"] for user in said("user", "list")]


def test_more_users_than_a_page_holds_are_listed(stores, said):
    for number in range(101):
        stores.identity.create(factories.user(f"user{number:03}"))

    assert [f"user{number:03}" for number in range(101)] == [user["name"] for user in said("user", "list")]


def test_the_last_administrator_stays(said, refused):
    said("bootstrap")
    said("user", "create", "alice", "--role", "writer")

    assert "last administrator" in refused("user", "remove", "administrator")
    assert "last administrator" in refused("user", "set-role", "administrator", "--role", "writer")
    said("user", "set-role", "administrator", "--role", "administrator")

    said("user", "set-role", "alice", "--role", "administrator")
    said("user", "remove", "administrator")
    assert ["alice"] == [user["name"] for user in said("user", "list")]


def test_a_user_has_two_auth_tokens_at_most(stores, said, refused):
    said("user", "create", "alice", "--role", "writer")
    first = said("auth-token", "create", "alice", "--description", "laptop")
    second = said("auth-token", "create", "alice")

    assert "acme/alice" == first["username"]
    assert [first["id"], second["id"]] == [token["id"] for token in said("auth-token", "list", "alice")]
    assert "2 auth tokens already" in refused("auth-token", "create", "alice")

    said("auth-token", "remove", "alice", first["id"])
    user = stores.identity.get("alice")
    assert user.auth_token(first["auth_token"]) is None
    assert second["id"] == user.auth_token(second["auth_token"]).id


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["user", "create", "alice", "--role", "reader"], "there is a user alice already", id="user twice"),
        pytest.param(["user", "create", "a/b", "--role", "reader"], "a user name is", id="user with a slash"),
        pytest.param(["user", "remove", "bob"], "there is no user bob", id="remove nobody"),
        pytest.param(["user", "set-role", "bob", "--role", "reader"], "there is no user bob", id="change nobody"),
        pytest.param(["auth-token", "create", "bob"], "there is no user bob", id="auth token for nobody"),
        pytest.param(["auth-token", "list", "bob"], "there is no user bob", id="auth tokens of nobody"),
        pytest.param(["auth-token", "remove", "alice", "x"], "alice has no auth token x", id="no such auth token"),
        pytest.param(
            ["auth-token", "create", "alice", "--description", "x" * 101], "at most 100 characters", id="long words"
        ),
        pytest.param(["repository", "create", "app"], "start with acme/", id="repository without prefix"),
        pytest.param(["repository", "create", "other/app"], "start with acme/", id="repository of elsewhere"),
        pytest.param(["repository", "create", "acme/App"], "a repository name is", id="repository in capitals"),
        pytest.param(["repository", "set-public", "acme/app"], "there is no repository acme/app", id="no repository"),
        pytest.param(["repository", "set-public", "app"], "start with acme/", id="set-public without prefix"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(stores, refused, arguments, words):
    stores.identity.create(factories.user("alice", auth_tokens=()))
    before = stores.identity.users("", 100)

    assert words in refused(*arguments)
    assert before == stores.identity.users("", 100)


def test_repositories_are_made_listed_opened_and_closed(stores, said):
    made = said("repository", "create", "acme/app")
    said("repository", "create", "acme/site", "--public")
    said("repository", "create", "acme/app", "--public")  # the one that is there

    assert ("acme/app", False) == (made["name"], made["public"])
    listed = said("repository", "list")
    assert [("acme/app", False), ("acme/site", True)] == [(one["name"], one["public"]) for one in listed]
    assert made["id"] == listed[0]["id"]

    said("repository", "set-public", "acme/app")
    said("repository", "set-public", "acme/site", "--private")
    public = [stores.repositories.find(RepositoryName(name)).public for name in ("acme/app", "acme/site")]
    assert [True, False] == public


@pytest.mark.parametrize(
    ("options", "days"), [pytest.param([], 90, id="with overlap"), pytest.param(["--now"], 0, id="at once")]
)
def test_a_new_key_signs_at_once_and_the_old_ones_end_later(stores, said, options, days):
    said("bootstrap")
    old = stores.identity.signing_key()
    stores.clock.now = stores.clock.now.replace(year=2031)
    new = said("key", "rotate", *options)

    assert new["kid"] == stores.identity.signing_key().kid
    assert [new["kid"], old.kid] == [key["kid"] for key in said("key", "list")]
    ends = [key.time_retired for key in stores.identity.public_keys()]
    assert [None, days] == [ends[0], (ends[1] - stores.clock.now).days]


def test_an_end_that_was_set_earlier_stays(stores, said):
    said("bootstrap")
    stores.clock.advance(timedelta(days=1))
    said("key", "rotate")
    first_end = stores.identity.public_keys()[-1].time_retired
    stores.clock.now = stores.clock.now.replace(year=2031)
    said("key", "rotate")

    assert first_end in [key.time_retired for key in stores.identity.public_keys()]
    assert 3 == len({key["kid"] for key in said("key", "list")})


def test_lists_are_tables_for_people(moorage):
    moorage("user", "create", "alice", "--role", "writer")
    lines = moorage("user", "list").stdout.splitlines()

    assert [["USERNAME", "ROLE", "AUTH", "TOKENS"], ["acme/alice", "writer", "0"]] == [line.split() for line in lines]


def test_a_user_that_changes_meanwhile_is_not_overwritten(stores, refused):
    stores.identity.create(factories.user("alice", auth_tokens=()))
    read = stores.identity.get
    stale = read("alice")
    stores.identity.update(factories.user("alice", auth_tokens=(), version=2))
    stores.identity.get = lambda name: stale

    assert "at the same time" in refused("auth-token", "create", "alice")
    stores.identity.get = read
    assert () == stores.identity.get("alice").auth_tokens


@pytest.fixture
def outside(monkeypatch):
    """Run a command with these settings and nothing else of the environment."""

    def run(**environ: str) -> Result:
        for name in list(os.environ):
            if name.startswith(("AWS_", "MOORAGE_")):
                monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("HOME", "/nonexistent")
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(main, ["user", "list"])

    return run


def test_a_missing_setting_is_named(outside):
    result = outside()

    assert (1, "") == (result.exit_code, result.stdout)
    assert "Error: MOORAGE_TABLE is not set\n" == result.stderr


def test_missing_credentials_are_said(outside):
    result = outside(**SETTINGS, AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("Error: no answer from the table: ")
    assert result.stderr.endswith("Unable to locate credentials\n")


def test_an_absent_table_is_said(outside):
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        result = outside(
            **SETTINGS,
            AWS_ENDPOINT_URL=f"http://{host}:{port}",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
        )
    finally:
        server.stop()

    assert (1, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("Error: AWS refuses: ")
    assert "not found" in result.stderr


def test_an_error_of_ours_without_a_cause_is_said_as_it_is(stores, refused):
    def busy(after, limit):
        raise Unavailable("storage is busy")

    stores.identity.users = busy

    assert "no answer from the table: storage is busy" == refused("user", "list")


@pytest.mark.parametrize("arguments", [["--help"], ["user", "--help"], ["key", "rotate", "--help"]])
def test_help_needs_no_settings(arguments):
    result = CliRunner().invoke(main, arguments)

    assert 0 == result.exit_code


def test_every_role_can_be_given(said):
    for role in Role:
        assert role == said("user", "create", role.value, "--role", role.value)["role"]
