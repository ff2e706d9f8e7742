"""The files for `oci` that commands write: one way of refusing those that do not do, and folders that are made."""

import stat

import pytest
from tests.people import People

from moorage.domain.directory import User


@pytest.fixture
def writing(stores, moorage, said, tmp_path):
    """Run one of the commands that write a profile, with a user and a signing key there if it needs them."""

    def run(command, config, *more):
        if command != "bootstrap":
            said("bootstrap")
            People(stores).user("alice")
        key = () if command == "session create" else ("--key-file", str(tmp_path / "alice.pem"))
        who = ("--user",) if command == "bootstrap" else ()
        return moorage(*command.split(), *who, "alice", "--config-file", str(config), *key, *more)

    return run


COMMANDS = ("session create", "api-key create", "bootstrap")


@pytest.fixture(params=COMMANDS)
def command(request):
    return request.param


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        ("", 2, "is a directory"),
        ("file/config", 1, "cannot be read or written: its folder is a file; choose another file"),
        ("file/folder/config", 1, "cannot be read or written: its folder is a file; choose another file"),
        ("latin", 1, "cannot be read or written: it is not UTF-8; choose another file"),
        ("/proc/absent/config", 1, "cannot be read or written: "),
        ("/proc/config", 1, "cannot be read or written: "),
        ("~nobody-here/config", 2, "is in the home of a user that this machine does not have"),
    ],
)
def test_a_file_that_does_not_do_is_named_and_nothing_is_made(stores, writing, tmp_path, command, config, code, words):
    (tmp_path / "file").write_text("")
    (tmp_path / "latin").write_bytes(b"[caf\xe9]")
    there = sorted(tmp_path.iterdir())
    file = config if config.startswith("~") else tmp_path / config

    result = writing(command, file)

    assert (code, "") == (result.exit_code, result.stdout)
    assert str(file) in result.stderr.splitlines()[-1]
    assert words in result.stderr
    assert there == sorted(tmp_path.iterdir())
    assert [] == [user for user in stores.directory.all(User) if user.name == "alice" and user.api_keys]


def test_a_key_that_cannot_be_written_is_said_before_anything_is_made(stores, refused, tmp_path):
    (tmp_path / "file").write_text("")
    key = tmp_path / "file" / "key.pem"

    assert f"{key} cannot be read or written: its folder is a file; choose another file" == refused(
        "bootstrap", "--key-file", str(key)
    )
    assert 0 == stores.directory.tenancy().version


def test_the_folder_is_made_for_its_owner_alone(writing, tmp_path, command):
    config = tmp_path / ".oci" / "config"

    assert 0 == writing(command, config).exit_code
    assert [0o700, 0o600] == [stat.S_IMODE(each.stat().st_mode) for each in (config.parent, config)]


@pytest.mark.parametrize("name", ["a b", "a]b", "", "../a", "x" * 65])
def test_a_profile_has_a_name_that_can_be_typed(writing, tmp_path, command, name):
    result = writing(command, tmp_path / "config", "--profile", name)

    assert 2 == result.exit_code
    assert "'--profile': a name is letters, digits" in result.stderr
    assert not (tmp_path / "config").exists()


def test_the_home_of_who_runs_it_can_be_meant(writing, tmp_path, monkeypatch, command):
    monkeypatch.setenv("HOME", str(tmp_path))

    assert 0 == writing(command, "~/.oci/config").exit_code
    assert (tmp_path / ".oci" / "config").exists()
