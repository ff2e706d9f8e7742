"""The functions as SAM packs and runs them: in containers, by API Gateway's events, on strict stand-ins for AWS."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .clients import crane_append, log_in_crane, log_in_docker, log_in_regctl, push_image
from .conformance import Tell, run_ginkgo_suite, run_main_suite
from .doctor import assert_well, examine
from .images import GREETING, MIB, file_digest, write_context, write_large_file, write_layer, write_layout
from .oci import Oci
from .sam import SamProduct, running_sam
from .shell import Shell, digest_in
from .test_conformance import FINDS_NONE, READ_ONLY_SETUPS, REFUSED_MOUNT
from .test_sdk import EXPECTED, prefix_of, run_core_list
from .test_sdk import push_image as push_one_layer

BODY_LIMIT = 4 * MIB
LAYER = "application/vnd.oci.image.layer.v1.tar"

# S3 sends these blobs itself: they are larger than what is kept in a row, and its answers cannot name a digest.
SENT_BY_S3 = [
    f"{algorithm} blobs/{way}/blob-get"
    for algorithm in ("sha256", "sha512")
    for way in (
        "chunked multi",
        "chunked multi and put chunk",
        "chunked out-of-order",
        "chunked out-of-order and put chunk",
    )
]
WHY = "S3 sends these blobs, whose answers cannot have a Docker-Content-Digest"


@pytest.fixture(scope="session")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SamProduct]:
    with running_sam(tmp_path_factory.mktemp("sam")) as server:
        yield server


@pytest.fixture
def registry(sam: SamProduct) -> str:
    """The name that presigned URLs have too: some clients follow no redirect to another one of this machine."""
    return f"localhost:{sam.port}"


def bearer(sam: SamProduct, name: str) -> dict[str, str]:
    login = (sam.administrator.username, sam.administrator.password)
    query = {"service": f"localhost:{sam.port}", "scope": f"repository:{name}:pull,push"}
    answer = httpx.get(f"http://localhost:{sam.port}/20180419/docker/token", params=query, auth=login, timeout=60)
    return {"Authorization": f"Bearer {answer.raise_for_status().json()['token']}"}


def test_a_request_without_token_is_challenged(registry: str) -> None:
    """The header that no login works without comes through, with a realm that the client can reach."""
    answer = httpx.get(f"http://{registry}/v2/", timeout=60)

    realm = f'Bearer realm="http://{registry}/20180419/docker/token",service="{registry}"'
    assert (401, realm) == (answer.status_code, answer.headers["www-authenticate"])


def test_docker_pushes_and_pulls(sam: SamProduct, registry: str, tmp_path: Path) -> None:
    """An image comes back under the digest that the push reported, and runs."""
    docker = Shell(tmp_path / "docker", DOCKER_HOST=sam.settings["DOCKER_HOST"], DOCKER_BUILDKIT="0")
    image = f"{registry}/{sam.namespace}/sam/docker:v1"
    log_in_docker(docker, registry, sam.administrator)
    docker.run("docker", "build", "--quiet", "--tag", image, write_context(docker.home / "context", image, 2 * MIB))

    pushed = digest_in(docker.output("docker", "push", image))
    docker.run("docker", "rmi", image)
    pulled = digest_in(docker.output("docker", "pull", image))

    assert pushed == pulled
    assert GREETING in docker.run("docker", "run", "--rm", "--network", "none", image).stderr


def test_a_body_of_4_mib_goes_in_and_comes_back_by_a_redirect(sam: SamProduct, registry: str) -> None:
    """The largest body that a function takes, every byte value in it; HEAD tells its length."""
    data = bytes(range(256)) * (BODY_LIMIT // 256)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    name = f"{sam.namespace}/sam/body"
    with httpx.Client(base_url=f"http://{registry}", headers=bearer(sam, name), timeout=60) as client:
        opened = client.post(f"/v2/{name}/blobs/uploads/")
        put = client.put(opened.headers["location"], params={"digest": digest}, content=data)
        head = client.head(f"/v2/{name}/blobs/{digest}")
        redirect = client.get(f"/v2/{name}/blobs/{digest}")
    pulled = httpx.get(redirect.headers["location"], timeout=60)

    assert [202, 201, 200, 307] == [answer.status_code for answer in (opened, put, head, redirect)]
    assert str(BODY_LIMIT) == head.headers["content-length"]
    assert redirect.headers["location"].startswith(f"{sam.settings['MOORAGE_PUBLIC_ENDPOINT']}/")
    assert (200, data) == (pulled.status_code, pulled.content)


def test_a_presigned_url_that_was_changed_is_refused(sam: SamProduct, registry: str) -> None:
    """S3's stand-in checks signatures, as S3 does."""
    data = b"presigned" * 4096
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    name = f"{sam.namespace}/sam/presigned"
    with httpx.Client(base_url=f"http://{registry}", headers=bearer(sam, name), timeout=60) as client:
        pushed = client.post(f"/v2/{name}/blobs/uploads/", params={"digest": digest}, content=data)
        location = client.get(f"/v2/{name}/blobs/{digest}").headers["location"]

    assert 201 == pushed.status_code
    assert 403 == httpx.get(location.replace("X-Amz-Expires=", "X-Amz-Expires=1"), timeout=60).status_code


def test_a_small_blob_comes_from_the_function_itself(sam: SamProduct, registry: str) -> None:
    """Bytes that are no text, whatever the client accepts."""
    data = bytes(range(256)) * 16
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    name = f"{sam.namespace}/sam/small"
    with httpx.Client(base_url=f"http://{registry}", headers=bearer(sam, name), timeout=60) as client:
        pushed = client.post(f"/v2/{name}/blobs/uploads/", params={"digest": digest}, content=data)
        answers = [
            client.get(f"/v2/{name}/blobs/{digest}", headers={"Accept": accept}) for accept in ("*/*", "image/png", "")
        ]

    assert 201 == pushed.status_code
    assert [(200, data)] * 3 == [(answer.status_code, answer.content) for answer in answers]


