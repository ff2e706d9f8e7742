import json
import stat
from configparser import ConfigParser

import pytest
from tests.directory.acting import make_compartment

from moorage.domain.directory import ADMINISTRATORS, ADMINISTRATORS_POLICY, Group, Policy, User
from moorage.domain.identity import hash_password
from moorage.domain.policy.permissions import OPERATIONS
from moorage.domain.policy.statement import SubjectKind


def user(stores, name):
    return stores.directory.get(User, stores.directory.find(User, name))


def profile(text):
    parser = ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


# The first administrator


def test_bootstrap_makes_a_key_and_an_administrator_with_all_rights(stores, said):
    answer = said("bootstrap")
    made, tenancy = user(stores, "administrator"), stores.directory.tenancy()

    ((group_id, name),) = tenancy.groups.items()
    ((policy_id, policy),) = tenancy.policies.items()
    assert (ADMINISTRATORS, {group_id}, 1) == (name, made.groups, stores.directory.get(Group, group_id).members)
    assert (ADMINISTRATORS_POLICY, tenancy.id) == (policy.name, policy.compartment_id)
    (statement,) = policy.statements
    assert (SubjectKind.GROUP, (group_id,), tenancy.id) == (statement.kind, statement.subjects, statement.location)
    assert {permission for needed in OPERATIONS.values() for permission in needed} <= statement.permissions
    assert stores.directory.get(Policy, policy_id).name == policy.name
    assert (1, 1) == (tenancy.users, tenancy.version)
    assert stores.identity.signing_key().kid == stores.identity.trust().keys[0].kid
    assert ("acme/administrator", made.id, tenancy.id) == (answer["username"], answer["user"], answer["tenancy"])


def test_secrets_are_shown_once(stores, said, pairs):
    answer = said("bootstrap")
    made = user(stores, "administrator")

    assert (answer["id"], hash_password(answer["auth_token"])) == (made.auth_tokens[0].id, made.auth_tokens[0].hash)
    assert len(answer["auth_token"]) * 5 >= 160  # base32
    assert (pairs[0].private_key_pem, pairs[0].api_key) == (answer["private_key"], made.api_keys[0])
    shown = json.dumps([said("user", "list"), said("auth-token", "list", "administrator")])
    assert answer["auth_token"] not in shown
    assert pairs[0].api_key.public not in shown


def test_bootstrap_prints_for_people_too(moorage, pairs):
    result = moorage("bootstrap", "--user", "root")
    lines = result.stdout.splitlines()

    assert 0 == result.exit_code
    assert ["username:   acme/root", "auth token: "] == [lines[0], lines[1][:12]]
    assert "[DEFAULT]" in lines
    assert f"fingerprint={pairs[0].api_key.fingerprint}" in lines
    assert pairs[0].private_key_pem in result.stdout


def test_bootstrap_refuses_a_second_administrator(stores, said, refused):
    said("bootstrap")
    before = stores.identity.signing_key(), stores.directory.tenancy()

    assert "there is an administrator already" in refused("bootstrap", "--user", "other")
    assert before == (stores.identity.signing_key(), stores.directory.tenancy())
    assert ["administrator"] == [one.name for one in stores.directory.all(User)]


def test_a_profile_says_who_signs_and_with_what(said):
    answer = said("bootstrap", "--profile", "acme")

    section = dict(profile(answer["profile"])["acme"])
    assert {
        "user": answer["user"],
        "fingerprint": answer["fingerprint"],
        "tenancy": answer["tenancy"],
        "region": "eu-central-1",
        "key_file": "~/.oci/moorage.pem",
    } == section


def test_profile_and_key_are_written_for_their_owner_alone(said, tmp_path):
    config, key = tmp_path / "config", tmp_path / "key.pem"

    answer = said("bootstrap", "--config-file", str(config), "--key-file", str(key))

    assert answer["private_key"] == key.read_text()
    assert answer["profile"] == config.read_text()
    assert str(key) == profile(config.read_text()).defaults()["key_file"]
    assert [0o600, 0o600] == [stat.S_IMODE(file.stat().st_mode) for file in (config, key)]


def test_a_profile_comes_after_those_that_are_there(moorage, tmp_path):
    config, key = tmp_path / "config", tmp_path / "key.pem"
    config.write_text("[DEFAULT]\nuser=me\n")

    result = moorage("bootstrap", "--profile", "acme", "--config-file", str(config), "--key-file", str(key))

    assert f"profile acme written to {config}\nprivate key written to {key}" in result.stdout
    assert "PRIVATE KEY" not in result.stdout
    assert config.read_text().startswith("[DEFAULT]\nuser=me\n\n[acme]\nuser=ocid1.user.")


