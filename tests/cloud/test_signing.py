"""What is signed is the whole request, by a key that may be used, now."""

import base64
import itertools
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.hashes import SHA256
from tests.cloud.signing import LONG, PARAMETERS, SHORT, fingerprint, private_key, public_pem, signed, unsigned
from tests.cloud.whoami import ADDRESS, Who, user_with
from tests.factories import ulid
from tests.fakes import NOW, Clock

from moorage.domain.directory import CAPABILITIES, Membership, State
from moorage.domain.ocid import Kind, make_ocid, tenancy_ocid
from moorage.domain.tenancy import NetworkSourceNode, Tenancy

HOST = "localhost:5000"
ORIGINS = ("https://registry.example.com", f"http://{HOST}")
TENANCY = tenancy_ocid("acme")
ALICE = make_ocid(Kind.USER, ulid("alice"))
BOB = make_ocid(Kind.USER, ulid("bob"))
PATH = "/20160918/container/repositories"
LIST = f"{PATH}?compartmentId={TENANCY}&displayName=a%2Fb+c&repositoryName=proj%2F%2A"
BODY = b'{"displayName":"proj/app"}'
UNVERIFIED = "the signature cannot be verified with the key that its keyId names"

WAYS = [Who.directly, Who.behind_a_gateway]


def key_id(user=ALICE, key="alice", tenancy=TENANCY):
    return f"{tenancy}/{user}/{fingerprint(key)}"


def alice(**changes):
    return user_with(ALICE, public_pem("alice"), fingerprint("alice"), **changes)


def bob(**changes):
    return user_with(BOB, public_pem("bob"), fingerprint("bob"), **changes)


def registry(*users, **more):
    return Who(Clock(), *(users or (alice(), bob())), **{"origins": ORIGINS, **more})


def request(method="GET", target=LIST, *, host=HOST, now=NOW, body=None, headers=(), **signing):
    body = BODY if body is None and method in {"POST", "PUT", "PATCH"} else body or b""
    made = unsigned(method, target, host, now, body, headers)
    return signed(made, signing.pop("key_id", key_id()), signing.pop("key", private_key("alice")), **signing)


def refused(answer, message=None):
    status, body = answer
    assert (401, "NotAuthenticated") == (status, body.get("code")), answer
    if message:
        assert message in body["message"]


def by_alice(answer):
    status, body = answer
    assert (200, ALICE) == (status, body.get("id")), answer
    return body


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST", "PUT", "PATCH"])
def test_a_signed_request_is_its_users(way, method):
    assert ADDRESS == by_alice(way(registry(), request(method, PATH)))["address"]


def test_a_user_comes_with_the_groups():
    member = alice(memberships=(Membership(group_id="g", time_created=NOW),))

    assert {"id": ALICE, "kind": "user", "groups": ["g"], "address": ADDRESS} == by_alice(
        registry(member).directly(request())
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "target",
    [
        PATH,
        f"{PATH}/",
        f"{PATH}?",
        LIST,
        f"{PATH}?repositoryName=proj/*&displayName=a%20b",
        f"{PATH}?b=2&a=1&b=1&c&d=",
        f"/20160918/users/{ALICE}/apiKeys/aa%3Abb%3Acc",
        f"/20160918/users/{ALICE}/apiKeys/aa:bb:cc",
        "/20160918/users/a%40b.c%2Bd",
        "/20160918/users/a@b.c+d",
        "/20160918/users/%C3%A9%20~!*'()%40%3A%2B",
        "/20160918/users/%C3%A9%20~%21%2A%27%28%29",
        "/20160918/users/%C3%A9%20~!$&'()*+,;=:@",
        "//20160918/container/repositories",
        "/n",
        "/n/",
        "/20180419/docker/token?service=localhost%3A5000&scope=a&scope=b",
    ],
)
def test_targets_count_as_they_were_written(way, target):
    by_alice(way(registry(), request(target=target)))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "order", [PARAMETERS, PARAMETERS[::-1], ("version", "headers", "keyId", "algorithm", "signature")]
)
def test_parameters_of_the_header_come_in_any_order(way, order):
    by_alice(way(registry(), request(order=order)))


@pytest.mark.parametrize("names", [SHORT, SHORT[::-1], (*SHORT, "content-type"), ("host", "date", "(request-target)")])
def test_headers_are_signed_in_any_order(names):
    by_alice(registry().directly(request(names=names)))


@pytest.mark.parametrize("way", WAYS)
def test_x_date_stands_for_date(way):
    date = format_datetime(NOW, usegmt=True)
    made = unsigned("GET", LIST, HOST, NOW, headers=(("x-date", date),)).put("date", "Thu, 01 Jan 1970 00:00:00 GMT")

    by_alice(way(registry(), signed(made, key_id(), private_key("alice"), ("x-date", "(request-target)", "host"))))


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("body", [b"", '{"a":"é"}'.encode(), b"{}"])
@pytest.mark.parametrize("way", WAYS)
def test_bodies_of_any_kind(way, method, body):
    by_alice(way(registry(), request(method, PATH, body=body)))


