"""The real `oci` against the local server: every command that the cloud plane serves, and how it refuses."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from .oci import COMMANDS, TABLE, Oci, table_of
from .product import Product
from .shell import Shell

KEY, KEY_VERSION = (f"ocid1.key.x.y.z.{letter * 60}" for letter in "kv")
ALGORITHM = "SHA_256_RSA_PKCS_PSS"
MANAGE = "Allow group pushers to manage repos in compartment team"


@pytest.fixture(scope="module")
def oci(product: Product, tmp_path_factory: pytest.TempPathFactory) -> Oci:
    return Oci.of(product, tmp_path_factory.mktemp("oci"))


@pytest.fixture(scope="module")
def tenancy(product: Product) -> str:
    return product.credentials["tenancy"]


@pytest.fixture(scope="module")
def team(oci: Oci, tenancy: str) -> str:
    """A compartment of the tests."""
    made = oci.data("iam compartment create", compartment_id=tenancy, name="team", description="of the tests")
    return str(made["id"])


@pytest.fixture(scope="module")
def pusher(oci: Oci, tenancy: str, team: str) -> dict[str, str]:
    """A user of a group that may manage the repositories of the team, with a password."""
    user = oci.data("iam user create", name="pusher@example.com", description="pushes")["id"]
    group = oci.data("iam group create", name="pushers", description="push")["id"]
    oci.data("iam group add-user", user_id=user, group_id=group)
    policy = oci.data("iam policy create", compartment_id=tenancy, name="pushers", description="d", statements=[MANAGE])
    password = oci.data("iam auth-token create", user_id=user, description="docker")["token"]
    return {"user": user, "group": group, "policy": policy["id"], "password": password}


@pytest.fixture(scope="module")
def docker(product: Product, pusher: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Who pushes with what `oci iam auth-token create` printed."""
    shell = Shell(tmp_path_factory.mktemp("docker"))
    login = ("--insecure", "-u", f"{product.namespace}/pusher@example.com", "-p", pusher["password"])
    shell.run("crane", "auth", "login", *login, product.registry)
    return shell


def test_the_namespace_and_the_tenancy(oci: Oci, product: Product, tenancy: str) -> None:
    assert product.namespace == oci.data("os ns get")
    assert tenancy == oci.data("iam tenancy get", tenancy_id=tenancy)["id"]
    (region,) = oci.data("iam region-subscription list", tenancy_id=tenancy)
    assert region["is-home-region"]
    assert [region["region-name"]] == [one["name"] for one in oci.data("iam region list")]


def test_compartments(oci: Oci, tenancy: str, team: str) -> None:
    inner = oci.data("iam compartment create", compartment_id=team, name="inner", description="d")["id"]
    assert ["inner"] == [one["name"] for one in oci.data("iam compartment list", compartment_id=team)]
    everything = oci.data("iam compartment list", compartment_id=tenancy, compartment_id_in_subtree="true", all=True)
    assert {"team", "inner"} <= {one["name"] for one in everything}
    assert "changed" == oci.data("iam compartment update", compartment_id=inner, description="changed")["description"]
    oci("iam compartment move", compartment_id=inner, target_compartment_id=tenancy)
    assert tenancy == oci.data("iam compartment get", compartment_id=inner)["compartment-id"]
    deleted = oci("iam compartment delete", compartment_id=inner, force=True)
    request = deleted["opc-work-request-id"]
    assert "SUCCEEDED" == oci.data("iam work-request get", work_request_id=request)["status"]
    listed = oci.data("iam work-request list", compartment_id=tenancy, resource_identifier=inner)
    assert request in [one["id"] for one in listed]
    assert "ACTIVE" == oci.data("iam compartment recover", compartment_id=inner)["lifecycle-state"]
    error = oci.refused("iam compartment create", compartment_id=tenancy, name="team", description="d")
    assert (409, "NotAuthorizedOrResourceAlreadyExists") == (error["status"], error["code"])


