"""`python -m tests.gateway`: a whole deployment on this machine, over moto, until standard input ends.

The first line of standard output is JSON: where it is, and how to log in. Settings come from MOORAGE_* variables;
`--quirk name=value` sets a field of `Quirks`. PYTHONPATH has the folders that pyproject.toml gives pytest.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3
from tests.gateway.quirks import Quirks
from tests.gateway.server import Deployment

from moorage.devserver.aws import running_aws
from moorage.devserver.strict import REGION, Endpoints, make_credentials


def quirks_of(words: list[str]) -> Quirks:
    """Read `name=value`, each value by the type of its field."""
    usual = Quirks()
    changes: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        kind = type(getattr(usual, name))
        changes[name] = value == "true" if kind is bool else kind(value)
    return dataclasses.replace(usual, **changes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--quirk", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    quirks = quirks_of(options.quirk)
    settings = {name: value for name, value in os.environ.items() if name.startswith("MOORAGE_")}
    with tempfile.TemporaryDirectory(prefix="gateway-") as folder, running_aws(Path(folder)) as endpoint:
        aws = Endpoints(endpoint, endpoint, make_credentials(), REGION).environment()
        os.environ.update(aws)
        deployment = Deployment(boto3.client("dynamodb"), boto3.client("s3"), {**settings, **aws})
        with deployment.behind(quirks, options.port) as url:
            said = {
                "url": url,
                "namespace": deployment.namespace,
                "username": deployment.username,
                "password": deployment.password,
            }
            print(json.dumps(said), flush=True)  # noqa: T201 - to whoever started it
            sys.stdin.read()


if __name__ == "__main__":
    main()
