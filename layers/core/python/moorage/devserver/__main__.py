"""`python -m moorage.devserver`."""

import argparse
import os
import sys
from pathlib import Path

from moorage.devserver.aws import CannotStart
from moorage.devserver.server import Options, run


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="moorage.devserver", description="Run the whole registry on this machine.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--state", type=Path, default=Path(".dev"), help="folder for credentials and log (default: .dev)"
    )
    parser.add_argument("--template", type=Path, default=Path("template.yaml"), help="default: %(default)s")
    parser.add_argument(
        "--aws",
        choices=("moto", "strict"),
        default="moto",
        help="what stands in for AWS: moto forgets all when it stops; strict checks all and keeps it (default: moto)",
    )
    arguments = parser.parse_args()
    try:
        strict = arguments.aws == "strict"
        options = Options(arguments.host, arguments.port, arguments.state, arguments.template, strict)
        run(options, os.environ.copy())
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
