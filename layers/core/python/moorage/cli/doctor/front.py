"""What stands between a client and the registry: its address, certificate, challenges, headers, paths and clock."""

import ssl
import warnings
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPSConnection
from ipaddress import ip_address
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from moorage.cli.doctor.checks import Check
from moorage.cli.doctor.client import Answer, Client, Unanswered, Untrusted
from moorage.cli.doctor.findings import CannotGoOn, Problem, Result
from moorage.cli.doctor.visit import Visit, described, fields_of
from moorage.domain.digest import Digest

CERTIFICATE_LEFT = timedelta(days=14)
SKEW = timedelta(seconds=60)  # tokens and URLs bear this much
SKEW_TOO_LARGE = timedelta(seconds=300)  # a token's whole life
URL_LEFT = timedelta(seconds=30)
BROKEN = "not.a.token"
PADDING = 4_096  # bytes that a token of many repositories has more than the visit's own

RENAMED = "x-amzn-remapped-www-authenticate"
ORIGINS = "MOORAGE_ORIGINS (template parameter Origins, or Domain) must list {origin}"
CHALLENGE = (
    "the gateway must answer 401 itself: the authorizer and the gateway response UNAUTHORIZED of Api in template.yaml;"
    " any other front must let WWW-Authenticate pass"
)


def tls(visit: Visit) -> Iterator[Problem]:
    """Look at the certificate and at the oldest version that is spoken."""
    parts = urlsplit(visit.client.origin)
    if parts.scheme == "http":
        visit.client.send("GET", "/v2/")
        if not _local(parts.hostname or ""):
            yield Problem("passwords cross the network in clear", "reach the registry by https", Result.WARNING)
        return
    try:
        left = _certificate_left(visit.client)
    except Untrusted as error:
        raise CannotGoOn(
            f"the certificate is not trusted, so no password is sent: {error}",
            "the template parameter Certificate must be of a certificate for this host",
        ) from error
    if left < CERTIFICATE_LEFT:
        yield Problem(f"the certificate ends in {left.days} days", "renew Certificate", Result.WARNING)
    if _speaks_old_tls(visit.client):
        yield Problem("TLS 1.1 is spoken", "SecurityPolicy of HostName in template.yaml must be TLS_1_2")
    yield from _plain(visit)


def _plain(visit: Visit) -> Iterator[Problem]:
    """See that nothing answers in clear on the host's port 80, but to send clients to https."""
    parts = urlsplit(visit.client.origin)
    if parts.port not in {None, 443}:
        return
    with suppress(Unanswered):
        answer = Client(f"http://{parts.hostname}", min(visit.client.seconds, 5)).send("GET", "/v2/")
        if not answer.header("location").startswith("https:"):
            yield Problem(f"http:// is answered {answer.status} in clear", "close port 80, or redirect it to https")


def challenge(visit: Visit) -> Iterator[Problem]:
    """Do what docker login begins with."""
    answer = visit.ask("GET", "/v2/", token="")
    visit.challenge = fields_of(answer.header("www-authenticate") or answer.header(RENAMED))
    yield from challenged(answer, "GET /v2/ without a token")
    if "realm" not in visit.challenge:
        return
    realm = urlsplit(visit.realm)
    if f"{realm.scheme}://{realm.netloc}" != visit.client.origin:
        yield Problem(f"the challenge sends clients to {visit.realm}", ORIGINS.format(origin=visit.client.origin))


def challenged(answer: Answer, what: str) -> Iterator[Problem]:
    """See that an answer sends a client for a token, as it must where it may not do what it asked."""
    if answer.status != 401:
        yield Problem(f"{what} is answered {described(answer)}, not 401", CHALLENGE)
    elif not fields_of(answer.header("www-authenticate")):
        renamed = f"; it came as {RENAMED}" if answer.header(RENAMED) else ""
        yield Problem(f"{what} is answered 401 without WWW-Authenticate: Bearer{renamed}", CHALLENGE)


def log_in(visit: Visit) -> Iterator[Problem]:
    """Log in as docker does, and use the token."""
    answer = visit.ask_for_token(visit.scope(), visit.login)
    if answer.status == 401:
        raise CannotGoOn(f"user {visit.login.username} and the password are refused")
    if answer.status == 429:
        raise CannotGoOn("too many wrong passwords were sent before; try again later")
    visit.token = str(answer.json().get("token", ""))
    if answer.status != 200 or not visit.token:
        said = f"a login at {visit.realm} is answered {described(answer)}"
        raise CannotGoOn(said, f"CloudApi must route it to Tokens; {ORIGINS.format(origin=visit.client.origin)}")
    if (used := visit.ask("GET", "/v2/")).status != 200:
        yield Problem(
            f"a token that was just made is answered {described(used)}",
            f"{ORIGINS.format(origin=visit.client.origin)}; the front must let Authorization pass",
        )


