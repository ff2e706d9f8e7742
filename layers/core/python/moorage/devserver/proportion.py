"""moto's transactions, queries and answers, at the cost of what they touch.

moto copies the whole table once for each write of a transaction, and sorts the whole table for each query: 1.5 s for a
transaction of 20 writes over 3,000 rows. Here it is shown only the rows that a request names, and does the rest itself.
And for each value that it answers with it looks for each member of its ten that a value could have.
"""

import copy
import functools
import inspect
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table

Address = tuple[DynamoType, DynamoType]


@functools.cache
def pay_for_what_is_touched() -> None:
    """Change moto, in this process, once and for good."""
    backend, table, serializer = cast("Any", DynamoDBBackend), cast("Any", Table), cast("Any", ResponseSerializer)
    backend.transact_write_items = _transact(backend.transact_write_items)
    table.query = _query(table.query)
    serializer._serialize_type_structure = _structure(serializer._serialize_type_structure)  # noqa: SLF001


def _transact(original: Any) -> Any:
    @functools.wraps(original)
    def transact_write_items(self: Any, transact_items: list[dict[str, Any]]) -> None:
        writes = [write for item in transact_items for write in item.values()]
        tables = {write["TableName"] for write in writes}
        if len(tables) != 1 or not tables <= self.tables.keys():
            original(self, transact_items)
            return
        (name,) = tables
        with _only(self, name, [write.get("Key") or write["Item"] for write in writes]):
            original(self, transact_items)

    return transact_write_items


@contextmanager
def _only(backend: Any, name: str, keys: Iterable[dict[str, Any]]) -> Iterator[None]:
    """Show only these rows of a table, and take over what became of them; on failure moto puts a copy in its place.

    It asks for one copy for each write, and puts the last: one is made, and given each time.
    """
    table = backend.tables[name]
    rows = table.items
    addresses: set[Address] = {
        (DynamoType(key[table.hash_key_attr]), DynamoType(key[table.range_key_attr])) for key in keys
    }
    table.items = defaultdict(dict)
    for partition, place in addresses:
        if place in rows.get(partition, {}):
            table.items[partition][place] = rows[partition][place]
    before = copy.copy(table)
    before.items = copy.deepcopy(table.items)
    table.__deepcopy__ = lambda _: before
    try:
        yield
    finally:
        del table.__deepcopy__
        table = backend.tables[name]
        shown, table.items = table.items, rows
        for partition, place in addresses:
            if place in shown.get(partition, {}):
                rows[partition][place] = shown[partition][place]
            else:
                rows[partition].pop(place, None)


def _query(original: Any) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def query(self: Any, *arguments: Any, **named: Any) -> Any:
        bound = signature.bind(self, *arguments, **named).arguments
        if bound.get("index_name"):
            return original(self, *arguments, **named)
        rows = self.items
        self.items = {bound["hash_key"]: rows.get(bound["hash_key"], {})}
        try:
            return original(self, *arguments, **named)
        finally:
            self.items = rows

    return query


def _structure(original: Any) -> Any:
    @functools.wraps(original)
    def serialize(self: Any, serialized: Any, value: Any, shape: Any, key: str) -> None:
        if not (key and type(value) is dict and value.keys() <= shape.members.keys()):
            original(self, serialized, value, shape, key)
            return
        written = self.MAP_TYPE()
        for name in value:
            member = shape.members[name]
            member.parent = shape
            self._serialize_structure_member(written, value, member, name)
        self._default_serialize(serialized, written, shape, key)

    return serialize
