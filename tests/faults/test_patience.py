"""How long a request waits for storage, and how often it asks: never longer than a gateway, never a storm."""

import json
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from tests.faults.requests import READS, SWEEP, WRITES, Make, cases
from tests.faults.test_faults import begin, clean
from tests.faults.wire import INTERNALS, Attempt, Fault, internal_error, throttle, unprocessed
from tests.faults.world import World

from moorage.domain.errors import Unavailable
from moorage.stores import deadline
from moorage.stores.deadline import ATTEMPTS, HURRIED, PATIENT, answering
from moorage.stores.dynamodb.items import EdgeItem
from moorage.stores.keys import Key
from moorage.wiring import open_stores, read_settings

GATEWAY = 29  # seconds until API Gateway gives up
COLD_START = 2  # of them

ENVIRON = {
    "MOORAGE_TABLE": "table",
    "MOORAGE_BUCKET": "bucket",
    "MOORAGE_NAMESPACE": "acme",
    "MOORAGE_ORIGINS": "http://localhost",
    "AWS_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
}


class Time:
    """Goes on only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(deadline, "monotonic", made)
    monkeypatch.setattr("time.sleep", made.sleep)
    return made


def hanging(time: Time) -> Any:
    """Return a fault: connected to at the last moment, and never answered."""

    def no_answer(attempt: Attempt) -> AWSResponse:
        time.sleep(HURRIED.connect + HURRIED.read)
        return attempt.refuse(503, "SlowDown" if attempt.call.operation.startswith("s3.") else "ThrottlingException")

    return no_answer


@pytest.mark.parametrize("make", cases(READS, WRITES, SWEEP))
def test_a_function_answers_before_the_gateway_gives_up(world: World, time: Time, make: Make) -> None:
    """
    Storage hangs from some call on: the worst there is, for each call is tried until the end of all patience.
    """
    known = clean(world, make)
    request, answer, operations = known.request, known.answer, known.operations

    world.restore(known.saved)
    begun = time.now
    with answering(GATEWAY):
        told = begin(world, request, Outage(hanging(time), len(operations) // 2))

    assert told.status in {answer.status, 503}
    assert GATEWAY - COLD_START >= time.now - begun


class Outage:
    """Every call from a place on."""

    def __init__(self, kind: Any, place: int) -> None:
        self.kind = kind
        self.place = place

    def hits(self, call: Any) -> bool:
        return bool(call.number >= self.place)


def test_all_tries_at_one_call_fit_into_what_a_gateway_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where bodies stream nobody cuts a request off, and S3 may take a minute to join parts.
    """
    clients = {}
    for body_limit in ("4194304", "none"):
        stores = open_stores(read_settings({**ENVIRON, "MOORAGE_BODY_LIMIT": body_limit}))
        clients[body_limit] = [stores.links._table.client, stores.objects.client]
    in_time, patient = (
        {(client.meta.config.connect_timeout, client.meta.config.read_timeout) for client in clients[limit]}
        for limit in ("4194304", "none")
    )

    assert {(HURRIED.connect, HURRIED.read)} == in_time
    assert {(PATIENT.connect, PATIENT.read)} == patient
    assert GATEWAY - COLD_START > ATTEMPTS * (HURRIED.connect + HURRIED.read)
    assert {ATTEMPTS} == {
        client.meta.config.retries["total_max_attempts"] for each in clients.values() for client in each
    }


def test_tries_wait_longer_each_time_and_never_the_same(world: World, slept: list[float]) -> None:
    table = world.backend.stores.links._table
    key = Key("REPOSITORY#x", "META")
    tries = []
    for _ in range(20):
        slept.clear()
        world.forget()
        world.wire.begin(Fault(throttle, 0, "outage"))
        with pytest.raises(Unavailable):
            table.get(key)
        tries.append(list(slept))

    assert {ATTEMPTS - 1} == {len(pauses) for pauses in tries}
    for turn in range(ATTEMPTS - 1):
        assert len(tries) == len({pauses[turn] for pauses in tries})
        assert 2**turn >= max(pauses[turn] for pauses in tries)


def test_a_process_that_fails_for_long_hardly_tries_again(world: World) -> None:
    """
    What is left of 500 tokens is shared by all its requests, and comes back with success: no storm of retries.
    """
    client = world.registry.client()
    assert client.authorization
    client.get("/v2/")
    world.forget()
    world.wire.begin(Fault(internal_error, 0, "outage"))

    answers = [client.get("tags/list") for _ in range(100)]

    assert {503} == {answer.status for answer in answers}
    assert 2 * len(answers) >= sum(call.attempts for call in world.wire.calls)


def test_what_a_batch_leaves_is_sent_again_until_it_gets_nowhere(world: World, slept: list[float]) -> None:
    table = world.backend.stores.links._table
    rows = [EdgeItem(f"CONTENT#x#{place}", "NEEDED_BY#x", put="x") for place in range(30)]
    world.wire.begin(Fault(unprocessed, 0, "outage"))

    with pytest.raises(Unavailable):
        table.put_many(rows)

    assert 2 + ATTEMPTS == len(world.wire.calls)
    assert len(slept) == len(set(slept))
    assert 29 == len([row for row in world._rows() if row["pk"]["S"].startswith("CONTENT#x#")])
    world.wire.begin()
    table.put_many(rows)
    world.wire.begin(Fault(unprocessed, 0, "outage"))
    with pytest.raises(Unavailable):
        table.get_many([Key(row.pk, row.sk) for row in rows])


def test_the_log_says_what_was_wrong_and_the_answer_does_not(world: World, capsys: Any, caplog: Any) -> None:
    """
    The line, the metric and the answer of a request that storage failed have one request id.
    """
    client = world.registry.client()
    assert client.authorization
    world.wire.begin(Fault(internal_error, 0, "outage"))
    capsys.readouterr()

    answer = client.get("tags/list")

    assert (503, ["UNAVAILABLE"]) == answer.error
    assert INTERNALS not in answer.body.decode()
    told = [record for record in caplog.records if record.request_id == answer.headers["x-request-id"]]
    assert [("storage failed", "WARNING"), ("request", "ERROR")] == [(one.message, one.levelname) for one in told]
    assert "InternalServerError" in told[0].cause
    (counted,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "ServerErrors" in line]
    assert ([1.0], answer.headers["x-request-id"]) == (counted["ServerErrors"], counted["request_id"])
