"""Expired upload sessions and all they staged. docs/protocol.md, 4.10."""

from collections.abc import Callable

from aws_lambda_powertools import Logger

from moorage.operations import uploads
from moorage.stores.base import Stores

BATCH = 100  # sessions found by one look at the index

logger = Logger(service="moorage")


def sweep_uploads(stores: Stores, time_left: Callable[[], bool]) -> int:
    """Remove sessions past their end until none is due, or the time is up; returns how many."""
    total = 0
    while time_left():
        swept = uploads.sweep(stores, BATCH, time_left)
        total += swept
        if swept < BATCH:
            break
    logger.info("swept upload sessions", sessions=total)
    return total
