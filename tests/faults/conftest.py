import time
from collections.abc import Iterator

import pytest
from botocore.retries import quota
from tests.contract.backends import REGION, Aws
from tests.factories import limits
from tests.faults.wire import Moto, Wire
from tests.faults.world import Inline, World
from tests.races.steps import Inline as InlineExecutor

import v2_push.uploads
from moorage.devserver.proportion import pay_for_what_is_touched
from moorage.devserver.strict import Endpoints
from moorage.operations import assembly, push
from moorage.stores.presign import Credentials

NOBODY = "http://127.0.0.1:1"  # where nobody listens: what does not go through the wire goes nowhere
PART = 30 * 1024  # bytes


@pytest.fixture(scope="session")
def quotas() -> Iterator[list[quota.RetryQuota]]:
    """The retries that each client has left; botocore's own are made and kept where nobody can see them."""
    made: list[quota.RetryQuota] = []
    init = quota.RetryQuota.__init__

    def note(self: quota.RetryQuota, *args: object, **kwargs: object) -> None:
        init(self, *args, **kwargs)
        made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quota.RetryQuota, "__init__", note)
        yield made


@pytest.fixture(scope="session")
def inner_aws(quotas: list[quota.RetryQuota]) -> Iterator[tuple[Aws, Wire]]:
    """DynamoDB and S3 in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        pay_for_what_is_touched()
        patch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", PART)
        # moto warns of objects that were not disposed of: those of a world that was put back.
        patch.setattr("moto.s3.models.FakeKey.__del__", lambda key: key._value_buffer.close())
        server = Moto()
        aws = Aws(Endpoints(NOBODY, NOBODY, Credentials("test", "test"), REGION))
        plain = Wire(server)
        for client in (aws.dynamodb, aws.s3):
            plain.connect(client)
        yield aws, Wire(server)


@pytest.fixture(scope="session")
def runner() -> Iterator[Inline]:
    made = Inline()
    yield made
    made.close()


@pytest.fixture(scope="session")
def only_world(inner_aws: tuple[Aws, Wire], quotas: list[quota.RetryQuota], runner: Inline) -> Iterator[World]:
    aws, wire = inner_aws
    with aws.backend(limits(namespace="acme")) as backend:
        yield World(backend, wire, quotas, runner)
        wire.begin()


@pytest.fixture
def world(only_world: World) -> World:
    """A registry with users and one empty repository."""
    only_world.restore(only_world.first)
    return only_world


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let parts, and the rows of a transaction, be so few that small content has several."""
    monkeypatch.setattr(assembly, "part_size", lambda number: PART)
    monkeypatch.setattr(assembly, "ThreadPoolExecutor", InlineExecutor)
    monkeypatch.setattr(v2_push.uploads, "WHOLE", PART)
    monkeypatch.setattr(push, "TRANSACTION_ROOM", 20)


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody sleeps; how long they would have is kept."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    return pauses
