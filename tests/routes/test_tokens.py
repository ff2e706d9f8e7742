import asyncio
import json
from base64 import b64encode
from datetime import timedelta

import httpx
import pytest
from tests import factories
from tests.fakes import NOW, Clock, Dice
from tests.people import GROUPS, People

from moorage.domain.access import ANONYMOUS, Access, Action, Catalog, Grant, Principal
from moorage.domain.directory import CAPABILITIES
from moorage.domain.identity import EVERYBODY, FREE_FAILURES, FREE_FAILURES_ANY_USER, REFRESH_LIFE
from moorage.operations.keys import rotate_keys
from moorage.operations.repositories import create
from moorage.stores.memory import memory_stores
from moorage.web.shim import create_app
from moorage.web.site import Site
from moorage.web.tokens import KEYS_LIFE, LEEWAY, Keyring
from tokens.routes import API

PATH = "/20180419/docker/token"
PULL, PUSH, DELETE = Action.PULL, Action.PUSH, Action.DELETE
NOTHING = frozenset()


class Registry:
    """The token endpoint over stores in memory, with a user in each group and two repositories."""

    def __init__(self):
        self.clock = Clock()
        self.stores = memory_stores(factories.limits(namespace="acme"), clock=self.clock, entropy=Dice())
        rotate_keys(self.stores)
        self.people = People(self.stores)
        self.passwords = {name: self.make_user(name) for name in GROUPS}
        self.private = create(self.stores, "acme/app", "alice", public=False)
        self.public = create(self.stores, "acme/site", "alice", public=True)
        self.site = Site(
            origins=("http://localhost:5000", "https://registry.example.com"),
            namespace="acme",
            keyring=Keyring(self.stores.identity.trust, self.clock),
            trusted_proxies=("10.0.0.1",),
        )
        self.app = create_app(API, self.stores, self.site, inline=True)

    def make_user(self, name):
        self.people.of(name)
        return self.people.auth_token(name)

    def principal(self, name):
        """Return whom a token is for; the groups are not in it."""
        return Principal(self.people.find(name).id, name)

    def send(self, method, query=None, *, address="203.0.113.7", host="localhost:5000", **more):
        async def sent():
            transport = httpx.ASGITransport(self.app, client=(address, 1234))
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                return await client.request(method, PATH, params=query, **more)

        return asyncio.run(sent())

    def get(self, query=None, *, user=None, password=None, headers=(), **more):
        basic = [basic_header(f"acme/{user}", password or self.passwords[user])] if user else []
        return self.send("GET", query, headers=[*basic, *headers], **more)

    def post(self, fields, **more):
        return self.send("POST", data=fields, **more)

    def read(self, response) -> Access:
        assert 200 == response.status_code, response.text
        return self.site.keyring.verify(response.json()["token"], self.site.services)


def basic_header(name, password):
    return "Authorization", "Basic " + b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def registry():
    return Registry()


def error(response):
    return response.status_code, [one["code"] for one in response.json()["errors"]]


def test_a_token_answer_has_what_every_client_reads(registry):
    response = registry.get({"service": "localhost:5000", "scope": "repository:acme/app:pull,push"}, user="writer")
    answer = response.json()

    assert answer["token"] == answer["access_token"]
    assert 60 <= answer["expires_in"] <= 300
    assert NOW.strftime("%Y-%m-%dT%H:%M:%SZ") == answer["issued_at"]
    assert "repository:acme/app:pull,push" == answer["scope"]
    assert "refresh_token" not in answer
    assert "no-store" == response.headers["cache-control"]
    grant = Grant("acme/app", registry.private.id, frozenset({PULL, PUSH}), NOTHING, visible=True)
    assert Access(registry.principal("writer"), (grant,)) == registry.read(response)


@pytest.mark.parametrize(
    ("user", "name", "allowed"),
    [
        pytest.param(None, "app", set(), id="nobody, private"),
        pytest.param(None, "site", {PULL}, id="nobody, public"),
        pytest.param(None, "new", set(), id="nobody, absent"),
        pytest.param("none", "app", set(), id="no rights, private"),
        pytest.param("none", "site", {PULL}, id="no rights, public"),
        pytest.param("none", "new", set(), id="no rights, absent"),
        pytest.param("reader", "app", {PULL}, id="reader, private"),
        pytest.param("reader", "new", {PULL}, id="reader, absent"),
        pytest.param("writer", "app", {PULL, PUSH, DELETE}, id="writer, private"),
        pytest.param("writer", "new", {PULL, PUSH, DELETE}, id="writer, absent"),
        pytest.param("administrator", "app", {PULL, PUSH, DELETE}, id="administrator, private"),
    ],
)
def test_a_grant_says_what_was_asked_and_given_and_refused(registry, user, name, allowed):
    access = registry.read(registry.get({"scope": f"repository:acme/{name}:*"}, user=user))

    ids = {"app": registry.private.id, "site": registry.public.id, "new": None}
    visible = PULL in allowed
    assert (
        Grant(f"acme/{name}", ids[name], frozenset(allowed), frozenset(Action) - allowed, visible),
    ) == access.grants


