"""`python -m moorage.relay`: started, asked how it is, and stopped in the middle of an upload."""

import asyncio
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

import boto3
import pytest
from starlette.applications import Starlette

from moorage.devserver.template import Template
from moorage.operations.directory.bootstrap import bootstrap
from moorage.relay import server as relay
from moorage.relay.app import Options
from moorage.relay.check import PATH
from moorage.relay.health import Health
from moorage.wiring import SettingInvalid, open_stores, read_settings

START_SECONDS = 30
STOP_SECONDS = 30  # a bound on a hang, not on how fast it is
NAMES = {"Table": "relay", "Bucket": "relay-blobs"}
NAME = "moorage/app"
DATA = os.urandom(12 * 1024 * 1024)
DIGEST = f"sha256:{hashlib.sha256(DATA).hexdigest()}"


class Relay:
    """A running relay, on whatever stands in for AWS in this run."""

    def __init__(self, settings, port, folder):
        self.port = port
        self.clients = []
        self.output = folder / "output"
        environment = {
            **os.environ,
            **settings,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "MOORAGE_ORIGINS": f"http://127.0.0.1:{port}",
            "HOST": "127.0.0.1",
            "PORT": str(port),
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moorage.relay"], env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def lines(self):
        """Return its log, of which every line is JSON."""
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def wait_until(self, status):
        """Wait until it is as well as that; None is that nobody listens."""
        end = time.monotonic() + START_SECONDS
        while self.health() != status:
            assert time.monotonic() < end, self.output.read_text()
            time.sleep(0.02)

    def health(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", PATH)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def client(self, login):
        self.clients.append(Client(self.port, login))
        return self.clients[-1]

    def end(self):
        for client in self.clients:
            client.connection.close()
        self.process.kill()
        self.process.wait()


class Client:
    """One connection of somebody who may push."""

    def __init__(self, port, login):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=STOP_SECONDS)
        query = urlencode({"service": f"127.0.0.1:{port}", "scope": f"repository:{NAME}:pull,push"})
        headers = {"authorization": f"Basic {b64encode(login.encode()).decode()}"}
        token = json.loads(self.ask("GET", f"/20180419/docker/token?{query}", headers)[2])["token"]
        self.headers = {"authorization": f"Bearer {token}"}

    def ask(self, method, path, headers=None, body=None):
        self.connection.request(method, path, body, headers or self.headers)
        return self.answer()

    def begin(self, method, path, body):
        """Send a request's headers, and the first half of its body."""
        self.connection.putrequest(method, path)
        for name, value in {**self.headers, "content-length": str(len(body))}.items():
            self.connection.putheader(name, value)
        self.connection.endheaders(body[: len(body) // 2])

    def end(self, body):
        """Send the other half."""
        self.connection.send(body[len(body) // 2 :])
        return self.answer()

    def answer(self):
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def start(self):
        return self.ask("POST", f"/v2/{NAME}/blobs/uploads/")[1]["location"]


@pytest.fixture(scope="module")
def storage(aws):
    """Table, bucket and administrator; settings, but where the relay is, and the login."""
    template = Template.read(Path("template.yaml"))
    at = aws.endpoints
    template.create_table(boto3.client("dynamodb", endpoint_url=at.dynamodb, region_name=at.region), NAMES["Table"])
    s3 = boto3.client("s3", endpoint_url=at.s3, region_name=at.region)
    template.create_bucket(s3, NAMES["Bucket"], without=at.bucket_without)
    variables = {name: value for name, value in template.variables(NAMES).items() if name != "MOORAGE_BODY_LIMIT"}
    settings = {**variables, **at.environment()}
    stores = open_stores(read_settings({**settings, "MOORAGE_ORIGINS": "http://localhost"}))
    return settings, f"moorage/admin:{bootstrap(stores, 'admin').auth_token_text}"


@pytest.fixture
def start(storage, tmp_path):
    """Start relays, which end with the test."""
    settings, _ = storage
    started = []

    def begin(**more):
        with relay.listen("127.0.0.1", 0) as free:
            port = free.getsockname()[1]
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Relay({**settings, **more}, port, folder))
        started[-1].wait_until(200)
        return started[-1]

    yield begin
    for one in started:
        one.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_upload_that_is_in_flight_when_it_is_told_to_stop_ends_well(start, storage, number):
    """
    Nobody else is served meanwhile, and the exit says that all went well.
    """
    running = start()
    client = running.client(storage[1])
    path = f"{client.start()}?digest={DIGEST}"

    client.begin("PUT", path, DATA)
    running.process.send_signal(number)
    running.wait_until(None)
    assert 201 == client.end(DATA)[0]

    assert 0 == running.process.wait(STOP_SECONDS)


def test_another_relay_goes_on_where_one_has_stopped(start, storage):
    """
    The client of a PATCH sends its closing PUT to whoever answers then.
    """
    running = start()
    client = running.client(storage[1])
    path = client.start()
    client.begin("PATCH", path, DATA)
    running.process.terminate()
    running.wait_until(None)
    status, headers, _ = client.end(DATA)
    assert (202, "close") == (status, headers["connection"])
    assert 0 == running.process.wait(STOP_SECONDS)

    assert 201 == start().client(storage[1]).ask("PUT", f"{path}?digest={DIGEST}", body=b"")[0]


def test_an_upload_that_does_not_end_in_time_is_given_up(start, storage):
    running = start(RELAY_STOP_SECONDS="1")
    client = running.client(storage[1])

    client.begin("PUT", f"{client.start()}?digest={DIGEST}", DATA)
    running.process.terminate()

    assert 0 == running.process.wait(STOP_SECONDS)


def test_a_stranger_s_headers_take_no_memory(start):
    running = start()
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=STOP_SECONDS)
    try:
        connection.putrequest("GET", "/v2/")
        connection.putheader("x", "y" * 4_000_000)
        connection.endheaders()
        status = connection.getresponse().status
    except OSError:
        status = 400  # it was refused before all of them were sent
    finally:
        connection.close()

    assert (400, 200) == (status, running.health())


def test_its_log_is_the_functions_and_it_serves_what_the_template_routes(start, storage):
    running = start()
    client = running.client(storage[1])
    assert 200 == client.ask("GET", "/v2/")[0]
    assert 404 == client.ask("GET", "/elsewhere")[0]
    assert 405 == client.ask("POST", "/v2/")[0]
    running.process.terminate()
    running.process.wait(STOP_SECONDS)

    requests = [line["path"] for line in running.lines() if line["message"] == "request"]
    assert ["/20180419/docker/token", "/v2/"] == requests[:2]
    assert {"moorage"} == {line["service"] for line in running.lines()}


def test_the_load_balancer_is_the_first_to_let_go_of_an_idle_connection():
    """
    Else it sends a request into a connection that is closing, and tells the client 502.
    """
    resources = Template.read(Path("template.yaml")).body["Resources"]
    attributes = resources["LoadBalancer"]["Properties"]["LoadBalancerAttributes"]
    (idle,) = [int(one["Value"]) for one in attributes if one["Key"] == "idle_timeout.timeout_seconds"]

    assert idle < relay.KEEP_ALIVE_SECONDS


def test_the_template_asks_for_health_where_it_is_and_stops_later_than_the_relay():
    resources = Template.read(Path("template.yaml")).body["Resources"]
    (container,) = resources["RelayTask"]["Properties"]["ContainerDefinitions"]

    assert PATH == resources["RelayTargets"]["Properties"]["HealthCheckPath"]
    assert Options.read({}).stop_seconds < container["StopTimeout"]
    assert Options.read({}).port == container["PortMappings"][0]["ContainerPort"]
    assert container["HealthCheck"]["Command"][1:] == ["python3", "-m", "moorage.relay.check"]


def test_health_is_never_cached_and_says_when_it_ends():
    stopping = []
    health = Health()
    health.watch(lambda: bool(stopping))
    app = Starlette(routes=[health.route()])

    assert (200, "no-store", {"status": "ready"}) == ask(app, PATH)
    stopping.append(True)
    assert (503, "no-store", {"status": "stopping"}) == ask(app, PATH)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Options("0.0.0.0", 8080, 110, Path("template.yaml"))),
        (
            {"HOST": "::1", "PORT": "80", "RELAY_STOP_SECONDS": "0", "RELAY_TEMPLATE": "/t.yaml"},
            Options("::1", 80, 0, Path("/t.yaml")),
        ),
    ],
)
def test_what_a_container_can_set(environ, expected):
    assert expected == Options.read(environ)


@pytest.mark.parametrize("name", ["PORT", "RELAY_STOP_SECONDS"])
@pytest.mark.parametrize("value", ["", "-1", "1.5", "http", "100000", "\u0661"])
def test_what_cannot_be_set_is_named(name, value):
    with pytest.raises(SettingInvalid, match=name):
        Options.read({name: value})


def test_a_setting_that_cannot_be_is_one_clear_line():
    done = subprocess.run(
        [sys.executable, "-m", "moorage.relay"],
        env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )

    assert (1, "MOORAGE_TABLE is not set\n") == (done.returncode, done.stderr)


def test_a_taken_port_is_named():
    with relay.listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(relay.CannotListen, match=f"127.0.0.1 port {port}: Address already in use"):
            relay.listen("127.0.0.1", port)


def ask(app, path):
    """Return status, cache-control and content of a GET."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b""}

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"", "root_path": ""}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"])[b"cache-control"].decode(), json.loads(sent[1]["body"])
