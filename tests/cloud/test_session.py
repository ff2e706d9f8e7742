"""Sessions: `moorage session create` writes what `oci --auth security_token` signs with, which is good for a while."""

import configparser
import json
import shlex
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jwt
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.cloud.signing import Request, fingerprint, private_key, public_pem, signed, unsigned
from tests.cloud.whoami import Who, user_with
from tests.factories import ulid
from tests.fakes import NOW, Clock

from moorage.cli import main
from moorage.domain.directory import Change, State, User
from moorage.domain.identity import EVERYBODY
from moorage.domain.ocid import Kind, make_ocid, tenancy_ocid
from moorage.domain.tenancy import NetworkSourceNode, Tenancy
from moorage.operations.keys import rotate_keys
from moorage.web.tokens import Keyring

HOST = "localhost:5000"
ALICE = make_ocid(Kind.USER, ulid("alice"))
ROLE = "arn:aws:iam::123456789012:role/ci/deploy"
HEADER_LIMIT = 10_240 - 2_000  # of a gateway, with room for the rest


class Sessions:
    """A registry, and a home with what the command has written."""

    def __init__(self, home: Path, **changes):
        self.clock = Clock()
        self.config = home / ".oci" / "config"
        user = user_with(ALICE, public_pem("alice"), fingerprint("alice"), name="alice")
        self.who = Who(self.clock, user, origins=(f"http://{HOST}",), **changes)

    def run(self, *arguments):
        command = ["session", "create", *arguments, "--config-file", str(self.config), "--region", "eu-central-1"]
        return CliRunner().invoke(main, command, obj=self.who.stores)

    def create(self, *arguments):
        """Return the profile that was written."""
        result = self.run(*arguments)
        assert 0 == result.exit_code, result.output
        return self.profile(
            arguments[arguments.index("--profile") + 1] if "--profile" in arguments else "moorage-session"
        )

    def profile(self, name="moorage-session"):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(self.config)
        return parser[name]

    def change(self, **changes):
        user = self.who.stores.directory.get(User, ALICE)
        changed = replace(user, version=user.version + 1, **changes)
        self.who.stores.directory.commit([Change(user, changed)])

    def request(self, profile, *, key=None, token=None) -> Request:
        """Sign as the SDKs do with a session."""
        key = key or load_pem_private_key(Path(profile["key_file"]).read_bytes(), None)
        token = token or Path(profile["security_token_file"]).read_text()
        return signed(unsigned("GET", "/20160918/users", HOST, self.clock()), f"ST${token}", key)

    def caller(self, profile, **more):
        """Return who the registry says has signed with a session, on both ways to it, None for nobody."""
        request = self.request(profile, **more)
        answers = [self.who.directly(request), self.who.behind_a_gateway(request)]
        assert 1 == len({str(answer) for answer in answers})
        assert answers[0][0] in {200, 401}
        return answers[0][1].get("id")


@pytest.fixture
def sessions(tmp_path):
    return Sessions(tmp_path)


def test_a_session_of_a_user(sessions):
    assert ALICE == sessions.caller(sessions.create("alice"))


def test_a_session_of_a_machine(sessions):
    profile = sessions.create("--role", ROLE)

    assert {"id": ROLE, "kind": "machine"}.items() <= sessions.who.directly(sessions.request(profile))[1].items()


def test_what_is_written(sessions):
    profile = sessions.create("alice", "--hours", "2")
    token = Path(profile["security_token_file"])

    assert {"fingerprint", "tenancy", "region", "key_file", "security_token_file"} == profile.keys()
    assert (tenancy_ocid("acme"), "eu-central-1") == (profile["tenancy"], profile["region"])
    assert {0o600} == {Path(profile[name]).stat().st_mode & 0o777 for name in ("key_file", "security_token_file")}
    assert 0o600 == sessions.config.stat().st_mode & 0o777
    claims = jwt.decode(token.read_text(), options={"verify_signature": False})
    assert (ALICE, 2 * 3600) == (claims["sub"], claims["exp"] - claims["iat"])
    assert len(sessions.request(profile).header("authorization")) < HEADER_LIMIT