def test_no_more_is_given_than_was_asked(registry):
    access = registry.read(registry.get({"scope": "repository:acme/app:pull"}, user="administrator"))

    assert ({PULL}, set(), Catalog.NONE) == (access.grants[0].allowed, access.grants[0].refused, access.catalog)


def test_a_repository_outside_the_namespace_is_refused_without_a_look(registry):
    registry.stores.repositories.find_many = None

    access = registry.read(registry.get({"scope": "repository:library/alpine:pull"}, user="administrator"))
    assert (Grant("library/alpine", None, NOTHING, frozenset({PULL})),) == access.grants


@pytest.mark.parametrize(
    ("scopes", "names"),
    [
        pytest.param([], [], id="none"),
        pytest.param(
            ["repository:acme/app:pull", "repository:acme/site:pull"], ["acme/app", "acme/site"], id="repeated"
        ),
        pytest.param(["repository:acme/app:pull repository:acme/site:pull"], ["acme/app", "acme/site"], id="spaces"),
    ],
)
def test_scopes_are_repeated_or_separated_by_spaces(registry, scopes, names):
    got = registry.read(registry.get({"scope": scopes}, user="reader"))
    fields = {"grant_type": "password", "username": "acme/reader", "password": registry.passwords["reader"]}
    posted = registry.read(registry.post({**fields, "scope": scopes}))

    assert [names, names] == [[grant.name for grant in access.grants] for access in (got, posted)]


@pytest.mark.parametrize(
    ("user", "catalog"),
    [(None, "none"), ("none", "public"), ("reader", "all"), ("writer", "all"), ("administrator", "all")],
)
def test_the_catalog_is_of_what_is_public_or_of_everything_and_for_users(registry, user, catalog):
    response = registry.get({"scope": "registry:catalog:*"}, user=user)

    assert catalog == registry.read(response).catalog
    assert ("registry:catalog:*" if user else "") == response.json()["scope"]


def test_an_empty_pair_is_nobody(registry):
    assert ANONYMOUS == registry.read(registry.get(headers=[basic_header("", "")])).principal


@pytest.mark.parametrize(
    ("name", "password"),
    [
        pytest.param("acme/reader", "wrong", id="wrong password"),
        pytest.param("acme/reader", "", id="empty password"),
        pytest.param("acme/nobody", "wrong", id="unknown user"),
    ],
)
def test_a_wrong_password_and_an_unknown_user_get_the_same_answer(registry, name, password):
    fields = {"grant_type": "password", "username": name, "password": password or " "}
    answers = [registry.get(headers=[basic_header(name, password)]), registry.post(fields)]

    assert [(401, ["UNAUTHORIZED"])] * 2 == [error(answer) for answer in answers]
    words = {one["message"] for answer in answers for one in answer.json()["errors"]}
    assert {"wrong user name or password; the password is an auth token of this registry"} == words


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Basic", id="nothing"),
        pytest.param("Basic !!!", id="not base64"),
        pytest.param("Basic " + b64encode(b"no colon").decode(), id="no colon"),
        pytest.param("Basic " + b64encode(b"\xff:\xff").decode(), id="not UTF-8"),
        pytest.param("Bearer x", id="another scheme"),
    ],
)
def test_a_header_that_cannot_be_read_is_not_nobody(registry, value):
    assert (401, ["UNAUTHORIZED"]) == error(registry.get(headers=[("Authorization", value)]))


@pytest.mark.parametrize("name", ["reader", "other/reader", "acmereader"])
def test_a_login_outside_the_namespace_is_told_the_prefix(registry, name):
    response = registry.get(headers=[basic_header(name, registry.passwords["reader"])])

    assert (401, ["UNAUTHORIZED"]) == error(response)
    assert "acme/" in response.text


