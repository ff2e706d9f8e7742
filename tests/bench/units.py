"""What DynamoDB charges for a request: read and write units by the sizes of rows. Stand-ins invent their own."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

READ_BYTES = 4096  # that one strongly consistent read unit reads; half a unit reads as much eventually consistent
WRITE_BYTES = 1024  # that one write unit writes

Row = Mapping[str, Mapping[str, Any]]  # in the form of the wire

_NONE: Row = {}
_ENTRY = 100  # bytes that are charged for beside each row and each entry of an index


@dataclass(frozen=True, slots=True)
class Index:
    """An index of the table: its keys, and all attributes that it copies."""

    keys: frozenset[str]
    copied: frozenset[str]


def indexes_of(table: Mapping[str, Any]) -> list[Index]:
    """Read the indexes of a table from its properties in the template."""
    own = {key["AttributeName"] for key in table["KeySchema"]}
    found = []
    for index in table["GlobalSecondaryIndexes"]:
        keys = {key["AttributeName"] for key in index["KeySchema"]}
        more = index["Projection"].get("NonKeyAttributes", ())
        found.append(Index(frozenset(keys), frozenset({*own, *keys, *more})))
    return found


def size_of(row: Row) -> int:
    """Return the bytes of a row as DynamoDB counts them: names and values in UTF-8, numbers two digits a byte."""
    return sum(len(name.encode()) + _value_size(*value) for name, typed in row.items() for value in typed.items())


def units_to_read(operation: str, request: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    """Return the read units of a GetItem, BatchGetItem or Query: what is not there costs as a small row does."""
    if operation == "GetItem":
        return _read(size_of(answer.get("Item", _NONE)), consistent=bool(request.get("ConsistentRead")))
    if operation == "BatchGetItem":
        units = 0.0
        for table, asked in request["RequestItems"].items():
            rows: Sequence[Row] = answer["Responses"].get(table, ())
            sizes = [size_of(row) for row in rows] + [0] * (len(asked["Keys"]) - len(rows))
            units += sum(_read(size, consistent=bool(asked.get("ConsistentRead"))) for size in sizes)
        return units
    if operation == "Query":
        return _read(sum(map(size_of, answer.get("Items", ()))), consistent=bool(request.get("ConsistentRead")))
    return 0.0


def units_to_write(before: Row | None, after: Row | None, indexes: Sequence[Index], *, transaction: bool) -> int:
    """Return the write units of a change of one row: the larger of its two forms, and what the indexes take.

    A transaction writes twice. Amazon does not say whether that goes for its indexes, so they are reckoned twice too.
    """
    units = _write(max(size_of(before or _NONE), size_of(after or _NONE)))
    units += sum(_index_units(index, before or _NONE, after or _NONE) for index in indexes)
    return 2 * units if transaction else units


def bytes_stored(row: Row, indexes: Sequence[Index]) -> int:
    """Return the bytes that are charged for while a row is there, its entries in indexes included."""
    entries = [entry for index in indexes if (entry := _entry(index, row))]
    return sum(size_of(one) + _ENTRY for one in (row, *entries))


def _index_units(index: Index, before: Row, after: Row) -> int:
    """An entry whose key changes is removed and written anew; one whose copy does not change costs nothing."""
    old, new = _entry(index, before), _entry(index, after)
    if old == new:
        return 0
    if old and new and all(old[key] == new[key] for key in index.keys):
        return _write(max(size_of(old), size_of(new)))
    return sum(_write(size_of(entry)) for entry in (old, new) if entry)


def _entry(index: Index, row: Row) -> Row:
    if not index.keys <= row.keys():
        return _NONE
    return {name: value for name, value in row.items() if name in index.copied}


def _read(size: int, *, consistent: bool) -> float:
    return max(1, -(-size // READ_BYTES)) * (1.0 if consistent else 0.5)


def _write(size: int) -> int:
    return max(1, -(-size // WRITE_BYTES))


def _value_size(kind: str, value: Any) -> int:
    if kind in {"BOOL", "NULL"}:
        return 1
    if kind == "B":
        return len(value if isinstance(value, bytes) else b64decode(value))  # boto3 has decoded it already
    if kind in {"SS", "NS", "BS"}:
        return sum(_value_size(kind[0], one) for one in value)
    return len(value) // 2 + 1 if kind == "N" else len(value.encode())
