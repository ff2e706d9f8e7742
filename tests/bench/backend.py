"""DynamoDB and S3 of the bench.

Where calls are counted it is moto in this process, so that a hundred thousand rows can be laid into a table; where
time is, it is the strict stand-ins, which are faster.
"""

import http.client
import logging
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import boto3
from moto.dynamodb.models import dynamodb_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from moorage.devserver.aws import one_at_a_time
from moorage.devserver.proportion import pay_for_what_is_touched
from moorage.devserver.strict import Endpoints, running_strict

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
    """Serve from moto, and yield the endpoint URL; what was stored is gone afterwards."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    pay_for_what_is_touched()
    application = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        _forget(server.port)
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running_strict_backend() -> Iterator[Endpoints]:
    """Serve from the strict stand-ins, whose keys the environment has meanwhile. Raises CannotStart."""
    with tempfile.TemporaryDirectory() as folder, running_strict(Path(folder), region=REGION) as endpoints:
        keys = endpoints.credentials
        _use({"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key})
        try:
            yield endpoints
        finally:
            _use(KEYS)


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


def _use(keys: Mapping[str, str]) -> None:
    """Sign with these keys from now on: boto3 remembers those that it found first."""
    os.environ.update(keys)
    boto3.setup_default_session()


def _forget(port: int) -> None:
    """Empty moto: its stores belong to the process, not to the server."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", "/moto-api/reset")
    connection.getresponse().read()
    connection.close()


def _table(name: str) -> Any:
    return cast("Any", dynamodb_backends)[ACCOUNT][REGION].tables[name]
