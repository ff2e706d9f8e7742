"""A client of any registry: one connection, one request after another."""

import base64
import http.client
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.bench.images import Blob, Image, digest_of

TOKEN_PATH = "/20180419/docker/token"

_SECONDS = 120


class Refused(Exception):
    """The registry answered something else than the client expects."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    data: bytes


@dataclass(frozen=True, slots=True)
class Login:
    """A name and a password."""

    username: str
    password: str


class Client:
    """Pushes and pulls.

    `waited` is how long the registry took to answer so far, in seconds: bytes that storage sends are not in it.
    """

    def __init__(self, address: str, login: Login | None = None) -> None:
        self._address = address
        self._login = login
        self._connection = http.client.HTTPConnection(address, timeout=_SECONDS)
        self._headers: dict[str, str] = {}
        self.waited = 0.0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def authorize(self, *scopes: str) -> None:
        """Get a token, as clients do once for an image; a registry that knows no logins asks for none."""
        if self._login is None:
            return
        basic = base64.b64encode(f"{self._login.username}:{self._login.password}".encode()).decode()
        query = urlencode([("service", self._address), *(("scope", scope) for scope in scopes)])
        answer = self._send("GET", f"{TOKEN_PATH}?{query}", headers={"authorization": f"Basic {basic}"})
        self._headers = {"authorization": f"Bearer {json.loads(_expect(answer, 200).data)['token']}"}

    @property
    def bearer(self) -> str:
        """Return the header with the token."""
        return self._headers["authorization"]

    def get(self, path: str, *, accept: str = "*/*", headers: Mapping[str, str] | None = None) -> Answer:
        """Get something that is there."""
        return _expect(self._send("GET", path, headers={"accept": accept, **(headers or {})}), 200)

    def challenge(self) -> None:
        """Ask without a token, as clients do first, to be told where there is one."""
        _expect(self._send("GET", "/v2/"), 401)

    def push(self, name: str, tag: str, image: Image, *, chunked: bool, asking: bool = False) -> None:
        """Push every blob and the manifest."""
        self.push_blobs(name, image, chunked=chunked, asking=asking)
        self.push_manifest(name, tag, image)

    def push_blobs(self, name: str, image: Image, *, chunked: bool, asking: bool = False) -> None:
        """Push layers and config, each by POST and PUT.

        `chunked` puts a PATCH with all of it between the two; `asking` asks first whether the blob is there.
        """
        for blob in (*image.layers, image.config):
            if asking:
                _expect(self._send("HEAD", f"/v2/{name}/blobs/{blob.digest}"), 404)
            self._push_blob(name, blob, chunked=chunked)

    def push_manifest(self, name: str, tag: str, image: Image) -> None:
        """Push the manifest by a tag."""
        headers = {"content-type": image.manifest.media_type}
        _expect(self._send("PUT", f"/v2/{name}/manifests/{tag}", image.manifest.data, headers), 201)

    def pull(self, name: str, tag: str) -> int:
        """HEAD the tag, GET the manifest by digest and every blob, and compare them; returns the number of blobs."""
        accept = {"accept": "application/vnd.oci.image.manifest.v1+json"}
        head = _expect(self._send("HEAD", f"/v2/{name}/manifests/{tag}", headers=accept), 200)
        digest = head.headers["docker-content-digest"]
        manifest = self.get(f"/v2/{name}/manifests/{digest}", accept=accept["accept"]).data
        _check(digest, manifest)
        content = json.loads(manifest)
        blobs = [content["config"], *content["layers"]]
        for descriptor in blobs:
            _check(descriptor["digest"], self._get_blob(name, descriptor["digest"]))
        return len(blobs)

    def _push_blob(self, name: str, blob: Blob, *, chunked: bool) -> None:
        location = _expect(self._send("POST", f"/v2/{name}/blobs/uploads/"), 202).headers["location"]
        body = blob.data
        if chunked:
            headers = {"content-type": "application/octet-stream"}
            location = _expect(self._send("PATCH", location, body, headers), 202).headers["location"]
            body = b""
        separator = "&" if urlsplit(location).query else "?"
        _expect(self._send("PUT", f"{location}{separator}{urlencode({'digest': blob.digest})}", body), 201)

    def _get_blob(self, name: str, digest: str) -> bytes:
        """Get a blob, from storage when the registry says so."""
        answer = _expect(self._send("GET", f"/v2/{name}/blobs/{digest}"), 200, 307)
        if answer.status == 200:
            return answer.data
        parts = urlsplit(answer.headers["location"])
        storage = http.client.HTTPConnection(parts.netloc, timeout=_SECONDS)
        try:
            storage.request("GET", f"{parts.path}?{parts.query}")
            return _expect(_read(storage), 200).data
        finally:
            storage.close()

    def _send(
        self, method: str, location: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        parts = urlsplit(location)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        started = time.perf_counter()
        self._connection.request(method, path, body, {**self._headers, **(headers or {})})
        answer = _read(self._connection)
        self.waited += time.perf_counter() - started
        return answer


def scope(name: str, actions: str) -> str:
    """Write what a token is for."""
    return f"repository:{name}:{actions}"


def texts(answer: Answer, field: str) -> list[Any]:
    """Return a list of an answer."""
    found: list[Any] = json.loads(answer.data)[field]
    return found


def _read(connection: http.client.HTTPConnection) -> Answer:
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def _expect(answer: Answer, *statuses: int) -> Answer:
    if answer.status not in statuses:
        raise Refused(f"{answer.status} instead of {_either(statuses)}: {answer.data[:500]!r}")
    return answer


def _either(statuses: Iterable[int]) -> str:
    return " or ".join(map(str, statuses))


def _check(digest: str, data: bytes) -> None:
    if digest_of(data) != digest:
        raise Refused(f"the bytes of {digest} are others")