def log_in_by_form(visit: Visit) -> Iterator[Problem]:
    """Log in as containerd and helm do."""
    form = {
        "grant_type": "password",
        "client_id": "moorage-doctor",
        "service": visit.challenge.get("service", ""),
        "scope": visit.scope(),
        "username": visit.login.username,
        "password": visit.login.password,
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = visit.client.send("POST", visit.realm, headers, urlencode(form).encode())
    if answer.status != 200 or not answer.json().get("access_token"):
        yield Problem(
            f"POST {visit.realm} is answered {described(answer)}", "CloudApi in template.yaml must route POST to Tokens"
        )


def headers(visit: Visit) -> Iterator[Problem]:
    """See that a token of many repositories gets through."""
    answer = visit.ask("GET", "/v2/", {"X-Moorage-Padding": "x" * PADDING})
    if answer.status != 200:
        yield Problem(
            f"a request with {PADDING} bytes of headers more is answered {described(answer)}",
            "the front must take 10,240 bytes of headers, as API Gateway does (nginx: large_client_header_buffers)",
        )


def renewal(visit: Visit) -> Iterator[Problem]:
    """See that a client whose token says too little is sent for another, and one with a broken token as well."""
    answer = visit.ask_for_token(visit.scope("pull"), visit.login)
    narrow = str(answer.json().get("token", ""))
    yield from challenged(visit.ask("POST", "blobs/uploads/", token=narrow), "a push with a token for pulls")
    yield from challenged(visit.ask("GET", "/v2/", token=BROKEN), "a token that is none")


def paths(visit: Visit) -> Iterator[Problem]:
    """See that escapes in a path arrive as what they stand for, and odd paths at no wall."""
    escaped = quote(str(Digest.of(visit.image.small)), safe="")
    answer = visit.ask("GET", f"blobs/{escaped}")
    if answer.status != 200:
        yield Problem(
            f"blobs/{escaped} is answered {described(answer)}, not 200",
            "the front must pass paths on as they came, without a rewrite or a rule against %",
        )
    for odd in (f"/v2//{visit.repository}/tags/list", f"/v2/{quote(visit.repository, safe='')}/tags/list"):
        if (answer := visit.ask("GET", odd)).status >= 500:
            yield Problem(f"{odd} is answered {answer.status}", "report this as a defect of Moorage")


def anonymous(visit: Visit) -> Iterator[Problem]:
    """See that nobody pulls from here without a login, and that whoever tries is asked for one."""
    manifest = f"manifests/{visit.image.tag}"
    answer = visit.ask("GET", manifest, token="")
    yield from challenged(answer, "a pull without a token")
    nobodys = visit.ask_for_token(visit.scope("pull"), None).json().get("token")
    if not nobodys:
        return
    answer = visit.ask("GET", manifest, token=str(nobodys))
    if answer.status != 200:
        yield from challenged(answer, "a pull with a token of nobody")
        return
    yield Problem(
        f"everybody may pull from {visit.repository}",
        f"if that is not meant: moorage repository set-public --private {visit.repository}",
        Result.WARNING,
    )


def clock(visit: Visit) -> Iterator[Problem]:
    """Compare three clocks: this machine's, the registry's, and the one that signs URLs."""
    answer = visit.ask("GET", f"blobs/{Digest.of(visit.image.large)}")
    now = datetime.now(UTC)
    try:
        skew = abs(parsedate_to_datetime(answer.header("date")) - now)
    except (ValueError, TypeError):  # TypeError: of a zone that it does not say
        yield Problem("answers have no Date", "the front must let Date pass", Result.WARNING)
    else:
        if skew > SKEW:
            yield Problem(
                f"the registry's clock and this machine's are {skew.total_seconds():.0f} s apart",
                "set the clock that is wrong; on AWS it is this machine's",
                Result.FAILED if skew > SKEW_TOO_LARGE else Result.WARNING,
            )
    query = parse_qs(urlsplit(answer.header("location")).query)
    if {"X-Amz-Date", "X-Amz-Expires"} <= query.keys():
        signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
        left = signed + timedelta(seconds=int(query["X-Amz-Expires"][0])) - now
        if left < URL_LEFT:
            yield Problem(
                f"the URL of a blob ends in {left.total_seconds():.0f} s",
                "MOORAGE_URL_SECONDS (template parameter UrlSeconds), or the clock",
            )


def _local(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


def _certificate_left(client: Client) -> timedelta:
    client.send("GET", "/v2/")  # raises Untrusted
    connection = HTTPSConnection(urlsplit(client.origin).netloc, timeout=client.seconds)
    connection.connect()
    try:
        certificate = connection.sock.getpeercert() or {}
    finally:
        connection.close()
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)
    return ends - datetime.now(UTC)


def _speaks_old_tls(client: Client) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent: how it begins is enough
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # to be old is the point
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    connection = HTTPSConnection(urlsplit(client.origin).netloc, timeout=client.seconds, context=context)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True


BEFORE = (
    Check("tls", "the connection is one to send a password over", tls),
    Check("challenge", "whoever has no token is told where to get one", challenge),
    Check("login", "the token endpoint takes the password, and /v2/ the token", log_in),
    Check("login-form", "the token endpoint takes forms, as containerd and helm send", log_in_by_form),
    Check("headers", "a token of 4 KB gets through", headers),
    Check("renewal", "a token that does not do is answered with a challenge", renewal),
)
AFTER = (
    Check("paths", "escaped paths arrive", paths),
    Check("anonymous", "nobody pulls without a login", anonymous),
    Check("clock", "clocks agree, and URLs of blobs live long enough", clock),
)
