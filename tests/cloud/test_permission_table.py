"""Who may call what: every operation by everybody, and nobody learns whether there is what he may not see."""

import re

import pytest
from tests.cloud.operations import NOT_FOUND, RELATED, ROWS, Things
from tests.cloud.plane import Plane, refusal
from tests.cloud.schema import OPERATIONS
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.routes.fronts import FRONTS
from tests.routes.registry import Registry

from moorage.domain.policy.permissions import VERBS

ABSENT_ULID = "01arz3ndektsv4rrffq69g5fav"
EVERYBODY = ("anonymous", "no policy", "other compartment", *VERBS, "administrator")


@pytest.fixture
def world(runner):
    """Make a plane with what operations are about, and with callers."""

    def make():
        return Things(Plane(Registry(MemoryBackend(limits(namespace="acme")), runner, FRONTS["direct"])))

    return make


def _caller(things, who, row):
    plane = things.plane
    if who == "anonymous":
        return plane.nobody()
    if who == "administrator":
        return things.admin
    group = who.replace(" ", "-")
    plane.user(group, [group])
    place = "tenancy" if row.place == "root" else "compartment team"
    if who in VERBS:
        plane.policy(*(f"Allow group {group} to {who} {each} in {place}" for each in row.types))
    if who == "other compartment":
        plane.policy(f"Allow group {group} to manage all-resources in compartment other")
    return plane.as_(group)


def _expected(who, row):
    return who == "administrator" or (who in VERBS and VERBS.index(who) >= VERBS.index(row.verb))


def _send(things, caller, row):
    return caller.send(*row.of(things))


@pytest.mark.parametrize("operation", ROWS)
def test_an_operation_is_for_those_whom_a_policy_allows_it(world, operation):
    row, things, told = ROWS[operation], world(), {}
    changes = not row.request.startswith("GET")
    for who in EVERYBODY:
        answer = _send(things, _caller(things, who, row), row)
        told[who] = answer.status < 300 or refusal(answer)
        if changes and answer.status < 300:
            things = world()

    assert {who: _expected(who, row) or row.refused for who in EVERYBODY} | {
        "anonymous": (401, "NotAuthenticated")
    } == told


@pytest.mark.parametrize("operation", [name for name, row in ROWS.items() if "<" in f"{row.request}{row.body}"])
def test_what_is_forbidden_answers_as_what_is_not_there(world, operation):
    row, things = ROWS[operation], world()
    stranger, other = (_caller(things, who, row) for who in ("no policy", "other compartment"))
    may = _caller(things, "manage", row)
    method, target, body = row.of(things)
    absent = (method, *_absent(target, body))

    forbidden = _seen(stranger.send(method, target, body))

    assert absent[1:] != (target, body)
    assert forbidden == _seen(other.send(method, target, body))
    assert forbidden == _seen(stranger.send(*absent)) == _seen(other.send(*absent))
    assert row.absent == refusal(may.send(*absent))
    if row.absent == row.refused:
        assert forbidden == _seen(may.send(*absent))


@pytest.mark.parametrize(
    ("operation", "field", "refused"),
    [
        ("ChangeContainerRepositoryCompartment", "compartmentId", RELATED),
        ("MoveCompartment", "targetCompartmentId", NOT_FOUND),
    ],
)
def test_a_place_to_move_to_that_is_forbidden_answers_as_one_that_is_not_there(world, operation, field, refused):
    row, things = ROWS[operation], world()
    things.plane.user("mover", ["movers"])
    things.plane.policy("Allow group movers to manage all-resources in compartment team")
    method, target, body = row.of(things)
    forbidden, absent = ({**body, field: place} for place in (things.other, _renamed(things.other)))
    mover = things.plane.as_("mover")

    assert refused == refusal(mover.send(method, target, forbidden))
    assert _seen(mover.send(method, target, forbidden)) == _seen(mover.send(method, target, absent))


def test_the_namespace_is_told_to_whoever_signs(world):
    things = world()

    assert 401 == things.plane.nobody().get("/n").status
    assert 200 == things.plane.as_("nobody-in-particular").get("/n").status


def test_every_operation_is_in_the_table():
    assert {each.id for each in OPERATIONS} == {*ROWS, "GetNamespace"}


def _seen(answer):
    """All that a caller sees of an answer, but for what every answer has of its own."""
    own = {"opc-request-id", "x-request-id", "date"}
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in own}
    return answer.status, headers, answer.body


def _absent(target, body):
    """Name things that never were, where the request names things that are: the first of them, if there are several."""
    changed = _renamed(target)
    if changed != target or body is None:
        return changed, body
    for field in ("userId", "imageId", "imageUri", "compartmentId"):
        if field in body:
            return target, {**body, field: _renamed(body[field])}
    return target, body


def _renamed(text):
    text = re.sub(r"(ocid1\.(?!tenancy)\w+\.moorage\.\.)\w{26}", rf"\g<1>{ABSENT_ULID}", text)
    text = re.sub(r"ocid1\.tenancy\.moorage\.\.\w+", f"ocid1.compartment.moorage..{ABSENT_ULID}", text)
    return text.replace("acme/app@", "acme/absent@")
