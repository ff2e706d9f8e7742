"""What `packaged.run` starts for each measurement, as Lambda starts a function: with Python and one package alone.

Arguments: the folder of the package, its name. Standard input has JSON: `first`, an event, and `warm`, more events by
names. The last line of standard output is JSON: CPU milliseconds from the start of the process to the end of the first
answer, and for each warm event those of a call, of its call to the store, and of a call that goes over a socket. Each
is the least of many: what else the machine does makes it only more.

The first two are of calls that are answered, where botocore would send them, by what came to the same one before.
"""

import importlib
import json
import sys
from collections.abc import Callable
from time import process_time
from types import SimpleNamespace
from typing import Any

CALLS, SENT = 400, 100
CONTEXT = SimpleNamespace(aws_request_id="request", get_remaining_time_in_millis=lambda: 29_000)


def main(folder: str, package: str) -> None:
    """Answer once, then measure."""
    sys.path.insert(0, folder)
    asked = json.load(sys.stdin)
    app = importlib.import_module(f"{package}.app")
    answers = {"first": app.handler(asked["first"], CONTEXT)}
    cold = process_time() * 1000
    warm = {}
    if asked["warm"]:
        table = app.stores.links._table  # the one that all stores share
        spent = timed(table, "get")
        for name, event in asked["warm"].items():
            answers[name] = app.handler(event, CONTEXT)
        sent = {name: least(app.handler, event, SENT) for name, event in asked["warm"].items()}
        replay(table.client)
        for name, event in asked["warm"].items():
            spent.clear()
            warm[name] = least(app.handler, event, CALLS), min(spent) * 1000, sent[name]
    statuses = {name: answer.get("statusCode") for name, answer in answers.items()}
    print("\n" + json.dumps({"cold": cold, "warm": warm, "statuses": statuses}))  # noqa: T201


def replay(client: Any) -> None:
    """Answer what a botocore client sends with what came when it sent the same before."""
    endpoint = client._endpoint  # no public place sees what is sent and what comes
    send, kept = endpoint._send, {}

    def answer(request: Any) -> Any:
        if request.body not in kept:
            kept[request.body] = send(request)
        return kept[request.body]

    endpoint._send = answer


def timed(table: Any, name: str) -> list[float]:
    """Return a list to which each call of a method adds its CPU time."""
    method, spent = getattr(table, name), list[float]()

    def call(*args: Any) -> Any:
        started = process_time()
        try:
            return method(*args)
        finally:
            spent.append(process_time() - started)

    setattr(table, name, call)
    return spent


def least(handler: Callable[[Any, Any], Any], event: Any, calls: int) -> float:
    """Return CPU milliseconds of the cheapest of some calls."""
    found = []
    for _ in range(calls):
        started = process_time()
        handler(event, CONTEXT)
        found.append(process_time() - started)
    return min(found) * 1000


if __name__ == "__main__":
    main(*sys.argv[1:])
