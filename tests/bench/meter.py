"""What each write costs, found by reading the rows that it names before and after it: no answer of DynamoDB tells."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from tests.bench.units import Index, Row, units_to_write

_SINGLE = {"PutItem", "UpdateItem", "DeleteItem"}

Key = Mapping[str, Mapping[str, str]]


@dataclass(slots=True)
class Written:
    """What a request wrote."""

    units: float = 0


class Meter:
    """Reads past the wire, so that its own reads are not counted; for one client at a time."""

    def __init__(self, endpoint: str, table: str, indexes: Sequence[Index]) -> None:
        self._client = boto3.client("dynamodb", endpoint_url=endpoint)
        self._table = table
        self.indexes = indexes

    @contextmanager
    def around(self, operation: str, request: Mapping[str, Any]) -> Iterator[Written]:
        """Meter the request that is sent meanwhile."""
        written = Written()
        keys = _keys(operation, request)
        before = [self._read(key) for key in keys]
        yield written
        written.units = sum(
            units_to_write(old, self._read(key), self.indexes, transaction=operation == "TransactWriteItems")
            for key, old in zip(keys, before, strict=True)
        )

    def _read(self, key: Key) -> Row | None:
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        found: Row | None = answer.get("Item")
        return found


def _keys(operation: str, request: Mapping[str, Any]) -> list[Key]:
    """Return the keys of the rows that a request writes."""
    if operation == "TransactWriteItems":
        return [_key(write) for item in request["TransactItems"] for write in item.values()]
    if operation == "BatchWriteItem":
        return [_key(write) for writes in request["RequestItems"].values() for put in writes for write in put.values()]
    return [_key(request)] if operation in _SINGLE else []


def _key(write: Mapping[str, Any]) -> Key:
    named = write.get("Key") or write["Item"]
    return {name: named[name] for name in ("pk", "sk")}
