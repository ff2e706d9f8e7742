"""Keeps a program that must not outlive whoever started it.

Run as `python -m moorage.devserver.keeper PROGRAM ARGUMENT...` it runs the program, and ends it in good order when
standard input closes: so also when the process at its other end is killed.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

STOP_SECONDS = 20  # in which DynamoDB's stand-in writes its tables


def main(arguments: Sequence[str]) -> int:
    """Run a program until standard input closes, or it ends; return its exit code."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # it may have its own Python
    program = subprocess.Popen(arguments, env=environ, stdin=subprocess.DEVNULL)  # noqa: S603 - as it was told

    def stop(*_: object) -> None:
        program.terminate()
        late = threading.Timer(STOP_SECONDS, program.kill)
        late.daemon = True
        late.start()

    def wait_for_parent() -> None:
        os.read(sys.stdin.fileno(), 1)  # unbuffered: the program may end first
        stop()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=wait_for_parent, daemon=True).start()
    return program.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
