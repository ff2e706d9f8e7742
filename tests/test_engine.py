"""What `make sam` needs of the machine: an engine that answers, or a clear line that says what is missing."""

import os
import stat
from pathlib import Path

import pytest

from moorage.devserver.aws import CannotStart
from moorage.devserver.engine import Engine, running_engine
from moorage.devserver.sam import find_sam, variables_for
from moorage.devserver.strict import Endpoints
from moorage.stores.presign import Credentials

DOCKER = """\
#!/bin/sh
echo "$@" >>{log}
case "$1" in
  context) echo unix:///run/one.sock ;;
  network) echo {subnet} ;;
  ps) case "$*" in *V2Push*) echo one two ;; esac ;;
  image) exit 1 ;;
esac
exit {code}
"""


def environment(folder: Path, code=0, subnet="192.0.2.0/24", **variables):
    """Return an environment whose only program is a docker command that answers like this."""
    docker = folder / "docker"
    docker.write_text(DOCKER.format(log=folder / "log", code=code, subnet=subnet))
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{folder}:/usr/bin:/bin", **variables}


def asked(folder: Path):
    return (folder / "log").read_text().splitlines()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, "unix:///run/one.sock"), ({"DOCKER_HOST": "tcp://10.0.0.1:2375"}, "tcp://10.0.0.1:2375")],
)
def test_the_engine_that_answers_is_used(tmp_path, variables, expected):
    """
    That of DOCKER_HOST, or of Docker's own context, which SAM does not know.
    """
    with running_engine(environment(tmp_path, **variables)) as engine:
        assert expected == engine.environment["DOCKER_HOST"]


def test_no_engine_and_no_right_to_start_one_is_one_clear_line(tmp_path, monkeypatch):
    """
    It says what to do.
    """
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(CannotStart, match="no Docker engine answers: start one, or say in DOCKER_HOST"):
        running_engine(environment(tmp_path, code=1)).__enter__()


def test_no_docker_command_is_one_clear_line(tmp_path):
    """
    Before anything is started.
    """
    with pytest.raises(CannotStart, match="no docker command"):
        running_engine({"PATH": str(tmp_path)}).__enter__()


@pytest.mark.parametrize(("subnet", "expected"), [("127.77.0.0/16", "127.77.0.1"), ("192.0.2.128/25", "127.0.0.1")])
def test_the_stand_ins_listen_where_containers_reach_them(tmp_path, subnet, expected):
    """
    The bridge when it is of this machine; else the engine forwards to the loopback.
    """
    assert expected == Engine(environment(tmp_path, subnet=subnet)).listen_address()


def test_containers_that_are_left_are_removed(tmp_path):
    """
    Those that have our packages mounted, and no others.
    """
    Engine(environment(tmp_path)).remove_containers([Path("/b/V2Pull"), Path("/b/V2Push")])

    assert [
        "ps --all --quiet --filter volume=/b/V2Pull",
        "ps --all --quiet --filter volume=/b/V2Push",
        "rm --force one two",
    ] == asked(tmp_path)


def test_sam_that_is_missing_is_one_clear_line(tmp_path, monkeypatch):
    """
    It says how to get it.
    """
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CannotStart, match="pip install aws-sam-cli"):
        find_sam(Engine(environment(tmp_path)), tmp_path, {"PATH": str(tmp_path)})


def test_functions_reach_the_stand_ins_by_the_name_of_the_machine():
    """
    A container's loopback is its own.
    """
    endpoints = Endpoints("http://10.0.0.1:1", "http://10.0.0.1:2", Credentials("key", "secret"), "eu-central-1")

    variables = variables_for({"MOORAGE_TABLE": "t"}, endpoints)

    assert {
        "MOORAGE_TABLE": "t",
        "AWS_ENDPOINT_URL": "http://host.docker.internal:1",
        "AWS_ENDPOINT_URL_S3": "http://host.docker.internal:2",
    } == variables
