"""Wrong passwords: slowed, logged, metered."""

import json
from datetime import timedelta

import pytest
from tests.routes.token_service import TokenService, basic_header, error

from moorage.domain.identity import FREE_FAILURES, FREE_FAILURES_ANY_USER


@pytest.fixture
def registry():
    return TokenService()


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