def test_a_script_learns_where_everything_is(sessions):
    said = json.loads(sessions.run("alice", "--json").output)

    assert sessions.profile()["key_file"] == said["key_file"]
    assert (NOW + timedelta(hours=1)).isoformat(timespec="seconds") == said["time_expires"]


@pytest.mark.parametrize("variable", [None, "of-oci"])
@pytest.mark.parametrize("option", [None, "~/.oci/config", "my own"])
def test_it_is_told_how_oci_uses_a_session(sessions, tmp_path, monkeypatch, option, variable):
    """
    With options behind the command: before it, `oci` takes the name of a profile for a service of that name. The
    configuration is the one that `oci` has, and is named where `oci` may not have it.
    """
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MOORAGE_ORIGINS", "https://a.example.com https://b.example.com")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OCI_CLI_CONFIG_FILE", variable or "")
    config = tmp_path / (option or variable or "~/.oci/config").removeprefix("~/")
    command = ["session", "create", "alice", "--profile", "audit", *(["--config-file", option] if option else [])]
    said = CliRunner().invoke(main, command, obj=sessions.who.stores).output.splitlines()

    where = [] if config == sessions.config and not variable else ["--config-file", shlex.quote(str(config))]
    told = " ".join(["oci os ns get", *where, "--profile audit --auth security_token --endpoint https://a.example.com"])
    assert "[audit]" in config.read_text()
    assert [f"alice until {(NOW + timedelta(hours=1)).isoformat(timespec='seconds')}:", f"  {told}"] == said


