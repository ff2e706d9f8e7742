import os
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result
from moto.server import ThreadedMotoServer

from moorage.cli import main
from moorage.domain.directory import User
from moorage.domain.errors import Unavailable
from moorage.domain.names import RepositoryName

SETTINGS = {
    "MOORAGE_TABLE": "absent",
    "MOORAGE_BUCKET": "absent",
    "MOORAGE_NAMESPACE": "acme",
    "MOORAGE_ORIGINS": "http://localhost:5000",
    "AWS_REGION": "eu-central-1",
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["user", "create", "alice"], "there is a user alice already", id="user twice"),
        pytest.param(["user", "create", "a/b"], "name: a user name is", id="user with a slash"),
        pytest.param(["user", "create", "bob", "--group", "x"], "there is no group x", id="user in no group"),
        pytest.param(["user", "remove", "bob"], "there is no user bob", id="remove nobody"),
        pytest.param(["auth-token", "create", "bob"], "there is no user bob", id="auth token for nobody"),
        pytest.param(["auth-token", "list", "bob"], "there is no user bob", id="auth tokens of nobody"),
        pytest.param(["auth-token", "remove", "alice", "x"], "alice has no auth token x", id="no such auth token"),
        pytest.param(
            ["auth-token", "create", "alice", "--description", "x" * 401], "1 to 400 characters", id="long words"
        ),
        pytest.param(["api-key", "create", "bob"], "there is no user bob", id="API key for nobody"),
        pytest.param(["api-key", "list", "bob"], "there is no user bob", id="API keys of nobody"),
        pytest.param(["api-key", "remove", "alice", "aa:bb"], "alice has no API key aa:bb", id="no such API key"),
        pytest.param(["group", "create", "dev"], "there is a group dev already", id="group twice"),
        pytest.param(["group", "create", "a b"], "name: must be", id="group with a space"),
        pytest.param(["group", "remove", "x"], "there is no group x", id="remove no group"),
        pytest.param(["group", "add-user", "x", "alice"], "there is no group x", id="into no group"),
        pytest.param(["group", "add-user", "dev", "bob"], "there is no user bob", id="nobody into a group"),
        pytest.param(["group", "add-user", "dev", "alice"], "alice is in dev already", id="into a group twice"),
        pytest.param(["group", "remove-user", "ops", "alice"], "alice is not in ops", id="out of no group"),
        pytest.param(["group", "remove", "dev"], "1 user is in the group", id="group with users"),
        pytest.param(
            ["policy", "create", "p", "--statement", "Allow group x to read repos in tenancy"],
            "statements[0]: line 1, column 13",
            id="policy for no group",
        ),
        pytest.param(
            ["policy", "create", "rules", "--statement", "Allow any-user to read repos in tenancy"],
            "there is a policy rules already",
            id="policy twice",
        ),
        pytest.param(
            ["policy", "create", "p", "--statement", "x", "--compartment", "a:b"],
            "there is no compartment a:b",
            id="policy in no compartment",
        ),
        pytest.param(["policy", "remove", "x"], "there is no policy x", id="remove no policy"),
        pytest.param(["repository", "create", "app"], "start with acme/", id="repository without prefix"),
        pytest.param(["repository", "create", "other/app"], "start with acme/", id="repository of elsewhere"),
        pytest.param(["repository", "create", "acme/App"], "a repository name is", id="repository in capitals"),
        pytest.param(["repository", "set-public", "acme/app"], "there is no repository acme/app", id="no repository"),
        pytest.param(["repository", "set-public", "app"], "start with acme/", id="set-public without prefix"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(stores, said, refused, arguments, words):
    said("group", "create", "dev")
    said("group", "create", "ops")
    said("user", "create", "alice", "--group", "dev")
    said("policy", "create", "rules", "--statement", "Allow group dev to read repos in tenancy")
    before = stores.directory.all(User), stores.directory.tenancy()

    assert words in refused(*arguments)
    assert before == (stores.directory.all(User), stores.directory.tenancy())


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
    ends = [key.time_retired for key in stores.identity.trust().keys]
    assert [None, days] == [ends[0], (ends[1] - stores.clock.now).days]


def test_an_end_that_was_set_earlier_stays(stores, said):
    said("bootstrap")
    stores.clock.advance(timedelta(days=1))
    said("key", "rotate")
    first_end = stores.identity.trust().keys[-1].time_retired
    stores.clock.now = stores.clock.now.replace(year=2031)
    said("key", "rotate")

    assert first_end in [key.time_retired for key in stores.identity.trust().keys]
    assert 3 == len({key["kid"] for key in said("key", "list")})


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
    def busy(kind):
        raise Unavailable("storage is busy")

    stores.directory.all = busy

    assert "no answer from the table: storage is busy" == refused("user", "list")


@pytest.mark.parametrize("arguments", [["--help"], ["user", "--help"], ["key", "rotate", "--help"]])
def test_help_needs_no_settings(arguments):
    result = CliRunner().invoke(main, arguments)

    assert 0 == result.exit_code
