"""DynamoDB and S3 on this machine: moto's server in a process of its own.

Run as `python -m moorage.devserver.aws` it prints its port and ends when its standard input closes, so that it never
outlives the process that started it. What moto does otherwise than AWS, and what that means here: docs/decisions.md.
"""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

SPILL_BYTES = 256 * 1024  # objects and parts beyond this are files, in TMPDIR
LOG = "aws.log"
START_SECONDS = 30

_ADDRESS = "127.0.0.1"

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class CannotStart(Exception):
    """The local server cannot start; the message says why, and what to do."""


def one_at_a_time(application: Application) -> Application:
    """Serve DynamoDB's requests one after another: moto's conditions and transactions are not atomic under threads."""
    lock = threading.RLock()

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB"):
            return application(environ, start_response)
        with lock:
            return list(application(environ, start_response))

    return serve


@contextmanager
def running_aws(folder: Path, environ: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Run the server in a child process, with its files in `folder`, and yield its endpoint URL."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moorage.devserver.aws"],
            env={
                **{name: value for name, value in environ.items() if not name.startswith("AWS_")},
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                "TMPDIR": str(folder),
                "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(SPILL_BYTES),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the parent, which still needs the tables to finish requests
        )
    try:
        yield f"http://{_ADDRESS}:{_read_port(process, folder)}"
    finally:
        _stop(process)


def _read_port(process: "subprocess.Popen[bytes]", folder: Path) -> int:
    """Wait for the one line that the child prints."""
    overdue = threading.Timer(START_SECONDS, process.kill)
    overdue.daemon = True  # a signal can come before it is cancelled: then nobody waits for it
    overdue.start()
    try:
        line = cast("IO[bytes]", process.stdout).readline()
    finally:
        overdue.cancel()
    if not line:
        raise CannotStart(f"the local AWS did not start: {folder / LOG} says why")
    return int(line)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End it at once: what it holds goes with it either way, and while it still starts it does not listen."""
    process.kill()
    process.communicate()


def main() -> None:
    """Serve on a free port until standard input closes."""
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - a second of imports that only the child needs
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415

    from moorage.devserver.proportion import pay_for_what_is_touched  # noqa: PLC0415
    from moorage.devserver.spill import spill_to_disk  # noqa: PLC0415

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    pay_for_what_is_touched()
    spill_to_disk()
    application = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server(_ADDRESS, 0, application, threaded=True, request_handler=MotoRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{server.port}\n")
    sys.stdout.flush()
    sys.stdin.buffer.read()
    os._exit(0)  # requests in flight, and moto's own exit handlers, have nobody left to answer


if __name__ == "__main__":
    main()
