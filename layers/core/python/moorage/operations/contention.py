"""Losing a race: try again after a pause, and not for ever."""

import time
from datetime import datetime, timedelta

from moorage.domain.content import TagRecord
from moorage.domain.errors import Unavailable
from moorage.stores.base import Stores

ATTEMPTS = 12

_TICK = timedelta(milliseconds=1)  # what ULIDs tell apart


def pause(stores: Stores, attempt: int) -> None:
    """Let others finish: up to 10 ms, doubled with each lost race, at most 320."""
    jitter = int.from_bytes(stores.entropy(1)) / 255
    time.sleep(jitter * 0.01 * 2 ** min(attempt, 5))


def busy() -> Unavailable:
    """Return what a request hears that lost every race."""
    return Unavailable("others are changing the same manifest or tag; send the request again")


def after(stores: Stores, *tags: TagRecord) -> datetime:
    """Return the time now, later than the tags last moved: by clocks that differ, or within one millisecond.

    So the history of a tag, which is ordered by time, is a chain.
    """
    return max([stores.clock(), *(tag.time_pushed + _TICK for tag in tags)])
