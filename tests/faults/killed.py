"""Serves requests in processes that are killed: before or after the call to AWS of a given number.

Run as a program it reads jobs, a line of JSON each, forks for each one, and writes how the child ended: the number of
the signal, 0 when it came to its answer, 1 when that was a refusal.
"""

import asyncio
import base64
import json
import os
import signal
import sys
from itertools import count
from types import SimpleNamespace

from botocore.httpsession import URLLib3Session
from tests.contract.backends import REGION
from tests.routes.registry import TEMPLATE, Registry

from moorage.devserver.template import load_app
from moorage.wiring import open_site, open_stores, read_settings


def main() -> None:
    app, client = None, None
    for line in sys.stdin:
        job = json.loads(line)
        if app is None:  # made once: it opens no connection
            settings = read_settings({**os.environ, "AWS_REGION": REGION, **job["environ"]})
            stores = open_stores(settings)
            client = stores.objects.client
            assert client
            app = load_app(TEMPLATE, stores, open_site(settings, stores))
        child = os.fork()
        if child == 0:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what it logs is no answer
            _die_at(job["place"], applied=job["applied"])
            body = base64.b64decode(job["body"])
            answer = asyncio.run(
                Registry.ask(SimpleNamespace(app=app), job["method"], job["target"], job["headers"], body)
            )
            os._exit(0 if answer.status < 300 else 1)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)}\n")
        sys.stdout.flush()


def _die_at(place: int, *, applied: bool) -> None:
    """Kill this process at a call: nothing runs after it, no handler and no buffer."""
    numbers, send = count(), URLLib3Session.send

    def mortal(session: URLLib3Session, request: object) -> object:
        last = next(numbers) == place
        if last and not applied:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = send(session, request)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    URLLib3Session.send = mortal


if __name__ == "__main__":
    main()
