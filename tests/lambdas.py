"""Runs functions as Lambda does: each module is imported, then its handler is called with one event after another.

Standard input has a JSON list of [package, event]; standard output gets the list of answers as its last line.
"""

import json
import sys
from importlib import import_module
from types import SimpleNamespace


def main() -> None:
    context = SimpleNamespace(aws_request_id="request-1", get_remaining_time_in_millis=lambda: 300_000)
    answers = [import_module(f"{package}.app").handler(event, context) for package, event in json.load(sys.stdin)]
    print("\n" + json.dumps(answers))  # noqa: T201 - to whoever called


if __name__ == "__main__":
    main()
