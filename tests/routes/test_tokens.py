from base64 import b64encode
from dataclasses import replace

import pytest
from tests.fakes import NOW
from tests.routes.token_service import DELETE, NOTHING, PULL, PUSH, TokenService, basic_header, error

from moorage.domain.access import ANONYMOUS, Access, Action, Catalog, Grant


@pytest.fixture
def registry():
    return TokenService()


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
    said = ids[name] if allowed else None  # whoever may nothing is not told that there is one
    visible = PULL in allowed
    assert (Grant(f"acme/{name}", said, frozenset(allowed), frozenset(Action) - allowed, visible),) == access.grants


@pytest.mark.parametrize("user", [None, "none"])
def test_a_token_says_the_same_of_what_is_private_and_of_what_is_not_there(registry, user):
    private, absent = (
        registry.read(registry.get({"scope": f"repository:acme/{name}:pull,push,delete"}, user=user)).grants
        for name in ("app", "new")
    )

    assert private == tuple(replace(grant, name="acme/app") for grant in absent)


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


def test_without_a_signing_key_the_answer_says_what_to_do(registry):
    registry.stores.identity.signing_key = lambda: None
    response = registry.get()

    assert 503 == response.status_code
    assert "moorage bootstrap" in response.text


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_other_methods_are_not_routed(registry, method):
    assert 405 == registry.send(method).status_code
