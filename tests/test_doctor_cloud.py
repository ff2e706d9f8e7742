"""`moorage doctor` and the cloud plane: a deployment that is right, and fronts that change what is signed."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import HTTPMessage

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from tests.cloud.signing import private_key
from tests.gateway import Quirks
from tests.gateway.server import Deployment

from moorage.cli import main
from moorage.cli.doctor import cloud
from moorage.cli.doctor.client import Answer, Client
from moorage.cli.doctor.signer import Profile, ProfileInvalid
from moorage.cli.doctor.visit import Login, Visit
from moorage.web.cloud.signing import read_authorization

NOT_SIGNED = json.dumps({"code": "NotAuthenticated", "message": "m"}).encode()


@pytest.fixture(scope="module")
def deployment(aws):
    return Deployment(aws.dynamodb, aws.s3, aws.endpoints.environment(), "doctor-cloud")


@pytest.fixture
def profile(deployment, tmp_path):
    """The administrator's."""
    return deployment.write_profile(tmp_path)


@pytest.fixture
def examined(deployment, profile):
    """Make both checks behind a gateway; return what is wrong."""

    def examine(quirks):
        login = Login(deployment.username, deployment.password)
        with deployment.behind(quirks) as url:
            visit = Visit(Client(url, 30), login, "moorage/doctor", Profile.read(profile, "DEFAULT"))
            return [*cloud.readable(visit), *cloud.signature(visit)]

    return examine


@pytest.mark.parametrize("signs", [True, False])
def test_a_deployment_is_well_and_signed_requests_are_tried_with_a_profile_alone(deployment, profile, signs):
    with deployment.behind(Quirks()) as url:
        arguments = ["doctor", url, "--username", deployment.username, "--password-stdin", "--json"]
        arguments += ["--oci-config", str(profile)] if signs else []
        result = CliRunner().invoke(main, arguments, input=deployment.password)
    found = {one["check"]: one["result"] for one in json.loads(result.stdout.splitlines()[-1])["findings"]}

    assert (0, {"ok"}) == (result.exit_code, set(found.values()))
    assert ["cloud", *(["signature"] if signs else [])] == [name for name in found if name in {"cloud", "signature"}]


@pytest.mark.parametrize(
    "quirks",
    [Quirks(keeps_base_path=True), Quirks(host="internal.example.com"), Quirks(renames=False)],
    ids=["the base path is kept", "the host is another", "headers are kept"],
)
def test_what_does_no_harm_is_no_problem(examined, quirks):
    """
    Which name of the registry was signed is found among its own, whatever Host became of it on the way.
    """
    assert [] == examined(quirks)


@pytest.mark.parametrize(
    ("quirks", "said", "change"),
    [
        (Quirks(dates=False), "is good over x-date in the place of Date", "must pass Date on"),
        (Quirks(raw_query=False), "the query displayName=", "payload format 2.0"),
        (Quirks(closed="GET /n"), "GET /n without a signature is answered 403", "CloudApi"),
        (Quirks(closed="GET /20160918/doctor"), "answered 403 without a code", "CloudApi"),
    ],
    ids=["dates are dropped", "queries are encoded anew", "/n is closed", "a path is closed"],
)
def test_what_gets_lost_on_the_way_is_named_with_what_to_change(examined, quirks, said, change):
    found = examined(quirks)

    assert any(said in problem.said and change in problem.change for problem in found), found


def test_a_key_that_is_not_of_this_registry_is_told(examined, profile):
    """
    From outside it looks like a Host that is not listed: both are named.
    """
    stranger = private_key("stranger").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    profile.with_name("key.pem").write_bytes(stranger)
    (found,) = examined(Quirks())

    assert "the signature of GET /n is refused" == found.said
    assert "tenancy and fingerprint are its own" in found.change
    assert "MOORAGE_ORIGINS" in found.change


class Scripted:
    """A client that always gets the same answer, and keeps what it was sent."""

    origin = "https://registry.example.com"

    def __init__(self, status, body=NOT_SIGNED, **headers):
        message = HTTPMessage()
        for name, value in headers.items():
            message[name] = value
        self.answer = Answer(status, message, body)
        self.sent = []

    def send(self, method, target, headers=None):
        self.sent.append((method, target, headers or {}))
        return self.answer


def problems_of(check, client):
    profile = Profile("ocid1.tenancy.x..y", "ocid1.tenancy.x..y/u/f", private_key("doctor"))
    return list(check(Visit(client, Login("acme/a", "secret"), "acme/doctor", profile)))


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (401, NOT_SIGNED, {"Date": "today"}, []),
        (401, NOT_SIGNED, {}, ["401 of /n has no Date"]),
        (404, b'{"message": "Not Found"}', {"Date": "today"}, ["answered 404", *["without a code"] * 4]),
        (401, b"", {"Date": "today"}, ["answered 401", *["without a code"] * 4]),
        (200, b'"acme"', {"Date": "today"}, ["answered 200", *["without a code"] * 4]),
    ],
)
def test_a_refusal_has_what_clients_read(status, body, headers, expected):
    found = problems_of(cloud.readable, Scripted(status, body, **headers))

    assert len(expected) == len(found)
    assert [] == [text for text, problem in zip(expected, found, strict=True) if text not in problem.said]


