"""`moorage restore`: a table as it was at an instant, and every object that its rows name.

No stand-in knows the past of a table: their copy is the table as it is when it is asked for. So a drill here asks for
it first and loses everything then. What is asked of DynamoDB is the same.
"""

import itertools
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.races.images import LAYER, image, make_repository, push_image

from moorage.cli import main
from moorage.devserver.template import Template
from moorage.domain.digest import Digest
from moorage.domain.history import CannotRestore
from moorage.domain.repository import Repository
from moorage.stores import recovery
from moorage.stores.base import Stores
from moorage.stores.recovery import DynamoHistory
from moorage.wiring import open_stores, read_settings

TEMPLATE = Template.read(Path("template.yaml"))
MANIFEST = image(LAYER, note="n" * 70_000)  # too large for a row
NUMBERS = itertools.count()


@dataclass
class Place:
    """A table and a bucket with one image, and the command line for them."""

    aws: Any
    name: str
    repository: Repository
    keys: set[str]

    @property
    def copy(self) -> str:
        return f"{self.name}-copy"

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["restore", *arguments])

    @property
    def instant(self) -> str:
        """This instant, or the one that the copy says it is of: with moto that is when it was asked for."""
        if self.copy not in self.aws.dynamodb.list_tables()["TableNames"]:
            return datetime.now(UTC).isoformat()
        summary = self.aws.dynamodb.describe_table(TableName=self.copy)["Table"].get("RestoreSummary", {})
        return summary.get("RestoreDateTime", datetime.now(UTC)).isoformat()

    def restore(self) -> Any:
        """Restore to an instant, and return what the command says to scripts."""
        result = self.run("--to", self.instant, "--table", self.copy, "--json")
        assert "" == result.stderr
        return json.loads(result.stdout)

    def lose(self) -> None:
        """Delete all that is in the bucket and in the table."""
        for key in self.keys:
            self.aws.s3.delete_object(Bucket=self.name, Key=key)
        for item in self.aws.dynamodb.scan(TableName=self.name)["Items"]:
            self.aws.dynamodb.delete_item(TableName=self.name, Key={name: item[name] for name in ("pk", "sk")})

    def lose_for_good(self, key: str) -> None:
        """Delete every version of an object."""
        listed = self.aws.s3.list_object_versions(Bucket=self.name, Prefix=key)
        for version in listed["Versions"]:
            self.aws.s3.delete_object(Bucket=self.name, Key=key, VersionId=version["VersionId"])


def stores_of(table: str) -> Stores:
    return open_stores(read_settings({**os.environ, "MOORAGE_TABLE": table}))


@pytest.fixture
def place(aws, monkeypatch):
    name = f"restore-{next(NUMBERS)}"
    TEMPLATE.create_table(aws.dynamodb, name, without=())
    TEMPLATE.create_bucket(aws.s3, name, without=aws.endpoints.bucket_without)
    for setting, value in {
        **aws.endpoints.environment(),
        "MOORAGE_TABLE": name,
        "MOORAGE_BUCKET": name,
        "MOORAGE_NAMESPACE": "acme",
        "MOORAGE_ORIGINS": "http://localhost:5000",
    }.items():
        monkeypatch.setenv(setting, value)
    stores = stores_of(name)
    repository = make_repository(stores)
    push_image(stores, repository.id, MANIFEST, LAYER, tags=["v1"])
    keys = {entry["Key"] for entry in aws.s3.list_objects_v2(Bucket=name)["Contents"]}
    return Place(aws, name, repository, keys)


def test_a_drill(place):
    """
    The copy has every row and every object is there again, although both were lost where they were.
    """
    assert {"blobs", "manifests"} == {key.partition("/")[0] for key in place.keys}
    assert {"named": 2, "deleted": {}, "missing": {}} == place.restore()

    place.lose()
    checked = place.run("--check", "--table", place.copy)
    assert (1, "2 objects named, 0 there, 2 could be brought back, 0 missing") == first_line(checked)
    assert all(f"deleted, could be brought back: {key}, named by " in checked.stdout for key in place.keys)

    assert place.keys == set(place.restore()["deleted"])
    checked = place.run("--check", "--table", place.copy)
    assert (0, "2 objects named, 2 there, 0 could be brought back, 0 missing") == first_line(checked)

    stores = stores_of(place.copy)
    assert MANIFEST == stores.objects.read(stores.manifests.get(place.repository.id, Digest.of(MANIFEST)).key)
    assert LAYER == stores.objects.read(stores.links.get(place.repository.id, Digest.of(LAYER)).key)


def first_line(result: Result) -> tuple[int, str]:
    return result.exit_code, result.stdout.splitlines()[0]


