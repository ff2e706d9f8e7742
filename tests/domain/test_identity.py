from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes import NOW

from moorage.domain.directory import AuthToken, User
from moorage.domain.errors import NameInvalid
from moorage.domain.identity import (
    FREE_FAILURES,
    FREE_FAILURES_ANY_USER,
    LONGEST_DELAY,
    Guard,
    hash_password,
    parse_user_name,
)


def test_a_password_is_one_of_the_auth_tokens():
    tokens = tuple(
        AuthToken(id=text, hash=hash_password(text), description="", time_created=NOW) for text in ("first", "second")
    )
    user = User(id="1", compartment_id="", name="alice", description="", time_created=NOW, auth_tokens=tokens)

    assert ["first", "second"] == [token.id for text in ("first", "second") if (token := user.auth_token(text))]
    assert user.auth_token("third") is None
    assert user.auth_token(hash_password("first")) is None


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [
        pytest.param(0, 0),
        pytest.param(FREE_FAILURES - 1, 0),
        pytest.param(FREE_FAILURES, 1),
        pytest.param(FREE_FAILURES + 1, 2),
        pytest.param(FREE_FAILURES + 8, 256),
        pytest.param(FREE_FAILURES + 9, 300),
        pytest.param(10**9, 300),
    ],
)
def test_each_wrong_password_doubles_the_wait(failures, seconds):
    assert timedelta(seconds=seconds) == Guard(failures, NOW).wait(NOW)


def test_many_people_can_share_an_address():
    guard = Guard(FREE_FAILURES_ANY_USER - 1, NOW)

    assert timedelta() == guard.wait(NOW, FREE_FAILURES_ANY_USER)
    assert LONGEST_DELAY == guard.wait(NOW)


@given(st.integers(0, 100), st.timedeltas(timedelta(), timedelta(hours=1)))
def test_a_wait_ends_by_itself(failures, later):
    guard = Guard(failures, NOW)

    assert max(guard.wait(NOW) - later, timedelta()) == guard.wait(NOW + later)
    assert timedelta() == guard.wait(NOW + LONGEST_DELAY)


@pytest.mark.parametrize("name", ["alice", "a", "alice@example.com", "ci-bot_1", "a.b+c", "Z" * 100])
def test_user_names(name):
    assert name == parse_user_name(name)


@pytest.mark.parametrize("name", ["", "*", "-a", "a b", "a/b", "a:b", "a#b", "ä", "a\n", "a" * 101])
def test_names_that_no_user_has(name):
    with pytest.raises(NameInvalid):
        parse_user_name(name)
