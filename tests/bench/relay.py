"""A layer of 1 GiB through the relay, beside distribution on the same S3; and what 8 clients at once cost in memory."""

import hashlib
import http.client
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice, product
from pathlib import Path

import boto3
from tests.bench import peer
from tests.bench.backend import REGION
from tests.bench.client import Client, Login, Refused, scope
from tests.bench.registry import ROOT

from moorage.devserver.strict import Endpoints, running_strict
from moorage.devserver.template import Template
from moorage.operations.directory.bootstrap import bootstrap
from moorage.relay.check import PATH
from moorage.wiring import open_stores, read_settings

GIB = 1024**3
CLIENTS = 8
ROUNDS = 2
NAMESPACE = "bench"
WAYS = ("PATCH", "PUT")

_NONCE = 32  # bytes at the end of each layer, so that no two are the same
_PIECE = 8 * 1024 * 1024
_START_SECONDS = 30
_SECONDS = 120
_NAMES = {"Table": "moorage", "Bucket": "moorage-blobs"}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one push took: seconds on the clock, and CPU seconds of registry and S3."""

    seconds: float
    registry: float
    storage: float


@dataclass(slots=True)
class RelayRun:
    """What was found: costs by registry and way of pushing, memory in bytes by number of clients."""

    costs: dict[tuple[str, str], list[Cost]] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)
    peer_memory: int = 0
    eight_seconds: float = 0.0
    missing: str = ""  # why there is no peer

    def ratio(self, way: str) -> float | None:
        """Return the best time of the relay over the best time of the peer."""
        ours, theirs = self.costs["relay", way], self.costs.get(("peer", way))
        return min(cost.seconds for cost in ours) / min(cost.seconds for cost in theirs) if theirs else None


@dataclass(frozen=True, slots=True)
class Server:
    """A registry in a process of its own."""

    name: str
    address: str
    pid: int
    login: Login | None

    @property
    def peak(self) -> int:
        """Return the most memory that it had, in bytes."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


class Layer:
    """A file of random bytes that is a new layer each time, by its last bytes."""

    def __init__(self, path: Path, size: int) -> None:
        self.size = size
        self._path = path
        self._hash = hashlib.sha256()
        with path.open("wb") as file:
            for start in range(0, size - _NONCE, _PIECE):
                piece = os.urandom(min(_PIECE, size - _NONCE - start))
                self._hash.update(piece)
                file.write(piece)

    def another(self) -> tuple[str, bytes]:
        """Return the digest and the last bytes of a new one."""
        nonce = secrets.token_bytes(_NONCE)
        digest = self._hash.copy()
        digest.update(nonce)
        return f"sha256:{digest.hexdigest()}", nonce

    def send(self, connection: socket.socket, nonce: bytes) -> None:
        """Send the bytes, from the file to the socket."""
        with self._path.open("rb") as file:
            connection.sendfile(file)
        connection.sendall(nonce)


def measure(environment: Mapping[str, str], *, size: int = GIB, rounds: int = ROUNDS) -> RelayRun:
    """Push in turns through the peer and the relay, then through relays of their own by 1 and by 8 clients at once.

    Leaves the keys of the stand-ins in the environment of this process. Raises CannotStart.
    """
    found = RelayRun()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-")))
        layer = Layer(folder / "layer", size)
        endpoints = stack.enter_context(running_strict(folder / "strict", environment, region=REGION))
        os.environ.update(endpoints.environment())
        settings, login = _lay_out(endpoints)
        storage = _Storage(folder / "strict" / "s3")
        with ExitStack() as servers:
            theirs = _start_peer(servers, folder, endpoints, environment, found)
            ours = servers.enter_context(_running_relay(folder, settings, login))
            for way, server in list(product(WAYS, filter(None, (theirs, ours)))) * rounds:
                found.costs.setdefault((server.name, way), []).append(_cost(storage, server, layer, way))
            found.peer_memory = theirs.peak if theirs else 0
        for clients in (1, CLIENTS):
            with _running_relay(folder, settings, login) as server:
                found.eight_seconds = _push_at_once(server, layer, clients)
                found.memory[clients] = server.peak
            storage.clear()
    return found


