"""Runs the real clients, each in a home of its own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"
NEWER = TOOLS / "debian" / "usr"
MACHINE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What a client says when it was known and had no right, and when it was not known at all.
DENIED = re.compile(r"denied|forbidden|does not allow|\b403\b", re.IGNORECASE)
UNKNOWN = re.compile(r"unauthorized|denied|authentication required|no basic auth|\b401\b|credential", re.IGNORECASE)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

Command = tuple[str | Path, ...]


def path_of(program: str, search: str) -> str:
    """Find a program, or fail: a client that is not there is never skipped."""
    found = shutil.which(program, path=search)
    if found is None:
        pytest.fail(f"{program} is missing: run tests/acceptance/install.sh")
    return found


class Shell:
    """A home folder and an environment that nothing else uses."""

    def __init__(self, home: Path, **variables: str) -> None:
        self.home = home
        for folder in ("tmp", "run", ".config", ".docker"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        self.environment = {
            "PATH": f"{TOOLS / 'bin'}:{MACHINE_PATH}",
            "HOME": str(home),
            "TMPDIR": str(home / "tmp"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_DATA_HOME": str(home / ".local"),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "DOCKER_CONFIG": str(home / ".docker"),
            "LC_ALL": "C.UTF-8",
            **variables,
        }

    def run(
        self, *command: str | Path, stdin: str = "", cwd: Path | None = None, seconds: int = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command that must succeed."""
        done = self.attempt(*command, stdin=stdin, cwd=cwd, seconds=seconds)
        assert done.returncode == 0, f"{_line(command)} failed ({done.returncode}):\n{done.stdout}\n{done.stderr}"
        return done

    def output(self, *command: str | Path, cwd: Path | None = None, seconds: int = 120) -> str:
        """Run a command that must succeed and return what it printed."""
        return self.run(*command, cwd=cwd, seconds=seconds).stdout.strip()

    def refused(self, *command: str | Path, cwd: Path | None = None, seconds: int = 120) -> str:
        """Run a command that must fail and return all that it said."""
        done = self.attempt(*command, cwd=cwd, seconds=seconds)
        assert done.returncode != 0, f"{_line(command)} was let through:\n{done.stdout}\n{done.stderr}"
        return f"{done.stdout}\n{done.stderr}"

    def attempt(
        self, *command: str | Path, stdin: str = "", cwd: Path | None = None, seconds: int = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, whatever comes of it."""
        program = path_of(str(command[0]), self.environment["PATH"])
        return subprocess.run(
            [program, *map(str, command[1:])],
            input=stdin,
            env=self.environment,
            cwd=cwd or self.home,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


def assert_rights(reader: Shell, stranger: Shell, push: Command, pull: Command) -> None:
    """Check that a reader pulls and may not push, and that one without a login may do neither."""
    reader.run(*pull)
    assert_says(DENIED, reader.refused(*push))
    for command in (push, pull):
        assert_says(UNKNOWN, stranger.refused(*command))


def assert_says(pattern: re.Pattern[str], said: str) -> None:
    """Check that a refusal names its reason."""
    assert pattern.search(said), f"not a clear refusal: {said}"


def digest_in(text: str) -> str:
    """Return the last digest that a client printed."""
    found: list[str] = DIGEST.findall(text)
    assert found, f"no digest in: {text}"
    return found[-1]


def inherited_environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without anything of AWS: no test may reach an account."""
    return {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | variables


def _line(command: Command) -> str:
    return " ".join(map(str, command))