def test_users_and_groups(oci: Oci, tenancy: str, pusher: dict[str, str]) -> None:
    user, group = pusher["user"], pusher["group"]
    assert "pusher@example.com" == oci.data("iam user get", user_id=user)["name"]
    assert "pusher@example.com" in [one["name"] for one in oci.data("iam user list", all=True)]
    assert ["pushers"] == [one["name"] for one in oci.data("iam user list-groups", user_id=user)]
    assert [user] == [one["id"] for one in oci.data("iam group list-users", group_id=group)]
    assert "new" == oci.data("iam user update", user_id=user, description="new", force=True)["description"]
    assert "new" == oci.data("iam group update", group_id=group, description="new", force=True)["description"]
    assert "pushers" == oci.data("iam group get", group_id=group)["name"]
    assert ["pushers"] == [one["name"] for one in oci.data("iam group list", name="pushers")]
    changed = oci.data("iam user update-user-capabilities", user_id=user, can_use_api_keys="false")
    assert not changed["capabilities"]["can-use-api-keys"]
    assert "ACTIVE" == oci.data("iam user update-user-state", user_id=user, blocked="false")["lifecycle-state"]
    oci.refused("iam group delete", group_id=group, force=True)
    oci.refused("iam user delete", user_id=user, force=True)
    other = oci.data("iam user create", name="other", description="d")["id"]
    oci.data("iam group add-user", user_id=other, group_id=group)
    oci("iam group remove-user", user_id=other, group_id=group, force=True)
    oci("iam user delete", user_id=other, force=True)
    oci("iam group delete", group_id=oci.data("iam group create", name="empty", description="d")["id"], force=True)
    administrators = oci.data("iam group list", name="Administrators")[0]["id"]
    (first,) = oci.data("iam group list-users", group_id=administrators)
    oci.refused("iam group remove-user", user_id=first["id"], group_id=administrators, force=True)


def test_credentials(oci: Oci, pusher: dict[str, str], tmp_path: Path) -> None:
    user = oci.data("iam user create", name="keys", description="d")["id"]
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True, timeout=60)
    command = ["openssl", "rsa", "-in", private, "-pubout", "-out", public]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    uploaded = oci.data("iam user api-key upload", user_id=user, key_file=public)
    assert [uploaded["fingerprint"]] == [one["fingerprint"] for one in oci.data("iam user api-key list", user_id=user)]
    oci("iam user api-key delete", user_id=user, fingerprint=uploaded["fingerprint"], force=True)
    made = oci.data("iam auth-token create", user_id=user, description="one")
    oci.data("iam auth-token create", user_id=user, description="two")
    error = oci.refused("iam auth-token create", user_id=user, description="three")
    assert (400, "LimitExceeded") == (error["status"], error["code"])
    changed = oci.data("iam auth-token update", user_id=user, auth_token_id=made["id"], description="new")
    assert "new" == changed["description"]
    oci("iam auth-token delete", user_id=user, auth_token_id=made["id"], force=True)
    assert ["two"] == [one["description"] for one in oci.data("iam auth-token list", user_id=user)]


def test_policies(oci: Oci, tenancy: str, pusher: dict[str, str]) -> None:
    policy = pusher["policy"]
    assert [MANAGE] == oci.data("iam policy get", policy_id=policy)["statements"]
    assert "pushers" in [one["name"] for one in oci.data("iam policy list", compartment_id=tenancy, all=True)]
    statements = [MANAGE, "Allow group pushers to inspect repos in tenancy"]
    options = {"statements": statements, "version_date": "", "force": True}
    assert statements == oci.data("iam policy update", policy_id=policy, **options)["statements"]
    broken = {"compartment_id": tenancy, "name": "broken", "description": "d"}
    error = oci.refused("iam policy create", statements=["Allow group pushers to eat repos in tenancy"], **broken)
    assert (400, "InvalidParameter") == (error["status"], error["code"])
    assert "statements[0]" in error["message"]
    assert "column" in error["message"]
    gone = oci.data("iam policy create", statements=["Allow any-user to inspect repos in tenancy"], **broken)["id"]
    oci("iam policy delete", policy_id=gone, force=True)


