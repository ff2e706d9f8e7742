"""Every refusal can be told, in the spec's words; what is no refusal is told in none of ours."""

import inspect
import io
import json
import re

import pytest
from starlette.routing import Route
from tests.routes.registry import HOST, NAME, TOKEN_PATH, image

from moorage.domain import errors
from moorage.domain.errors import RegistryError
from moorage.web.errors import SPEC, spec_error
from moorage.web.shim import Api, create_app
from moorage.web.watch import logger

# distribution-spec, "Error Codes": the list is closed. UNAVAILABLE is for what is not the client's doing.
CODES = {
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
}


def subclasses(kind):
    return [kind, *(deeper for one in kind.__subclasses__() for deeper in subclasses(one))]


FACTS = sorted(subclasses(RegistryError)[1:], key=lambda fact: fact.__name__)
SECRET = "password=hunter2 in arn:aws:dynamodb"


def made(fact):
    """Return an instance with every argument that its class asks for."""
    asked = inspect.signature(fact).parameters.values()
    needed = {one.name: 7 for one in asked if one.kind is one.KEYWORD_ONLY and one.default is one.empty}
    words = ["why" for one in asked if one.kind is one.POSITIONAL_OR_KEYWORD]
    return fact(*words, **needed)


@pytest.fixture
def raising(memory, monkeypatch):
    """Return how a route is asked that meets an error."""

    def ask(error, method="GET"):
        def failing(*_args):
            raise error

        app = create_app(
            Api(tell_error=spec_error, routes=[Route(f"/v2/{NAME}/tags/list", failing, methods=["GET"])]),
            memory.stores,
            memory.site,
            inline=False,
        )
        monkeypatch.setattr(memory, "app", app)
        return memory.send(method, f"/v2/{NAME}/tags/list")

    return ask


@pytest.fixture
def log(monkeypatch):
    """What the functions write while a test runs."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def lines(log):
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_the_table_has_every_fact_and_nothing_else():
    assert set(FACTS) == set(SPEC)


def test_every_fact_is_in_the_tree_that_opens_the_module():
    assert {fact.__name__ for fact in FACTS} == set(re.findall(r"[A-Z]\w+", errors.__doc__.split("\n\n")[1])) - {
        "RegistryError"
    }


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_every_fact_can_be_raised_and_told(raising, fact):
    """
    A body of the spec's form, a code of the spec, and what an answer of that status must carry.
    """
    status, code = SPEC[fact]
    answer = raising(made(fact))

    assert (status, [code], "application/json") == (*answer.error, answer.headers["content-type"])
    assert {"code", "message", "detail"} == set(answer.json()["errors"][0])
    assert made(fact).message == answer.json()["errors"][0]["message"]
    assert code in CODES if status < 500 else (503, "UNAVAILABLE") == (status, code)
    assert (status == 401) == ("www-authenticate" in answer.headers)
    assert (status in (429, 503)) == ("retry-after" in answer.headers)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_every_fact_has_the_code_that_its_name_spells(fact):
    spelled = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", fact.__name__).upper()
    if spelled in CODES:
        assert spelled == SPEC[fact][1]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_no_answer_to_head_has_a_body(raising, fact):
    told, head = raising(made(fact)), raising(made(fact), "HEAD")

    assert (told.status, b"") == (head.status, head.body)
    names = ["content-type", "content-length", "www-authenticate", "retry-after", "range", "location"]
    assert [told.headers.get(name) for name in names] == [head.headers.get(name) for name in names]


@pytest.mark.parametrize("error", [RuntimeError(SECRET), KeyError(SECRET), AssertionError(SECRET), OSError(SECRET)])
def test_what_is_no_fact_is_told_without_internals_and_logged_with_all(raising, log, error):
    """
    The request id of the answer finds the traceback in the log.
    """
    answer = raising(error)

    assert (500, ["UNAVAILABLE"]) == answer.error
    assert SECRET not in answer.body.decode()
    assert not re.search(r"Traceback|Error\b|\.py|moorage", answer.body.decode())
    mine = [line for line in lines(log) if line.get("request_id") == answer.headers["x-request-id"]]
    assert [("ERROR", "unexpected error"), ("ERROR", "request")] == [(one["level"], one["message"]) for one in mine]
    assert SECRET in mine[0]["exception"]


def test_a_500_to_head_has_no_body(raising):
    answer = raising(RuntimeError(SECRET), "HEAD")

    assert (500, b"") == (answer.status, answer.body)


def test_every_request_has_an_id_of_its_own_and_one_line(memory, log):
    answers = [memory.send("GET", path) for path in ("/v2/", f"/v2/{NAME}/tags/list?n=1", "/v2/nothing")]

    told = [(answer.headers["x-request-id"], answer.status) for answer in answers]
    assert told == [(line["request_id"], line["status"]) for line in lines(log)]
    assert ["/v2/", f"/v2/{NAME}/tags/list", "/v2/nothing"] == [line["path"] for line in lines(log)]
    assert 3 == len({request_id for request_id, _ in told})


def test_no_secret_is_in_any_line(registry, log, caplog, capfd):
    """
    Neither password, token, challenge, presigned URL nor any query; of a login, a push and a pull, good and bad.
    """
    caplog.set_level("INFO")
    client = registry.client()
    client.push_image("latest", b"x" * 20_000)
    large = client.get(f"blobs/{json.loads(image(b'x' * 20_000))['layers'][0]['digest']}")
    client.fetch(large.headers["location"])
    password, token = registry.password("administrator"), client.authorization[1].removeprefix("Bearer ")
    form = f"grant_type=password&username=acme%2Fadministrator&password={password}&access_type=offline"
    headers = [("Content-Type", "application/x-www-form-urlencoded")]
    granted = registry.send("POST", TOKEN_PATH, headers, form.encode()).json()
    registry.send("POST", f"{TOKEN_PATH}?password={password}", headers, form.replace(password, f"{password}x").encode())
    registry.send("GET", f"/v2/?token={token}", [("Authorization", f"Bearer {token}x")])
    registry.send("GET", f"/v2/{NAME}/nothing?token={token}", [("Authorization", f"Bearer {token}")])

    written = log.getvalue() + caplog.text + "".join(capfd.readouterr())
    assert "login refused" in written
    secrets = [password, token, granted["token"], granted["refresh_token"], large.headers["location"]]
    assert [] == [secret for secret in secrets if secret in written]
    assert not re.search(r"X-Amz|x-digest|Bearer|Basic|Authorization|\?|PRIVATE KEY", written)


def test_a_challenge_never_names_a_host_that_is_not_ours(memory):
    answer = memory.send("GET", "/v2/", host="evil.example.com")

    assert f'realm="http://{HOST}{TOKEN_PATH}"' in answer.headers["www-authenticate"]
    assert "evil" not in answer.headers["www-authenticate"]
