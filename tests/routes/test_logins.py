"""Who logs in at the token endpoint, again and again, and how a login ends."""

from datetime import timedelta

import pytest
from tests.routes.token_service import NOTHING, PULL, PUSH, TokenService, basic_header, error, login_form, refresh_form

from moorage.domain.directory import CAPABILITIES
from moorage.domain.identity import EVERYBODY, REFRESH_LIFE
from moorage.operations.keys import rotate_keys
from moorage.web.tokens import KEYS_LIFE, LEEWAY


@pytest.fixture
def registry():
    return TokenService()


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
