"""Nothing of an operation is sent later than ten minutes after it began (docs/protocol.md, 3)."""

from datetime import UTC, datetime, timedelta

import botocore.auth
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from tests.contract.backends import REGION
from tests.factories import limits

from moorage.domain.content import OPERATION_DEADLINE
from moorage.domain.errors import Unavailable
from moorage.stores import deadline
from moorage.stores.deadline import operation
from moorage.stores.keys import Key
from moorage.wiring import Settings, open_stores

SECOND = timedelta(seconds=1)
TABLES = ("links", "bytes", "uploads", "manifests", "repositories", "identity")


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def stores():
    """The product's own stores, on an endpoint that nobody listens at."""
    return open_stores(
        Settings(
            table="table",
            bucket="bucket",
            region=REGION,
            dynamodb_endpoint="http://127.0.0.1:1",
            s3_endpoint="http://127.0.0.1:1",
            public_endpoint=None,
            origins=("http://localhost",),
            trusted_proxies=(),
            blob_front=True,
            url_life=timedelta(minutes=15),
            limits=limits(),
        )
    )


def request(signed: datetime | None, kind: type = str) -> AWSRequest:
    made = AWSRequest("POST", "http://127.0.0.1:1/")
    if signed:
        text = signed.strftime("%Y%m%dT%H%M%SZ")
        made.headers["X-Amz-Date"] = text.encode() if kind is bytes else text
    return made


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("kind", [str, bytes])
def test_a_request_that_was_signed_after_the_deadline_is_not_sent(kind):
    with operation(), pytest.raises(Unavailable):
        deadline._refuse_late(request(now() + OPERATION_DEADLINE + 2 * SECOND, kind))


@pytest.mark.parametrize(
    "signed",
    [
        pytest.param(now, id="at once"),
        pytest.param(lambda: now() + OPERATION_DEADLINE - 2 * SECOND, id="in time"),
        pytest.param(lambda: None, id="not signed"),
    ],
)
def test_other_requests_pass(signed):
    with operation():
        assert deadline._refuse_late(request(signed())) is None


def test_outside_of_an_operation_there_is_no_deadline():
    with operation():
        pass

    assert deadline._refuse_late(request(now() + timedelta(days=1))) is None


def test_an_operation_in_another_one_does_not_begin_anew(monkeypatch):
    with operation():
        begun = deadline._started.get()
        with operation():
            assert begun is deadline._started.get()
        assert begun is deadline._started.get()
    assert deadline._started.get() is None


def test_an_operation_that_fails_is_over_too():
    with pytest.raises(ZeroDivisionError), operation():
        raise ZeroDivisionError

    assert deadline._started.get() is None


def clients(stores):
    """Every botocore client that the wiring makes."""
    tables = [getattr(stores, name)._table.client for name in TABLES]
    return {id(client): client for client in [*tables, stores.objects.client]}.values()


def test_every_client_asks_before_it_sends(stores):
    """
    A thawed thread signs anew: the clock of the signer is an hour ahead of the operation's.
    """
    found = list(clients(stores))
    assert {"dynamodb", "s3"} == {client.meta.service_model.service_name for client in found}

    for client in found:
        late = request(now() + timedelta(hours=1))
        name = client.meta.service_model.service_id.hyphenize()
        with operation(), pytest.raises(Unavailable):
            client.meta.events.emit(f"before-send.{name}.Anything", request=late)


def test_the_wiring_makes_no_client_that_this_test_does_not_know(stores, monkeypatch):
    made = []
    create = botocore.session.Session.create_client
    monkeypatch.setattr(
        botocore.session.Session,
        "create_client",
        lambda self, *args, **kwargs: made.append(create(self, *args, **kwargs)) or made[-1],
    )
    fresh = open_stores(
        Settings(
            table="table",
            bucket="bucket",
            region=REGION,
            dynamodb_endpoint="http://127.0.0.1:1",
            s3_endpoint="http://127.0.0.1:1",
            public_endpoint=None,
            origins=("http://localhost",),
            trusted_proxies=(),
            blob_front=True,
            url_life=timedelta(minutes=15),
            limits=limits(),
        )
    )

    assert {id(client) for client in clients(fresh)} == {id(client) for client in made}


@pytest.mark.parametrize("call", ["dynamodb", "s3"])
def test_the_date_that_counts_is_the_one_that_was_signed(stores, monkeypatch, call):
    """
    A real request, with a signer whose clock is late: it is refused before a connection is made.
    """
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.now() + timedelta(hours=1))  # noqa: DTZ005
    sent: list[AWSResponse] = []
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", lambda self, request: sent.append(request))

    with operation(), pytest.raises(Unavailable):
        if call == "s3":
            stores.objects.put("key", b"data")
        else:
            stores.links._table.get(Key("pk", "sk"))

    assert [] == sent
