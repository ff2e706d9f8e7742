"""A whole registry in this process, laid out by template.yaml, and clients that speak to it as a server would."""

import asyncio
import json
from base64 import b64encode
from copy import copy
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit

from starlette.datastructures import Headers
from tests.contract.backends import DynamoBackend
from tests.fakes import Clock
from tests.gateway import Gateway, functions_of
from tests.people import GROUPS, People

from moorage.devserver.front import BlobFront
from moorage.devserver.template import Template, load_app
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.operations.keys import rotate_keys
from moorage.operations.repositories import make, new_repository
from moorage.stores.dynamodb.uploads import DynamoUploadStore
from moorage.web.site import TOKEN_PATH, Site
from moorage.web.tokens import Keyring

TEMPLATE = Template.read(Path("template.yaml"))
ROLES = list(GROUPS)
HOST = "localhost:5000"
NAME = "acme/app"
ALL = "pull,push,delete"
CATALOG = "registry:catalog:*"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Headers
    body: bytes

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """Status and codes of a refusal."""
        return self.status, [one["code"] for one in self.json()["errors"]]

    @property
    def detail(self):
        return self.json()["errors"][0]["detail"]


def directly(registry):
    """Mount the functions as the local server does."""
    return load_app(TEMPLATE, registry.stores, registry.site, [*_front(registry.backend)])


def behind_a_gateway(registry):
    """Call the functions as Lambda does, with what API Gateway does to requests and answers."""
    return Gateway(TEMPLATE, functions_of(TEMPLATE, registry.stores, registry.site), f"http://{HOST}")


class Registry:
    """Every function of the template over one set of stores, whose clock a test holds."""

    def __init__(self, backend, runner, front=directly):
        self.clock = Clock(datetime.now(UTC))
        self.backend = backend
        self.stores = _with_clock(backend, self.clock)
        self.site = Site(
            origins=(f"http://{HOST}", "https://registry.example.com"),
            namespace="acme",
            keyring=Keyring(self.stores.identity.trust, self.clock),
        )
        self.app = front(self)
        self._runner = runner
        self.people = People(self.stores)
        self._passwords = {}
        rotate_keys(self.stores)

    def repository(self, name=NAME, *, public=False, compartment_id=None):
        made = new_repository(self.stores, name, "somebody", public=public, compartment_id=compartment_id)
        assert make(self.stores, made)
        return made

    def password(self, user):
        """Return the auth token of a user, who is made, in the group that the name says, unless there is one."""
        if user not in self._passwords:
            if not self.people.find(user):
                self.people.of(user)
            self._passwords[user] = self.people.auth_token(user)
        return self._passwords[user]

    def token(self, user, *scopes):
        """Fetch a token as clients do; None is nobody."""
        basic = b64encode(f"acme/{user}:{self.password(user)}".encode()).decode() if user else None
        headers = [("Authorization", f"Basic {basic}")] if basic else []
        query = urlencode([("scope", scope) for scope in scopes])
        return self.send("GET", f"{TOKEN_PATH}?{query}", headers).json()["token"]

    def client(self, user="administrator", name=NAME):
        return Client(self, user, name)

    def send(self, method, target, headers=(), body=b"", **more):
        return self._runner.run(self.ask(method, target, headers, body, **more))

    def all_at_once(self, *requests):
        """Send requests that none of waits for another."""

        async def together():
            return await asyncio.gather(*requests)

        return self._runner.run(together())

    async def ask(self, method, target, headers=(), body=b"", *, length=True, host=HOST, gone=False):
        """Hand a request to the application as uvicorn does: the path decoded, the query not.

        `body` may be pieces; without `length` they come chunked, so that nobody knows how many there are. With `gone`
        the client goes away after them.
        """
        pieces = [body] if isinstance(body, bytes) else body
        path, _, query = target.partition("?")
        pairs = [("Host", host), *headers]
        if not length:
            pairs.append(("Transfer-Encoding", "chunked"))
        elif body:
            pairs.append(("Content-Length", str(sum(map(len, pieces)))))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode("latin-1"),
            "root_path": "",
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
            "client": ("203.0.113.7", 1234),
            "server": ("localhost", 5000),
        }
        waiting = _messages(pieces, gone=gone)
        sent = []

        async def receive():
            return next(waiting, None) or await asyncio.Event().wait()  # the client stays for the answer

        async def send(message):
            sent.append(message)

        await self.app(scope, receive, send)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        return None if gone else Answer(sent[0]["status"], Headers(raw=sent[0]["headers"]), body)


