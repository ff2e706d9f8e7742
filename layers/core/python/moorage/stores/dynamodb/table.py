"""The one table, and the one place that sends requests to it."""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from moorage.stores.deadline import ATTEMPTS, PATIENT, Timeouts
from moorage.stores.keys import SCHEMA, Key, require_readable

StartKey = dict[str, Any]

BATCH_WRITE = 25
BATCH_READ = 100
TRANSACTION = 100

# Codes of DynamoDB that say "later", beside every status from 500 on: by then all tries are used up.
_CONFLICT = "TransactionConflictException"
_LATER = {
    _CONFLICT,
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionInProgressException",
}
_SERVER_ERROR = 500
_INDEXES = {"review": ("review_shard", "review"), "holder": ("holder", "pk"), "owner": ("owner", "pk")}


class Item(Model):
    """A row. Its classes are never bound to a table: `Table` is."""

    class Meta:
        """pynamodb wants a name; no request is ever made with it."""

        table_name = "unbound"

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()
    schema = UnicodeAttribute(default=SCHEMA)


ItemT = TypeVar("ItemT", bound=Item)


class Missed(Exception):
    """The condition of a write does not hold; `item` is the row as it is, None when there is none.

    `repeated`: the request was sent more than once, so the row may be what the first sending made of it.
    """

    def __init__(self, item: Item | None, *, repeated: bool) -> None:
        super().__init__()
        self.item = item
        self.repeated = repeated


