"""Every request that a registry takes, each in the world that it is sent to, and what may be said to its repeat."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.faults.world import World
from tests.routes.registry import CONFIG, Answer, descriptor, image, index

from moorage.domain.content import BytesState, LinkState
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX
from moorage.domain.upload import SESSION_LIFE
from moorage.web.site import TOKEN_PATH

SMALL = b"small"
LARGE = b"l" * 20_000  # an object of one piece
LONG = b"parts" * 15_000  # 75,000 bytes: two parts and a tail
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@dataclass
class Request:
    """What is sent, and the statuses that a repeat may get when the first was applied."""

    send: Callable[[], Answer]
    over: tuple[int, ...] = ()
    then: Callable[[], object] = lambda: None  # what follows it
    prepare: Callable[[], object] = lambda: None  # of the process that serves it
    reads: bool = field(default=False)


Make = Callable[[World], Request]


def _client(world: World) -> Any:
    client = world.registry.client()
    assert client.authorization
    client.get("/v2/")  # this process reads the keys
    return client


def read(
    path: str, method: str = "GET", *, pushed: Callable[[Any], object] | None = None, wait: timedelta | None = None
) -> Make:
    def make(world: World) -> Request:
        client = _client(world)
        client.push_image("latest", SMALL, LARGE)
        if pushed:
            pushed(client)
        client.get("manifests/latest")
        if wait:
            world.registry.clock.advance(wait)
            client.renew().get("/v2/")
        return Request(lambda: client.send(method, path), reads=True)

    return make


def first_request(world: World) -> Request:
    client = _client(world)
    return Request(lambda: client.get("/v2/"), prepare=world.forget_keys, reads=True)


def token(user: str | None, *, password: str | None = None) -> Make:
    def make(world: World) -> Request:
        known = world.registry.password(user) if user else ""
        basic = b64encode(f"acme/{user}:{password or known}".encode()).decode()
        headers = [("Authorization", f"Basic {basic}")] if user else []
        scope = urlencode([("scope", "repository:acme/app:pull,push"), ("scope", "repository:acme/other:pull")])
        return Request(lambda: world.registry.send("GET", f"{TOKEN_PATH}?{scope}", headers))

    return make


def token_by_form(grant_type: str) -> Make:
    def make(world: World) -> Request:
        password = world.registry.password("writer")
        form = {"service": "localhost:5000", "scope": "repository:acme/app:pull", "access_type": "offline"}
        first = {**form, "grant_type": "password", "username": "acme/writer", "password": password}
        kind = ("Content-Type", "application/x-www-form-urlencoded")

        def post(fields: dict[str, str]) -> Answer:
            return world.registry.send("POST", TOKEN_PATH, [kind], urlencode(fields).encode())

        if grant_type == "password":
            return Request(lambda: post(first))
        refresh = post(first).json()["refresh_token"]
        return Request(lambda: post({**form, "grant_type": grant_type, "refresh_token": refresh}))

    return make


def upload_status(world: World) -> Request:
    client = _client(world)
    path = client.start()
    client.expect(202, client.patch(path, body=SMALL))
    return Request(lambda: client.get(path), reads=True)


def post(query: str = "", body: bytes = b"", *, name: str = "acme/app", source: bytes | None = None) -> Make:
    def make(world: World) -> Request:
        if source:
            world.registry.client(name="acme/source").push_blob(source)
        client = world.registry.client(name=name)
        assert client.authorization
        client.get("/v2/")
        return Request(lambda: client.post(f"blobs/uploads/{query}", body=body))

    return make


def mount(data: bytes, source: str = "&from=acme/source") -> Make:
    return post(f"?mount={Digest.of(data)}{source}", source=data)


def patch(body: bytes, before: bytes = b"") -> Make:
    """A chunk that says where it starts: told again, its client sees that it was taken."""

    def make(world: World) -> Request:
        client = _client(world)
        path = client.start()
        if before:
            client.expect(202, client.patch(path, body=before))
        first = {"Content-Range": f"{len(before)}-{len(before) + len(body) - 1}"}
        digest = Digest.of(before + body)
        return Request(
            lambda: client.patch(path, first, body),
            over=(416,),
            then=lambda: client.expect(201, client.put(f"{path}?digest={digest}")),
        )

    return make


def put(body: bytes, before: bytes = b"", *, digest: Digest | None = None, over: tuple[int, ...] = ()) -> Make:
    def make(world: World) -> Request:
        client = _client(world)
        path = client.start()
        if before:
            client.expect(202, client.patch(path, body=before))
        named = digest or Digest.of(before + body)
        return Request(lambda: client.put(f"{path}?digest={named}", body=body), over=over)

    return make


def put_again(world: World) -> Request:
    """The bytes were here, and are being removed: the sweep of bytes and links has begun with them."""
    client = _client(world)
    pushed_and_deleted(client)
    blob = Digest.of(LARGE)
    world.backend.set_link_state(world.repository.id, blob, LinkState.DELETING)
    world.backend.set_bytes_state(blob, BytesState.DELETING)
    path = client.start()
    return Request(lambda: client.put(f"{path}?digest={blob}", body=LARGE))


def cancel(body: bytes) -> Make:
    def make(world: World) -> Request:
        client = _client(world)
        path = client.start()
        if body:
            client.expect(202, client.patch(path, body=body))
        return Request(lambda: client.delete(path), over=(404,))

    return make


def manifest(
    reference: str, data: bytes, *blobs: bytes, before: Callable[[Any], object] | None = None, kind: str | None = None
) -> Make:
    def make(world: World) -> Request:
        client = _client(world)
        for blob in (CONFIG, *blobs):
            client.push_blob(blob)
        if before:
            before(client)
        headers = {"Content-Type": kind} if kind else {}
        return Request(lambda: client.put(f"manifests/{reference}", headers, data))

    return make


IMAGE = image(SMALL, LARGE)
IMAGE_DIGEST = Digest.of(IMAGE)
REFERRER = image(SMALL, subject=descriptor(IMAGE, "application/vnd.oci.image.manifest.v1+json"))
MANY = [str(number).encode() for number in range(30)]


def pushed(client: Any) -> None:
    client.push_image("latest", SMALL, LARGE)


def pushed_and_deleted(client: Any) -> None:
    pushed(client)
    client.registry.clock.advance(SECOND)  # the history of a tag is ordered by time
    client.expect(202, client.delete(f"manifests/{IMAGE_DIGEST}"))


def delete(path: str, *, before: Callable[[Any], object] = pushed) -> Make:
    def make(world: World) -> Request:
        client = _client(world)
        before(client)
        return Request(lambda: client.delete(path), over=(404,))

    return make


def with_referrer_and_tags(client: Any) -> None:
    pushed(client)
    client.push_manifest("other", IMAGE)
    client.push_manifest("sig", REFERRER)


def sweep(world: World) -> Request:
    """Sessions that are over: open ones with parts and with a tail, and one whose object is a blob by now."""
    client = _client(world)
    for body in (LONG, LARGE, SMALL):
        client.expect(202, client.patch(client.start(), body=body))
    client.push_blob(LARGE)
    world.registry.clock.advance(SESSION_LIFE + HOUR)

    def send() -> Answer:
        world.sweep()
        return Answer(200, {}, b"")

    return Request(send, then=world.check_nothing_dangles)


READS = {
    "the first request of a process": first_request,
    "get a token": token("writer"),
    "get a token for nobody": token(None),
    "get a token with a wrong password": token("writer", password="wrong"),
    "post for a token": token_by_form("password"),
    "post a refresh token": token_by_form("refresh_token"),
    "head a manifest by tag": read("manifests/latest", "HEAD"),
    "head a manifest by digest": read(f"manifests/{IMAGE_DIGEST}", "HEAD"),
    "get a manifest": read("manifests/latest"),
    "get a manifest for the first time in an hour": read("manifests/latest", wait=HOUR),
    "get a large manifest": read(
        "manifests/big",
        pushed=lambda client: client.push_manifest("big", image(SMALL, annotations={"x": "x" * 70_000})),
    ),
    "get an absent manifest": read("manifests/absent"),
    "head a blob": read(f"blobs/{Digest.of(LARGE)}", "HEAD"),
    "head a blob whose promise ends": read(f"blobs/{Digest.of(LARGE)}", "HEAD", wait=13 * HOUR),
    "get a small blob": read(f"blobs/{Digest.of(SMALL)}"),
    "get a blob": read(f"blobs/{Digest.of(LARGE)}"),
    "list tags": read("tags/list"),
    "list the catalog": read("/v2/_catalog"),
    "list referrers": read(f"referrers/{IMAGE_DIGEST}", pushed=lambda client: client.push_manifest("sig", REFERRER)),
    "ask how an upload stands": upload_status,
}

WRITES = {
    "open an upload": post(),
    "open an upload in a new repository": post(name="acme/new"),
    "post a small blob": post(f"?digest={Digest.of(SMALL)}", SMALL),
    "post a blob": post(f"?digest={Digest.of(LARGE)}", LARGE),
    "post a blob of parts": post(f"?digest={Digest.of(LONG)}", LONG),
    "mount a small blob": mount(SMALL),
    "mount a blob": mount(LARGE),
    "mount a blob from wherever it is": mount(LARGE, ""),
    "mount a blob that is nowhere": post(f"?mount={Digest.of(b'nowhere')}&from=acme/source", source=LARGE),
    "send a small chunk": patch(SMALL),
    "send a chunk": patch(LARGE),
    "send a chunk of parts": patch(LONG),
    "send a small chunk after a chunk": patch(SMALL, LARGE),
    "send a chunk after a chunk": patch(LARGE, LARGE),
    "send a chunk after parts": patch(LONG, LONG),
    "put a small blob": put(SMALL),
    "put a blob": put(LARGE),
    "put a blob of parts": put(LONG),
    "finish a small chunk": put(b"", SMALL),
    "finish a chunk": put(b"", LARGE),
    "finish parts": put(b"", LONG),
    "finish parts with more": put(LONG, LONG),
    "finish under another algorithm": put(b"", LONG, digest=Digest.of(LONG, "sha512")),
    "put a blob with a wrong digest": put(LARGE, digest=Digest.of(b"other"), over=(404,)),
    "put a blob that is being removed": put_again,
    "cancel an upload": cancel(b""),
    "cancel an upload of parts": cancel(LONG),
    "push a manifest": manifest("v1", IMAGE, SMALL, LARGE),
    "push a manifest by its digest": manifest(f"{IMAGE_DIGEST}?tag=v1&tag=v2", IMAGE, SMALL, LARGE),
    "push a referrer": manifest("sig", REFERRER, SMALL),
    "push an index": manifest("all", index(IMAGE), SMALL, LARGE, before=pushed, kind=OCI_INDEX),
    "push a large manifest": manifest("v1", image(SMALL, annotations={"x": "x" * 70_000}), SMALL),
    "push a manifest of many layers": manifest("v1", image(*MANY), *MANY),
    "push a manifest whose blob is missing": manifest("v1", image(b"missing")),
    "move a tag": manifest("latest", image(SMALL), SMALL, before=pushed),
    "push what was deleted": manifest("v1", IMAGE, before=pushed_and_deleted),
    "push what is there": manifest("latest", IMAGE, before=pushed),
    "delete a manifest": delete(f"manifests/{IMAGE_DIGEST}", before=with_referrer_and_tags),
    "delete a tag": delete("manifests/latest"),
    "delete a blob": delete(f"blobs/{Digest.of(LARGE)}", before=lambda client: client.push_blob(LARGE)),
    "delete a blob that is needed": delete(f"blobs/{Digest.of(LARGE)}"),
}

SWEEP = {"sweep uploads": sweep}


def cases(*tables: dict[str, Make]) -> list[Any]:
    """Return the parameters of a test, named by what is sent."""
    return [pytest.param(make, id=name) for table in tables for name, make in table.items()]
