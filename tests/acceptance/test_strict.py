"""The strict stand-ins for AWS: they check what AWS checks, keep what they are given, and end with who started them."""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

from moorage.devserver.aws import CannotStart
from moorage.devserver.strict import Endpoints, running_strict
from moorage.stores.presign import presign

from .clients import log_in_crane, push_image
from .product import PYTHONPATH, running_product
from .shell import ROOT, Shell, inherited_environment

END_SECONDS = 30
BUCKET, KEY = "strict-blobs", "blobs/session/1"
TABLE = {
    "TableName": "strict",
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
}
ROW = {"pk": {"S": "row"}}


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoints]:
    with running_strict(tmp_path_factory.mktemp("strict")) as running:
        yield running


@pytest.fixture(scope="module")
def s3(endpoints: Endpoints) -> Any:
    """A client of a bucket with one object."""
    client = _client("s3", endpoints.s3, endpoints)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": endpoints.region})
    client.put_object(Bucket=BUCKET, Key=KEY, Body=b"bytes")
    return client


def _client(service: str, url: str, endpoints: Endpoints, secret: str | None = None) -> Any:
    return boto3.client(
        service,
        region_name=endpoints.region,
        endpoint_url=url,
        aws_access_key_id=endpoints.credentials.access_key,
        aws_secret_access_key=secret or endpoints.credentials.secret_key,
    )


@pytest.mark.parametrize(
    ("signed", "sent", "age", "status"),
    [
        pytest.param("GET", "GET", 0, 200, id="as it was signed"),
        pytest.param("GET", "GET", 61, 403, id="expired"),
        pytest.param("HEAD", "GET", 0, 403, id="for another method"),
    ],
)
def test_a_presigned_url_is_good_for_what_it_was_signed(
    endpoints: Endpoints, s3: Any, signed: str, sent: str, age: int, status: int
) -> None:
    """What we sign by arithmetic is what S3 verifies, and moto does not."""
    url = presign(
        signed,
        f"{endpoints.s3}/{BUCKET}",
        KEY,
        credentials=endpoints.credentials,
        region=endpoints.region,
        expires=timedelta(minutes=1),
        now=datetime.now(UTC) - timedelta(seconds=age),
        query={"response-content-type": "application/octet-stream", "x-digest": "sha256:0"},
    )

    assert status == _status(sent, url)
    assert _status(sent, url.replace("blobs%2F", "").replace("/session/", "/others/")) == 403


def test_bytes_that_are_not_what_their_checksum_says_are_refused(s3: Any) -> None:
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=BUCKET, Key="blobs/session/2", Body=b"bytes", ChecksumSHA256="A" * 43 + "=")

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_another_secret_is_refused(endpoints: Endpoints, s3: Any) -> None:
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        _client("s3", endpoints.s3, endpoints, "another").list_buckets()


def test_what_both_keep_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Killed without a chance to end them: they end all the same, and DynamoDB's writes its tables first."""
    code = """if True:
        import os, pathlib, sys
        from moorage.devserver.strict import running_strict
        from tests.acceptance.test_strict import BUCKET, KEY, ROW, TABLE, _client
        with running_strict(pathlib.Path(sys.argv[1])) as endpoints:
            dynamodb, s3 = (
                _client("dynamodb", endpoints.dynamodb, endpoints), _client("s3", endpoints.s3, endpoints)
            )
            dynamodb.create_table(**TABLE)
            dynamodb.put_item(TableName="strict", Item=ROW)
            s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": endpoints.region})
            s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"bytes")
            print(endpoints.dynamodb, endpoints.s3, flush=True)
            os.kill(os.getpid(), 9)
    """
    environment = inherited_environment(PYTHONPATH=f"{PYTHONPATH}:{ROOT}")
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    urls = killed.stdout.split()
    assert len(urls) == 2, killed.stderr
    _wait_until_gone(*urls)

    with running_strict(tmp_path) as endpoints:
        found = _client("dynamodb", endpoints.dynamodb, endpoints).get_item(TableName="strict", Key=ROW)
        kept = _client("s3", endpoints.s3, endpoints).get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    assert (ROW, b"bytes") == (found["Item"], kept)


