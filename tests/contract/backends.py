"""The implementations under test, each with a look inside and a hand for the states that only sweeps make."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

import botocore.session
from tests.fakes import Clock, Dice

from moorage.devserver.strict import Endpoints
from moorage.devserver.template import Template
from moorage.domain.content import BytesState, LinkState, ManifestState
from moorage.domain.digest import Digest
from moorage.domain.names import Tag
from moorage.domain.repository import Repository, RepositoryState
from moorage.domain.ulid import unpack_ulid
from moorage.stores import keys
from moorage.stores.base import Limits, Stores
from moorage.stores.memory import Rows, memory_stores
from moorage.wiring import Settings, open_stores

TEMPLATE = Path(__file__).parents[2] / "template.yaml"
REGION = "eu-central-1"
Move = tuple[Tag, Digest | None, Digest | None, str]


class Backend(Protocol):
    """Stores, and what a test may see and do beside them."""

    stores: Stores

    def everything(self) -> object:
        """Return all that is stored, to be compared."""

    def references(self, digest: Digest) -> set[str]:
        """Return the links that hold bytes."""

    def epoch(self, digest: Digest) -> int:
        """Return how often the row of bytes was written."""

    def moves(self, repository_id: str) -> list[Move]:
        """Return how tags moved and went: tag, digest before and after, by whom."""

    def listed(self, repository_id: str) -> list[Digest]:
        """Return the manifests that have a place in the list of images."""

    def set_repository_state(self, repository: Repository, state: RepositoryState) -> None: ...

    def set_bytes_state(self, digest: Digest, state: BytesState) -> None: ...

    def set_link_state(self, repository_id: str, digest: Digest, state: LinkState) -> None: ...

    def set_manifest_state(self, repository_id: str, digest: Digest, state: ManifestState) -> None: ...

    def close_shard(self, repository_id: str, shard: int) -> None: ...


class MemoryBackend:
    """Stores in this process."""

    def __init__(self, limits: Limits) -> None:
        self.rows = Rows(limits.images, limits.storage_bytes)
        self.stores = memory_stores(limits, clock=Clock(), entropy=Dice(), rows=self.rows)

    def everything(self) -> object:
        named = {field.name: getattr(self.rows, field.name) for field in fields(self.rows)}
        return {name: rows.copy() for name, rows in named.items() if isinstance(rows, dict | set | list)}

    def references(self, digest: Digest) -> set[str]:
        return set(self.rows.held[digest].references)

    def epoch(self, digest: Digest) -> int:
        return self.rows.held[digest].epoch

    def moves(self, repository_id: str) -> list[Move]:
        moves = (move for move in self.rows.history if move.repository_id == repository_id)
        return [(move.tag, move.before, move.after, move.by) for move in moves]

    def listed(self, repository_id: str) -> list[Digest]:
        return sorted(digest for where, _, digest in self.rows.listed if where == repository_id)

    def set_repository_state(self, repository: Repository, state: RepositoryState) -> None:
        self.rows.repositories[repository.id] = replace(repository, state=state)

    def set_bytes_state(self, digest: Digest, state: BytesState) -> None:
        row = self.rows.held[digest]
        self.rows.held[digest] = replace(row, stored=replace(row.stored, state=state))

    def set_link_state(self, repository_id: str, digest: Digest, state: LinkState) -> None:
        self.rows.links[repository_id, digest] = replace(self.rows.links[repository_id, digest], state=state)

    def set_manifest_state(self, repository_id: str, digest: Digest, state: ManifestState) -> None:
        row = self.rows.manifests[repository_id, digest]
        self.rows.manifests[repository_id, digest] = replace(row, state=state)

    def close_shard(self, repository_id: str, shard: int) -> None:
        self.rows.shards[repository_id, shard] = replace(self.rows.shard(repository_id, shard), closed=True)


class Aws:
    """Plain clients of a server that speaks DynamoDB and S3, and stores for each limits, made once and emptied."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.dynamodb = self._client("dynamodb", endpoints.dynamodb)
        self.s3 = self._client("s3", endpoints.s3)
        self._template = Template.read(TEMPLATE)
        self._backends: dict[Limits, DynamoBackend] = {}

    @contextmanager
    def backend(self, limits: Limits) -> Iterator["DynamoBackend"]:
        """Lend a table and a bucket to one test, as the template says."""
        if limits not in self._backends:
            name = f"contract-{len(self._backends)}"
            self._template.create_bucket(self.s3, name, without=self.endpoints.bucket_without)
            self._backends[limits] = DynamoBackend(self, name, limits)
        backend = self._backends[limits]
        self._template.create_table(self.dynamodb, backend.name)
        yield backend
        self.dynamodb.delete_table(TableName=backend.name)
        backend.stores.objects.sweep("", frozenset())

    def _client(self, service: str, endpoint: str) -> Any:
        return botocore.session.get_session().create_client(
            service,
            region_name=self.endpoints.region,
            endpoint_url=endpoint,
            aws_access_key_id=self.endpoints.credentials.access_key,
            aws_secret_access_key=self.endpoints.credentials.secret_key,
        )