@pytest.mark.parametrize("name", ["acme/", "acme/a#b", "acme/a/b", "acme/*", "acme/" + "a" * 2000])
def test_a_user_name_that_cannot_be_is_refused_like_the_rest(registry, name):
    assert (401, ["UNAUTHORIZED"]) == error(registry.get(headers=[basic_header(name, "x")]))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param({"service": "elsewhere.example.com"}, "localhost:5000", id="another service"),
        pytest.param({"scope": "nonsense"}, "<type>:<name>", id="a scope that is none"),
        pytest.param({"scope": "repository:Acme/app:pull"}, "lower-case", id="a name that cannot be"),
        pytest.param({"scope": [f"repository:acme/a{n}:pull" for n in range(17)]}, "at most 16", id="too many scopes"),
    ],
)
def test_what_cannot_be_asked_is_said(registry, query, words):
    response = registry.get(query, user="reader")

    assert 400 == response.status_code
    assert words in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param("", "application/x-www-form-urlencoded", 400, id="empty"),
        pytest.param("grant_type=magic", "application/x-www-form-urlencoded", 400, id="unknown grant"),
        pytest.param("grant_type=password", "application/x-www-form-urlencoded", 400, id="no user"),
        pytest.param("grant_type=password&username=a", "application/x-www-form-urlencoded", 400, id="no password"),
        pytest.param("grant_type=refresh_token", "application/x-www-form-urlencoded", 400, id="no refresh token"),
        pytest.param("grant_type=password&grant_type=password", "application/x-www-form-urlencoded", 400, id="twice"),
        pytest.param("grant_type=%ff", "application/x-www-form-urlencoded", 400, id="not UTF-8"),
        pytest.param("ä=1", "application/x-www-form-urlencoded", 400, id="not encoded"),
        pytest.param("a=1&" * 65, "application/x-www-form-urlencoded", 400, id="many fields"),
        pytest.param('{"grant_type": "password"}', "application/json", 400, id="JSON"),
        pytest.param("a" * 65 * 1024, "application/x-www-form-urlencoded", 413, id="long"),
    ],
)
def test_a_form_that_cannot_be_read_is_a_bad_request(registry, body, kind, status):
    assert status == registry.send("POST", content=body.encode(), headers={"content-type": kind}).status_code


def test_a_token_is_for_the_origin_that_the_client_used(registry):
    response = registry.get(user="reader", host="registry.example.com")

    assert registry.site.keyring.verify(response.json()["token"], ["registry.example.com"])


def login_form(registry, **more):
    return {
        "grant_type": "password",
        "username": "acme/reader",
        "password": registry.passwords["reader"],
        "client_id": "docker",
        "service": "localhost:5000",
        **more,
    }


def refresh_form(token):
    return {"grant_type": "refresh_token", "refresh_token": token, "scope": "repository:acme/app:pull"}


def test_a_password_is_given_for_a_refresh_token_and_that_for_tokens(registry):
    got = registry.get({"offline_token": "true", "client_id": "docker", "account": "acme/reader"}, user="reader").json()
    posted = registry.post(login_form(registry, access_type="offline")).json()

    for answer in (got, posted):
        refreshed = registry.post({**refresh_form(answer["refresh_token"]), "access_type": "offline"})
        assert registry.principal("reader") == registry.read(refreshed).principal
        assert {PULL} == registry.read(refreshed).grants[0].allowed
        assert "refresh_token" not in refreshed.json()


def test_only_who_asks_for_a_refresh_token_gets_one(registry):
    assert "refresh_token" not in registry.post(login_form(registry)).json()
    assert "refresh_token" not in registry.get({"offline_token": "true"}).json()


def made_anew(registry):
    registry.people.remove("reader")
    registry.make_user("reader")


def key_ended(registry):
    rotate_keys(registry.stores, end_now=True)
    registry.clock.advance(KEYS_LIFE)


def revoked(registry, whom):
    registry.stores.identity.revoke(whom, registry.clock.now)
    registry.clock.advance(KEYS_LIFE)


CAPABILITY = {"capabilities": frozenset(CAPABILITIES) - {"canUseAuthTokens"}}
ENDINGS = {
    "user removed": lambda registry: registry.people.remove("reader"),
    "auth token removed": lambda registry: registry.people.change("reader", auth_tokens=()),
    "user made anew": made_anew,
    "user inactive": lambda registry: registry.people.deactivate("reader"),
    "auth tokens not for this user": lambda registry: registry.people.change("reader", **CAPABILITY),
    "not from here": lambda registry: registry.people.network("office", "198.51.100.0/24", sign_in=True),
}
ENDINGS_OF_TOKENS = {
    "ninety days": lambda registry: registry.clock.advance(REFRESH_LIFE + timedelta(minutes=1)),
    "key ended": key_ended,
    "revoked": lambda registry: revoked(registry, registry.people.find("reader").id),
    "everybody revoked": lambda registry: revoked(registry, EVERYBODY),
}