class Client:
    """Somebody who is logged in and asks for a token for each repository once; paths are within one repository."""

    def __init__(self, registry, user, name):
        self.registry = registry
        self.user = user
        self.name = name
        self._token = None

    def renew(self):
        """Forget the token, as clients do when it is over."""
        self._token = None
        return self

    @property
    def authorization(self):
        if self._token is None:
            self._token = self.registry.token(self.user, f"repository:{self.name}:{ALL}", CATALOG)
        return "Authorization", f"Bearer {self._token}"

    def send(self, method, path, headers=None, body=b"", **more):
        return self.registry.send(method, self._target(path), self._headers(headers), body, **more)

    def ask(self, method, path, headers=None, body=b"", **more):
        """Return a request that is not sent yet."""
        return self.registry.ask(method, self._target(path), self._headers(headers), body, **more)

    def get(self, path, headers=None, **more):
        return self.send("GET", path, headers, **more)

    def head(self, path, headers=None, **more):
        return self.send("HEAD", path, headers, **more)

    def post(self, path, headers=None, body=b"", **more):
        return self.send("POST", path, headers, body, **more)

    def put(self, path, headers=None, body=b"", **more):
        return self.send("PUT", path, headers, body, **more)

    def patch(self, path, headers=None, body=b"", **more):
        return self.send("PATCH", path, headers, body, **more)

    def delete(self, path, headers=None, **more):
        return self.send("DELETE", path, headers, **more)

    def start(self, query=""):
        """Open an upload session and return its path."""
        return self.expect(202, self.post(f"blobs/uploads/{query}")).headers["location"]

    def push_blob(self, data, algorithm="sha256"):
        digest = Digest.of(data, algorithm)
        self.expect(201, self.put(f"{self.start()}?digest={digest}", body=data))
        return digest

    def push_manifest(self, reference, data, media_type=OCI_MANIFEST, query=""):
        answer = self.put(f"manifests/{reference}{query}", {"Content-Type": media_type}, data)
        return Digest.parse(self.expect(201, answer).headers["docker-content-digest"])

    def push_image(self, reference="latest", *layers, **fields):
        """Push an image with all it needs; return its bytes and its digest."""
        for data in (CONFIG, *layers):
            self.push_blob(data)
        data = image(*layers, **fields)
        return data, self.push_manifest(reference, data)

    def pull_blob(self, digest):
        """Return a blob's bytes, from wherever the registry sends a client to."""
        answer = self.get(f"blobs/{digest}")
        return self.fetch(answer.headers["location"]) if answer.status == 307 else self.expect(200, answer).body

    def fetch(self, location):
        """Follow a redirect, without the token."""
        parts = urlsplit(location)
        if parts.scheme == "memory":
            return self.registry.stores.objects.read(parts.path.removeprefix("/"))
        return self.expect(200, self.registry.send("GET", f"{parts.path}?{parts.query}", host=parts.netloc)).body

    @staticmethod
    def expect(status, answer):
        assert status == answer.status, answer.body
        return answer

    def _target(self, path):
        return path if path.startswith("/") else f"/v2/{self.name}/{path}"

    def _headers(self, headers):
        return [*(headers or {}).items(), self.authorization]


CONFIG = b"{}"


def descriptor(data, media_type="application/octet-stream", algorithm="sha256"):
    return {"mediaType": media_type, "digest": str(Digest.of(data, algorithm)), "size": len(data)}


def image(*layers, **fields):
    """Return the bytes of an image manifest; a field of None is left out."""
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(CONFIG, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(layer) for layer in layers],
        **fields,
    }
    return json.dumps({name: value for name, value in body.items() if value is not None}).encode()


def index(*manifests, **fields):
    """Return the bytes of an index."""
    children = [descriptor(manifest, OCI_MANIFEST) for manifest in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children, **fields}).encode()


def link(answer):
    """Return the target of an answer's Link to the next page, None at the end."""
    header = answer.headers.get("link")
    if header is None:
        return None
    target, _, relation = header.partition(">; ")
    assert ("<", 'rel="next"') == (target[0], relation)
    return target[1:]


def pages(client, target, entries):
    """Follow the links of a list from its first page on; return the pages."""
    found = []
    while target and len(found) < 100:
        answer = client.expect(200, client.get(target))
        found.append(answer.json()[entries])
        target = link(answer)
    return found


def _messages(pieces, *, gone):
    for piece in pieces:
        yield {"type": "http.request", "body": piece, "more_body": True}
    yield {"type": "http.disconnect"} if gone else {"type": "http.request", "body": b""}


def quoted(text):
    return quote(text, safe="")


def _with_clock(backend, clock):
    """Return the stores with a clock that a test moves; what a store remembers of other tests is forgotten."""
    directory = copy(backend.stores.directory)
    directory._clock = clock
    stores = replace(backend.stores, clock=clock, directory=directory)
    if isinstance(backend, DynamoBackend):
        stores = replace(stores, uploads=DynamoUploadStore(stores.uploads._table, clock))
    return stores


def _front(backend):
    """Yield where redirects lead, when the bucket is one."""
    if isinstance(backend, DynamoBackend):
        aws = backend._aws.endpoints
        yield BlobFront(backend.name, aws.s3, aws.credentials, aws.region).route()
