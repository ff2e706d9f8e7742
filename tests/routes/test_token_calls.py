"""How many reads a token costs: at most 4, however many policies, groups, repositories and scopes there are."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest
from tests.cloud.signing import fingerprint, private_key, public_pem, signed, unsigned
from tests.contract.backends import DynamoBackend
from tests.factories import limits
from tests.routes.registry import ALL, CATALOG, HOST, Registry
from tests.routes.test_calls import Calls

from moorage.domain.access import SCOPE_LIMIT, Action, Catalog
from moorage.domain.directory import ApiKey
from moorage.web.site import TOKEN_PATH
from moorage.web.tokens import KEYS_LIFE

GROUPS = 20
STATEMENTS = 25  # in each policy


@pytest.fixture(scope="module", params=["few", "many"])
def registry(request, aws, runner):
    with aws.backend(limits(namespace="acme")) as backend:
        assert isinstance(backend, DynamoBackend)
        made = Registry(backend, runner)
        made.password("reader")
        if request.param == "many":
            fill(made)
        yield made


def fill(registry):
    """Let a user be in many groups, each of which has a policy of many statements."""
    people = registry.people
    groups = [people.group(f"group{number}") for number in range(GROUPS)]
    for number in range(GROUPS):
        grants = [f"inspect repos in tenancy where target.repo.name = 'app{number}-{one}'" for one in range(STATEMENTS)]
        people.policy(f"policy{number}", *(f"Allow group group{number} to {grant}" for grant in grants))
    people.user("member", *groups, people.group("Readers"))
    for number in range(SCOPE_LIMIT):
        registry.repository(f"acme/app{number}")


@pytest.fixture
def calls(registry):
    counted = Calls()
    counted.watch(registry.stores.repositories._table.client)
    yield counted
    counted.unwatch(registry.stores.repositories._table.client)


@pytest.fixture
def user(registry):
    """Who asks: a reader, who may be in many groups besides."""
    name = "member" if registry.people.find("member") else "reader"
    registry.password(name)
    if registry.people.find(name).api_keys:
        return name
    key = ApiKey(fingerprint=fingerprint(name), public=public_pem(name), time_created=registry.clock.now)
    registry.people.change(name, api_keys=(key,))
    return name


@pytest.fixture
def query(user):
    """As many scopes as a token carries, or one."""
    names = [f"app{number}" for number in range(SCOPE_LIMIT - 1 if user == "member" else 0)]
    return urlencode(
        [("scope", CATALOG), *(("scope", f"repository:acme/{name}:{ALL}") for name in [*names, "new"])][:16]
    )


def basic(user, password):
    return [("Authorization", "Basic " + b64encode(f"{user}:{password}".encode()).decode())]


def by_password(registry, user, query):
    return "GET", f"{TOKEN_PATH}?{query}", basic(f"acme/{user}", registry.password(user))


def by_refresh_token(registry, user, query):
    _, target, headers = by_password(registry, user, "offline_token=true")
    refresh = registry.send("GET", target, headers).json()["refresh_token"]
    form = f"{query}&{urlencode({'grant_type': 'refresh_token', 'refresh_token': refresh})}"
    return "POST", TOKEN_PATH, [("Content-Type", "application/x-www-form-urlencoded")], form.encode()


def by_token(registry, user, query):
    return "GET", f"{TOKEN_PATH}?{query}", basic("BEARER_TOKEN", registry.token(user))


def by_signature(registry, user, query):
    target = f"{TOKEN_PATH}?{query}"
    key_id = f"{registry.people.tenancy.id}/{registry.people.find(user).id}/{fingerprint(user)}"
    request = signed(unsigned("GET", target, HOST, registry.clock.now), key_id, private_key(user))
    return "GET", target, [pair for pair in request.headers if pair[0].lower() != "host"]


def by_nobody(_registry, _user, query):
    return "GET", f"{TOKEN_PATH}?{query}", []


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (by_password, ["BatchGetItem", "BatchGetItem", "BatchGetItem", "Query"]),
        (by_refresh_token, ["Query", "BatchGetItem", "BatchGetItem", "Query"]),
        (by_token, ["Query", "BatchGetItem", "BatchGetItem", "Query"]),
        (by_signature, ["BatchGetItem", "BatchGetItem", "Query"]),
        (by_nobody, ["BatchGetItem", "Query"]),
    ],
)
def test_a_token_costs_four_reads_at_most(registry, calls, user, query, how, expected):
    """
    In a process that has not read the public keys, and knows nothing else either.
    """
    asked = how(registry, user, query)
    registry.clock.advance(KEYS_LIFE)

    assert expected == calls.of(200, registry.send, *asked)


def test_the_token_says_what_policies_say(registry, user, query):
    """
    What was counted was decided.
    """
    access = registry.site.keyring.verify(registry.send(*by_password(registry, user, query)).json()["token"], [HOST])

    assert Catalog.ALL == access.catalog
    assert {frozenset({Action.PULL})} == {grant.allowed for grant in access.grants}
    assert len(access.grants) == (SCOPE_LIMIT - 1 if user == "member" else 1)


def test_a_wrong_password_costs_no_read_more(registry, calls, user, query):
    method, target, _ = by_password(registry, user, query)
    wrong = [calls.of(401, registry.send, method, target, basic(f"acme/{name}", "wrong")) for name in (user, "nobody")]

    assert [["BatchGetItem", "BatchGetItem", "UpdateItem", "UpdateItem"]] * 2 == wrong