def test_networks_and_dynamic_groups(oci: Oci, tenancy: str) -> None:
    home = {"compartment_id": tenancy, "name": "home", "description": "d", "public_source_list": ["127.0.0.0/8"]}
    made = oci.data("iam network-sources create", **home)
    where = {"network_source_id": made["id"]}
    assert ["127.0.0.0/8"] == oci.data("iam network-sources get", **where)["public-source-list"]
    assert ["home"] == [one["name"] for one in oci.data("iam network-sources list", compartment_id=tenancy)]
    assert "new" == oci.data("iam network-sources update", description="new", force=True, **where)["description"]
    policy = oci.data("iam authentication-policy get", compartment_id=tenancy)
    assert tenancy == policy["compartment-id"]
    allowed = {"networkSourceIds": [made["id"]]}
    changed = oci.data("iam authentication-policy update", compartment_id=tenancy, network_policy=allowed, force=True)
    assert [made["id"]] == changed["network-policy"]["network-source-ids"]
    everywhere = {"networkSourceIds": []}
    oci.data("iam authentication-policy update", compartment_id=tenancy, network_policy=everywhere, force=True)
    oci("iam network-sources delete", force=True, **where)
    rule = "instance.id = 'arn:aws:iam::123456789012:role/build'"
    group = oci.data("iam dynamic-group create", name="builders", description="d", matching_rule=rule)["id"]
    assert rule == oci.data("iam dynamic-group get", dynamic_group_id=group)["matching-rule"]
    assert ["builders"] == [one["name"] for one in oci.data("iam dynamic-group list")]
    changed = oci.data("iam dynamic-group update", dynamic_group_id=group, description="new", force=True)
    assert "new" == changed["description"]
    oci("iam dynamic-group delete", dynamic_group_id=group, force=True)


@pytest.fixture(scope="module")
def repository(oci: Oci, product: Product, team: str, docker: Shell) -> dict[str, str]:
    """A repository that `oci` made, with an image that crane pushed."""
    made = oci.data("artifacts container repository create", compartment_id=team, display_name="proj/app")
    layer = docker.home / "layer.tar"
    (docker.home / "file").write_text("content")
    subprocess.run(["tar", "-cf", layer, "-C", docker.home, "file"], check=True, timeout=60)
    where = f"{product.registry}/{product.namespace}/proj/app:1.0"
    docker.run("crane", "append", "--insecure", "-f", layer, "-t", where)
    return {"id": made["id"], "image": where}


def test_repositories(oci: Oci, product: Product, tenancy: str, team: str, repository: dict[str, str]) -> None:
    where = {"repository_id": repository["id"]}
    got = oci("artifacts container repository get", **where)
    assert (1, product.namespace) == (got["data"]["image-count"], got["data"]["namespace"])
    readme = {"content": "# Read me", "format": "TEXT_MARKDOWN"}
    options = {"readme": readme, "is_public": "true", "if_match": got["etag"], "force": True}
    assert oci.data("artifacts container repository update", **where, **options)["is-public"]
    error = oci.refused("artifacts container repository update", **where, **options)
    assert (412, "NoEtagMatch") == (error["status"], error["code"])
    items = oci.data("artifacts container repository list", compartment_id=team, is_public="true")["items"]
    assert ["proj/app"] == [one["display-name"] for one in items]
    error = oci.refused("artifacts container repository create", compartment_id=team, display_name="proj/app")
    assert 409 == error["status"]
    error = oci.refused("artifacts container repository list", compartment_id=team, limit=0)
    assert (400, "InvalidParameter") == (error["status"], error["code"])
    assert "limit" in error["message"]
    other = oci.data("artifacts container repository create", compartment_id=team, display_name="gone")["id"]
    oci(
        "artifacts container repository delete",
        repository_id=other,
        force=True,
        wait_for_state="DELETED",
        wait_interval_seconds=1,
    )
    inside = {"compartment_id": tenancy, "compartment_id_in_subtree": "true", "all": True}
    assert "gone" not in [
        one["display-name"] for one in oci.data("artifacts container repository list", **inside)["items"]
    ]
    configuration = {"compartment_id": tenancy}
    on = oci.data("artifacts container configuration get", **configuration)
    assert product.namespace == on["namespace"]
    for value in ("false", "true"):
        changed = oci.data(
            "artifacts container configuration update", is_repository_created_on_first_push=value, **configuration
        )
        assert (value == "true") == changed["is-repository-created-on-first-push"]