TAMPERED = {
    "method": lambda one: replace(one, method="DELETE"),
    "path": lambda one: replace(one, target=one.target.replace("repositories", "images")),
    "query": lambda one: replace(one, target=f"{one.target}&limit=1"),
    "order of the query": lambda one: replace(
        one, target="?".join([PATH, "&".join(LIST.partition("?")[2].split("&")[::-1])])
    ),
    "encoding of the query": lambda one: replace(one, target=one.target.replace("+", "%20")),
    "host": lambda one: one.put("host", "registry.example.com"),
    "date": lambda one: one.put("date", format_datetime(NOW + timedelta(seconds=1), usegmt=True)),
    "no date": lambda one: one.put("date", None),
    "an unsigned x-date": lambda one: one.put("date", None).put("x-date", one.header("date")),
    "two dates": lambda one: replace(one, headers=(*one.headers, ("date", one.header("date")))),
    "another key id": lambda one: authorization(one, key_id(), key_id(BOB, "bob")),
    "a key of somebody else": lambda one: authorization(one, fingerprint("alice"), fingerprint("bob")),
    "another tenancy": lambda one: authorization(one, TENANCY, tenancy_ocid("other")),
    "another user": lambda one: authorization(one, ALICE, make_ocid(Kind.USER, ulid("carol"))),
    "a user id of another kind": lambda one: authorization(one, ALICE, make_ocid(Kind.GROUP, ulid("alice"))),
    "an order of headers": lambda one: authorization(one, "date (request-target)", "(request-target) date"),
    "a header less": lambda one: authorization(one, "date (request-target) host", "date host"),
    "another algorithm": lambda one: authorization(one, "rsa-sha256", "rsa-sha512"),
    "no algorithm": lambda one: authorization(one, 'algorithm="rsa-sha256",', ""),
    "another version": lambda one: authorization(one, 'version="1"', 'version="2"'),
    "a signature of nothing": lambda one: authorization(one, one_of(one, "signature"), ""),
    "a signature that is no base64": lambda one: authorization(one, one_of(one, "signature"), "!"),
    "a bit of the signature": lambda one: authorization(
        one, one_of(one, "signature"), flipped(one_of(one, "signature"))
    ),
    "a short signature": lambda one: authorization(one, one_of(one, "signature"), "AAAA"),
    "two Authorizations": lambda one: replace(
        one, headers=(*one.headers, ("authorization", one.header("authorization")))
    ),
    "another scheme": lambda one: authorization(one, "Signature ", "Bearer "),
    "no Authorization": lambda one: one.put("authorization", None),
}


def authorization(one, old, new):
    text = one.header("authorization")
    assert old in text
    return one.put("authorization", text.replace(old, new))


def one_of(one, parameter):
    return one.header("authorization").partition(f'{parameter}="')[2].partition('"')[0]


def flipped(signature):
    value = bytearray(base64.b64decode(signature))
    value[-1] ^= 1
    return base64.b64encode(value).decode()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tampering", TAMPERED)
def test_whatever_is_not_as_it_was_signed_is_refused(way, tampering):
    tampered = TAMPERED[tampering](request())

    assert request() != tampered
    refused(way(registry(), tampered))