def _push_at_once(server: Server, layer: Layer, clients: int) -> float:
    """Let clients push a layer each; return how many seconds all of it took."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        for done in [threads.submit(push, server, layer, way) for way in islice(cycle(WAYS), clients)]:
            done.result()
    return time.perf_counter() - started


def _cost(storage: "_Storage", server: Server, layer: Layer, way: str) -> Cost:
    before = _cpu(server.pid), storage.cpu_seconds()
    seconds = push(server, layer, way)
    cost = Cost(seconds, _cpu(server.pid) - before[0], storage.cpu_seconds() - before[1])
    storage.clear()
    return cost


def push(server: Server, layer: Layer, way: str) -> float:
    """Push one new layer by a PATCH and an empty PUT, or by one PUT; return how many seconds it took."""
    digest, last = layer.another()
    name = f"{NAMESPACE}/layers"
    headers = _authorization(server, name)
    connection = http.client.HTTPConnection(server.address, timeout=_SECONDS)
    body = _Body(layer.size, lambda to: layer.send(to, last))
    started = time.perf_counter()
    location = _ask(connection, "POST", f"/v2/{name}/blobs/uploads/", headers, 202)
    if way == "PATCH":
        location, body = _ask(connection, "PATCH", location, headers, 202, body), _EMPTY
    separator = "&" if "?" in location else "?"
    _ask(connection, "PUT", f"{location}{separator}digest={digest}", headers, 201, body)
    connection.close()
    return time.perf_counter() - started


def _authorization(server: Server, name: str) -> Mapping[str, str]:
    client = Client(server.address, server.login)
    client.authorize(scope(name, "pull,push"))
    client.close()
    return client._headers


@dataclass(frozen=True, slots=True)
class _Body:
    """What a request carries, and how it is sent."""

    size: int
    send: Callable[[socket.socket], None]


_EMPTY = _Body(0, lambda _: None)


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    location: str,
    headers: Mapping[str, str],
    status: int,
    body: _Body = _EMPTY,
) -> str:
    """Send a request and return where the answer points to."""
    connection.putrequest(method, location.removeprefix(f"http://{connection.host}:{connection.port}"))
    described = {"content-length": str(body.size), "content-type": "application/octet-stream"}
    for name, value in {**headers, **described}.items():
        connection.putheader(name, value)
    connection.endheaders()
    body.send(connection.sock)
    response = connection.getresponse()
    data = response.read()
    if response.status != status:
        raise Refused(f"{method} {location}: {response.status} {data[:500]!r}")
    return response.getheader("location", "")


class _Storage:
    """The process of versitygw, and its disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pid = next(
            int(path.name)
            for path in Path("/proc").iterdir()
            if path.name.isdigit() and _command(path).startswith("versitygw") and _ours(int(path.name))
        )

    def cpu_seconds(self) -> float:
        return _cpu(self._pid)

    def clear(self) -> None:
        """Give the disk back."""
        for path in self._folder.rglob("*"):
            if path.is_file() and path.stat().st_size >= _PIECE // 2:
                path.unlink()


def _command(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8")
    except OSError:
        return ""


def _ours(pid: int) -> bool:
    """Whether a process descends from this one."""
    while pid > 1:
        if pid == os.getpid():
            return True
        pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
    return False


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _lay_out(endpoints: Endpoints) -> tuple[dict[str, str], Login]:
    """Make table, bucket and administrator; return the settings, without where the registry is, and a login."""
    template = Template.read(ROOT / "template.yaml")
    template.create_table(boto3.client("dynamodb", endpoint_url=endpoints.dynamodb), _NAMES["Table"])
    boto3.client("s3", endpoint_url=endpoints.s3).create_bucket(
        Bucket=_NAMES["Bucket"], CreateBucketConfiguration={"LocationConstraint": endpoints.region}
    )
    settings = {**template.variables(_NAMES), **endpoints.environment(), "MOORAGE_NAMESPACE": NAMESPACE}
    password = bootstrap(open_stores(read_settings({**settings, "MOORAGE_ORIGINS": "http://localhost"})), "admin")
    return settings, Login(f"{NAMESPACE}/{password.user.name}", password.auth_token_text)


@contextmanager
def _running_relay(folder: Path, settings: dict[str, str], login: Login) -> Iterator[Server]:
    port = peer._free_port()
    address = f"127.0.0.1:{port}"
    environ = {
        **settings,
        "MOORAGE_ORIGINS": f"http://{address}",
        "MOORAGE_BODY_LIMIT": "none",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONPATH": os.pathsep.join(str(ROOT / path) for path in ("functions", "layers/core/python")),
        "MALLOC_ARENA_MAX": "2",  # as in the image
    }
    command = [sys.executable, "-m", "moorage.relay"]
    with (folder / "relay.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
    try:
        _wait(address, process, folder / "relay.log")
        yield Server("relay", address, process.pid, login)
    finally:
        process.terminate()
        process.wait()


def _wait(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while True:
        try:
            connection = http.client.HTTPConnection(address, timeout=_SECONDS)
            connection.request("GET", PATH)
            if connection.getresponse().status == http.HTTPStatus.OK:
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(log.read_text(errors="replace")[-2000:]) from None
            time.sleep(0.1)
        finally:
            connection.close()


def _start_peer(
    stack: ExitStack, folder: Path, endpoints: Endpoints, environment: Mapping[str, str], found: RelayRun
) -> Server | None:
    try:
        peer.install(environment)
        running = stack.enter_context(peer.running_peer(folder, endpoints.s3, cached=False))
    except peer.CannotBeHad as error:
        found.missing = str(error)
        return None
    return Server("peer", running.address, running.process_id, None)
