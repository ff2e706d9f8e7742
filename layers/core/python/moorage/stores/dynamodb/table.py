"""The one table, and the one place that sends requests to it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar, cast

from botocore.exceptions import BotoCoreError
from pynamodb.attributes import DiscriminatorAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.connection.base import MetaTable
from pynamodb.exceptions import QueryError, VerboseClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from moorage.domain.errors import Unavailable
from moorage.stores import deadline
from moorage.stores.keys import Key

StartKey = dict[str, Any]

BATCH_WRITE = 25
BATCH_READ = 100
TRANSACTION = 100

# Codes of DynamoDB that say "later": by then botocore has tried as often as it may.
_LATER = {
    "InternalServerError",
    "ItemCollectionSizeLimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionInProgressException",
}
_INDEXES = {"review": ("review_shard", "review"), "holder": ("holder", "pk"), "owner": ("owner", "pk")}


class Item(Model):
    """A row. Its classes are never bound to a table: `Table` is."""

    class Meta:
        """pynamodb wants a name; no request is ever made with it."""

        table_name = "unbound"

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()


ItemT = TypeVar("ItemT", bound=Item)


class Missed(Exception):
    """The condition of a write does not hold; `item` is the row as it is, None when there is none."""

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


class Cancelled(Exception):
    """A transaction was not applied: for each of its writes, a code (None when it was fine) and the row as it is."""

    def __init__(self, reasons: Sequence[tuple[str | None, Item | None]]) -> None:
        super().__init__([code for code, _ in reasons])
        self.reasons = reasons

    def failed(self, position: int) -> bool:
        """Whether the condition of the write at `position` did not hold."""
        return self.reasons[position][0] == "ConditionalCheckFailed"


@dataclass(frozen=True, slots=True)
class Write:
    """One write of a transaction, in DynamoDB's words."""

    verb: Literal["Put", "Update", "Delete", "ConditionCheck"]
    arguments: dict[str, Any]


