"""`moorage doctor`, run as a pipeline runs it."""

import json
import subprocess
import sys
from dataclasses import dataclass

from .product import PYTHONPATH, Login
from .shell import inherited_environment


@dataclass(frozen=True)
class Examination:
    """What came of one run: the exit code, the checks that were not ok, and all that was said."""

    code: int
    failed: set[str]
    warned: set[str]
    left: list[str]
    changes: list[str]
    said: str


def examine(url: str, login: Login, *options: str) -> Examination:
    """Run all checks, with a login and no setting of AWS."""
    done = subprocess.run(
        [sys.executable, "-m", "moorage.cli", "doctor", url, "--json", *options],
        env=inherited_environment(
            PYTHONPATH=PYTHONPATH, MOORAGE_USERNAME=login.username, MOORAGE_PASSWORD=login.password
        ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    by_result = {
        result: {finding["check"] for finding in report["findings"] if finding["result"] == result}
        for result in ("failed", "warning")
    }
    changes = [finding["change"] for finding in report["findings"] if finding["result"] == "failed"]
    return Examination(done.returncode, by_result["failed"], by_result["warning"], report["left"], changes, done.stdout)


def assert_well(found: Examination) -> None:
    """Check that all is ok, and nothing is left."""
    assert (0, set(), set(), []) == (found.code, found.failed, found.warned, found.left), found.said
