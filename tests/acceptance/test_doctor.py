"""`moorage doctor` against real servers: the local one, and a gateway that is right or wrong in one way."""

import json
import subprocess
import sys
from typing import Any

import pytest
from tests.gateway import HeadLength, Quirks, TooLarge
from tests.gateway.server import Deployment

from .conformance import Tell, run_ginkgo_suite
from .doctor import assert_well, examine
from .product import PYTHONPATH, Login, Product
from .shell import ROOT, Shell, inherited_environment
from .test_conformance import FINDS_NONE, READ_ONLY_SETUPS, REFUSED_MOUNT


@pytest.fixture(scope="session")
def deployment(aws: Any) -> Deployment:
    """A table, a bucket and an administrator, on moto; each test puts a gateway of its own before them."""
    return Deployment(aws.dynamodb, aws.s3, aws.endpoints.environment(), "doctor-acceptance")


@pytest.fixture(scope="session")
def administrator(deployment: Deployment) -> Login:
    return Login(deployment.username, deployment.password)


def test_the_local_server_is_well(product: Product) -> None:
    """All is ok, nothing is left, under each name that the server goes by."""
    for host in ("localhost", "127.0.0.1"):
        assert_well(examine(f"http://{host}:{product.port}", product.administrator))


def test_a_gateway_that_is_right_is_well(deployment: Deployment, administrator: Login) -> None:
    with deployment.behind(Quirks()) as url:
        assert_well(examine(url, administrator))


def test_a_gateway_that_measures_bodies_is_well_with_the_setting(deployment: Deployment, administrator: Login) -> None:
    """What the doctor says to change is what helps."""
    with deployment.behind(Quirks(head_length=HeadLength.BODY), MOORAGE_HEAD_BODY="filler") as url:
        assert_well(examine(url, administrator))


WRONG = {
    "challenges are renamed": (Quirks(authorizer=False), {"challenge", "renewal", "anonymous"}, "UNAUTHORIZED"),
    "forms are not routed": (Quirks(closed="POST /20180419"), {"login-form"}, "CloudApi"),
    "headers are too few": (Quirks(header_bytes=4_096), {"headers"}, "10,240"),
    "HEAD is measured": (Quirks(head_length=HeadLength.BODY), {"head"}, "MOORAGE_HEAD_BODY"),
    "HEAD has no length": (Quirks(head_length=HeadLength.NONE), {"head"}, "MOORAGE_HEAD_BODY"),
    "HEAD is closed": (Quirks(closed="HEAD /v2"), {"head", "digest"}, "HEAD"),
    "bodies are text": (Quirks(binary_requests=False), {"push"}, "BinaryMediaTypes"),
    "answers are base64": (Quirks(binary_answers=False), {"pull", "range"}, "BinaryMediaTypes"),
    "answers are compressed": (Quirks(compresses=True), {"pull"}, "MinimumCompressionSize"),
    "digests are dropped": (Quirks(digest=False), {"push", "digest"}, "Docker-Content-Digest"),
    "Location is rewritten": (Quirks(locations_on="http://localhost:1"), {"location"}, "Location"),
    "the bucket is out of reach": (Quirks(redirects_to="127.0.0.1:1"), {"redirect"}, "MOORAGE_PUBLIC_ENDPOINT"),
    "escapes are refused": (Quirks(escapes=False), {"paths"}, "paths"),
    "4 MiB do not fit": (Quirks(request_bytes=1024 * 1024), {"body"}, "MOORAGE_BODY_LIMIT"),
    "8 MiB break it": (Quirks(too_large=TooLarge.BROKEN), {"larger-body"}, "MOORAGE_BODY_LIMIT"),
    "8 MiB hang": (Quirks(too_large=TooLarge.HANGS), {"larger-body"}, "MOORAGE_BODY_LIMIT"),
    "the clock is wrong": (Quirks(clock_seconds=-900), {"clock"}, "clock"),
}


@pytest.mark.parametrize(("quirks", "expected", "setting"), WRONG.values(), ids=WRONG)
def test_a_gateway_that_is_wrong_in_one_way_fails_by_name(
    deployment: Deployment, administrator: Login, quirks: Quirks, expected: set[str], setting: str
) -> None:
    """Exit code 1, the checks that are about it and no other, and the setting to change."""
    with deployment.behind(quirks) as url:
        found = examine(url, administrator, "--timeout", "5")

    assert (1, expected) == (found.code, found.failed | found.warned), found.said
    assert any(setting in change for change in found.changes)


def test_a_gateway_that_drops_ranges_is_a_warning(deployment: Deployment, administrator: Login) -> None:
    """Pulls work; only those that broke off begin anew."""
    with deployment.behind(Quirks(ignores_range=True)) as url:
        found = examine(url, administrator)

    assert (0, set(), {"range"}) == (found.code, found.failed, found.warned), found.said


def test_the_gateway_runs_as_a_process_of_its_own() -> None:
    """With a quirk from the command line, and until its standard input ends."""
    command = [sys.executable, "-m", "tests.gateway", "--quirk", "head_length=body", "--quirk", "too_large=broken"]
    environment = inherited_environment(PYTHONPATH=f"{PYTHONPATH}:{ROOT}")
    with subprocess.Popen(
        command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        said = json.loads(server.stdout.readline())
        found = examine(said["url"], Login(said["username"], said["password"]))
        server.communicate(timeout=30)

    assert ({"head", "larger-body"}, 0) == (found.failed, server.returncode), found.said


def test_the_conformance_suite_passes_behind_the_gateway(
    deployment: Deployment, administrator: Login, shell: Shell, tell: Tell
) -> None:
    """Version 1.1, told which scope to ask for: the gateway's challenge names none, and the suite knows none itself.

    The main suite cannot be told, and is left out.
    """
    repository = f"{deployment.namespace}/conformance/gateway"
    scopes = [f"repository:{repository}/{name}:pull,push,delete" for name in ("one", "two")]
    shell.environment["OCI_AUTH_SCOPE"] = " ".join(scopes)
    with deployment.behind(Quirks()) as url:
        product = Product(int(url.rpartition(":")[2]), deployment.namespace, administrator, {}, {})
        report = run_ginkgo_suite(product, shell, repository, "1")

    tell(report)
    assert report.failed == [], report.complaints
    assert sorted([*READ_ONLY_SETUPS, REFUSED_MOUNT, FINDS_NONE]) == report.skipped
