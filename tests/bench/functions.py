"""The functions behind the gateway of the tests, each invocation measured: CPU time, and bytes of log."""

import io
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from traceback import format_exception
from typing import Any

from tests.bench.client import Client, Login
from tests.bench.registry import Prepared, prepare, serving
from tests.bench.wire import DYNAMODB, S3, Wire
from tests.gateway import Gateway, functions_of

from moorage.relay.server import listen
from moorage.web.watch import logger

SWEEPING = "sweeping"

_PIECE = 512 * 1024  # bytes

Handler = Callable[[dict[str, Any], Any], Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What the gateway's access log says of a request."""

    method: str
    path: str
    status: int
    body_bytes: int

    @property
    def pieces(self) -> int:
        """Return the requests that an HTTP API takes it for."""
        return max(1, -(-self.body_bytes // _PIECE))


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of a function."""

    function: str
    cpu_ms: float
    dynamodb_calls: int
    s3_calls: int
    log_lines: int
    log_bytes: int


@dataclass
class Seen:
    """What has passed; emptied by whoever measures."""

    requests: list[Request] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)

    def clear(self) -> None:
        """Begin anew."""
        self.requests.clear()
        self.invocations.clear()


@dataclass(frozen=True, slots=True)
class Deployment:
    """Functions behind a gateway, and who may log in."""

    address: str
    login: Login
    prepared: Prepared
    seen: Seen
    sweep: Handler

    @contextmanager
    def client(self, *, login: bool = True) -> Iterator[Client]:
        """Open a client; it has no token yet."""
        client = Client(self.address, self.login if login else None)
        try:
            yield client
        finally:
            client.close()


@contextmanager
def running_functions(wire: Wire) -> Iterator[Deployment]:
    """Serve the functions as Lambda would run them, one request after another."""
    seen, log = Seen(), _Log()
    with listen("127.0.0.1", 0) as listener, log.taken():
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        prepared = prepare(wire.endpoint, address)
        handlers = functions_of(prepared.template, prepared.stores, prepared.site)
        handlers[SWEEPING] = _sweeping(prepared)
        measured = {name: _measured(name, handler, seen, log, wire) for name, handler in handlers.items()}
        gateway = Gateway(prepared.template, measured, address)
        with serving(_recording(gateway, seen), listener):
            yield Deployment(address, prepared.login, prepared, seen, measured[SWEEPING])


def _sweeping(prepared: Prepared) -> Handler:
    """Return the scheduled function: its own module opens stores by the environment of this process."""
    sweep = import_module(f"{SWEEPING}.uploads").sweep_uploads
    return lambda _event, _context: {"upload_sessions": sweep(prepared.stores, lambda: True)}


def _measured(name: str, handler: Handler, seen: Seen, log: "_Log", wire: Wire) -> Handler:
    """Measure a handler: it serves a request within its own thread, as Lambda has it."""

    def call(event: dict[str, Any], context: Any) -> Any:
        log.clear()
        with wire.recording() as recording:
            started = time.thread_time()
            try:
                with redirect_stdout(log.stream):
                    return handler(event, context)
            except Exception as error:
                trace = "".join(format_exception(error)).replace("\n", "\r")  # one event, as Lambda writes it
                log.stream.write(f"{trace}\n")
                raise
            finally:
                cpu_ms = 1000 * (time.thread_time() - started)
                calls = Counter(call.service for call in recording.calls)
                seen.invocations.append(Invocation(name, cpu_ms, calls[DYNAMODB], calls[S3], *log.size()))

    return call


def _recording(app: Any, seen: Seen) -> Any:
    """Note requests and the status of their answers."""

    async def recording(scope: Any, receive: Any, send: Any) -> None:
        length = int(dict(scope["headers"]).get(b"content-length", 0))

        async def noting(message: Any) -> None:
            if message["type"] == "http.response.start":
                seen.requests.append(Request(scope["method"], scope["path"], message["status"], length))
            await send(message)

        await app(scope, receive, noting)

    return recording


class _Log:
    """What functions write, in place of standard output."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take the functions' lines, of the level that they have on Lambda."""
        (handler,) = [handler for handler in logger.handlers if isinstance(handler, logging.StreamHandler)]
        before, level = handler.stream, logger.log_level
        handler.setStream(self.stream)
        logger.setLevel("INFO")
        try:
            yield
        finally:
            handler.setStream(before)
            logger.setLevel(level)

    def clear(self) -> None:
        """Forget what was written."""
        self.stream.seek(0)
        self.stream.truncate()

    def size(self) -> tuple[int, int]:
        """Return lines and bytes."""
        text = self.stream.getvalue()
        return text.count("\n"), len(text.encode())
