import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.access import (
    ANONYMOUS,
    SCOPE_LIMIT,
    Access,
    Action,
    Grant,
    Principal,
    Scope,
    parse_scopes,
    wanted,
)
from moorage.domain.errors import NameInvalid, ScopeInvalid

PULL, PUSH, DELETE = Action.PULL, Action.PUSH, Action.DELETE


def test_nobody_in_particular_is_nobody():
    assert ANONYMOUS.anonymous
    assert not Principal("ocid1.user.moorage..a", "alice").anonymous


@pytest.mark.parametrize(
    ("texts", "scopes"),
    [
        pytest.param([], [], id="none"),
        pytest.param(["", "  "], [], id="empty"),
        pytest.param(["repository:acme/app:pull"], ["repository:acme/app:pull"], id="one"),
        pytest.param(["repository:acme/app:push,pull"], ["repository:acme/app:pull,push"], id="in any order"),
        pytest.param(
            ["repository:a:pull", "repository:b:pull"], ["repository:a:pull", "repository:b:pull"], id="repeated"
        ),
        pytest.param(
            ["repository:a:pull repository:b:pull"], ["repository:a:pull", "repository:b:pull"], id="with spaces"
        ),
        pytest.param(["repository:a:pull", "repository:a:push"], ["repository:a:pull,push"], id="of one name, merged"),
        pytest.param(["repository(plugin):a:pull"], ["repository:a:pull"], id="with a class"),
        pytest.param(["registry:catalog:*"], ["registry:catalog:*"], id="the catalog"),
        pytest.param(["registry:other:*", "thing:a:pull"], [], id="of types that we do not have"),
        pytest.param(["repository:a:pull,fly"], ["repository:a:pull"], id="with an action that we do not have"),
        pytest.param(["repository:a:"], ["repository:a:"], id="without action"),
    ],
)
def test_scopes_are_read_as_clients_write_them(texts, scopes):
    assert scopes == [str(scope) for scope in parse_scopes(texts)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param("repository", ScopeInvalid, id="one part"),
        pytest.param("repository:a", ScopeInvalid, id="two parts"),
        pytest.param("repository:a:Pull", ScopeInvalid, id="capitals"),
        pytest.param(f"repository:{'a' * 301}:pull", ScopeInvalid, id="long"),
        pytest.param(f"repository:{'a' * 256}:pull", NameInvalid, id="a name that is long"),
        pytest.param("repository:Acme/app:pull", NameInvalid, id="a name in capitals"),
        pytest.param("repository:acme//app:pull", NameInvalid, id="a name with an empty part"),
        pytest.param("repository:acme/../app:pull", NameInvalid, id="a name that climbs"),
    ],
)
def test_scopes_that_cannot_be_read(text, error):
    with pytest.raises(error):
        parse_scopes([text])


def test_a_token_carries_sixteen_scopes():
    scopes = [f"repository:acme/app{number}:pull" for number in range(SCOPE_LIMIT)]

    assert SCOPE_LIMIT == len(parse_scopes(scopes))
    with pytest.raises(ScopeInvalid, match="at most 16"):
        parse_scopes([*scopes, "repository:acme/more:pull"])


@given(st.lists(st.text(max_size=40), max_size=4))
def test_any_text_is_read_or_refused(texts):
    try:
        scopes = parse_scopes(texts)
    except (ScopeInvalid, NameInvalid):
        return
    assert scopes == parse_scopes([str(scope) for scope in scopes])


def test_a_star_asks_for_everything():
    assert set(Action) == wanted(Scope("repository", "acme/app", frozenset({"*"})))
    assert {PULL} == wanted(Scope("repository", "acme/app", frozenset({"pull"})))


def test_a_grant_is_found_by_name():
    grant = Grant("acme/app", None, frozenset(), frozenset())

    assert grant == Access(ANONYMOUS, (grant,)).grant("acme/app")
    assert Access(ANONYMOUS, (grant,)).grant("acme/other") is None