@pytest.mark.parametrize(
    ("config", "key", "words"),
    [
        pytest.param("taken", "key", "has a profile DEFAULT already", id="profile there"),
        pytest.param("new", "taken", "is there already", id="key there"),
        pytest.param("broken", "key", "cannot be read", id="no configuration"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_made(stores, refused, tmp_path, config, key, words):
    (tmp_path / "taken").write_text("[DEFAULT]\nuser=me\n")
    (tmp_path / "broken").write_text("user=me\n")

    assert words in refused("bootstrap", "--config-file", str(tmp_path / config), "--key-file", str(tmp_path / key))
    assert (0, None) == (stores.directory.tenancy().version, stores.identity.signing_key())


def test_a_profile_that_is_written_needs_a_file_for_the_key(stores, moorage, tmp_path):
    result = moorage("bootstrap", "--config-file", str(tmp_path / "config"))

    assert 2 == result.exit_code
    assert "--config-file needs --key-file" in result.stderr
    assert 0 == stores.directory.tenancy().version


# Users, groups and policies


def test_users_are_made_listed_and_removed(said):
    said("bootstrap")
    said("group", "create", "dev")
    said("group", "create", "ops")
    said("user", "create", "bob", "--group", "dev", "--group", "ops", "--email", "bob@example.com")
    said("user", "create", "alice")

    found = [(one["username"], one["groups"]) for one in said("user", "list")]
    assert [("acme/administrator", [ADMINISTRATORS]), ("acme/alice", []), ("acme/bob", ["dev", "ops"])] == found

    said("user", "remove", "bob")
    assert ["administrator", "alice"] == [one["name"] for one in said("user", "list")]
    assert [(ADMINISTRATORS, 1), ("dev", 0), ("ops", 0)] == [
        (one["name"], one["users"]) for one in said("group", "list")
    ]


def test_the_last_administrator_stays(stores, said, refused):
    said("bootstrap")
    said("group", "create", "dev")
    said("group", "add-user", "dev", "administrator")
    said("user", "create", "alice")
    before = user(stores, "administrator")

    assert "last administrator" in refused("user", "remove", "administrator")
    assert "last administrator" in refused("group", "remove-user", ADMINISTRATORS, "administrator")
    assert "cannot be deleted" in refused("group", "remove", ADMINISTRATORS)
    assert "neither changed nor deleted" in refused("policy", "remove", ADMINISTRATORS_POLICY)
    assert before == user(stores, "administrator")

    said("api-key", "create", "alice")
    said("group", "add-user", ADMINISTRATORS, "alice")
    said("user", "remove", "administrator")
    assert ["alice"] == [one["name"] for one in said("user", "list")]


def test_users_come_into_groups_and_out_again(said):
    said("group", "create", "dev", "--description", "who makes it")
    said("user", "create", "alice")

    said("group", "add-user", "dev", "alice")
    assert [("dev", 1, "who makes it")] == [
        (one["name"], one["users"], one["description"]) for one in said("group", "list")
    ]
    said("group", "remove-user", "dev", "alice")
    said("group", "remove", "dev")
    assert [] == said("group", "list")


def test_policies_are_made_listed_and_removed(stores, said):
    make_compartment(stores, "inner", make_compartment(stores, "project").id)
    said("group", "create", "dev")
    read, manage = "Allow group dev to read repos in tenancy", "Allow group dev to manage repos in compartment inner"

    said("policy", "create", "reading", "--statement", read, "--statement", read)
    said("policy", "create", "inner", "--statement", manage, "--compartment", "Project:inner")

    assert [("inner", "project:inner", [manage]), ("reading", "tenancy", [read, read])] == [
        (one["name"], one["compartment"], one["statements"]) for one in said("policy", "list")
    ]
    said("policy", "remove", "inner")
    assert ["reading"] == [one["name"] for one in said("policy", "list")]


def test_a_compartment_can_be_given_by_its_id(stores, said):
    made = make_compartment(stores)

    answer = said(
        "policy",
        "create",
        "here",
        "--statement",
        "Allow any-user to read repos in compartment project",
        "--compartment",
        made.id,
    )

    assert "project" == answer["compartment"]


def test_lists_are_tables_for_people(moorage):
    moorage("group", "create", "dev")
    moorage("user", "create", "alice", "--group", "dev")
    moorage("policy", "create", "reading", "--statement", "Allow any-user to read repos in tenancy")

    def lines(*arguments):
        return [line.split() for line in moorage(*arguments).stdout.splitlines()]

    assert [["USERNAME", "GROUPS", "AUTH", "TOKENS", "API", "KEYS"], ["acme/alice", "dev", "0", "0"]] == lines(
        "user", "list"
    )
    assert ["NAME", "USERS", "DESCRIPTION"] == lines("group", "list")[0]
    assert ["dev", "1"] == lines("group", "list")[1][:2]
    assert [
        ["NAME", "COMPARTMENT", "STATEMENT"],
        ["reading", "tenancy", "Allow", "any-user", "to", "read", "repos", "in", "tenancy"],
    ] == lines("policy", "list")


# Credentials


def test_a_user_has_two_auth_tokens_at_most(stores, said, refused):
    said("user", "create", "alice")
    first = said("auth-token", "create", "alice", "--description", "laptop")
    second = said("auth-token", "create", "alice")

    assert "acme/alice" == first["username"]
    assert [first["id"], second["id"]] == [token["id"] for token in said("auth-token", "list", "alice")]
    assert "at most 2 auth tokens" in refused("auth-token", "create", "alice")

    said("auth-token", "remove", "alice", first["id"])
    found = user(stores, "alice")
    assert found.auth_token(first["auth_token"]) is None
    assert second["id"] == found.auth_token(second["auth_token"]).id


def test_a_user_gets_an_api_key(stores, said, moorage, pairs):
    said("user", "create", "alice")

    answer = said("api-key", "create", "alice", "--profile", "alice")

    assert (pairs[0].api_key,) == user(stores, "alice").api_keys
    assert (pairs[0].private_key_pem, pairs[0].api_key.fingerprint) == (answer["private_key"], answer["fingerprint"])
    assert user(stores, "alice").id == profile(answer["profile"])["alice"]["user"]
    assert [answer["fingerprint"]] == [one["fingerprint"] for one in said("api-key", "list", "alice")]
    assert answer["fingerprint"] in moorage("api-key", "list", "alice").stdout

    said("api-key", "remove", "alice", answer["fingerprint"])
    assert () == user(stores, "alice").api_keys


def test_a_user_has_three_api_keys_at_most(said, refused):
    said("user", "create", "alice")
    for _ in range(3):
        said("api-key", "create", "alice")

    assert "at most 3 API keys" in refused("api-key", "create", "alice")
