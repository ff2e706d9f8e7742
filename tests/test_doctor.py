"""`moorage doctor` against a deployment behind the tests' gateway, and each way in which it does not get through.

A gateway that is wrong in one way, for each way: tests/acceptance/test_doctor.py.
"""

import json
import socket
import ssl
import threading
import warnings
from datetime import UTC, datetime, timedelta
from http.client import HTTPMessage
from ipaddress import ip_address

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.gateway import HeadLength, Quirks
from tests.gateway.server import Certificate, Deployment
from tests.people import People

from moorage.cli import main
from moorage.cli.doctor import front
from moorage.cli.doctor.client import Answer, Client
from moorage.cli.doctor.findings import Result
from moorage.cli.doctor.visit import Login, Visit
from moorage.operations.repositories import create


@pytest.fixture(scope="module")
def deployment(aws):
    return Deployment(aws.dynamodb, aws.s3, aws.endpoints.environment(), "doctor")


@pytest.fixture
def run(deployment):
    """Run the command as the administrator, or whom a test names."""

    def invoke(url, *more, username=deployment.username, password=deployment.password):
        arguments = ["doctor", url, "--username", username, "--password-stdin", *more]
        return CliRunner().invoke(main, arguments, input=password)

    return invoke


@pytest.fixture
def examined(run):
    """Return exit code and report, what of it is not ok by check, and what a script would read."""

    def examine(url, *more, **who):
        result = run(url, "--json", *more, **who)
        report = json.loads(result.stdout.splitlines()[-1])  # the functions write metrics before
        wrong = {one["check"]: one["result"] for one in report["findings"] if one["result"] != "ok"}
        return result.exit_code, wrong, report

    return examine


def user_of(deployment, name):
    """Return the login of a user, who is in the group that the name says."""
    people = People(deployment.stores())
    people.of(name)
    return {"username": f"{deployment.namespace}/{name}", "password": people.auth_token(name)}


def test_all_is_well_and_nothing_is_left(deployment, examined):
    """
    Neither tag, manifest nor blobs: what a second visit finds is what the first one found.
    """
    with deployment.behind(Quirks()) as url:
        code, wrong, report = examined(url)

    stores = deployment.stores()
    repository = stores.repositories.find(f"{deployment.namespace}/doctor")
    assert (0, {}, [], "") == (code, wrong, report["left"], report["stopped"])
    assert [] == list(stores.manifests.tags_page(repository.id, "", 10).items)
    assert (0, 0) == stores.uploads.usage(deployment.made.user.id)


def test_a_check_that_fails_is_told_with_the_setting_to_change(deployment, run):
    with deployment.behind(Quirks(head_length=HeadLength.BODY)) as url:
        result = run(url)

    assert 1 == result.exit_code
    assert "head         failed" in result.stdout
    assert "  head: MOORAGE_HEAD_BODY (template parameter HeadBody) must be filler" in result.stdout
    assert "location     ok" in result.stdout


def test_the_setting_helps(deployment, examined):
    with deployment.behind(Quirks(head_length=HeadLength.BODY), MOORAGE_HEAD_BODY="filler") as url:
        assert (0, {}) == examined(url)[:2]


def test_a_password_that_is_refused_is_no_finding(deployment, examined):
    with deployment.behind(Quirks()) as url:
        code, wrong, report = examined(url, password="wrong")

    assert (2, {}) == (code, wrong)
    assert "user moorage/administrator and the password are refused" == report["stopped"]


def test_where_nobody_listens_nothing_can_be_said(examined):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        code, wrong, report = examined(f"http://127.0.0.1:{free.getsockname()[1]}")

    assert (2, {}) == (code, wrong)
    assert "Connection refused" in report["stopped"]