def test_the_instant_is_what_dynamodb_is_asked_for(place, monkeypatch):
    """
    And the copy is waited for, which takes DynamoDB minutes to hours.
    """
    asked: dict[str, Any] = {}
    instant = datetime.now(UTC) - timedelta(hours=1)
    history = history_of(place)
    history._client.meta.events.register(
        "before-parameter-build.dynamodb.RestoreTableToPointInTime", lambda params, **_: asked.update(params)
    )

    statuses = ["ACTIVE", "CREATING", "CREATING"]
    history._client.meta.events.register(
        "after-call.dynamodb.DescribeTable",
        lambda parsed, **_: parsed["Table"].update(TableStatus=statuses.pop() if statuses else "ACTIVE"),
    )
    monkeypatch.setattr(recovery, "POLL_SECONDS", 0)

    history.copy(instant, place.copy)

    assert [] == statuses
    assert {"SourceTableName": place.name, "TargetTableName": place.copy, "RestoreDateTime": instant} == asked


def test_a_copy_of_another_instant_is_not_gone_on_with(place):
    """
    As DynamoDB says of a copy, and counts: in whole seconds.
    """
    instant = datetime(2026, 1, 31, 12, tzinfo=UTC)
    place.restore()
    history = history_of(place)
    history._client.meta.events.register(
        "after-call.dynamodb.DescribeTable",
        lambda parsed, **_: parsed["Table"].update(RestoreSummary={"RestoreDateTime": instant}),
    )

    history.copy(instant + timedelta(microseconds=5), place.copy)
    with pytest.raises(CannotRestore, match="choose another name"):
        history.copy(instant + timedelta(seconds=1), place.copy)


def history_of(place: Place) -> DynamoHistory:
    return DynamoHistory(place.name, region=place.aws.endpoints.region, endpoint=place.aws.endpoints.dynamodb)


def test_a_copy_is_protected_as_the_original(place):
    """
    DynamoDB gives a copy none of these.
    """
    place.restore()
    place.restore()

    client = place.aws.dynamodb
    expires = client.describe_time_to_live(TableName=place.copy)["TimeToLiveDescription"]
    past, original = (
        client.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"][
            "PointInTimeRecoveryDescription"
        ]
        for table in (place.copy, place.name)
    )
    assert ("ENABLED", "expires") == (expires["TimeToLiveStatus"], expires["AttributeName"])
    assert "ENABLED" == past["PointInTimeRecoveryStatus"]
    assert original.get("RecoveryPeriodInDays") == past.get("RecoveryPeriodInDays")
    assert client.describe_table(TableName=place.copy)["Table"]["DeletionProtectionEnabled"]


def test_an_object_that_was_deleted_more_than_once_is_brought_back(place):
    place.restore()
    place.lose()
    place.lose()

    assert place.keys == set(place.restore()["deleted"])
    assert 0 == place.run("--check", "--table", place.copy).exit_code


def test_an_object_of_which_nothing_is_left_is_named(place):
    """
    The rest is brought back, and the exit status says that it is not all.
    """
    place.restore()
    lost, *rest = sorted(place.keys)
    place.lose_for_good(lost)
    for key in rest:
        place.aws.s3.delete_object(Bucket=place.name, Key=key)

    result = place.run("--to", place.instant, "--table", place.copy)

    assert (1, "2 objects named, 0 there, 1 brought back, 1 missing") == first_line(result)
    assert f"missing: {lost}, named by " in result.stdout
    assert lost not in place.run("--check", "--json").stdout.partition("missing")[0]


def test_what_a_sweep_was_deleting_need_not_be_there(place):
    for item in place.aws.dynamodb.scan(TableName=place.name)["Items"]:
        if item["kind"]["S"] in {"link", "bytes"}:
            place.aws.dynamodb.put_item(TableName=place.name, Item={**item, "state": {"S": "DELETING"}})
    for key in place.keys:
        place.aws.s3.delete_object(Bucket=place.name, Key=key)

    deleted = json.loads(place.run("--check", "--json").stdout)["deleted"]

    assert {key for key in place.keys if key.startswith("manifests/")} == set(deleted)


def test_the_table_itself_is_never_the_copy(place):
    result = place.run("--to", datetime.now(UTC).isoformat(), "--table", place.name)

    assert (1, "") == (result.exit_code, result.stdout)
    assert f"Error: {place.name} is there, and is not the table as it was at" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "2026-01-31T12:00:00", "--table", "copy"], "is no instant"),
        (["--to", "yesterday", "--table", "copy"], "is no instant"),
        (["--to", "2999-01-31T12:00:00Z", "--table", "copy"], "has not been yet"),
        (["--to", "2026-01-31T12:00:00Z"], "give --to and --table, or --check"),
        (["--table", "copy"], "give --to and --table, or --check"),
        (["--check", "--to", "2026-01-31T12:00:00Z"], "leave out --to"),
    ],
)
def test_what_cannot_be_meant_is_said(arguments, said):
    result = CliRunner().invoke(main, ["restore", *arguments])

    assert 2 == result.exit_code
    assert said in result.stderr
