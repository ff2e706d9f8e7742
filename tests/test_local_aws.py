"""The local DynamoDB and S3: what moto gets wrong, or slow, or too large, is right where we rest on it."""

import hashlib
import http.client
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from moorage.devserver.aws import one_at_a_time, running_aws
from moorage.devserver.template import Template

ACCOUNT = {
    "region_name": "eu-central-1",
    "aws_access_key_id": "LOCALKEY",
    "aws_secret_access_key": "local secret",
}
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with running_aws(tmp_path_factory.mktemp("aws")) as url:
        yield url


@pytest.fixture(scope="module")
def table(endpoint):
    client = boto3.client("dynamodb", endpoint_url=endpoint, **ACCOUNT)
    Template.read(Path("template.yaml")).create_table(client, "moorage")
    return client


@pytest.fixture(scope="module")
def bucket(endpoint):
    client = boto3.client("s3", endpoint_url=endpoint, **ACCOUNT)
    Template.read(Path("template.yaml")).create_bucket(client, "moorage-blobs")
    return client


def row(pk, sk, **more):
    return {"pk": {"S": pk}, "sk": {"S": sk}} | {name: {"S": value} for name, value in more.items()}


def put(pk, sk, condition=None, **more):
    write = {"TableName": "moorage", "Item": row(pk, sk, **more)}
    return {"Put": write | ({"ConditionExpression": condition} if condition else {})}


def rows(table, pk):
    answer = table.query(
        TableName="moorage", KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": pk}}
    )
    return [item["sk"]["S"] for item in answer["Items"]]


@pytest.mark.parametrize(
    ("target", "most"),
    [pytest.param("DynamoDB_20120810.PutItem", 1, id="DynamoDB"), pytest.param("", 4, id="S3, which streams")],
)
def test_dynamodb_is_served_one_request_at_a_time(target, most):
    """
    Requests that come together wait for one another; those to S3 do not.
    """
    together = threading.Barrier(4)
    inside, seen = [], []

    def application(_environ, _start_response):
        inside.append(None)
        if most > 1:
            together.wait(timeout=10)
        time.sleep(0.01)
        seen.append(len(inside))
        inside.pop()
        return [b""]

    served = one_at_a_time(application)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: served({"HTTP_X_AMZ_TARGET": target}, None), range(4)))

    assert most == max(seen)


def test_transactions_are_atomic_under_threads(table):
    """
    200 increments by 8 threads, each in a transaction with a condition, are 200.
    """
    add = {
        "TableName": "moorage",
        "Key": row("COUNT", "1"),
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: table.transact_write_items(TransactItems=[{"Update": add}]), range(200)))

    item = table.get_item(TableName="moorage", Key=row("COUNT", "1"), ConsistentRead=True)["Item"]

    assert {"N": "200"} == item["n"]


def test_a_transaction_that_fails_changes_nothing(table):
    """
    Writes before the one that fails are undone: puts, updates and deletes. Rows that it does not name stay.
    """
    table.put_item(TableName="moorage", Item=row("TX", "z"))
    table.transact_write_items(TransactItems=[put("TX", "a", text="old"), put("TX", "b", text="old")])
    update = {
        "TableName": "moorage",
        "Key": row("TX", "a"),
        "UpdateExpression": "SET #t = :new",
        "ExpressionAttributeNames": {"#t": "text"},
        "ExpressionAttributeValues": {":new": {"S": "new"}},
    }
    delete = {"TableName": "moorage", "Key": row("TX", "b")}
    writes = [{"Update": update}, {"Delete": delete}, put("TX", "c"), put("TX", "d", "attribute_exists(pk)")]
    with pytest.raises(ClientError) as cancelled:
        table.transact_write_items(TransactItems=writes)

    reasons = [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]]
    kept = table.get_item(TableName="moorage", Key=row("TX", "a"))["Item"]

    assert ["None", "None", "None", "ConditionalCheckFailed"] == reasons
    assert (["a", "b", "z"], "old") == (rows(table, "TX"), kept["text"]["S"])


