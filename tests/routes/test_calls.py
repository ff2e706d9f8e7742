"""How many requests to DynamoDB and S3 each request costs: docs/protocol.md, 4.11, and none for authorisation."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.backends import DynamoBackend
from tests.factories import limits
from tests.routes.registry import CONFIG, Registry, descriptor, image, index

from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX
from moorage.operations.deciding import POLICIES_LIFE
from moorage.stores import keys
from moorage.stores.dynamodb.items import NameItem, ReferrerItem, TagItem
from moorage.web.tokens import KEYS_LIFE

SMALL, LARGE = b"small", b"x" * 20_000
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC)


class Calls(list):
    """The operations that were sent, in order; `of` makes one request and tells those that it cost."""

    def watch(self, client):
        client.meta.events.register("before-send", self._note, unique_id="calls")

    def unwatch(self, client):
        client.meta.events.unregister("before-send", unique_id="calls")

    def _note(self, request, **_):
        target = request.headers.get("X-Amz-Target")
        self.append(target.decode().partition(".")[2] if target else f"{request.method} object")

    def of(self, status, send, *args, **kwargs):
        self.clear()
        answer = send(*args, **kwargs)
        assert status == answer.status, answer.body
        return list(self)


@pytest.fixture
def registry(aws, runner):
    with aws.backend(limits(namespace="acme")) as backend:
        assert isinstance(backend, DynamoBackend)
        made = Registry(backend, runner)
        made.repository()
        yield made


@pytest.fixture
def calls(registry):
    counted = Calls()
    clients = [registry.stores.repositories._table.client, registry.stores.objects.client]
    for client in clients:
        counted.watch(client)
    yield counted
    for client in clients:
        counted.unwatch(client)


@pytest.fixture
def client(registry, calls):
    """An administrator whose token names the repository, in a process that has read the keys."""
    made = registry.client()
    assert 404 == made.get("manifests/absent").status
    return made


@pytest.fixture
def pushed(client):
    client.push_image("latest", SMALL, LARGE)
    client.get("manifests/latest")  # the hour's first pull
    return client


DIGEST = Digest.of(image(SMALL, LARGE))


@pytest.mark.parametrize(
    ("method", "path", "status", "expected"),
    [
        ("GET", "/v2/", 200, []),
        ("HEAD", "manifests/latest", 200, ["GetItem"]),
        ("HEAD", f"manifests/{DIGEST}", 200, ["GetItem"]),
        ("GET", "manifests/latest", 200, ["GetItem", "GetItem"]),
        ("GET", f"manifests/{DIGEST}", 200, ["GetItem"]),
        ("HEAD", f"blobs/{Digest.of(SMALL)}", 200, ["GetItem"]),
        ("HEAD", f"blobs/{Digest.of(LARGE)}", 200, ["GetItem"]),
        ("GET", f"blobs/{Digest.of(SMALL)}", 200, ["GetItem"]),
        ("GET", f"blobs/{Digest.of(LARGE)}", 307, ["GetItem"]),
        ("GET", "tags/list", 200, ["Query"]),
        ("GET", f"referrers/{DIGEST}", 200, ["Query", "GetItem"]),
        ("GET", "/v2/_catalog", 200, ["Query"]),
    ],
)
def test_reads(pushed, calls, method, path, status, expected):
    """
    A client that pulls pays for what it gets, and for nothing that the token says.
    """
    assert expected == calls.of(status, pushed.send, method, path)


@pytest.mark.parametrize("path", ["manifests/latest", f"manifests/{DIGEST}", "tags/list", f"blobs/{Digest.of(SMALL)}"])
def test_who_may_not_costs_nothing(pushed, calls, path):
    assert [] == calls.of(401, pushed.registry.send, "GET", f"/v2/acme/app/{path}")


def test_the_first_pull_of_an_hour_notes_its_time(pushed, calls):
    pushed.registry.clock.advance(HOUR)
    pushed.renew().get("/v2/")

    assert ["GetItem", "GetItem", "UpdateItem"] == calls.of(200, pushed.get, "manifests/latest")
    assert ["GetItem", "GetItem"] == calls.of(200, pushed.get, "manifests/latest")


def test_a_large_manifest_is_read_from_the_bucket(client, calls):
    client.push_blob(CONFIG)
    data = image(annotations={"x": "x" * 70_000})
    digest = client.push_manifest("latest", data)
    client.get("manifests/latest")

    assert ["GetItem", "GET object"] == calls.of(200, client.get, f"manifests/{digest}")


@pytest.mark.parametrize("data", [SMALL, LARGE], ids=["small", "large"])
def test_a_head_renews_its_promise_when_half_of_it_is_over(client, calls, data):
    digest = client.push_blob(data)
    client.registry.clock.advance(13 * HOUR)
    client.renew().get("/v2/")

    assert ["GetItem", "UpdateItem"] == calls.of(200, client.head, f"blobs/{digest}")
    assert ["GetItem"] == calls.of(200, client.head, f"blobs/{digest}")


def test_a_session_is_opened_by_one_write(client, calls):
    """
    What a principal has open is asked once in half a minute.
    """
    assert ["Query", "PutItem"] == calls.of(202, client.post, "blobs/uploads/")
    assert ["PutItem"] == calls.of(202, client.post, "blobs/uploads/")
    client.registry.clock.advance(timedelta(seconds=31))
    client.get("/v2/")  # reads the keys
    assert ["Query", "PutItem"] == calls.of(202, client.post, "blobs/uploads/")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(SMALL, ["UpdateItem", "UpdateItem"], id="small"),
        pytest.param(LARGE, ["UpdateItem", "PUT object", "UpdateItem", "UpdateItem"], id="large"),
    ],
)
def test_a_closing_put(client, calls, data, expected):
    location = client.start()

    assert expected == calls.of(201, client.put, f"{location}?digest={Digest.of(data)}", body=data)


@pytest.mark.parametrize(
    ("data", "patch", "put"),
    [
        pytest.param(SMALL, 2, 2, id="small"),
        pytest.param(LARGE, 3, 3, id="large"),
        pytest.param(bytes(9_000_000), 5, 5, id="larger than a part"),
    ],
)
def test_a_patch_and_a_closing_put(client, calls, data, patch, put):
    """
    A stream is claimed, staged and recorded; its end is closed, and linked.
    """
    location = client.start()

    assert patch == len(calls.of(202, client.patch, location, body=data))
    assert put == len(calls.of(201, client.put, f"{location}?digest={Digest.of(data)}"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(SMALL, ["GetItem", "UpdateItem"], id="small"),
        pytest.param(LARGE, ["GetItem", "UpdateItem", "UpdateItem"], id="large"),
    ],
)
def test_a_mount_from_a_repository_that_the_token_names(registry, calls, data, expected):
    digest = registry.client(name="acme/source").push_blob(data)
    token = registry.token("writer", "repository:acme/app:pull,push", "repository:acme/source:pull")
    headers = [("Authorization", f"Bearer {token}")]
    target = f"/v2/acme/app/blobs/uploads/?mount={digest}&from=acme/source"
    registry.send("GET", "/v2/", headers)

    assert expected == calls.of(201, registry.send, "POST", target, headers)


def test_a_mount_from_elsewhere_reads_policies_once_in_ten_seconds(registry, calls):
    """
    Clients do not put the source into the token's scope.
    """
    source = registry.client(name="acme/source")
    digests = [source.push_blob(data) for data in (b"first", b"second", b"third")]
    target = registry.client("writer")
    target.get("/v2/")

    def mount(digest):
        return calls.of(201, target.post, f"blobs/uploads/?mount={digest}&from=acme/source")

    assert ["GetItem", "BatchGetItem", "GetItem", "UpdateItem"] == mount(digests[0])
    assert ["GetItem", "GetItem", "UpdateItem"] == mount(digests[1])
    registry.clock.advance(POLICIES_LIFE)
    target.get("/v2/")
    assert ["GetItem", "BatchGetItem", "GetItem", "UpdateItem"] == mount(digests[2])


@pytest.mark.parametrize("second", [0, 9, 10], ids=lambda second: f"after {second} s")
def test_keys_and_revocations_cost_one_read_in_ten_seconds(client, calls, second):
    client.registry.clock.advance(KEYS_LIFE)
    client.get("/v2/")
    client.registry.clock.advance(timedelta(seconds=second))

    assert (["Query"] if second == 10 else []) == calls.of(200, client.get, "/v2/")


@pytest.mark.parametrize(
    ("children", "expected"), [(1, 3), (24, 3), (25, 4)], ids=["2 with the config", "25 with it", "26 with it"]
)
def test_a_manifest_is_put_by_edges_a_read_and_a_transaction(client, calls, children, expected):
    layers = [str(number).encode() for number in range(children)]
    for data in (CONFIG, *layers):
        client.push_blob(data)

    cost = calls.of(201, client.put, "manifests/latest", body=image(*layers))
    assert ["BatchWriteItem"] * (expected - 2) + ["BatchGetItem", "TransactWriteItems"] == cost


def test_a_manifest_that_needs_nothing_writes_no_edge(client, calls):
    cost = calls.of(201, client.put, "manifests/latest", {"Content-Type": OCI_INDEX}, index())

    assert ["BatchGetItem", "TransactWriteItems"] == cost


@pytest.mark.parametrize("path", ["manifests/latest", f"manifests/{DIGEST}"])
def test_a_delete(pushed, calls, path):
    assert 2 == len(calls.of(202, pushed.delete, path))
    assert "TransactWriteItems" == calls[-1]


def tags(repository_id, number):
    text = str(DIGEST)
    return [
        TagItem(
            *keys.tag(repository_id, f"t{place:03}"),
            digest=text,
            media_type="x",
            size=1,
            time_pushed=NOW,
            pushed_by="x",
        )
        for place in range(number)
    ]


def referrers(repository_id, number):
    return [
        ReferrerItem(
            *keys.referrer(repository_id, DIGEST, Digest.of(str(place).encode())),
            descriptor=descriptor(str(place).encode()),
        )
        for place in range(number)
    ]


def names(repository_id, number):
    fields = {"repository_id": repository_id, "public": False, "state": "AVAILABLE", "created_by": "x"}
    return [NameItem(*keys.name("acme", f"acme/r{place:03}"), time_created=NOW, **fields) for place in range(number)]


@pytest.mark.parametrize(
    ("rows", "path"),
    [(tags, "tags/list?n=10"), (names, "/v2/_catalog?n=10"), (referrers, f"referrers/{DIGEST}")],
    ids=["tags", "catalog", "referrers"],
)
def test_a_page_costs_the_same_of_30_entries_and_of_300(client, calls, rows, path):
    cost = []
    for number in (30, 300):
        repository = client.registry.stores.repositories.find(client.name)
        client.registry.stores.repositories._table.put_many(rows(repository.id, number))
        cost.append(calls.of(200, client.get, path))

    assert [["Query"], ["Query"]] == cost