def test_other_profiles_stay_as_they_are(sessions):
    sessions.config.parent.mkdir()
    sessions.config.write_text("# mine\n[DEFAULT]\nuser=me\n\n[other]\nuser=other\n")
    first = sessions.create("alice")["fingerprint"]
    again = sessions.create("alice")["fingerprint"]
    sessions.create("alice", "--profile", "second")

    assert first != again
    assert sessions.config.read_text().startswith("# mine\n[DEFAULT]\nuser=me\n\n[other]\nuser=other\n")
    assert again == sessions.profile()["fingerprint"]
    assert 1 == sessions.config.read_text().count("[moorage-session]")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a user or --role"),
        (("alice", "--role", ROLE), "give a user or --role"),
        (("carol",), "there is no active user carol"),
        (("--role", "arn:aws:iam::123456789012:user/me"), "role: must be the ARN of a role"),
        (("alice", "--hours", "25"), "25 is not in the range 1<=x<=24"),
        (("alice", "--hours", "0"), "0 is not in the range 1<=x<=24"),
        (("alice", "--profile", "a]b"), "a name is letters, digits"),
        (("alice", "--profile", "taken"), "has a profile taken that is no session's"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(sessions, arguments, message):
    sessions.config.parent.mkdir()
    sessions.config.write_text("[taken]\nuser=me\n")

    result = sessions.run(*arguments)

    assert 0 != result.exit_code
    assert message in result.output
    assert "[taken]\nuser=me\n" == sessions.config.read_text()
    assert [sessions.config] == list(sessions.config.parent.iterdir())


def test_a_blocked_user_begins_no_session(sessions):
    sessions.change(state=State.INACTIVE)

    assert "there is no active user alice" in sessions.run("alice").output


@pytest.mark.parametrize(("seconds", "caller"), [(3600 - 1, ALICE), (3600 + 11, None)])
def test_a_session_ends(sessions, seconds, caller):
    profile = sessions.create("alice")
    sessions.clock.advance(timedelta(seconds=seconds))

    assert caller == sessions.caller(profile)


@pytest.mark.parametrize("state", [State.INACTIVE, State.DELETED])
def test_a_session_of_a_user_who_is_blocked_is_over_at_once(sessions, state):
    profile = sessions.create("alice")
    sessions.change(state=state)

    assert sessions.caller(profile) is None


@pytest.mark.parametrize("whom", [ALICE, EVERYBODY])
def test_a_session_that_was_revoked_is_over_within_10_seconds(sessions, whom):
    profile = sessions.create("alice")
    assert ALICE == sessions.caller(profile)
    sessions.who.stores.identity.revoke(whom, sessions.clock())
    sessions.clock.advance(timedelta(seconds=10))

    assert sessions.caller(profile) is None


def test_a_session_of_a_machine_is_revoked_by_its_role(sessions):
    profile, other = sessions.create("--role", ROLE), sessions.create("--role", f"{ROLE}-2", "--profile", "other")
    assert ROLE == sessions.caller(profile)
    result = CliRunner().invoke(main, ["revoke", "--user", ROLE], obj=sessions.who.stores)
    sessions.clock.advance(timedelta(seconds=10))

    assert (0, f"tokens of {ROLE} are void\n") == (result.exit_code, result.output)
    assert sessions.caller(profile) is None
    assert f"{ROLE}-2" == sessions.caller(other)


def test_a_token_alone_is_worth_nothing(sessions):
    assert sessions.caller(sessions.create("alice"), key=private_key("somebody")) is None


def test_a_token_of_another_registry_is_worth_nothing(tmp_path, sessions):
    other = Sessions(tmp_path / "other")
    profile = other.create("alice")

    assert ALICE == other.caller(profile)
    assert sessions.caller(profile) is None


def test_a_token_of_another_namespace_is_worth_nothing(tmp_path, sessions):
    """
    Also where the keys are the same.
    """
    other = Sessions(tmp_path / "other", namespace="other")
    other.who.site = replace(sessions.who.site, namespace="other", keyring=Keyring(_keys(sessions), other.clock))

    assert other.caller(sessions.create("alice")) is None


def _keys(sessions):
    return sessions.who.stores.identity.trust


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": make_ocid(Kind.USER, ulid("bob"))},
        {"sub": make_ocid(Kind.GROUP, ulid("alice"))},
        {"sub": ""},
        {"kind": "admin"},
        {"kind": None},
        {"jwk": None},
        {"jwk": {}},
        {"jwk": {"n": "AQAB", "e": "AQAB"}},
        {"jwk": {"n": 1, "e": 2}},
        {"jwk": {"n": "é", "e": "AQAB"}},
        {"aud": "localhost:5000"},
        {"iss": "localhost:5000"},
    ],
)
def test_a_token_of_ours_that_says_something_else_is_worth_nothing(sessions, claims):
    """
    However it came to be signed.
    """
    profile = sessions.create("alice")
    said = jwt.decode(Path(profile["security_token_file"]).read_text(), options={"verify_signature": False})
    key = sessions.who.stores.identity.signing_key()
    token = jwt.encode({**said, **claims}, key.private, "ES256", {"kid": key.kid, "typ": "st+jwt"})

    assert sessions.caller(profile, token=token) is None


def test_tokens_of_other_kinds_are_no_sessions(sessions):
    profile = sessions.create("alice")
    said = jwt.decode(Path(profile["security_token_file"]).read_text(), options={"verify_signature": False})
    key = sessions.who.stores.identity.signing_key()
    for kind in ("at+jwt", "rt+jwt", "JWT"):
        token = jwt.encode(said, key.private, "ES256", {"kid": key.kid, "typ": kind})
        assert sessions.caller(profile, token=token) is None


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "é", "ST$", "x" * 9000])
def test_what_is_no_token_is_no_session(sessions, token):
    assert sessions.caller(sessions.create("alice"), token=token or " ") is None


def test_a_session_needs_its_users_network(tmp_path):
    sources = {"corp": NetworkSourceNode("corp", ("198.51.100.0/24",))}
    tenancy = Tenancy(tenancy_ocid("acme"), 1, network_sources=sources, sign_in_sources=("corp",))
    sessions = Sessions(tmp_path, tenancy=tenancy)

    assert sessions.caller(sessions.create("alice")) is None
    assert ROLE == sessions.caller(sessions.create("--role", ROLE))


def test_a_session_ends_with_the_key_that_signed_it(sessions):
    profile = sessions.create("alice")
    rotate_keys(sessions.who.stores, end_now=True)
    sessions.clock.advance(timedelta(seconds=10))

    assert sessions.caller(profile) is None
