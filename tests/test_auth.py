from datetime import timedelta

import pytest
from tests.fakes import NOW
from tests.sites import KEY, SERVICE, request, site

from moorage.domain.access import ANONYMOUS, Access, Action, Catalog, Grant, Principal
from moorage.domain.errors import Denied, NameUnknown, RegistryError, Unauthenticated
from moorage.domain.names import RepositoryName
from moorage.web.auth import authenticate, authorize, authorize_catalog, challenge
from moorage.web.tokens import issue_access

NAME = RepositoryName("acme/app")
PULL, PUSH, DELETE = Action.PULL, Action.PUSH, Action.DELETE
ALICE = Principal("ocid1.user.moorage..a", "alice")


def bearer(access: Access) -> tuple[str, str]:
    token, _ = issue_access(access, KEY, service=SERVICE, token_id="1", now=NOW)
    return "Authorization", f"Bearer {token}"


def granted(principal: Principal, allowed=(), refused=(), name: str = NAME, *, visible: bool = True) -> tuple[str, str]:
    return bearer(Access(principal, (Grant(name, "id", frozenset(allowed), frozenset(refused), visible),)))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="none"),
        pytest.param([("Authorization", "Basic YWNtZS9hbGljZTpzZWNyZXQ=")], id="Basic"),
        pytest.param([("Authorization", "Bearer")], id="no token"),
        pytest.param([("Authorization", "Bearer a b")], id="two words"),
        pytest.param([("Authorization", "Bearer ä")], id="not ASCII"),
        pytest.param([granted(ALICE), granted(ALICE)], id="two headers"),
    ],
)
def test_without_one_token_the_answer_is_a_challenge(headers):
    with pytest.raises(Unauthenticated) as refused:
        authorize(request(site(), *headers), NAME, PUSH)

    assert ("repository:acme/app:pull,push", "") == (refused.value.scope, refused.value.error)


def test_a_bad_token_is_named_so_in_the_challenge():
    with pytest.raises(Unauthenticated) as refused:
        authorize(request(site(), ("Authorization", "Bearer bad")), NAME, PULL)

    assert ("repository:acme/app:pull", "invalid_token") == (refused.value.scope, refused.value.error)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
def test_the_scheme_is_read_in_any_case(scheme):
    name, value = granted(ALICE, [PULL])

    assert ALICE == authenticate(request(site(), (name, value.replace("Bearer", scheme)))).principal


def test_a_token_fetched_under_one_origin_is_good_under_the_others():
    sent = request(site(), granted(ALICE, [PULL]), host="registry.example.com")

    assert ALICE == authenticate(sent).principal


@pytest.mark.parametrize(
    ("header", "action", "answer"),
    [
        pytest.param(granted(ALICE, [PULL]), PULL, None, id="asked and allowed"),
        pytest.param(granted(ALICE, [PULL]), PUSH, Unauthenticated, id="not asked for the action"),
        pytest.param(granted(ALICE, [PULL], name="acme/other"), PULL, Unauthenticated, id="not asked for the name"),
        pytest.param(bearer(Access(ALICE)), PULL, Unauthenticated, id="not asked for anything"),
        pytest.param(granted(ANONYMOUS, [PULL]), PULL, None, id="public"),
        pytest.param(granted(ANONYMOUS, [], [PULL]), PULL, Unauthenticated, id="refused to nobody in particular"),
        pytest.param(granted(ANONYMOUS, [PULL], [PUSH]), PUSH, Unauthenticated, id="public, a push without login"),
        pytest.param(granted(ALICE, [PULL], [PUSH]), PUSH, Denied, id="refused to one who may see it"),
        pytest.param(granted(ALICE, [], [DELETE]), DELETE, Denied, id="refused to one who may see it, pull not asked"),
        pytest.param(granted(ALICE, [], [PULL], visible=False), PULL, NameUnknown, id="may not see it"),
        pytest.param(granted(ALICE, [], [PUSH], visible=False), PUSH, NameUnknown, id="may not see it, a push"),
        pytest.param(granted(ALICE, [PUSH], [DELETE]), DELETE, Denied, id="refused to a writer"),
    ],
)
def test_refused_ends_it_and_not_asked_fetches_another_token(header, action, answer):
    sent = request(site(), header)

    if answer is None:
        assert NAME == authorize(sent, NAME, action).name
        return
    with pytest.raises(RegistryError) as refused:
        authorize(sent, NAME, action)
    assert answer is type(refused.value)
    if isinstance(refused.value, Unauthenticated):
        asked = {PULL: "pull", PUSH: "pull,push", DELETE: "delete"}[action]
        assert (f"repository:acme/app:{asked}", "insufficient_scope") == (refused.value.scope, refused.value.error)


def test_a_push_that_would_make_a_repository_says_what_is_missing():
    _, token = bearer(Access(ALICE, (Grant(NAME, None, frozenset({PULL}), frozenset({PUSH}), visible=True),)))

    with pytest.raises(Denied, match=r"push access .* is denied: it is not there, .* \(REPOSITORY_CREATE in the root"):
        authorize(request(site(), ("Authorization", token)), NAME, PUSH)


def test_a_name_outside_the_namespace_is_told_the_prefix_but_only_with_a_token():
    elsewhere = RepositoryName("library/alpine")

    with pytest.raises(Unauthenticated):
        authorize(request(site()), elsewhere, PULL)
    with pytest.raises(NameUnknown, match="start with acme/"):
        authorize(request(site(), granted(ALICE, [], [PULL], name=elsewhere)), elsewhere, PULL)


@pytest.mark.parametrize(
    ("access", "answer"),
    [
        pytest.param(Access(ALICE, catalog=Catalog.ALL), None, id="all of it"),
        pytest.param(Access(ALICE, catalog=Catalog.PUBLIC), None, id="what is public"),
        pytest.param(Access(ALICE), Unauthenticated, id="not asked"),
        pytest.param(Access(ANONYMOUS), Unauthenticated, id="nobody in particular"),
    ],
)
def test_the_catalog_is_for_users_who_asked_for_it(access, answer):
    sent = request(site(), bearer(access))

    if answer is None:
        assert access == authorize_catalog(sent)
        return
    with pytest.raises(answer):
        authorize_catalog(sent)


@pytest.mark.parametrize(
    ("host", "scope", "error", "expected"),
    [
        pytest.param(
            "localhost:5000",
            "",
            "",
            'Bearer realm="http://localhost:5000/20180419/docker/token",service="localhost:5000"',
            id="ping",
        ),
        pytest.param(
            "127.0.0.1:5000",
            "repository:acme/app:pull",
            "insufficient_scope",
            'Bearer realm="http://127.0.0.1:5000/20180419/docker/token",service="127.0.0.1:5000"'
            ',scope="repository:acme/app:pull",error="insufficient_scope"',
            id="whole, under another origin",
        ),
        pytest.param(
            "evil.example.com",
            "",
            "invalid_token",
            'Bearer realm="http://localhost:5000/20180419/docker/token",service="localhost:5000",error="invalid_token"',
            id="a host that is not ours",
        ),
    ],
)
def test_the_challenge_follows_the_host_of_the_client(host, scope, error, expected):
    assert expected == challenge(request(site(), host=host), Unauthenticated("", scope=scope, error=error))


def test_a_token_lives_five_minutes_at_most():
    token, expires_in = issue_access(Access(ALICE), KEY, service=SERVICE, token_id="1", now=NOW - timedelta(minutes=6))

    assert 60 <= expires_in <= 300
    with pytest.raises(Unauthenticated):
        authenticate(request(site(), ("Authorization", f"Bearer {token}")))
