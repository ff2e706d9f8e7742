"""The table and the bucket of the template are what API calls make, here and in every test."""

import json

import pytest
from tests.template.roles import TEMPLATE

from moorage.devserver.template import DELETION_PROTECTION, TLS_ONLY

TABLE, BUCKET = "made-table", "made-bucket"


@pytest.fixture(scope="module")
def table(aws):
    """The table with everything that the template says of it."""
    TEMPLATE.create_table(aws.dynamodb, TABLE, without=())
    yield aws.dynamodb
    aws.dynamodb.update_table(TableName=TABLE, DeletionProtectionEnabled=False)
    aws.dynamodb.delete_table(TableName=TABLE)


@pytest.fixture(scope="module")
def bucket(aws):
    """The bucket with everything that the template says of it."""
    TEMPLATE.create_bucket(aws.s3, BUCKET, without=())
    yield aws.s3
    aws.s3.delete_bucket_policy(Bucket=BUCKET)
    aws.s3.delete_bucket(Bucket=BUCKET)


def test_the_table_cannot_be_deleted_by_mistake(table):
    assert table.describe_table(TableName=TABLE)["Table"]["DeletionProtectionEnabled"]

    with pytest.raises(table.exceptions.ClientError, match=r"DeletionProtection|protected"):
        table.delete_table(TableName=TABLE)


def test_the_table_can_be_restored_to_an_instant_of_the_last_days(table):
    described = table.describe_continuous_backups(TableName=TABLE)["ContinuousBackupsDescription"]

    recovery = described["PointInTimeRecoveryDescription"]
    assert ("ENABLED", 7) == (recovery["PointInTimeRecoveryStatus"], recovery["RecoveryPeriodInDays"])


def test_the_table_is_encrypted_billed_by_request_and_forgets_what_expired(table):
    described = table.describe_table(TableName=TABLE)["Table"]

    assert "ENABLED" == described["SSEDescription"]["Status"]
    assert "PAY_PER_REQUEST" == described["BillingModeSummary"]["BillingMode"]
    forgets = table.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
    assert {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"} == forgets


def test_the_table_has_the_keys_and_indexes_that_the_code_queries(table):
    described = table.describe_table(TableName=TABLE)["Table"]

    indexes = {one["IndexName"]: names(one["KeySchema"]) for one in described["GlobalSecondaryIndexes"]}
    assert ["pk", "sk"] == names(described["KeySchema"])
    assert {"review": ["review_shard", "review"], "holder": ["holder", "pk"], "owner": ["owner", "pk"]} == indexes


def names(schema):
    return [key["AttributeName"] for key in schema]


def test_the_bucket_is_private_and_nobody_else_owns_its_objects(bucket):
    blocked = bucket.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    owned = bucket.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]

    assert 4 == len(blocked)
    assert all(blocked.values())
    assert [{"ObjectOwnership": "BucketOwnerEnforced"}] == owned


def test_the_bucket_is_encrypted(bucket):
    rules = bucket.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]

    assert ["AES256"] == [rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for rule in rules]


def test_the_bucket_refuses_what_comes_without_tls(bucket):
    (statement,) = json.loads(bucket.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]

    assert ("Deny", "*", "s3:*") == (statement["Effect"], statement["Principal"], statement["Action"])
    assert {"Bool": {"aws:SecureTransport": "false"}} == statement["Condition"]
    assert [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"] == statement["Resource"]


def test_the_bucket_keeps_what_is_deleted_as_long_as_the_table_does(bucket):
    rules = {rule["ID"]: rule for rule in bucket.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]}
    deleted = rules["what-was-deleted"]

    assert "Enabled" == bucket.get_bucket_versioning(Bucket=BUCKET)["Status"]
    assert ({"NoncurrentDays": 7}, {"ExpiredObjectDeleteMarker": True}) == (
        deleted["NoncurrentVersionExpiration"],
        deleted["Expiration"],
    )
    assert {"DaysAfterInitiation": 7} == rules["parts-of-uploads-that-nobody-swept"]["AbortIncompleteMultipartUpload"]
    assert {"Enabled"} == {rule["Status"] for rule in rules.values()}


@pytest.mark.parametrize("resource", ["Table", "Bucket"])
def test_what_holds_images_stays_when_the_stack_goes(resource):
    declared = TEMPLATE.body["Resources"][resource]

    assert ("Retain", "Retain") == (declared["DeletionPolicy"], declared["UpdateReplacePolicy"])


def test_what_a_stand_in_cannot_do_is_left_out_by_name(aws):
    """
    Nothing is left out in silence, and a name that says nothing is a mistake.
    """
    TEMPLATE.create_bucket(aws.s3, "made-plain", without=[TLS_ONLY, "VersioningConfiguration"])

    assert "Status" not in aws.s3.get_bucket_versioning(Bucket="made-plain")
    aws.s3.delete_bucket(Bucket="made-plain")
    with pytest.raises(ValueError, match=r"Versioning$"):
        TEMPLATE.create_bucket(aws.s3, "made-plain", without=["Versioning"])
    with pytest.raises(ValueError, match=r"Protection$"):
        TEMPLATE.create_table(aws.dynamodb, "made-plain", without=[DELETION_PROTECTION, "Protection"])


def test_a_property_that_no_call_is_known_for_is_refused(aws, monkeypatch):
    """
    Else the template would say what no test and no local server has.
    """
    bucket = TEMPLATE.body["Resources"]["Bucket"]["Properties"]
    monkeypatch.setitem(bucket, "ReplicationConfiguration", {})

    with pytest.raises(KeyError, match="ReplicationConfiguration"):
        TEMPLATE.create_bucket(aws.s3, "made-unknown")
    assert "made-unknown" not in [one["Name"] for one in aws.s3.list_buckets()["Buckets"]]
