"""What each server of this folder does as a process: it stops on signals, and says where it is while it runs."""

import os
import shlex
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_PUBLISHED = ("env", "oci-key.pem", "oci-config", "credentials.json")


def stop_on_signals() -> threading.Event:
    """End the process in good order, whatever it is doing, and say so: an exit raised in a finalizer is swallowed."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        sys.exit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def become(environment: Mapping[str, str]) -> None:
    """Make it this process's environment, with nothing left of the user's own AWS account."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(environment)


def clear(state: Path) -> None:
    """Make the folder, without what a server that was killed has left."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _PUBLISHED:
        (state / name).unlink(missing_ok=True)


@contextmanager
def published(state: Path, environment: Mapping[str, str], files: Mapping[str, str]) -> Iterator[None]:
    """Write files that only the owner reads, each at once as a whole; they are true only while the server runs.

    Scripts wait for the last one.
    """
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())]
    texts = {"env": "".join(exports), **files}
    for name in _PUBLISHED:
        with tempfile.NamedTemporaryFile("w", dir=state, delete=False, encoding="utf-8") as file:  # made with mode 600
            file.write(texts[name])
        Path(file.name).replace(state / name)
    try:
        yield
    finally:
        clear(state)
