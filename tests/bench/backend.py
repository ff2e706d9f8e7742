"""DynamoDB and S3 of the bench: moto in this process, so that a hundred thousand rows can be laid into a table."""

import logging
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from moto.dynamodb.models import dynamodb_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from moorage.devserver.aws import one_at_a_time
from moorage.devserver.proportion import pay_for_what_is_touched

REGION = "eu-central-1"
ACCOUNT = "123456789012"  # moto's
KEYS = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench"}


def leave_the_account() -> None:
    """Forget what this process knows of any AWS account, and of any proxy: all traffic stays on this machine."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(KEYS, AWS_REGION=REGION, AWS_DEFAULT_REGION=REGION)
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)


@contextmanager
def running_backend() -> Iterator[str]:
    """Serve, and yield the endpoint URL."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    pay_for_what_is_touched()
    application = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def lay_rows(table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Put rows into a table without a request."""
    target = _table(table)
    for row in rows:
        target.put_item(dict(row))


def clear_partition(table: str, pk: str) -> None:
    """Remove all rows of a partition key, to give the memory back."""
    rows = _table(table).items
    for partition in [partition for partition in rows if partition.value == pk]:
        del rows[partition]


def _table(name: str) -> Any:
    return cast("Any", dynamodb_backends)[ACCOUNT][REGION].tables[name]