BODY_TAMPERED = {
    "body": lambda one: replace(one, body=BODY.replace(b"app", b"apq")),
    "no body": lambda one: replace(one, body=b""),
    "hash": lambda one: one.put("x-content-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
    "body and hash": lambda one: replace(one, body=b"").put(
        "x-content-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    ),
    "no hash": lambda one: one.put("x-content-sha256", None),
    "length": lambda one: one.put("content-length", "1"),
    "content type": lambda one: one.put("content-type", "text/plain"),
    "no content type": lambda one: one.put("content-type", None),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("tampering", BODY_TAMPERED)
def test_a_body_is_what_was_signed(way, tampering):
    refused(way(registry(), BODY_TAMPERED[tampering](request("POST", PATH))))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("left_out", LONG)
def test_a_signature_over_less_is_none(way, left_out):
    """
    However valid: what it does not cover could be anything.
    """
    names = tuple(name for name in LONG if name != left_out)

    refused(way(registry(), request("POST", PATH, names=names)), left_out.strip("()"))


@pytest.mark.parametrize("way", WAYS)
def test_a_body_where_none_belongs_is_not_trusted(way):
    refused(way(registry(), replace(request("DELETE", PATH), body=BODY)), "x-content-sha256")


@pytest.mark.parametrize("seconds", [-301, 301, -86_400, 10**9])
@pytest.mark.parametrize("header", ["date", "x-date"])
def test_another_time_is_refused(seconds, header):
    then = NOW + timedelta(seconds=seconds)
    names = (header, "(request-target)", "host")
    made = unsigned("GET", LIST, HOST, NOW).put(header, format_datetime(then, usegmt=True))

    refused(registry().directly(signed(made, key_id(), private_key("alice"), names)), "check the clock")


@pytest.mark.parametrize("seconds", [-299, 299])
def test_five_minutes_are_near_enough(seconds):
    by_alice(registry().directly(request(now=NOW + timedelta(seconds=seconds))))


@pytest.mark.parametrize("date", ["", "yesterday", "2030-01-02T03:04:05Z", "Fri, 99 Foo 2030 03:04:05 GMT", "1", "é"])
def test_what_is_no_date_is_no_time(date):
    made = unsigned("GET", LIST, HOST, NOW).put("x-date", date)

    refused(registry().directly(signed(made, key_id(), private_key("alice"), ("x-date", "(request-target)", "host"))))


def test_pss_is_refused_that_calls_itself_rsa_sha256():
    """
    Go can be told to sign so.
    """
    refused(registry().directly(request(padding=PSS(MGF1(SHA256()), PSS.DIGEST_LENGTH))), UNVERIFIED)


@pytest.mark.parametrize(
    "user",
    [
        alice(state=State.INACTIVE),
        alice(state=State.DELETED),
        alice(capabilities=frozenset(CAPABILITIES) - {"canUseApiKeys"}),
        alice(api_keys=()),
    ],
)
def test_a_user_who_may_not_sign_is_nobody(user):
    refused(registry(user).directly(request()), UNVERIFIED)


def test_nobody_learns_which_users_there_are():
    """
    One answer for a user who is not there, a key that is not, a wrong signature and a user who is blocked.
    """
    answers = [
        registry(alice(state=State.INACTIVE)).directly(request()),
        registry(bob()).directly(request()),
        registry().directly(request(key_id=key_id(key="bob"))),
        registry().directly(request(key=private_key("bob"))),
        registry().directly(request(key_id=key_id(tenancy="ocid1.tenancy.oc1..a"))),
    ]

    assert 1 == len({str(answer) for answer in answers})


@pytest.mark.parametrize(("network", "status"), [("203.0.113.0/24", 200), ("198.51.100.0/24", 401)])
def test_users_sign_from_the_networks_that_are_chosen_for_it(network, status):
    sources = {"corp": NetworkSourceNode("corp", (network,))}
    tenancy = Tenancy(TENANCY, 1, network_sources=sources, sign_in_sources=("corp",))

    assert status == registry(tenancy=tenancy).directly(request())[0]


@pytest.mark.parametrize("host", ["registry.example.com", "registry.example.com:443", "localhost:5000"])
@pytest.mark.parametrize("seen", ["", "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"])
def test_a_gateway_may_have_changed_the_host(host, seen):
    """
    One of the registry's names was signed, whichever is told.
    """
    by_alice(registry().behind_a_gateway(request(host=host), host=seen))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", ["evil.example.com", "registry.example.com:444", "localhost", ""])
def test_a_request_to_another_host_is_not_ours(way, host):
    refused(way(registry(), request(host=host)), UNVERIFIED)


def test_a_server_is_called_by_a_name_of_its_own():
    """
    What was signed for a name of ours, and sent to another, is not for us.
    """
    refused(registry().directly(request().put("host", "evil.example.com")), UNVERIFIED)


@pytest.mark.parametrize("target", ["/20160918/users", "/users"])
def test_a_gateway_may_have_made_one_slash_of_two(target):
    """
    Clients send two whose endpoint ends in a slash.
    """
    made = request(target="//20160918/users")

    by_alice(registry().behind_a_gateway(replace(made, target=target), base_path="/20160918"))
    refused(registry().directly(replace(made, target=target)), UNVERIFIED)


@pytest.mark.parametrize("header", ["x-amzn-remapped-date", "x-amz-remapped-date"])
def test_a_gateway_may_have_renamed_the_date(header):
    """
    And may have put another in its place.
    """
    made = request()
    moved = made.put(header, made.header("date"))

    by_alice(registry().behind_a_gateway(moved, dates=False))
    by_alice(registry().behind_a_gateway(moved.put("date", format_datetime(NOW + timedelta(seconds=9), usegmt=True))))


@pytest.mark.parametrize("keeps_base_path", [True, False])
@pytest.mark.parametrize("target", [LIST, "/n", "//20160918/users/a%3Ab"])
def test_a_gateway_may_have_cut_the_base_path_off(keeps_base_path, target):
    by_alice(registry().behind_a_gateway(request(target=target), keeps_base_path=keeps_base_path))


def test_a_gateway_may_have_taken_the_length_away():
    by_alice(registry().behind_a_gateway(request("POST", PATH).put("content-length", None)))


def test_a_server_that_has_the_target_leaves_no_doubt_about_it():
    """
    What only a gateway can have changed is not guessed where there is none.
    """
    made = request(target="/20160918/users/a%3Ab")

    refused(registry().directly(replace(made, target="/20160918/users/a:b")), UNVERIFIED)


def test_every_way_to_write_a_header_that_costs_nothing():
    """
    Scheme in any case, spaces around.
    """
    made = request()
    text = made.header("authorization").removeprefix("Signature ")
    for scheme, space in itertools.product(["Signature", "signature", "SIGNATURE"], [" ", "   "]):
        by_alice(registry().directly(made.put("authorization", f"{scheme}{space}{text}")))