def test_a_server_that_never_answers_is_not_waited_for(examined):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        code, _, report = examined(f"http://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "0.2")

    assert 2 == code
    assert report["stopped"].endswith("in 0.2 s")


def test_who_may_not_push_is_told_so(deployment, examined):
    create(deployment.stores(), f"{deployment.namespace}/read", "user:somebody", public=False)
    reader = user_of(deployment, "reader")
    with deployment.behind(Quirks()) as url:
        code, wrong, report = examined(url, "--repository", f"{deployment.namespace}/read", **reader)

    assert (2, {}) == (code, wrong)
    assert "DENIED: the user needs a policy that lets it push" in report["stopped"]


def test_where_deletes_are_not_let_through_it_tells_what_is_left(deployment, examined):
    """
    That is no failure of the deployment.
    """
    with deployment.behind(Quirks(closed="DELETE /v2/")) as url:
        code, wrong, report = examined(url)

    assert (0, {}, 4) == (code, wrong, len(report["left"]))
    assert report["left"][0].startswith("manifests/doctor-")


def test_where_pushes_make_no_repository_one_has_to_be_named(deployment, examined):
    with deployment.behind(Quirks(), MOORAGE_CREATE_ON_PUSH="false") as url:
        code, wrong, report = examined(url, "--repository", f"{deployment.namespace}/absent")

    assert (2, {}) == (code, wrong)
    assert "MOORAGE_CREATE_ON_PUSH" in report["stopped"]


def test_a_public_repository_is_a_warning(deployment, examined):
    name = f"{deployment.namespace}/public"
    create(deployment.stores(), name, "user:somebody", public=True)
    with deployment.behind(Quirks()) as url:
        code, wrong, report = examined(url, "--repository", name)

    (change,) = [one["change"] for one in report["findings"] if one["check"] == "anonymous"]
    assert (0, {"anonymous": "warning"}) == (code, wrong)
    assert f"moorage repository set-public --private {name}" in change


def test_a_limit_that_is_lower_than_it_need_be_is_a_warning(deployment, examined):
    with deployment.behind(Quirks(), MOORAGE_BODY_LIMIT="1048576") as url:
        assert (0, {"body": "warning"}) == examined(url)[:2]


def test_an_origin_that_is_not_listed_is_found(deployment, examined):
    """
    The token endpoint makes tokens for the names that it knows, and the challenge has the gateway's.
    """
    with deployment.behind(Quirks(), MOORAGE_ORIGINS="https://registry.example.com") as url:
        code, wrong, report = examined(url)

    assert (1, True) == (code, "login" in wrong)
    assert any("MOORAGE_ORIGINS" in one["change"] for one in report["findings"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["registry.example.com"], "URL: it is https://<host>[:<port>]"),
        (["https://registry.example.com/v2/"], "URL: it is https://<host>[:<port>]"),
        (["https://a@registry.example.com"], "URL: it is https://<host>[:<port>]"),
        (["http://localhost:1", "--repository", "acme/Doctor"], "--repository"),
    ],
)
def test_what_cannot_be_asked_for_is_named(run, arguments, said):
    result = run(*arguments)

    assert 2 == result.exit_code
    assert said in result.stderr


def test_a_password_is_needed(run):
    result = run("http://localhost:1", password="")

    assert 2 == result.exit_code
    assert "MOORAGE_PASSWORD" in result.stderr


