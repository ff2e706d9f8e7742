"""`python -m moorage.devserver`: the whole product, started and stopped as a user does."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest

from moorage.cli.doctor.signer import Profile

PUBLISHED = ("credentials.json", "env", "oci-config", "oci-key.pem")
START_SECONDS = 30
STOP_SECONDS = 30  # a bound on a hang, not on how fast it is


class Server:
    """A running server; its output is in a file, so that it never waits for a reader."""

    def __init__(self, folder, port, **settings):
        self.state = folder / "state"
        self.output = folder / "output"
        self.port = port
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "AWS_PROFILE": "nobody",
            "AWS_SESSION_TOKEN": "of another account",
            **settings,
        }
        command = [sys.executable, "-m", "moorage.devserver", "--port", str(port), "--state", str(self.state)]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    @property
    def said(self):
        return self.output.read_text()

    def wait_until_ready(self):
        end = time.monotonic() + START_SECONDS
        while not (self.state / "credentials.json").exists():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < end, self.said
            time.sleep(0.05)

    def stop(self, number=signal.SIGINT):
        """Send a signal to the whole group, as a terminal does, and return the exit code."""
        os.killpg(self.process.pid, number)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()

    def request(self, method, path, host=None, headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers={"Host": host or f"127.0.0.1:{self.port}", **dict(headers)})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def read_credentials(self):
        return json.loads((self.state / "credentials.json").read_text())

    def read_environment(self):
        """Return what a shell that reads the file has."""
        command = f". {self.state / 'env'} && env"
        text = subprocess.run(
            ["sh", "-c", command], check=True, capture_output=True, text=True, env={"PATH": os.environ["PATH"]}
        ).stdout
        return dict(line.split("=", 1) for line in text.splitlines())


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("dev"), free_port(), MOORAGE_SPARSE="all")
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def test_credentials_are_for_the_owner_only(server):
    """
    Mode 600, and the fields that scripts read.
    """
    credentials = server.read_credentials()

    assert {0o600} == {(server.state / name).stat().st_mode & 0o777 for name in PUBLISHED}
    assert {
        "registry": f"localhost:{server.port}",
        "namespace": "moorage",
        "username": "moorage/admin",
        "password": credentials["password"],
        "tenancy": "ocid1.tenancy.moorage..moorage",
        "oci_endpoint": f"http://localhost:{server.port}",
        "oci_config_file": str(server.state / "oci-config"),
        "oci_profile": "DEFAULT",
    } == credentials


def test_the_administrator_has_a_profile_that_signs(server):
    """
    What `oci` reads, wherever it is called from; the doctor signs with it.
    """
    profile = Profile.read(server.state / "oci-config", "DEFAULT")
    host = f"localhost:{server.port}"
    date = format_datetime(datetime.now(UTC), usegmt=True)
    headers = profile.sign("GET", "/n", host, date)
    answer, body = server.request("GET", "/n", host, headers)

    assert (200, "moorage") == (answer.status, json.loads(body))
    assert Path(server.read_credentials()["oci_config_file"]).is_absolute()
    assert f"key_file={server.state / 'oci-key.pem'}\n" in (server.state / "oci-config").read_text()


def test_lines_to_paste_are_printed(server):
    """
    Credentials, docker's three commands, and how `oci` is told where it is.
    """
    credentials = server.read_credentials()

    assert credentials["password"] in server.said
    for line in ("docker login", "docker tag", "docker push", "docker pull", "oci artifacts container image list"):
        assert f"{line} " in server.said
    assert f"export OCI_CLI_CONFIG_FILE={server.state / 'oci-config'} OCI_CLI_ENDPOINT=http://localhost" in server.said
    assert "Traceback" not in server.said


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "host.docker.internal"])
def test_the_challenge_follows_the_host(server, name):
    """
    The realm is where the client already is: some refuse another host.
    """
    host = f"{name}:{server.port}"
    answer, _ = server.request("GET", "/v2/", host)

    assert 401 == answer.status
    assert f'realm="http://{host}/20180419/docker/token"' in answer.headers["www-authenticate"]


def test_the_users_environment_wins_but_for_aws(server):
    """
    Settings are taken from the user; access to an AWS account never is.
    """
    environment = server.read_environment()

    assert "all" == environment["MOORAGE_SPARSE"]
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert environment.keys().isdisjoint({"AWS_PROFILE", "AWS_SESSION_TOKEN"})


def test_the_log_keeps_no_query(server):
    """
    Presigned URLs are secrets: the access log has paths only.
    """
    server.request("GET", "/moorage-blobs/blobs/1?X-Amz-Signature=secret")
    log = (server.state / "server.log").read_text()

    assert "GET /moorage-blobs/blobs/1 HTTP" in log
    assert "secret" not in log


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/n"),
        ("HEAD", "/n/"),
        ("GET", "/20160918"),
        ("GET", "/20160918/else"),
        ("OPTIONS", "/20160918/users"),
        ("GET", "/20180419/a"),
    ],
)
def test_whatever_is_below_a_base_path_is_answered_as_the_cloud_plane_does(server, method, path):
    """
    A code that clients read, an id, and the time to set a clock by.
    """
    answer, body = server.request(method, path)

    assert 401 == answer.status
    assert method == "HEAD" or "NotAuthenticated" == json.loads(body)["code"]
    assert {"date", "opc-request-id"} <= {name.lower() for name in answer.headers}


def test_what_the_template_does_not_route_does_not_exist(server):
    answer, body = server.request("GET", "/v1/_ping")

    assert (404, "UNSUPPORTED") == (answer.status, json.loads(body)["errors"][0]["code"])


def test_a_taken_port_is_one_clear_line(server, tmp_path):
    """
    Exit code 1 before anything is started or written.
    """
    second = Server(tmp_path, server.port)

    assert 1 == second.process.wait(START_SECONDS)
    assert f"cannot listen on 127.0.0.1 port {server.port}: Address already in use" in second.said
    assert 1 == second.said.count("\n")
    assert not second.state.exists()


def test_a_wrong_setting_is_one_clear_line(tmp_path):
    """
    The setting is named.
    """
    server = Server(tmp_path, 0, MOORAGE_SPARSE="some")

    assert 1 == server.process.wait(START_SECONDS)
    assert "MOORAGE_SPARSE" in server.said
    assert 1 == server.said.count("\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_stops_in_good_order(tmp_path, number):
    """
    Exit code 0, nothing said, no process left, and no credentials of a registry that is gone.
    """
    server = Server(tmp_path, 0)
    server.wait_until_ready()
    aws = server.read_environment()["AWS_ENDPOINT_URL"].rpartition(":")[2]
    said = server.said

    assert 0 == server.stop(number)
    assert said == server.said
    assert [] == [path.name for path in server.state.iterdir() if path.name in PUBLISHED]
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(aws)), timeout=5)


def test_it_stops_while_it_starts(tmp_path):
    """
    Ctrl-C before it is ready ends it as well.
    """
    server = Server(tmp_path, 0)
    end = time.monotonic() + START_SECONDS
    while not server.state.exists() and time.monotonic() < end:
        time.sleep(0.01)

    assert 0 == server.stop()
    assert "" == server.said


def test_every_row_of_help_is_a_target():
    """
    `make help` says what there is.
    """
    text = Path("Makefile").read_text()
    phony = next(line for line in text.splitlines() if line.startswith(".PHONY:")).split()[1:]
    command = ["make", "--no-print-directory", "help"]  # it may run below another make
    helped = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    assert phony == [line.split()[1] for line in helped]