@pytest.mark.parametrize("ending", [*ENDINGS, *ENDINGS_OF_TOKENS])
def test_a_login_ends(registry, ending):
    refresh = registry.post(login_form(registry, access_type="offline")).json()["refresh_token"]
    assert 200 == registry.post(refresh_form(refresh)).status_code
    (ENDINGS | ENDINGS_OF_TOKENS)[ending](registry)

    assert (401, ["UNAUTHORIZED"]) == error(registry.post(refresh_form(refresh)))


@pytest.mark.parametrize("ending", ENDINGS)
def test_who_may_not_log_in_is_answered_as_with_a_wrong_password(registry, ending):
    """
    And counted as one: nobody learns whether the password was right.
    """
    password = registry.passwords["reader"]
    ENDINGS[ending](registry)
    right = registry.get(user="reader", password=password)
    wrong = registry.get(user="reader", password="wrong")

    assert (401, ["UNAUTHORIZED"]) == error(right)
    assert right.json() == wrong.json()
    guard = registry.stores.directory.arrive("reader", "203.0.113.7", registry.clock.now).guard
    assert 2 == guard.failures


def test_users_may_have_to_come_from_a_network(registry):
    registry.people.network("office", "203.0.113.0/28", "2001:db8::/32", sign_in=True)

    assert [200, 200, 200, 401, 401] == [
        registry.get(user="writer", address=address).status_code
        for address in ("203.0.113.7", "2001:db8::7", "::ffff:203.0.113.7", "203.0.113.16", "::ffff:203.0.113.16")
    ]
    assert 200 == registry.get(address="203.0.113.16").status_code  # nobody signs in


def test_a_login_outlives_a_rotation_of_keys(registry):
    refresh = registry.post(login_form(registry, access_type="offline")).json()["refresh_token"]
    registry.clock.advance(timedelta(days=1))
    rotate_keys(registry.stores)
    registry.clock.advance(timedelta(days=80))

    assert 200 == registry.post(refresh_form(refresh)).status_code


def test_a_refreshed_token_has_the_rights_of_today(registry):
    refresh = registry.post(login_form(registry, access_type="offline")).json()["refresh_token"]
    assert {PULL} == registry.read(registry.post(refresh_form(refresh))).grants[0].allowed
    registry.people.policy("Readers may", "Allow group Readers to inspect repos in tenancy")
    assert NOTHING == registry.read(registry.post(refresh_form(refresh))).grants[0].allowed
    registry.people.policy("Readers may", "Allow group Readers to read repos in tenancy")
    registry.people.change("reader", memberships=())

    assert NOTHING == registry.read(registry.post(refresh_form(refresh))).grants[0].allowed


def bearer(registry, user="reader", **query):
    """Return a token as the password of `docker login --username BEARER_TOKEN`."""
    return registry.get(query, user=user).json()["token"]


def by_bearer(registry, token, **query):
    return registry.get(query, headers=[basic_header("BEARER_TOKEN", token)])


def test_a_token_is_a_password_for_others_that_end_with_it(registry):
    """
    Else somebody could go on for ever after the auth token was removed.
    """
    token = bearer(registry)
    registry.clock.advance(timedelta(minutes=2))
    answer = by_bearer(registry, token, scope="repository:acme/app:pull,push", offline_token="true")

    access = registry.read(answer)
    assert (registry.principal("reader"), {PULL}, {PUSH}) == (
        access.principal,
        access.grants[0].allowed,
        access.grants[0].refused,
    )
    assert (180 - 1, True) == (answer.json()["expires_in"], "refresh_token" not in answer.json())
    registry.clock.advance(timedelta(minutes=3) + LEEWAY)
    assert (401, ["UNAUTHORIZED"]) == error(by_bearer(registry, answer.json()["token"]))


def test_a_form_brings_a_token_as_a_password_too(registry):
    fields = {"grant_type": "password", "username": "BEARER_TOKEN", "password": bearer(registry)}

    assert registry.principal("reader") == registry.read(registry.post(fields)).principal