@pytest.mark.parametrize("missing", ["ministack", "versitygw"])
def test_a_program_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """Where it is looked for and how to get it is in the message."""
    (tmp_path / ({"ministack", "versitygw"} - {missing}).pop()).symlink_to("/bin/true")
    monkeypatch.chdir(tmp_path)

    with (
        pytest.raises(CannotStart, match=f"^{missing} is missing: tests/acceptance/install.sh"),
        running_strict(tmp_path / "state", {"MOORAGE_STAND_INS": str(tmp_path)}),
    ):
        pass


def test_a_program_that_does_not_start_leaves_a_log(tmp_path: Path) -> None:
    """The message says where its own words are."""
    for program in ("ministack", "versitygw"):
        script = tmp_path / program
        script.write_text("#!/bin/sh\necho no >&2\nexit 1\n")
        script.chmod(0o755)

    with (
        pytest.raises(CannotStart, match=r"^ministack did not start: .*/dynamodb\.log says why"),
        running_strict(tmp_path / "state", {**os.environ, "MOORAGE_STAND_INS": str(tmp_path)}),
    ):
        pass
    assert "no\n" * 3 == (tmp_path / "state" / "dynamodb.log").read_text()


def test_the_local_server_keeps_what_was_pushed(tmp_path: Path, shell: Shell) -> None:
    """Stopped and started on strict stand-ins, it has the image, and the administrator has the same password."""
    with running_product(tmp_path, aws="strict") as product:
        before = product.administrator
        log_in_crane(shell, product.registry, before)
        pushed = push_image(shell, tmp_path / "layer.tar", f"{product.registry}/{product.namespace}/kept:v1")
    assert (tmp_path / "state" / "aws" / "administrator").stat().st_mode & 0o777 == 0o600

    with running_product(tmp_path, aws="strict") as product:
        name = f"{product.registry}/{product.namespace}/kept:v1"
        log_in_crane(shell, product.registry, before)
        shell.run("crane", "validate", "--insecure", "--remote", name)

        assert pushed == shell.output("crane", "digest", "--insecure", name)
        assert before == product.administrator


def test_a_registry_goes_back_to_one_instant(tmp_path: Path, shell: Shell) -> None:
    """A drill as docs/operations.md has it: an image and its objects are lost, and pulled from the restored table."""
    with running_product(tmp_path, aws="strict") as product:
        name = f"{product.registry}/{product.namespace}/lost"
        log_in_crane(shell, product.registry, product.administrator)
        pushed = push_image(shell, tmp_path / "layer.tar", f"{name}:v1")
        restore = ("restore", "--to", datetime.now(UTC).isoformat(), "--table", "restored")
        product.cli(*restore)

        shell.run("crane", "delete", "--insecure", f"{name}@{pushed}")
        lost = _delete_objects(product.settings)
        assert f" {lost} brought back, 0 missing" in product.cli(*restore)
        product.cli("restore", "--check", "--table", "restored")

    with running_product(tmp_path, aws="strict", MOORAGE_TABLE="restored") as product:
        name = f"{product.registry}/{product.namespace}/lost:v1"
        log_in_crane(shell, product.registry, product.administrator)
        shell.run("crane", "validate", "--insecure", "--remote", name)
        assert pushed == shell.output("crane", "digest", "--insecure", name)


def _delete_objects(settings: dict[str, str]) -> int:
    """Delete everything in the bucket and return how much it was."""
    s3 = boto3.client(
        "s3",
        region_name=settings["AWS_REGION"],
        endpoint_url=settings["AWS_ENDPOINT_URL_S3"],
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )
    keys = [entry["Key"] for entry in s3.list_objects_v2(Bucket=settings["MOORAGE_BUCKET"])["Contents"]]
    for key in keys:
        s3.delete_object(Bucket=settings["MOORAGE_BUCKET"], Key=key)
    return len(keys)


def _status(method: str, url: str) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    try:
        connection.request(method, f"{parts.path}?{parts.query}")
        return connection.getresponse().status
    finally:
        connection.close()


def _wait_until_gone(*urls: str) -> None:
    end = time.monotonic() + END_SECONDS
    for url in urls:
        while _listens(url):
            assert time.monotonic() < end, f"{url} still answers"
            time.sleep(0.1)


def _listens(url: str) -> bool:
    try:
        _status("GET", url + "/")
    except OSError:
        return False
    return True