def test_a_transaction_that_succeeds_changes_all_it_names_and_no_more(table):
    """
    Rows beside those that are written stay, in the same partition and in others.
    """
    table.transact_write_items(TransactItems=[put("KEEP", "a"), put("KEEP", "b"), put("OTHER", "a")])
    table.transact_write_items(
        TransactItems=[put("KEEP", "c"), {"Delete": {"TableName": "moorage", "Key": row("KEEP", "a")}}]
    )

    assert (["b", "c"], ["a"]) == (rows(table, "KEEP"), rows(table, "OTHER"))


def test_indexes_are_those_of_the_template(table):
    """
    A sparse index holds the rows that have its keys.
    """
    table.put_item(TableName="moorage", Item=row("UPLOAD#1", "META", owner="ada"))
    answer = table.query(
        TableName="moorage",
        IndexName="owner",
        KeyConditionExpression="#o = :ada",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":ada": {"S": "ada"}},
    )

    assert [{"S": "UPLOAD#1"}] == [item["pk"] for item in answer["Items"]]


def test_time_to_live_is_the_templates(table):
    description = table.describe_time_to_live(TableName="moorage")["TimeToLiveDescription"]

    assert {"AttributeName": "expires", "TimeToLiveStatus": "ENABLED"} == description


def upload(bucket, key, parts):
    """Return the ETags of a multipart upload, still open."""
    upload_id = bucket.create_multipart_upload(Bucket="moorage-blobs", Key=key)["UploadId"]
    etags = [
        bucket.upload_part(Bucket="moorage-blobs", Key=key, UploadId=upload_id, PartNumber=number, Body=part)["ETag"]
        for number, part in enumerate(parts, 1)
    ]
    return upload_id, etags


def complete(bucket, key, upload_id, etags):
    parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
    return bucket.complete_multipart_upload(
        Bucket="moorage-blobs", Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
    )


def test_multipart_uploads_are_their_parts_in_order(bucket):
    """
    The object is what was sent, and its ETag is the one S3 makes of parts.
    """
    parts = [b"a" * 5 * MIB, b"b" * 5 * MIB, b"c"]
    upload_id, etags = upload(bucket, "parts", parts)
    answer = complete(bucket, "parts", upload_id, etags)
    stored = bucket.get_object(Bucket="moorage-blobs", Key="parts")
    md5 = _md5(b"".join(_md5(part).digest() for part in parts)).hexdigest()

    assert b"".join(parts) == stored["Body"].read()
    assert f'"{md5}-3"' == answer["ETag"] == stored["ETag"]
    assert answer["ETag"] == complete(bucket, "parts", upload_id, etags)["ETag"]


@pytest.mark.parametrize(
    ("parts", "etags", "code"),
    [
        pytest.param([b"a" * 5 * MIB, b"b"], ['"0"', None], "InvalidPart", id="another part's ETag"),
        pytest.param([b"a", b"b"], [None, None], "EntityTooSmall", id="a small part that is not the last"),
        pytest.param([b"a"], [None, '"0"'], "InvalidPart", id="a part that was not sent"),
    ],
)
def test_multipart_uploads_that_s3_refuses(bucket, parts, etags, code):
    """
    What S3 would not complete is not completed.
    """
    upload_id, sent = upload(bucket, "refused", parts)
    named = [etag or sent[place] for place, etag in enumerate(etags)]
    with pytest.raises(ClientError) as refused:
        complete(bucket, "refused", upload_id, named)

    assert code == refused.value.response["Error"]["Code"]


def test_it_ends_with_the_block_that_started_it(tmp_path):
    """
    Its port is closed when the block is left.
    """
    with running_aws(tmp_path) as url:
        assert 200 == _status(url)

    with pytest.raises(OSError):
        _status(url)


def test_it_ends_with_its_parent(tmp_path):
    """
    A parent that is killed leaves nothing behind.
    """
    code = "import os, pathlib, sys\nfrom moorage.devserver.aws import one_at_a_time, running_aws\n"
    code += (
        "with running_aws(pathlib.Path(sys.argv[1])) as url:\n    print(url, flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    killed = subprocess.run(
        [sys.executable, "-c", code, tmp_path], check=False, env=environment, capture_output=True, text=True, timeout=30
    )

    with pytest.raises(OSError):
        for _ in range(50):  # its last moment may be after its parent's
            _status(killed.stdout.strip())
            time.sleep(0.1)


def _status(url):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/moto-api/data.json")
        return connection.getresponse().status
    finally:
        connection.close()


def _md5(data):
    return hashlib.md5(data, usedforsecurity=False)
