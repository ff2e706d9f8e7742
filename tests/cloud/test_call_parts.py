"""A call as a handler gets it, what is answered, and the pages of lists."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response
from tests.factories import limits
from tests.fakes import NOW, Clock

from moorage.domain.access import Principal
from moorage.domain.errors import (
    AlreadyExists,
    EtagChanged,
    NotFound,
    ParameterInvalid,
    RetryTokenUsed,
    StateConflict,
)
from moorage.domain.ocid import Kind, make_ocid
from moorage.domain.policy.decision import Target
from moorage.domain.policy.statement import Statement, SubjectKind
from moorage.domain.tenancy import PolicyNode, Tenancy
from moorage.stores.memory import memory_stores
from moorage.web.cloud import answers
from moorage.web.cloud.answers import answer, page_token, read_page
from moorage.web.cloud.call import Call
from moorage.web.cloud.caller import Caller
from moorage.web.cloud.contract import read_contract
from moorage.web.cloud.routes import _answer, cloud_api


def call(**changes):
    stores = memory_stores(limits(namespace="acme"), clock=Clock())
    tenancy = Tenancy("ocid1.tenancy.moorage..acme")
    user = make_ocid(Kind.USER, "alice")
    usual = {
        "stores": stores,
        "site": SimpleNamespace(),
        "operation": "CreateContainerRepository",
        "caller": Caller(Principal(user, "alice", groups=frozenset({"g"})), tenancy, "203.0.113.7"),
        "now": NOW,
    }
    return Call(**{**usual, **changes})


def remembering(first, **changes):
    """Return a call after another one was remembered."""
    first.stores.directory.commit([], None, first.remember("made", 3))
    return call(**{"stores": first.stores, "retry_token": "t", **changes})


def test_what_a_call_made_is_remembered():
    first = call(retry_token="t", body={"a": 1})
    again = remembering(first, body={"a": 1})

    assert (None, "made") == (call(retry_token="t").replayed(), again.replayed())
    assert again.check_replayed(3) is None
    with pytest.raises(RetryTokenUsed):
        again.check_replayed(4)
    with pytest.raises(RetryTokenUsed):
        again.check_replayed(None)


@pytest.mark.parametrize(
    "changes", [{"body": {"a": 2}}, {"parameters": {"userId": "u"}}, {"operation": "ListContainerRepositories"}]
)
def test_another_call_with_the_same_token_is_refused(changes):
    again = remembering(call(retry_token="t", body={"a": 1}), **{"body": {"a": 1}, **changes})

    with pytest.raises(RetryTokenUsed):
        again.replayed()


def test_a_call_without_a_token_remembers_nothing():
    assert (None, None) == (call().remember("made", 1), call().replayed())
    assert call().check_replayed(1) is None


def test_permissions_are_those_of_the_operation_unless_others_are_named():
    statement = Statement(
        "", SubjectKind.GROUP, ("g",), frozenset({"REPOSITORY_CREATE"}), "ocid1.tenancy.moorage..acme"
    )
    tenancy = Tenancy(
        "ocid1.tenancy.moorage..acme",
        1,
        groups={"g": "g"},
        policies={"p": PolicyNode("ocid1.tenancy.moorage..acme", "p", (statement,))},
    )
    one = call()
    one = call(caller=Caller(one.caller.principal, tenancy, one.caller.address))
    target = Target("ocid1.tenancy.moorage..acme")

    assert one.require(target) is None
    assert (True, False) == (one.allows("REPOSITORY_CREATE", target), one.allows("REPOSITORY_DELETE", target))
    for needed in (["REPOSITORY_DELETE"], ["REPOSITORY_CREATE", "REPOSITORY_DELETE"]):
        with pytest.raises(NotFound):
            one.require(target, *needed)


def test_an_etag_is_whatever_a_resource_has():
    assert call(if_match="3").check_etag(3) is None
    assert call().check_etag(3) is None
    with pytest.raises(EtagChanged, match=r"etag 4"):
        call(if_match="3").check_etag(4)


@given(st.dictionaries(st.text(max_size=9), st.integers() | st.text(max_size=9)))
def test_a_page_token_is_read_as_it_was_written(position):
    token = page_token(position)

    assert token.isascii()
    assert not set("+/=&?% ") & set(token)
    assert position == read_page({"page": token})


@given(st.text())
def test_any_other_page_is_refused(text):
    try:
        assert isinstance(read_page({"page": text}), dict)
    except ParameterInvalid as error:
        assert "page" == error.field


def test_the_first_page_has_no_token():
    assert read_page({}) is None


@pytest.mark.parametrize("text", ["", "W10", "bnVsbA", "é", "e30" + "A" * 5000, "MQ"])
def test_what_is_no_page_is_refused(text):
    with pytest.raises(ParameterInvalid, match=r"^page: "):
        read_page({"page": text})


def test_headers_are_there_when_they_say_something():
    told = answer({"a": "é"}, etag=3, next_page="n", work_request="w")
    bare = answer([], next_page="")

    assert b'{"a":"\xc3\xa9"}' == told.body
    assert ("3", "n", "w") == tuple(told.headers[name] for name in ("etag", "opc-next-page", "opc-work-request-id"))
    assert {"content-type": "application/json", "content-length": "2"} == dict(bare.headers)
    assert (204, 202) == (answer(None).status_code, answer(None, status=202).status_code)


def test_times_have_milliseconds():
    assert "2030-01-02T03:04:05.678Z" == answers.time(NOW)
    assert "2030-01-02T03:04:05.000Z" == answers.time(NOW.replace(microsecond=0))


def test_an_operation_without_a_handler_is_noticed_when_a_function_starts():
    with pytest.raises(LookupError, match=r"GetContainerRepository"):
        cloud_api("artifacts", {})
    with pytest.raises(LookupError, match=r"Other"):
        names = read_contract("artifacts").operations
        cloud_api("artifacts", {**dict.fromkeys(names, Response), "Other": Response})


@pytest.mark.parametrize("fact", [AlreadyExists(), StateConflict("it is there")])
def test_a_request_whose_twin_was_quicker_gets_what_that_one_made(fact):
    one = call(retry_token="t")
    calls = []

    def handler(call):
        calls.append(call)
        if len(calls) == 1:
            call.stores.directory.commit([], None, call.remember("made", 1))  # by the other
            raise fact
        return answer(call.replayed())

    assert b'"made"' == _answer(handler, one).body


@pytest.mark.parametrize("token", [None, "t"])
def test_without_a_twin_it_is_what_it_is(token):
    def handler(call):
        raise AlreadyExists

    with pytest.raises(AlreadyExists):
        _answer(handler, call(retry_token=token))