class Table:
    """The table by name; knows requests and answers, and nothing of what they mean."""

    def __init__(self, name: str, *, region: str, endpoint: str | None = None) -> None:
        self._name = name
        self._connection = Connection(
            region=region,
            host=endpoint,
            connect_timeout_seconds=3,
            read_timeout_seconds=20,
            retry_configuration={"total_max_attempts": 4, "mode": "standard"},
            max_pool_connections=40,
        )
        self._connection.add_meta_table(_meta_table(name))
        self.client: Any = self._connection.client
        deadline.watch(self.client)

    # Reads: always strong, but for indexes.

    def get(self, key: Key) -> Item | None:
        """Read one row."""
        answer = self._send("GetItem", self._arguments(key, consistent_read=True))
        return _item(answer.get("Item"))

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Item]:
        """Read rows, 100 a call, until no key is left unprocessed."""
        found: dict[Key, Item] = {}
        waiting = [{"pk": {"S": key.pk}, "sk": {"S": key.sk}} for key in dict.fromkeys(keys)]
        while waiting:
            batch, waiting = waiting[:BATCH_READ], waiting[BATCH_READ:]
            request = {"RequestItems": {self._name: {"Keys": batch, "ConsistentRead": True}}}
            answer = self._send("BatchGetItem", request)
            for raw in answer["Responses"].get(self._name, []):
                item = Item.from_raw_data(raw)
                found[Key(item.pk, item.sk)] = item
            waiting += answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", [])
        return found

    def page(
        self,
        pk: str,
        within: Condition,
        *,
        kind: type[ItemT],
        limit: int | None = None,
        index: str | None = None,
        start: StartKey | None = None,
    ) -> tuple[list[ItemT], StartKey | None]:
        """Run one Query; the rows in order, and where to start for more."""
        try:
            answer = self._connection.query(
                self._name,
                pk,
                range_key_condition=within,
                consistent_read=index is None,
                limit=limit,
                index_name=index,
                exclusive_start_key=start,
            )
        except QueryError as error:
            _translate(error)
        return [kind.from_raw_data(raw) for raw in answer["Items"]], answer.get("LastEvaluatedKey")

    def query(self, pk: str, within: Condition, *, kind: type[ItemT], index: str | None = None) -> Iterator[ItemT]:
        """Yield all rows of a partition within a range of sort keys: one Query a page."""
        start: StartKey | None = None
        while True:
            items, start = self.page(pk, within, kind=kind, index=index, start=start)
            yield from items
            if start is None:
                return

    # Writes.

    def put(self, item: Item, condition: Condition | None = None) -> None:
        """Write a whole row. Raises Missed."""
        self._write("PutItem", self.put_write(item, condition).arguments)

    def update(
        self, key: Key, kind: type[Item], actions: Sequence[Action], condition: Condition, *, returns: str = "ALL_NEW"
    ) -> Item | None:
        """Change a row, or make it, and return it as it is after (ALL_NEW) or was before (ALL_OLD). Raises Missed."""
        arguments = self.update_write(key, kind, actions, condition).arguments
        answer = self._write("UpdateItem", {**arguments, "ReturnValues": returns})
        return _item(answer.get("Attributes"))

    def delete(self, key: Key, condition: Condition | None = None) -> None:
        """Delete a row; an absent one is fine. Raises Missed."""
        self._write("DeleteItem", self.delete_write(key, condition).arguments)

    def put_many(self, items: Sequence[Item]) -> None:
        """Write whole rows without condition, 25 a call, until none is left unprocessed."""
        waiting = [{"PutRequest": {"Item": item.serialize()}} for item in items]
        while waiting:
            batch, waiting = waiting[:BATCH_WRITE], waiting[BATCH_WRITE:]
            answer = self._send("BatchWriteItem", {"RequestItems": {self._name: batch}})
            waiting += answer.get("UnprocessedItems", {}).get(self._name, [])

    def transact(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none. Raises Cancelled."""
        try:
            self._send("TransactWriteItems", {"TransactItems": [{write.verb: write.arguments} for write in writes]})
        except VerboseClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            reasons = _response(error).get("CancellationReasons", [])
            raise Cancelled([(_code(reason), _item(reason.get("Item"))) for reason in reasons]) from error

    def put_write(self, item: Item, condition: Condition | None = None) -> Write:
        """Describe the write of a whole row."""
        arguments = self._arguments(
            Key(item.pk, item.sk), condition=condition, return_values_on_condition_failure="ALL_OLD"
        )
        del arguments["Key"]
        return Write("Put", {**arguments, "Item": item.serialize()})

    def update_write(self, key: Key, kind: type[Item], actions: Sequence[Action], condition: Condition | None) -> Write:
        """Describe the change of a row; one that is not there gets its kind."""
        named = [Item.kind.set(kind), *actions]
        return Write(
            "Update",
            self._arguments(key, actions=named, condition=condition, return_values_on_condition_failure="ALL_OLD"),
        )

    def delete_write(self, key: Key, condition: Condition | None = None) -> Write:
        """Describe the removal of a row."""
        return Write("Delete", self._arguments(key, condition=condition, return_values_on_condition_failure="ALL_OLD"))

    def _arguments(self, key: Key, **rest: Any) -> dict[str, Any]:
        return self._connection.get_operation_kwargs(self._name, key.pk, key.sk, **rest)

    def _write(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._send(operation, arguments)
        except VerboseClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise Missed(_item(_response(error).get("Item"))) from error

    def _send(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Send one request. Raises Unavailable when DynamoDB says "later", or does not answer."""
        try:
            return cast("dict[str, Any]", self._connection.dispatch(operation, arguments))
        except (BotoCoreError, VerboseClientError) as error:
            _translate(error)


def prefix_end(prefix: str) -> str:
    """Return a bound above every sort key that starts with `prefix`: no name of ours has a character beyond ASCII."""
    return prefix + "\x7f"


def _translate(error: Exception) -> NoReturn:
    """Raise Unavailable for what passes by itself, and the error as it is for the rest."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, BotoCoreError) or (isinstance(cause, VerboseClientError) and _later(cause)):
        raise Unavailable("storage is busy; send the request again") from error
    raise error


def _later(error: VerboseClientError) -> bool:
    return error.response["Error"]["Code"] in _LATER


def _response(error: VerboseClientError) -> dict[str, Any]:
    """Return DynamoDB's own answer: pynamodb's error keeps only a part of it."""
    return cast("dict[str, Any]", cast("Any", error.__cause__).response)


def _code(reason: dict[str, Any]) -> str | None:
    return None if reason["Code"] == "None" else cast("str", reason["Code"])


def _item(raw: dict[str, Any] | None) -> Item | None:
    return Item.from_raw_data(raw) if raw else None


def _meta_table(name: str) -> MetaTable:
    """Describe the table to pynamodb, so that it does not ask DynamoDB."""
    attributes = sorted({"pk", "sk", *(part for pair in _INDEXES.values() for part in pair)})

    def schema(hash_key: str, range_key: str) -> list[dict[str, str]]:
        return [{"AttributeName": hash_key, "KeyType": "HASH"}, {"AttributeName": range_key, "KeyType": "RANGE"}]

    return MetaTable(
        {
            "TableName": name,
            "KeySchema": schema("pk", "sk"),
            "AttributeDefinitions": [{"AttributeName": attribute, "AttributeType": "S"} for attribute in attributes],
            "GlobalSecondaryIndexes": [
                {"IndexName": index, "KeySchema": schema(*pair)} for index, pair in _INDEXES.items()
            ],
        }
    )
