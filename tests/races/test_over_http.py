"""The same over the ASGI application: requests at once, and storage that is busy for one call of each."""

import asyncio
import os
from dataclasses import replace

import pytest
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.races.invariants import snapshot
from tests.races.steps import STORES, Through
from tests.routes.registry import CONFIG, Registry, image

from moorage.domain.content import Counts
from moorage.domain.digest import Digest
from moorage.domain.errors import Unavailable

REQUESTS = 32
LAYER = b"layer" * 5000
DIGEST = Digest.of(LAYER)


class Hiccup:
    """Storage that does not answer the call of that number, and answers all others."""

    def __init__(self, stores):
        self.at = -1
        self.calls = 0
        named = {name: Through(getattr(stores, name), name, self._around) for name in STORES}
        self.stores = replace(stores, **named)

    def __call__(self, at):
        self.at, self.calls = at, 0

    def _around(self, name, call):
        self.calls += 1
        if self.calls - 1 == self.at:
            raise Unavailable("busy")
        return call()


@pytest.fixture
def backend():
    """Memory stores whose dice many threads may throw."""
    made = MemoryBackend(limits(namespace="acme", images=2000))
    made.stores = replace(made.stores, entropy=os.urandom)
    return made


@pytest.fixture
def hiccup(backend):
    made = Hiccup(backend.stores)
    backend.stores = made.stores
    return made


@pytest.fixture
def registry(backend):
    with asyncio.Runner() as runner:
        yield Registry(backend, runner)


@pytest.fixture
def client(registry):
    made = registry.client()
    made.push_blob(CONFIG)
    assert made.renew().authorization  # this token names the repository, which is there now
    return made


def check(backend):
    (name,) = backend.rows.names
    shot = snapshot(backend, backend.rows.names[name])
    shot.check()
    return shot


def test_one_tag_moved_by_many(backend, registry, client):
    images = [image(annotations={"number": str(number)}) for number in range(REQUESTS)]

    answers = registry.all_at_once(*[client.ask("PUT", "manifests/v1", body=data) for data in images])

    assert {201} == {answer.status for answer in answers}
    assert Counts(images=REQUESTS) == check(backend).counts
    assert client.head("manifests/v1").headers["docker-content-digest"] in {str(Digest.of(data)) for data in images}


def test_compare_and_swap_by_many(backend, registry, client):
    images = [image(annotations={"number": str(number)}) for number in range(REQUESTS)]
    tags = ["manifests/v1", {"If-None-Match": "*"}]

    answers = registry.all_at_once(*[client.ask("PUT", *tags, body=data) for data in images])

    assert [201, *[412] * (REQUESTS - 1)] == sorted(answer.status for answer in answers)
    check(backend)


def test_one_blob_pushed_by_many(backend, registry, client):
    paths = [client.start() for _ in range(REQUESTS)]

    answers = registry.all_at_once(*[client.ask("PUT", f"{path}?digest={DIGEST}", body=LAYER) for path in paths])

    assert {201} == {answer.status for answer in answers}
    assert LAYER == client.pull_blob(DIGEST)
    assert 1 == len(backend.references(DIGEST))
    check(backend)


def test_one_session_fed_and_finished_by_many(backend, registry, client):
    """
    Each is answered cleanly: taken, or told where the upload stands, or that it is over.
    """
    path = client.start()
    chunks = [bytes([number]) * 1000 for number in range(REQUESTS)]

    answers = registry.all_at_once(*[client.ask("PATCH", path, {"Content-Range": "0-999"}, chunk) for chunk in chunks])

    assert [202, *[416] * (REQUESTS - 1)] == sorted(answer.status for answer in answers)
    assert {"0-999"} == {client.get(path).headers["range"]}
    (taken,) = [chunk for chunk, answer in zip(chunks, answers, strict=True) if answer.status == 202]
    digest = Digest.of(taken)
    answers = registry.all_at_once(*[client.ask("PUT", f"{path}?digest={digest}") for _ in range(REQUESTS)])
    assert {201} == {answer.status for answer in answers}
    assert taken == client.pull_blob(digest)
    check(backend)


def test_pushes_against_deletes(backend, registry, client):
    """
    What a push was told is there can be pulled, until somebody deletes the manifest.
    """
    data = image(LAYER)
    client.push_blob(LAYER)
    manifest = f"manifests/{Digest.of(data)}"
    for _ in range(4):
        answers = registry.all_at_once(
            *[client.ask("PUT", f"manifests/v{number % 4}", body=data) for number in range(12)],
            *[client.ask("DELETE", f"blobs/{DIGEST}") for _ in range(8)],
            *[client.ask("DELETE", manifest) for _ in range(4)],
        )

        assert {answer.status for answer in answers} <= {201, 202, 404, 405, 503}
        check(backend)
        client.push_image("v1", LAYER)
        assert LAYER == client.pull_blob(DIGEST)


def push(client):
    """Open a session, push a blob in two chunks, and a manifest with a tag."""
    path = yield "POST", "blobs/uploads/", {}, b"", 202
    path = path.headers["location"]
    yield "PATCH", path, {"Content-Range": "0-19999"}, LAYER[:20_000], 202
    yield "PUT", f"{path}?digest={DIGEST}", {"Content-Range": f"20000-{len(LAYER) - 1}"}, LAYER[20_000:], 201
    yield "HEAD", f"blobs/{DIGEST}", {}, b"", 200
    yield "PUT", "manifests/v1", {}, image(LAYER), 201
    yield "GET", "manifests/v1", {}, b"", 200


def delete(client):
    """Take all of it away again."""
    yield "DELETE", "manifests/v1", {}, b"", 202
    yield "DELETE", f"manifests/{Digest.of(image(LAYER))}", {}, b"", 202
    yield "DELETE", f"blobs/{DIGEST}", {}, b"", 202


def mount(client):
    """Take a blob from another repository, and give up an upload."""
    yield "POST", f"blobs/uploads/?mount={DIGEST}&from=acme/source", {}, b"", 201
    path = yield "POST", f"blobs/uploads/?digest={Digest.of(b'small')}", {}, b"small", 201
    path = yield "POST", "blobs/uploads/", {}, b"", 202
    yield "DELETE", path.headers["location"], {}, b"", 204


@pytest.mark.parametrize("work", [(push, delete), (mount,)], ids=["push and delete", "mount and cancel"])
def test_a_client_is_told_to_come_back_and_does(hiccup, registry, client, work):
    """
    Each request is sent with its first call failing, then with its second, until one goes through.
    """
    registry.client(name="acme/source").push_blob(LAYER)
    for steps in work:
        waiting = steps(client)
        step = next(waiting)
        while step:
            *request, expected = step
            answer = _persist(hiccup, client, request)
            assert expected == answer.status, (request[:2], answer.body)
            try:
                step = waiting.send(answer)
            except StopIteration:
                step = None


def _persist(hiccup, client, request):
    method, path, headers, body = request
    for failing in range(60):
        hiccup(failing)
        answer = client.send(method, path, headers, body)
        hiccup(-1)
        if answer.status != 503:
            return answer
        assert int(answer.headers["retry-after"]) > 0
        assert method == "HEAD" or (503, ["UNAVAILABLE"]) == answer.error
    raise AssertionError("nobody gets through")