def test_login_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("MOORAGE_USERNAME", "acme/a")
    monkeypatch.setenv("MOORAGE_PASSWORD", "secret")
    result = CliRunner().invoke(main, ["doctor", "http://127.0.0.1:1"])

    assert 2 == result.exit_code
    assert "no answer from 127.0.0.1:1" in result.stdout


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate for this machine that nobody knows, which ends in so many days."""

    def make(days):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "moorage tests")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days, minutes=5))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        chain, private = tmp_path / "chain.pem", tmp_path / "key.pem"
        chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return Certificate(chain, private)

    return make


def test_a_certificate_that_is_not_trusted_fails_before_any_password_is_sent(deployment, examined, certificate):
    with deployment.behind(Quirks(), certificate=certificate(90)) as url:
        code, wrong, report = examined(url)

    assert (1, {"tls": "failed"}, 1) == (code, wrong, len(report["findings"]))
    assert "Certificate" in report["findings"][0]["change"]


@pytest.mark.parametrize(("days", "expected"), [(90, {}), (13, {"tls": "warning"})])
def test_a_certificate_is_trusted_when_its_issuer_is(deployment, examined, certificate, monkeypatch, days, expected):
    """
    Blobs come from moto, in clear: that alone is left to find.
    """
    made = certificate(days)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.chain))
    with deployment.behind(Quirks(), certificate=made) as url:
        code, wrong, report = examined(url)

    (said,) = [one["said"] for one in report["findings"] if one["check"] == "redirect"]
    assert (1, {**expected, "redirect": "failed"}) == (code, wrong)
    assert "in clear" in said


@pytest.mark.parametrize(("least", "expected"), [("TLSv1_1", True), ("TLSv1_2", False)])
def test_a_server_that_speaks_tls_1_1_is_found(certificate, least, expected):
    made = certificate(90)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        context.minimum_version = ssl.TLSVersion[least]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=shake_hands, args=(listener, context))
        server.start()
        found = front._speaks_old_tls(Client(f"https://127.0.0.1:{listener.getsockname()[1]}", 5))
        server.join()

    assert expected == found


def shake_hands(listener, context):
    connection, _ = listener.accept()
    with connection:
        try:
            context.wrap_socket(connection, server_side=True).close()
        except OSError:
            return


class Scripted:
    """A client that always gets the same answer."""

    def __init__(self, origin, status=200, **headers):
        self.origin = origin
        self.seconds = 1
        message = HTTPMessage()
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        self.answer = Answer(status, message, b"")

    def send(self, *_):
        return self.answer


def found_by(check, client):
    return [(one.result, one.said) for one in check(Visit(client, Login("acme/a", "secret"), "acme/doctor"))]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", 0), ("127.0.0.2", 0), ("[::1]", 0), ("registry.example.com", 1), ("10.0.0.1", 1)],
)
def test_http_is_for_this_machine_alone(host, expected):
    assert [Result.WARNING] * expected == [result for result, _ in found_by(front.tls, Scripted(f"http://{host}:5000"))]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, []),
        (-50, []),
        (90, [Result.WARNING]),
        (-90, [Result.WARNING]),
        (400, [Result.FAILED]),
        (-400, [Result.FAILED]),
    ],
)
def test_clocks_may_differ_a_little(seconds, expected):
    date = (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert expected == [result for result, _ in found_by(front.clock, Scripted("https://a", date=date))]


@pytest.mark.parametrize("date", [{}, {"date": "yesterday"}, {"date": "Wed, 25 Nov 2026 12:00:00 -0000"}])
def test_a_date_that_is_none_is_a_warning(date):
    assert [(Result.WARNING, "answers have no Date")] == found_by(front.clock, Scripted("https://a", **date))


@pytest.mark.parametrize(("age", "expected"), [(0, []), (880, [Result.FAILED]), (1000, [Result.FAILED])])
def test_a_url_has_to_live_for_a_while(age, expected):
    now = datetime.now(UTC)
    signed = (now - timedelta(seconds=age)).strftime("%Y%m%dT%H%M%SZ")
    location = f"https://b/key?X-Amz-Date={signed}&X-Amz-Expires=900"
    client = Scripted("https://a", 307, location=location, date=now.strftime("%a, %d %b %Y %H:%M:%S GMT"))

    assert expected == [result for result, _ in found_by(front.clock, client)]


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (401, {"www_authenticate": 'Bearer realm="https://a/token",service="a"'}, None),
        (401, {"www_authenticate": 'bearer realm="https://a/token"'}, None),
        (401, {"www_authenticate": 'Bearer realm="https://b/token",service="a"'}, "sends clients to https://b/token"),
        (401, {"www_authenticate": 'Basic realm="a"'}, "without WWW-Authenticate: Bearer"),
        (401, {}, "without WWW-Authenticate: Bearer"),
        (401, {"x_amzn_remapped_www_authenticate": 'Bearer realm="https://a/t"'}, "came as x-amzn-remapped"),
        (200, {}, "is answered 200, not 401"),
        (403, {}, "is answered 403, not 401"),
    ],
)
def test_a_challenge_leads_to_the_token_endpoint(status, headers, said):
    problems = [text for _, text in found_by(front.challenge, Scripted("https://a", status, **headers))]

    assert (said is None) == (problems == [])
    assert said is None or said in problems[0]