@pytest.mark.parametrize("ending", ["user removed", "user inactive", "not from here", "revoked", "key ended"])
def test_a_token_is_no_password_any_more(registry, ending):
    token = bearer(registry)
    (ENDINGS | ENDINGS_OF_TOKENS)[ending](registry)

    assert (401, ["UNAUTHORIZED"]) == error(by_bearer(registry, token))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(lambda registry: registry.get().json()["token"], id="of nobody in particular"),
        pytest.param(
            lambda registry: registry.get({"offline_token": "true"}, user="reader").json()["refresh_token"],
            id="refresh",
        ),
        pytest.param(lambda registry: registry.passwords["reader"], id="an auth token"),
        pytest.param(lambda _: "", id="none"),
    ],
)
def test_no_other_token_is_a_password(registry, token):
    assert (401, ["UNAUTHORIZED"]) == error(by_bearer(registry, token(registry)))


def test_an_error_is_told_to_clients_of_both_planes(registry):
    """
    The CLI reads code and message, and the request's id.
    """
    answer = registry.get(headers=[("Authorization", 'Signature keyId="x"'), ("opc-request-id", "mine")])

    assert (401, "UNAUTHORIZED", "NotAuthenticated") == (
        answer.status_code,
        answer.json()["errors"][0]["code"],
        answer.json()["code"],
    )
    assert answer.json()["errors"][0]["message"] == answer.json()["message"]
    assert answer.headers["opc-request-id"].startswith("mine/")
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")


def test_an_access_token_is_no_refresh_token_and_the_other_way(registry):
    answer = registry.post(login_form(registry, access_type="offline")).json()

    assert (401, ["UNAUTHORIZED"]) == error(registry.post(refresh_form(answer["access_token"])))
    assert 200 == registry.post(refresh_form(answer["refresh_token"])).status_code


def guess(registry, user="reader", **more):
    return registry.get(user=user, password="wrong", **more)


def test_guesses_are_slowed_and_a_waiting_address_is_not_even_heard(registry):
    assert [401] * FREE_FAILURES == [guess(registry).status_code for _ in range(FREE_FAILURES)]

    slowed = registry.get(user="reader")  # the right password
    assert (429, ["TOOMANYREQUESTS"]) == error(slowed)
    assert "1" == slowed.headers["retry-after"]

    registry.clock.advance(timedelta(seconds=1))
    assert 401 == guess(registry).status_code
    assert "2" == guess(registry).headers["retry-after"]
    registry.clock.advance(timedelta(seconds=2))
    assert 200 == registry.get(user="reader").status_code


def test_other_users_and_other_addresses_are_not_slowed(registry):
    for _ in range(FREE_FAILURES):
        guess(registry)

    assert 200 == registry.get(user="writer").status_code
    assert 200 == registry.get(user="reader", address="203.0.113.8").status_code


def test_an_address_that_tries_many_names_is_slowed(registry):
    for number in range(FREE_FAILURES_ANY_USER):
        registry.get(headers=[basic_header(f"acme/user{number}", "wrong")])

    assert 429 == registry.get(user="writer").status_code


def test_guesses_count_for_the_client_behind_our_proxy(registry):
    via = [("X-Forwarded-For", "198.51.100.1")]
    for _ in range(FREE_FAILURES):
        guess(registry, address="10.0.0.1", headers=via)

    assert 429 == registry.get(user="reader", address="10.0.0.1", headers=via).status_code
    assert 200 == registry.get(user="reader", address="10.0.0.1").status_code


def test_a_stranger_does_not_choose_the_address(registry):
    for number in range(FREE_FAILURES):
        guess(registry, headers=[("X-Forwarded-For", f"198.51.100.{number}")])

    assert 429 == registry.get(user="reader").status_code


def test_a_refused_login_is_logged_and_metered_without_the_password(registry, caplog, capsys):
    registry.get(user="reader", password="hunter2")
    record = next(record for record in caplog.records if record.getMessage() == "login refused")
    metered = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "LoginRefused" in line]

    assert ("WARNING", "reader", "203.0.113.7") == (record.levelname, record.user, record.address)
    assert [[1.0]] == [line["LoginRefused"] for line in metered]
    assert "hunter2" not in "".join(str(vars(record)) for record in caplog.records)


def test_a_login_that_succeeds_writes_nothing(registry):
    registry.stores.identity.failed = registry.stores.directory.commit = None

    assert 200 == registry.get(user="reader").status_code


def test_without_a_signing_key_the_answer_says_what_to_do(registry):
    registry.stores.identity.signing_key = lambda: None
    response = registry.get()

    assert 503 == response.status_code
    assert "moorage bootstrap" in response.text


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_are_not_routed(registry, method):
    assert 405 == registry.send(method).status_code