class DynamoBackend:
    """Stores on DynamoDB and S3, or on what stands in for them."""

    def __init__(self, aws: Aws, name: str, limits: Limits) -> None:
        self._aws = aws
        self.name = name
        settings = Settings(
            table=name,
            bucket=name,
            region=aws.endpoints.region,
            dynamodb_endpoint=aws.endpoints.dynamodb,
            s3_endpoint=aws.endpoints.s3,
            public_endpoint=None,
            origins=("http://localhost",),
            trusted_proxies=(),
            blob_front=True,
            url_life=timedelta(minutes=15),
            limits=limits,
        )
        self.stores = open_stores(settings)

    def everything(self) -> object:
        return sorted(self._items(), key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    def load(self, rows: Iterable[dict[str, Any]]) -> None:
        """Put rows as they are, in DynamoDB's form."""
        for row in rows:
            self._aws.dynamodb.put_item(TableName=self.name, Item=row)

    def references(self, digest: Digest) -> set[str]:
        item = self._get(keys.stored_bytes(digest))
        return {"+".join(map(_ulid, (raw[:16], raw[16:]))) for raw in item.get("refs", {"BS": []})["BS"]}

    def epoch(self, digest: Digest) -> int:
        return int(self._get(keys.stored_bytes(digest))["epoch"]["N"])

    def moves(self, repository_id: str) -> list[Move]:
        found = [item for item in self._of(repository_id) if item["sk"]["S"].startswith("HISTORY#")]
        found.sort(key=lambda item: (item["time"]["S"], item["sk"]["S"]))
        return [
            (Tag(item["sk"]["S"].split("#")[1]), _digest(item, "before"), _digest(item, "after"), item["by"]["S"])
            for item in found
        ]

    def listed(self, repository_id: str) -> list[Digest]:
        keys_of_images = [item["sk"]["S"] for item in self._of(repository_id) if item["sk"]["S"].startswith("IMAGE#")]
        return sorted(Digest.parse(key.split("#")[2]) for key in keys_of_images)

    def set_repository_state(self, repository: Repository, state: RepositoryState) -> None:
        self._set(keys.record(repository.id), "state", {"S": state.value})

    def set_bytes_state(self, digest: Digest, state: BytesState) -> None:
        self._set(keys.stored_bytes(digest), "state", {"S": state.value})

    def set_link_state(self, repository_id: str, digest: Digest, state: LinkState) -> None:
        self._set(keys.link(repository_id, digest), "state", {"S": state.value})

    def set_manifest_state(self, repository_id: str, digest: Digest, state: ManifestState) -> None:
        self._set(keys.manifest(repository_id, digest), "state", {"S": state.value})

    def close_shard(self, repository_id: str, shard: int) -> None:
        key = keys.count(repository_id, shard)
        self._set(key, "kind", {"S": "count"})
        self._set(key, "closed", {"BOOL": True})

    def _get(self, key: keys.Key) -> dict[str, Any]:
        item: dict[str, Any] = self._aws.dynamodb.get_item(TableName=self.name, Key=_key(key))["Item"]
        return item

    def _items(self) -> list[dict[str, Any]]:
        pages = self._aws.dynamodb.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def _of(self, repository_id: str) -> list[dict[str, Any]]:
        return [item for item in self._items() if item["pk"]["S"] == keys.repository(repository_id)]

    def _set(self, key: keys.Key, name: str, value: dict[str, Any]) -> None:
        self._aws.dynamodb.update_item(
            TableName=self.name,
            Key=_key(key),
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": value},
        )


def _key(key: keys.Key) -> dict[str, Any]:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _digest(item: dict[str, Any], name: str) -> Digest | None:
    return Digest.parse(item[name]["S"]) if name in item else None


def _ulid(raw: bytes) -> str:
    """Write 16 bytes as the ULID that they were packed from."""
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    value = int.from_bytes(raw)
    text = "".join(alphabet[value >> 5 * place & 31] for place in reversed(range(26)))
    assert raw == unpack_ulid(text)
    return text
