"""DynamoDB's TransactionConflict, which no stand-in ever answers: two transactions, or a write, on one row at once."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

Key = tuple[str, str]

_SINGLE = {"PutItem", "UpdateItem", "DeleteItem"}


class Conflicts:
    """Refuses a transaction on a row that another write in flight has."""

    def __init__(self) -> None:
        self.count = 0
        self._held: list[Key] = []
        self._lock = threading.Lock()

    @contextmanager
    def passing(self, operation: str, request: Mapping[str, Any]) -> Iterator[bytes | None]:
        """Hold the rows of a write while it is in flight; yields the body of the refusal when it is refused."""
        keys = _keys(operation, request)
        transaction = operation == "TransactWriteItems"
        with self._lock:
            refused = [key in self._held for key in keys] if transaction else []
            if any(refused):
                self.count += 1
                keys = []
            self._held += keys
        try:
            yield _refusal(refused) if any(refused) else None
        finally:
            with self._lock:
                for key in keys:
                    self._held.remove(key)


def _keys(operation: str, request: Mapping[str, Any]) -> list[Key]:
    if operation == "TransactWriteItems":
        return [_key(write) for item in request["TransactItems"] for write in item.values()]
    return [_key(request)] if operation in _SINGLE else []


def _key(write: Mapping[str, Any]) -> Key:
    named = write.get("Key") or write["Item"]
    return named["pk"]["S"], named["sk"]["S"]


def _refusal(refused: list[bool]) -> bytes:
    reasons = [
        {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
        if conflict
        else {"Code": "None"}
        for conflict in refused
    ]
    codes = ", ".join(str(reason["Code"]) for reason in reasons)
    return json.dumps(
        {
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
            "CancellationReasons": reasons,
        }
    ).encode()
