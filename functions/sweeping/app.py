"""The Lambda function; importing it is the only import with effects."""

import os
from typing import Any

from moorage.stores.deadline import answering
from moorage.wiring import open_data_stores, read_settings
from sweeping.uploads import sweep_uploads

SAFETY_MS = 10_000  # left of the function's time when no new session is begun

stores = open_data_stores(read_settings(os.environ))


def handler(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """Run once."""
    with answering(context.get_remaining_time_in_millis() / 1000):
        swept = sweep_uploads(stores, lambda: context.get_remaining_time_in_millis() > SAFETY_MS)
    return {"upload_sessions": swept}
