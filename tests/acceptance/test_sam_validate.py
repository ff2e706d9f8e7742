"""SAM and its linter accept the template, which they know better than any test of ours."""

import os
import subprocess
from pathlib import Path

from tests.template.roles import TEMPLATE

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"


def test_sam_and_its_linter_find_nothing(tmp_path):
    """
    `sam validate --lint`, which needs no AWS.
    """
    done = subprocess.run(
        [SAM, "validate", "--lint", "--template", ROOT / "template.yaml"],
        cwd=tmp_path,
        env={**os.environ, "AWS_DEFAULT_REGION": "eu-central-1", "SAM_CLI_TELEMETRY": "0", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (0, "valid SAM Template") == (done.returncode, done.stdout.strip()[-18:]), done.stdout + done.stderr


def test_the_linter_is_told_to_overlook_one_rule_only():
    """
    W1030 says that what belongs to the relay is empty, which it is where there is none.
    """
    assert {"cfn-lint": {"config": {"ignore_checks": ["W1030"]}}} == TEMPLATE.body["Metadata"]