def test_images(oci: Oci, product: Product, team: str, docker: Shell, repository: dict[str, str]) -> None:
    listing = {"compartment_id": team, "repository_name": "proj/*", "all": True}
    (image,) = oci.data("artifacts container image list", **listing)["items"]
    assert ("proj/app:1.0", "1.0") == (image["display-name"], image["version"])
    where = {"image_id": image["id"]}
    found = oci.data("artifacts container image lookup", image_uri=f"{product.namespace}/proj/app:1.0")
    assert image["id"] == found["id"]
    whole = oci.data("artifacts container image get", **where)
    assert [image["digest"], 1] == [whole["digest"], len(whole["layers"])]
    tagged = oci.data("artifacts container image update", freeform_tags={"by": "oci"}, force=True, **where)
    assert {"by": "oci"} == tagged["freeform-tags"]
    bare = oci.data("artifacts container image remove-version", image_version="1.0", **where)
    assert (f"proj/app:1.0@{image['digest']}", []) == (bare["display-name"], bare["versions"])
    by_digest = f"{repository['image'].removesuffix(':1.0')}@{image['digest']}"
    docker.refused("crane", "manifest", "--insecure", repository["image"])
    docker.run("crane", "manifest", "--insecure", by_digest)
    oci("artifacts container image delete", force=True, **where)
    docker.refused("crane", "manifest", "--insecure", by_digest)
    assert "AVAILABLE" == oci.data("artifacts container image restore", image_version="1.0", **where)["lifecycle-state"]
    docker.run("crane", "validate", "--insecure", "--remote", repository["image"])
    oci.refused("artifacts container image restore", **where)


def test_signatures(oci: Oci, team: str, repository: dict[str, str]) -> None:
    (image,) = oci.data("artifacts container image list", compartment_id=team, image_version="1.0")["items"]
    message = {
        "description": "",
        "imageDigest": image["digest"],
        "kmsKeyId": KEY,
        "kmsKeyVersionId": KEY_VERSION,
        "metadata": "",
        "region": "x",
        "repositoryName": image["repository-name"],
        "signingAlgorithm": ALGORITHM,
    }
    options = {
        "compartment_id": team,
        "image_id": image["id"],
        "kms_key_id": KEY,
        "kms_key_version_id": KEY_VERSION,
        "signature": base64.b64encode(bytes(512)).decode(),
        "signing_algorithm": ALGORITHM,
    }

    def written(**changes: str) -> str:
        return base64.b64encode(json.dumps(message | changes, separators=(",", ":")).encode()).decode()

    create = "artifacts container image-signature create"
    made = oci.data(create, message=written(), **options)
    error = oci.refused(create, message=written(imageDigest="sha256:" + "0" * 64), **options)
    assert (400, "InvalidParameter") == (error["status"], error["code"])
    where = {"image_signature_id": made["id"]}
    assert made["signature"] == oci.data("artifacts container image-signature get", **where)["signature"]
    changed = oci.data("artifacts container image-signature update", freeform_tags={"a": "b"}, force=True, **where)
    assert {"a": "b"} == changed["freeform-tags"]
    listed = oci.data("artifacts container image-signature list", compartment_id=team)["items"]
    assert [made["id"]] == [one["id"] for one in listed]
    oci("artifacts container image-signature delete", force=True, **where)


