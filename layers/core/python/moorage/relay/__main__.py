"""`python -m moorage.relay`."""

import os
import sys

from moorage.relay.app import run
from moorage.relay.server import CannotListen
from moorage.wiring import SettingInvalid


def main() -> int:
    """Serve with the settings of the environment."""
    try:
        run(os.environ)
    except (CannotListen, SettingInvalid) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
