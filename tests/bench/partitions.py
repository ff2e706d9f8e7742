"""Rows by the hundred thousand in moto's table, at a cost that lets a list of them be asked for.

Each row is a copy of one that the registry has written: what its attributes are is shared, its key is its own.
"""

import functools
import heapq
import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from operator import attrgetter
from typing import Any, cast

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from tests.bench.backend import ACCOUNT, REGION

from moorage.stores.keys import Key

_VALUE = attrgetter("value")


def copy_row(table: str, source: Key, copies: Iterable[tuple[Key, Mapping[str, str]]]) -> None:
    """Put copies of a row into a table, each under a key and with some texts of its own, without a request."""
    rows = cast("Any", dynamodb_backends)[ACCOUNT][REGION].tables[table].items
    attributes = rows[_text(source.pk)][_text(source.sk)].attrs
    for key, changes in copies:
        partition, place = _text(key.pk), _text(key.sk)
        copy = Item(partition, place, {})
        own = {"pk": partition, "sk": place, **{name: _text(value) for name, value in changes.items()}}
        copy.attrs = LimitedSizeDict({**attributes, **own})
        rows[partition][place] = copy


@contextmanager
def ranges_only() -> Iterator[None]:
    """Show moto's Query only the rows of its range, and no more than it answers: it would sort the whole partition."""
    original = cast("Any", Table).query
    cast("Any", Table).query = _query(original)
    try:
        yield
    finally:
        cast("Any", Table).query = original


def _query(original: Any) -> Any:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def query(self: Any, *arguments: Any, **named: Any) -> Any:
        asked = signature.bind(self, *arguments, **named).arguments
        if asked.get("index_name") or asked["range_comparison"] != "BETWEEN" or asked["exclusive_start_key"]:
            return original(self, *arguments, **named)
        rows, partition = self.items, asked["hash_key"]
        self.items = {partition: _within(rows.get(partition, {}), asked)}
        try:
            return original(self, *arguments, **named)
        finally:
            self.items = rows

    return query


def _within(rows: Mapping[DynamoType, Item], asked: Mapping[str, Any]) -> dict[DynamoType, Item]:
    low, high = map(_VALUE, asked["range_objs"])
    places = [place for place in rows if low <= place.value <= high]
    if asked["limit"]:
        first = heapq.nsmallest if asked["scan_index_forward"] else heapq.nlargest
        places = first(asked["limit"] + 1, places, key=_VALUE)  # one more: whether there is another
    return {place: rows[place] for place in places}


def _text(text: str) -> DynamoType:
    return DynamoType({"S": text})