def test_a_move(oci: Oci, tenancy: str, team: str, repository: dict[str, str]) -> None:
    where = {"repository_id": repository["id"]}
    for target in (tenancy, team):
        oci("artifacts container repository change-compartment", compartment_id=target, **where)
        images = oci.data("artifacts container image list", compartment_id=target, **where)["items"]
        assert [target] == [one["compartment-id"] for one in images]


def test_tokens_for_docker(oci: Oci, product: Product, repository: dict[str, str], tmp_path: Path) -> None:
    got = oci.data("container-registry access-token get")
    target = f"http://localhost:{product.port}/20180419/docker/token"
    raw = oci.raw(http_method="GET", target_uri=target)
    assert "200 OK" == raw["status"]
    for token in (got["token"], raw["data"]["token"]):
        shell = Shell(tmp_path / token[-8:])
        shell.run("crane", "auth", "login", "--insecure", "-u", "BEARER_TOKEN", "-p", token, product.registry)
        shell.run("crane", "manifest", "--insecure", repository["image"])


def test_refusals(
    oci: Oci, product: Product, tenancy: str, team: str, repository: dict[str, str], tmp_path: Path
) -> None:
    nobody = oci.data("iam user create", name="nobody", description="d")["id"]
    private, public = tmp_path / "key.pem", tmp_path / "public.pem"
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True, timeout=60)
    command = ["openssl", "rsa", "-in", private, "-pubout", "-out", public]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    endpoint = f"http://localhost:{product.port}"

    def profile(fingerprint: str) -> Oci:
        config = tmp_path / f"config-{fingerprint[:2]}"
        lines = [f"user={nobody}", f"tenancy={tenancy}", f"fingerprint={fingerprint}", f"key_file={private}"]
        config.write_text("\n".join(["[DEFAULT]", *lines, "region=x", ""]))
        private.chmod(0o600)
        return Oci(Shell(tmp_path / fingerprint[:2]), endpoint, config)

    unknown = profile(":".join(["00"] * 16)).refused("os ns get")
    assert (401, "NotAuthenticated") == (unknown["status"], unknown["code"])
    fingerprint = oci.data("iam user api-key upload", user_id=nobody, key_file=public)["fingerprint"]
    stranger = profile(fingerprint)
    assert product.namespace == stranger.data("os ns get")
    forbidden = stranger.refused("artifacts container repository get", repository_id=repository["id"])
    absent = oci.refused("artifacts container repository get", repository_id=repository["id"][:-26] + "0" * 26)
    assert (404, "NotAuthorizedOrNotFound") == (forbidden["status"], forbidden["code"])
    assert (forbidden["status"], forbidden["code"], forbidden["message"]) == (
        absent["status"],
        absent["code"],
        absent["message"],
    )
    error = stranger.refused("artifacts container repository create", compartment_id=team, display_name="x")
    assert error["status"] in {404, 409}


def test_every_command_was_run_and_is_in_the_docs(oci: Oci, request: pytest.FixtureRequest) -> None:
    rows = table_of(oci.noted)
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    assert terminal is not None
    for row in rows:
        terminal.write_line(row)
    assert not [command for command in COMMANDS if "ok" not in oci.noted.get(command, set())]
    page = TABLE.read_text(encoding="utf-8")
    if os.environ.get("MOORAGE_WRITE_TABLE"):
        before, _, _ = page.partition("| command |")
        page = "\n".join([f"{before}| command | result | refusals that were tried |", "| --- | --- | --- |", *rows, ""])
        TABLE.write_text(page, encoding="utf-8")
    assert all(row in page.splitlines() for row in rows), "run it with MOORAGE_WRITE_TABLE=1"
