"""The HTTP API of the tests' gateway: its events keep what is signed, and every path of it leads to a function."""

import json
from pathlib import Path

import pytest
from tests.routes.registry import HOST
from tests.test_gateway import Functions, ask


def test_events_of_the_http_api_have_those_fields_of_recorded_ones_that_functions_read():
    """
    Of the others SAM has more than the gateway, and fewer.
    """
    functions = Functions()
    ask(functions, target="/20180419/docker/token?scope=a")
    (event,), sent = functions.events, json.loads(Path("events/http_token.json").read_text(encoding="utf-8"))

    read = {"version", "rawPath", "rawQueryString", "headers", "requestContext", "isBase64Encoded"}
    assert read <= set(event) & set(sent)
    assert set(event["requestContext"]["http"]) == set(sent["requestContext"]["http"])
    assert {name: type(sent[name]) for name in read} == {name: type(event[name]) for name in read}


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/20180419/docker/token", "/docker/token"),
        ("/20160918/users/1/apiKeys/aa%3Abb", "/users/1/apiKeys/aa:bb"),
        ("/20160918/users/a%252Fb", "/users/a%2Fb"),
        ("/20160918/users/a%3Fb", "/users/a"),
        ("/n", "/"),
        ("/n/", "/"),
    ],
)
def test_an_event_of_the_http_api_has_the_path_below_the_base_path_decoded_once(target, path):
    functions = Functions()
    ask(functions, target=target)
    ask(functions, target=target, keeps_base_path=True)
    cut, kept = functions.events

    assert (path, path) == (cut["rawPath"], cut["requestContext"]["http"]["path"])
    assert kept["rawPath"].removesuffix("/").endswith(path.removesuffix("/"))
    assert kept["rawPath"].startswith(target.partition("/docker")[0].partition("/users")[0])


def test_an_event_of_the_http_api_has_the_query_as_it_was_sent():
    """
    The one thing that a REST API cannot give, and that signatures are over.
    """
    functions, query = Functions(), "b=a+b%2A*%7E~&a=&a=x%2Fy/z"
    ask(functions, target=f"/20160918/container/images?{query}")
    ask(functions, target=f"/20160918/container/images?{query}", raw_query=False)
    sent, anew = functions.events

    assert query == sent["rawQueryString"]
    assert {"b": "a b**~~", "a": ",x/y/z"} == sent["queryStringParameters"]
    assert "b=a%20b**~~&a=&a=x%2Fy%2Fz" == anew["rawQueryString"]


def test_an_event_of_the_http_api_has_the_host_and_the_date_that_were_sent():
    functions, headers = Functions(), [("Date", "today"), ("Accept", "a/b"), ("Accept", "c/d")]
    ask(functions, target="/n", headers=headers)
    ask(functions, target="/n", headers=headers, dates=False, host="elsewhere")
    sent, changed = (event["headers"] for event in functions.events)

    assert (HOST, "today", "a/b,c/d") == (sent["host"], sent["date"], sent["accept"])
    assert ("elsewhere", None) == (changed["host"], changed.get("date"))


@pytest.mark.parametrize(
    ("method", "target", "package"),
    [
        ("GET", "/20180419/docker/token", "tokens"),
        ("HEAD", "/20180419/docker/token", "identity"),
        ("GET", "/20180419/nothing", "identity"),
        ("GET", "/20180419", "identity"),
        ("GET", "/20160918/container/images", "artifacts"),
        ("OPTIONS", "/20160918/container/images", "artifacts"),
        ("GET", "/20160918/container", "identity"),
        ("PATCH", "/20160918/users/", "identity"),
        ("GET", "/n", "identity"),
        ("HEAD", "/n/", "identity"),
        ("GET", "/n/acme", "identity"),
    ],
)
def test_whatever_is_below_a_base_path_reaches_a_function(method, target, package):
    """
    What the HTTP API answers itself has no `code`, and clients of the cloud plane cannot read it.
    """
    functions = Functions()
    answer = ask(functions, method, target)

    assert (200, [package]) == (answer.status, functions.called)