def test_a_public_repository_is_pulled_without_login(
    sam: SamProduct, registry: str, shell: Shell, stranger: Shell, tmp_path: Path
) -> None:
    """By a client that never logged in, redirects and all."""
    image = f"{registry}/{sam.create_public_repository('sam/public')}:v1"
    log_in_crane(shell, registry, sam.administrator)
    push_image(shell, tmp_path / "layer.tar", image)

    stranger.run("crane", "validate", "--insecure", "--remote", image)
    stranger.refused(*crane_append(write_layer(tmp_path / "other.tar", "other"), image))


@pytest.mark.parametrize("size", [BODY_LIMIT + 64 * 1024, 7 * MIB], ids=["refused by the function", "by the gateway"])
def test_a_layer_that_does_not_fit_is_refused_with_advice(
    sam: SamProduct, registry: str, shell: Shell, tmp_path: Path, size: int
) -> None:
    """What the client prints says what to do."""
    log_in_crane(shell, registry, sam.administrator)
    layer = write_layer(tmp_path / "layer.tar", str(size), size)

    said = shell.refused(*crane_append(layer, f"{registry}/{sam.namespace}/sam/large:v1"))

    assert "SIZE_INVALID" in said
    assert "in chunks" in said
    assert "relay" in said


def test_a_blob_of_any_size_is_pushed_in_chunks(sam: SamProduct, registry: str, shell: Shell, tmp_path: Path) -> None:
    """24 MiB in chunks of 1 MiB, each in an event of its own, and back byte for byte."""
    log_in_regctl(shell, registry, sam.administrator)
    chunk = ("--blob-chunk", str(MIB), "--blob-max", str(MIB))
    shell.run("regctl", "registry", "set", "--skip-check", *chunk, registry)
    layer = tmp_path / "layer.tar"
    layer_digest = write_large_file(layer, "chunks", 24 * MIB)
    pushed = write_layout(tmp_path / "image", layer, layer_digest, LAYER)
    image = f"{registry}/{sam.namespace}/sam/chunks:v1"

    shell.run("regctl", "image", "copy", f"ocidir://{tmp_path / 'image'}@{pushed}", image, seconds=240)
    shell.run("regctl", "image", "copy", image, f"ocidir://{tmp_path / 'pulled'}:v1", seconds=240)

    assert layer_digest == file_digest(tmp_path / "pulled" / "blobs" / "sha256" / layer_digest.removeprefix("sha256:"))


def test_main_conformance_suite(sam: SamProduct, shell: Shell, tell: Tell) -> None:
    """All but what S3 cannot answer; no body of the suite is too large for a function."""
    report = run_main_suite(sam, shell, f"{sam.namespace}/sam/main", "stable")

    tell(report, WHY)
    assert sorted(SENT_BY_S3) == report.failed, report.complaints
    assert report.skipped == [], report.complaints


def test_ginkgo_conformance_suite(sam: SamProduct, shell: Shell, tell: Tell) -> None:
    """All that is passed on the local server."""
    report = run_ginkgo_suite(sam, shell, f"{sam.namespace}/sam/ginkgo", "1")

    tell(report)
    assert report.failed == [], report.complaints
    assert sorted([*READ_ONLY_SETUPS, REFUSED_MOUNT, FINDS_NONE]) == report.skipped


def test_the_doctor_finds_it_well(sam: SamProduct, registry: str) -> None:
    """Every check, through the functions."""
    assert_well(examine(f"http://{registry}", sam.administrator, "--timeout", "60"))


def test_the_sweep_runs_as_a_schedule_invokes_it(sam: SamProduct) -> None:
    """By its recorded event, in a container of its own, as `make sam` says it is done."""
    assert {"upload_sessions": 0} == sam.sweep()


def test_the_functions_say_what_they_did(sam: SamProduct) -> None:
    """Each request is a line of JSON, as in CloudWatch."""
    lines = (sam.state / "sam.log").read_text().splitlines()
    requests = [json.loads(line) for line in lines if line.startswith('{"level"') and '"message":"request"' in line]

    assert {"GET", "HEAD", "POST", "PUT", "PATCH"} <= {request["method"] for request in requests}


@pytest.mark.parametrize("language", ["python", "typescript", "go", "java"])
def test_the_core_list_of_the_sdks(sam: SamProduct, registry: str, language: str, tmp_path: Path) -> None:
    """Signed requests come through SAM's events as they were sent."""
    login = sam.administrator
    repository = f"{sam.namespace}/{prefix_of(language)}/app"
    push_one_layer(Shell(tmp_path / "crane"), registry, login.username, login.password, repository)

    steps = run_core_list(language, f"http://{registry}", sam.credentials, sam.namespace, tmp_path)

    assert EXPECTED == steps


def test_the_oci_command_line(sam: SamProduct, tmp_path: Path) -> None:
    oci = Oci.of(sam, tmp_path)
    tenancy = sam.credentials["tenancy"]

    assert sam.namespace == oci.data("os ns get")
    made = oci.data("artifacts container repository create", compartment_id=tenancy, display_name="sam/oci")
    listed = oci.data("artifacts container repository list", compartment_id=tenancy, display_name="sam/oci", all=True)
    assert [made["id"]] == [one["id"] for one in listed["items"]]
    assert oci.data("container-registry access-token get")["token"]
