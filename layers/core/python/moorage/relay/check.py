"""`python -m moorage.relay.check`: ask the relay of this container how it is. Images have no curl."""

import http.client
import os
import sys

PATH = "/health"
_SECONDS = 4


def main() -> int:
    """Return 0 when it is ready."""
    connection = http.client.HTTPConnection("localhost", int(os.environ.get("PORT", "8080")), timeout=_SECONDS)
    try:
        connection.request("GET", PATH)
        return int(connection.getresponse().status != http.HTTPStatus.OK)
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