@pytest.mark.parametrize(("seconds", "expected"), [(0, "is refused"), (290, "is refused"), (400, "s apart")])
def test_clocks_that_are_apart_are_named_as_such(seconds, expected):
    date = format_datetime(datetime.now(UTC) - timedelta(seconds=seconds), usegmt=True)
    (found,) = problems_of(cloud.signature, Scripted(401, Date=date))

    assert found.said.endswith(expected)


@pytest.mark.parametrize(
    ("status", "said"),
    [(200, []), (404, ["/n with", None]), (403, ["/n with", "list of"]), (500, ["/n with", "list of"])],
)
def test_what_is_answered_otherwise_is_for_the_log_to_know(status, said):
    """
    But 404 of a list: not everybody may list.
    """
    found = [problem.said for problem in problems_of(cloud.signature, Scripted(status, b"{}"))]

    assert {text for text in said if text} == {text for text in said if text and any(text in one for one in found)}
    assert bool(said) == bool(found)


def test_requests_are_signed_as_clients_sign_them():
    client = Scripted(200)
    problems_of(cloud.signature, client)
    key = private_key("doctor").public_key()

    assert 3 == len(client.sent)
    for method, target, headers in client.sent:
        signature = read_authorization(headers["Authorization"])
        text = f"date: {headers['date']}\n(request-target): {method.lower()} {target}\nhost: registry.example.com"
        assert ("date", "(request-target)", "host") == signature.names
        key.verify(signature.value, text.encode(), PKCS1v15(), SHA256())


def write_profile(folder, key=None, *, left_out="", password="", **changes):
    pem = (key or private_key("doctor")).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"phrase") if password else NoEncryption()
    )
    (folder / "key.pem").write_bytes(pem)
    values = {"user": "u", "tenancy": "t", "fingerprint": "f", "key_file": folder / "key.pem", "region": "x", **changes}
    lines = [f"{name} = {value}" for name, value in values.items() if name != left_out]
    (folder / "config").write_text("\n".join(["[DEFAULT]", *lines, "[OTHER]", "user = v"]))
    return folder / "config"


def test_a_profile_is_read_as_clients_read_it(tmp_path):
    read = Profile.read(write_profile(tmp_path), "DEFAULT")

    assert ("t", "t/u/f") == (read.tenancy, read.key_id)
    assert private_key("doctor").private_numbers() == read.key.private_numbers()
    assert Profile.read(write_profile(tmp_path, password="phrase", pass_phrase="phrase"), "DEFAULT").key_id == "t/u/f"


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        *(
            ({"left_out": field}, "DEFAULT", f"has no {field}")
            for field in ("user", "tenancy", "fingerprint", "key_file")
        ),
        ({}, "NONE", "has no profile NONE"),
        ({}, "OTHER", "has no tenancy, fingerprint, key_file"),
        ({"key_file": "/absent/key.pem"}, "DEFAULT", "no key that can be read"),
        ({"password": "phrase"}, "DEFAULT", "no key that can be read"),
        ({"password": "phrase", "pass_phrase": "wrong"}, "DEFAULT", "no key that can be read"),
        ({"key": ec.generate_private_key(ec.SECP256R1())}, "DEFAULT", "no RSA key"),
    ],
)
def test_a_profile_that_cannot_be_used_is_told_why(tmp_path, changes, name, said):
    config = write_profile(tmp_path, **changes)

    with pytest.raises(ProfileInvalid, match=said):
        Profile.read(config, name)


def test_a_profile_without_a_file_is_refused():
    arguments = ["doctor", "http://127.0.0.1:1", "--username", "a/b", "--password", "x", "--oci-profile", "DEFAULT"]
    result = CliRunner().invoke(main, arguments)

    assert 2 == result.exit_code
    assert "--oci-profile needs --oci-config" in result.stderr


def test_a_file_that_is_no_configuration_is_told(tmp_path):
    (tmp_path / "config").write_text("no section")
    arguments = ["doctor", "http://127.0.0.1:1", "--username", "a/b", "--password", "x", "--oci-config"]

    for path in (tmp_path / "config", tmp_path / "absent"):
        result = CliRunner().invoke(main, [*arguments, str(path)])
        assert 2 == result.exit_code
        assert "--oci-config" in result.stderr
        assert "cannot be read" in result.stderr
