"""`TableHistory` and `ObjectHistory` on DynamoDB's point-in-time recovery and S3's versions."""

import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

import botocore.session
from botocore.exceptions import ClientError

from moorage.domain.content import BytesState, LinkState, ManifestState
from moorage.domain.history import CannotRestore, Version

MARKERS_A_CALL = 1_000  # that one DeleteObjects takes
POLL_SECONDS = 10.0

_OVER = (LinkState.DELETING, BytesState.DELETING, ManifestState.PURGING)  # their objects may go, or have gone
_KINDS = ("link", "bytes", "manifest")
_FOLDERS = ("blobs/", "manifests/")


class DynamoHistory:
    """A table with point-in-time recovery."""

    def __init__(self, table: str, *, region: str, endpoint: str | None) -> None:
        self._table = table
        self._client = botocore.session.get_session().create_client(
            "dynamodb", region_name=region, endpoint_url=endpoint
        )

    def copy(self, to: datetime, name: str) -> None:
        """Ask for the copy, wait until it is there, and give it what a copy does not get of the original."""
        try:
            self._client.restore_table_to_point_in_time(
                SourceTableName=self._table, TargetTableName=name, RestoreDateTime=to
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "TableAlreadyExistsException":
                raise
            self._expect(to, name)
        while self._client.describe_table(TableName=name)["Table"]["TableStatus"] != "ACTIVE":
            time.sleep(POLL_SECONDS)
        self._protect(name)

    def _expect(self, to: datetime, name: str) -> None:
        """Go on with a table only if it is the copy that was asked for before; DynamoDB counts in seconds."""
        made = self._client.describe_table(TableName=name)["Table"].get("RestoreSummary", {})
        if name == self._table or abs(made.get("RestoreDateTime", to) - to) >= timedelta(seconds=1):
            raise CannotRestore(
                f"{name} is there, and is not the table as it was at {to.isoformat()}; choose another name"
            )

    def _protect(self, name: str) -> None:
        """Expire rows, keep the past and forbid deletion as for the original: a copy comes without."""
        client = self._client
        expires = client.describe_time_to_live(TableName=self._table)["TimeToLiveDescription"]
        if expires["TimeToLiveStatus"] == "ENABLED" and not self._expires(name):
            specification = {"AttributeName": expires["AttributeName"], "Enabled": True}
            client.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
        backups = client.describe_continuous_backups(TableName=self._table)["ContinuousBackupsDescription"]
        days = backups["PointInTimeRecoveryDescription"].get("RecoveryPeriodInDays")
        past = {"PointInTimeRecoveryEnabled": True, **({"RecoveryPeriodInDays": days} if days else {})}
        client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=past)
        if client.describe_table(TableName=self._table)["Table"].get("DeletionProtectionEnabled"):
            client.update_table(TableName=name, DeletionProtectionEnabled=True)

    def _expires(self, name: str) -> bool:
        description = self._client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        return bool(description["TimeToLiveStatus"] in {"ENABLED", "ENABLING"})

    def named_objects(self, table: str) -> Iterator[tuple[str, str]]:
        """Scan the table, strongly."""
        pages = self._client.get_paginator("scan").paginate(
            TableName=table,
            ConsistentRead=True,
            ProjectionExpression="pk, sk, kind, #key, #state",
            ExpressionAttributeNames={"#key": "key", "#state": "state"},
        )
        for page in pages:
            for row in page["Items"]:
                if "key" in row and row["kind"]["S"] in _KINDS and row["state"]["S"] not in _OVER:
                    yield f"{row['pk']['S']} {row['sk']['S']}", row["key"]["S"]


class S3History:
    """A bucket that keeps versions."""

    def __init__(self, bucket: str, *, region: str, endpoint: str | None) -> None:
        self._bucket = bucket
        self._client = botocore.session.get_session().create_client("s3", region_name=region, endpoint_url=endpoint)

    def versions(self) -> Iterator[Version]:
        """List them, a thousand a call."""
        for folder in _FOLDERS:
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._bucket, Prefix=folder)
            for page in pages:
                for name, is_marker in (("Versions", False), ("DeleteMarkers", True)):
                    for entry in page.get(name, []):
                        yield Version(entry["Key"], entry["VersionId"], entry["IsLatest"], is_marker)

    def remove_markers(self, markers: Iterable[Version]) -> None:
        """Delete them by their own version, which deletes nothing else."""
        waiting = iter(markers)
        while batch := list(islice(waiting, MARKERS_A_CALL)):
            objects = [{"Key": marker.key, "VersionId": marker.id} for marker in batch]
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            for failed in answer.get("Errors", []):
                raise CannotRestore(
                    f"S3 does not bring back {failed['Key']}: {failed.get('Message') or failed['Code']}"
                )
