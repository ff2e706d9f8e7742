"""What real clients sent, recorded byte for byte, is taken as it came, and behind a gateway; but not once changed.

`recorded/<client>.json`: `client`, `version`, `public_key` (PEM), `token` (of a session, if it has one) and `requests`,
each with `time`, `method`, `target` as it stood on the wire, `headers` in their order, and `body` in base64. Tenancies
are `ocid1.tenancy.moorage..<namespace>`, users `ocid1.user.moorage..<ulid>`.
"""

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from tests.cloud.signing import Request, public_pem
from tests.cloud.whoami import Who, user_with
from tests.fakes import Clock

from moorage.web.cloud.signing import read_authorization

CLIENTS = ("go", "java", "python", "typescript")
FILES = {file.stem: json.loads(file.read_bytes()) for file in Path(__file__).with_name("recorded").glob("*.json")}
CASES = [
    pytest.param(recording, recorded, id=f"{client}-{number}-{recorded['method']}")
    for client, recording in sorted(FILES.items())
    for number, recorded in enumerate(recording["requests"])
]
OTHER_HOST = "registry.example.com"

WAYS = [Who.directly, Who.behind_a_gateway]


def request_of(recorded):
    headers = tuple((name, value) for name, value in recorded["headers"])
    return Request(recorded["method"], recorded["target"], headers, base64.b64decode(recorded["body"]))


def signature_of(request):
    return read_authorization(request.header("authorization"))


def registry(recording, recorded, *, public=None, late=timedelta(0), **changes):
    """Return a registry of the time and the name that a request was sent to, and of its user."""
    request = request_of(recorded)
    tenancy, user, fingerprint = signature_of(request).key_id.split("/")
    clock = Clock(datetime.fromisoformat(recorded["time"]).astimezone(UTC) + late)
    user = user_with(user, public or recording["public_key"], fingerprint, **changes)
    more = {
        "origins": (f"http://{request.header('host')}", f"https://{OTHER_HOST}"),
        "namespace": tenancy.rpartition(".")[2],
    }
    return Who(clock, user, **more), user.id


@pytest.mark.parametrize("client", CLIENTS)
def test_each_client_is_recorded_with_all_it_does(client):
    assert {"GET", "POST", "PUT", "DELETE"} <= {recorded["method"] for recorded in FILES[client]["requests"]}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("recording", "recorded"), CASES)
def test_a_recorded_request_is_its_users(way, recording, recorded):
    who, user_id = registry(recording, recorded)

    status, said = way(who, request_of(recorded))

    assert (200, user_id) == (status, said.get("id")), said


@pytest.mark.parametrize(
    "quirks", [{"keeps_base_path": True}, {"host": "a1b2c3.execute-api.eu-central-1.amazonaws.com"}]
)
@pytest.mark.parametrize(("recording", "recorded"), CASES)
def test_whatever_a_gateway_leaves_of_it(quirks, recording, recorded):
    who, user_id = registry(recording, recorded)

    assert user_id == who.behind_a_gateway(request_of(recorded), **quirks)[1].get("id")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("recording", "recorded"), CASES)
def test_each_change_of_it_is_refused(way, recording, recorded):
    who, _ = registry(recording, recorded)
    tampered = dict(changes_of(request_of(recorded)))

    answers = {what: way(who, changed) for what, changed in tampered.items()}

    assert len(answers) > 8
    assert {} == {what: answer for what, answer in answers.items() if answer[0] != 401}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("late", [timedelta(minutes=6), timedelta(minutes=-6)])
@pytest.mark.parametrize(("recording", "recorded"), CASES)
def test_it_is_good_for_five_minutes(way, late, recording, recorded):
    who, _ = registry(recording, recorded, late=late)

    assert 401 == way(who, request_of(recorded))[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("recording", "recorded"), CASES)
def test_another_key_of_the_same_name_is_not_its_key(way, recording, recorded):
    who, _ = registry(recording, recorded, public=public_pem("somebody"))

    assert 401 == way(who, request_of(recorded))[0]


def changes_of(request):
    """Yield a request with one thing changed, for each that was signed."""
    signature = signature_of(request)
    for name in signature.names:
        if name == "(request-target)":
            continue
        value = request.header(name)
        yield f"{name} is another", request.put(name, another(name, value))
        if name != "host":  # of which a gateway leaves what it likes: the registry knows its names
            yield f"{name} is gone", request.put(name, None) if name != "content-length" else shortened(request)
    text = request.header("authorization")
    names = " ".join(signature.names)
    orders = {"names in another order": " ".join(reversed(signature.names)), "a name less": names.partition(" ")[2]}
    for what, other in {**orders, "no names": ""}.items():
        yield what, request.put("authorization", re.sub('headers="[^"]*"', f'headers="{other}"', text))
    for old, new in (("rsa-sha256", "rsa-pss-sha256"), ('version="1"', 'version="2"'), ("Signature", "Bearer")):
        yield f"{new} for {old}", request.put("authorization", text.replace(old, new))
    key_id = signature.key_id
    for part in key_id.split("/"):
        other = part[:-1] + ("0" if part[-1] != "0" else "1")
        yield f"another {part}", request.put("authorization", text.replace(part, other))
    yield "another method", replace(request, method="DELETE" if request.method == "GET" else "GET")
    yield "a longer path", replace(request, target=request.target.replace("/", "/x", 1))
    yield "a longer query", replace(request, target=f"{request.target}{'&' if '?' in request.target else '?'}limit=1")
    yield "another body", replace(request, body=request.body + b" ")


def another(name, value):
    if name in {"date", "x-date"}:
        return format_datetime(
            datetime.strptime(value, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC) + timedelta(seconds=1),
            usegmt=True,
        )
    return {"host": OTHER_HOST, "content-length": "7777"}.get(name, f"{value}x")


def shortened(request):
    """Return it with a length that is the body's no more."""
    return replace(request.put("content-length", None), body=request.body + b" ")