class Cancelled(Exception):
    """A transaction was not applied: for each of its writes, a code (None when it was fine) and the row as it is.

    `repeated`: the request was sent more than once, so the first sending may have been applied.
    """

    def __init__(self, reasons: Sequence[tuple[str | None, Item | None]], *, repeated: bool) -> None:
        super().__init__([code for code, _ in reasons])
        self.reasons = reasons
        self.repeated = repeated

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

    def __init__(self, name: str, *, region: str, endpoint: str | None = None, timeouts: Timeouts = PATIENT) -> None:
        self._name = name
        self._connection = Connection(
            region=region,
            host=endpoint,
            connect_timeout_seconds=timeouts.connect,
            read_timeout_seconds=timeouts.read,
            retry_configuration={"total_max_attempts": ATTEMPTS, "mode": "standard"},
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

        def read(batch: list[Any]) -> list[Any]:
            request = {"RequestItems": {self._name: {"Keys": batch, "ConsistentRead": True}}}
            answer = self._send("BatchGetItem", request)
            for raw in answer["Responses"].get(self._name, []):
                item = _row(raw)
                found[Key(item.pk, item.sk)] = item
            return cast("list[Any]", answer.get("UnprocessedKeys", {}).get(self._name, {}).get("Keys", []))

        _in_batches([{"pk": {"S": key.pk}, "sk": {"S": key.sk}} for key in dict.fromkeys(keys)], BATCH_READ, read)
        return found

    def page(
        self,
        pk: str,
        within: Condition,
        *,
        kind: type[ItemT],
        limit: int | None = None,
        index: str | None = None,
        forward: bool = True,
    ) -> tuple[list[ItemT], bool]:
        """Run one Query; the rows in order, or the last ones first, and whether there are more.

        It asks for one row beyond the limit: DynamoDB does not look whether a page that is full is the last.
        """
        rows, start = self._query(pk, within, limit=None if limit is None else limit + 1, index=index, forward=forward)
        return _rows(rows[:limit], kind), start is not None or len(rows) > len(rows[:limit])

    def query(self, pk: str, within: Condition, *, kind: type[ItemT], index: str | None = None) -> Iterator[ItemT]:
        """Yield all rows of a partition within a range of sort keys: one Query a page."""
        start: StartKey | None = None
        while True:
            rows, start = self._query(pk, within, index=index, start=start)
            yield from _rows(rows, kind)
            if start is None:
                return

    def _query(
        self,
        pk: str,
        within: Condition,
        *,
        limit: int | None = None,
        index: str | None,
        start: StartKey | None = None,
        forward: bool = True,
    ) -> tuple[list[dict[str, Any]], StartKey | None]:
        """Return what one Query answers, and where to start for more."""
        try:
            answer = self._connection.query(
                self._name,
                pk,
                range_key_condition=within,
                consistent_read=index is None,
                limit=limit,
                index_name=index,
                exclusive_start_key=start,
                scan_index_forward=forward,
            )
        except QueryError as error:
            _translate(error)
        return answer["Items"], answer.get("LastEvaluatedKey")

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

        def write(batch: list[Any]) -> list[Any]:
            answer = self._send("BatchWriteItem", {"RequestItems": {self._name: batch}})
            return cast("list[Any]", answer.get("UnprocessedItems", {}).get(self._name, []))

        _in_batches([{"PutRequest": {"Item": item.serialize()}} for item in items], BATCH_WRITE, write)

    def transact(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none. Raises Cancelled."""
        try:
            self._send("TransactWriteItems", {"TransactItems": [{write.verb: write.arguments} for write in writes]})
        except VerboseClientError as error:
            if error.response["Error"]["Code"] != "TransactionCanceledException":
                raise
            reasons = _response(error).get("CancellationReasons", [])
            told = [(_code(reason), _item(reason.get("Item"))) for reason in reasons]
            raise Cancelled(told, repeated=_repeated(error)) from error

    def insist(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none, and try again when others were in the way. Raises Cancelled for a condition."""
        for attempt in range(ATTEMPTS):
            try:
                self.transact(writes)
            except Cancelled as cancelled:
                if any(cancelled.failed(place) for place in range(len(writes))):
                    raise
            else:
                return
            _pause(attempt)
        raise _busy()

    def put_write(self, item: Item, condition: Condition | None = None) -> Write:
        """Describe the write of a whole row."""
        arguments = self._arguments(
            Key(item.pk, item.sk), condition=condition, return_values_on_condition_failure="ALL_OLD"
        )
        del arguments["Key"]
        return Write("Put", {**arguments, "Item": item.serialize()})

    def update_write(self, key: Key, kind: type[Item], actions: Sequence[Action], condition: Condition | None) -> Write:
        """Describe the change of a row; one that is not there gets its kind."""
        named = [Item.kind.set(kind), Item.schema.set(SCHEMA), *actions]
        return Write(
            "Update",
            self._arguments(key, actions=named, condition=condition, return_values_on_condition_failure="ALL_OLD"),
        )

    def delete_write(self, key: Key, condition: Condition | None = None) -> Write:
        """Describe the removal of a row."""
        return Write("Delete", self._arguments(key, condition=condition, return_values_on_condition_failure="ALL_OLD"))

    def check_write(self, key: Key, condition: Condition) -> Write:
        """Describe that nothing is written, and that a row must be so."""
        arguments = self._arguments(key, condition=condition, return_values_on_condition_failure="ALL_OLD")
        return Write("ConditionCheck", arguments)

    def _arguments(self, key: Key, **rest: Any) -> dict[str, Any]:
        return self._connection.get_operation_kwargs(self._name, key.pk, key.sk, **rest)

    def _write(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._send(operation, arguments)
        except VerboseClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise Missed(_item(_response(error).get("Item")), repeated=_repeated(error)) from error

    def _send(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Send one request. Raises Unavailable when DynamoDB says "later", or does not answer.

        botocore tries again, but not after a conflict of a lone write with a transaction: that is done here.
        """
        for attempt in range(ATTEMPTS):
            try:
                return cast("dict[str, Any]", self._connection.dispatch(operation, arguments))
            except (BotoCoreError, VerboseClientError) as error:
                if _error_code(error) != _CONFLICT or attempt == ATTEMPTS - 1:
                    _translate(error)
            _pause(attempt)
        raise AssertionError  # the last try returns or raises


def prefix_end(prefix: str) -> str:
    """Return a bound above every sort key that starts with `prefix`: no name of ours has a character beyond ASCII."""
    return prefix + "\x7f"


def _in_batches(waiting: list[Any], most: int, send: Callable[[list[Any]], list[Any]]) -> None:
    """Send entries by so many a call, and again those that were left unprocessed, as long as that gets anywhere."""
    turns, idle = 0, 0
    while waiting:
        batch, waiting = waiting[:most], waiting[most:]
        left = send(batch)
        waiting += left
        idle = idle + 1 if len(left) == len(batch) else 0
        if not left:
            continue
        if idle == ATTEMPTS:
            raise _busy()
        _pause(min(turns, ATTEMPTS))
        turns += 1


def _pause(turn: int) -> None:
    """Wait before a request is sent again: up to 50 ms, doubled each time; never as long as others that met us."""
    time.sleep(secrets.randbelow(1_000) / 1_000 * 0.05 * 2**turn)


def _busy() -> Unavailable:
    return Unavailable("storage is busy; send the request again")


def _translate(error: Exception) -> NoReturn:
    """Raise Unavailable for what passes by itself, and the error as it is for the rest."""
    cause = getattr(error, "cause", None) or error
    if isinstance(cause, BotoCoreError) or (isinstance(cause, VerboseClientError) and _later(cause)):
        raise _busy() from error
    raise error


def _later(error: VerboseClientError) -> bool:
    return _error_code(error) in _LATER or _metadata(error).get("HTTPStatusCode", 0) >= _SERVER_ERROR


def _repeated(error: VerboseClientError) -> bool:
    """Whether an earlier sending of the request may have been applied."""
    return bool(_metadata(error).get("RetryAttempts"))


def _metadata(error: VerboseClientError) -> dict[str, Any]:
    return cast("dict[str, Any]", _response(error).get("ResponseMetadata", {}))


def _error_code(error: Exception) -> str | None:
    return cast("str", error.response["Error"]["Code"]) if isinstance(error, VerboseClientError) else None


def _response(error: VerboseClientError) -> dict[str, Any]:
    """Return DynamoDB's own answer: pynamodb's error keeps only a part of it."""
    return cast("dict[str, Any]", cast("Any", error.__cause__).response)


def _code(reason: dict[str, Any]) -> str | None:
    return None if reason["Code"] == "None" else cast("str", reason["Code"])


def _item(raw: dict[str, Any] | None) -> Item | None:
    return _row(raw) if raw else None


def _rows(found: Iterable[dict[str, Any]], kind: type[ItemT]) -> list[ItemT]:
    """Read the rows of one kind; in an index they have none."""
    return [row for row in (_row(raw, kind) for raw in found) if isinstance(row, kind)]


def _row(raw: dict[str, Any], kind: type[Item] = Item) -> Item:
    """Read a row, whatever release has written it; one of a kind that is not known here is no more than its key.

    Raises Unavailable when the release that wrote it says that this one cannot read it.
    """
    require_readable(raw.get("schema", {"S": SCHEMA})["S"])
    if "kind" not in raw:
        return kind.from_raw_data(raw)
    try:
        return Item.from_raw_data(raw)
    except ValueError:
        if _is_known(raw["kind"]["S"]):
            raise
        return Item(raw["pk"]["S"], raw["sk"]["S"])


def _is_known(kind: str) -> bool:
    return any(kind == Item.kind.get_discriminator(known) for known in Item.kind.get_registered_subclasses(Item))


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
