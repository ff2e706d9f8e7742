"""`make sam`: what `sam deploy` would make, served on this machine until Ctrl-C."""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from moorage.devserver.administrator import Administrator
from moorage.devserver.aws import CannotStart
from moorage.devserver.engine import running_engine
from moorage.devserver.process import become, published, stop_on_signals
from moorage.devserver.sam import fill, find_sam, running_api, settings_for, variables_for
from moorage.devserver.sam_front import SamFront
from moorage.devserver.server import Options, port_of, server_of, starting
from moorage.devserver.strict import running_strict


def run(options: Options, environ: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM. Raises CannotStart."""
    stopping = stop_on_signals()
    with ExitStack() as stack:
        template, listener, terminal = stack.enter_context(starting(options))
        engine = stack.enter_context(running_engine(environ))
        sam = find_sam(engine, options.state, environ)
        sam.log.unlink(missing_ok=True)
        sam.run_build(options.template)
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="aws-", dir=options.state))
        endpoints = stack.enter_context(running_strict(Path(data), environ, address=engine.listen_address()))
        settings = settings_for(template, environ, port_of(listener))
        become({**endpoints.environment(), **settings})
        administrator = fill(template, settings, endpoints)
        registry = f"localhost:{port_of(listener)}"
        sam.set_variables(variables_for(settings, endpoints))
        api = stack.enter_context(running_api(sam, engine, endpoints))
        front = SamFront.of(template, api, settings["MOORAGE_BUCKET"], endpoints.s3)
        found = {**endpoints.environment(), **settings, "DOCKER_HOST": engine.environment["DOCKER_HOST"]}
        files = administrator.files(options.state, registry, found["AWS_REGION"])
        stack.enter_context(published(options.state, found, files))
        invoke = sam.local("invoke", "Sweeping", "-e", "events/schedule.json")
        terminal.write(_welcome(administrator, registry, options.state, invoke))
        terminal.flush()
        if not stopping.is_set():
            server_of(front.app()).run([listener])


def _welcome(administrator: Administrator, registry: str, state: Path, invoke: list[str]) -> str:
    return f"""Moorage runs in functions on http://{registry}; what is stored is gone when it stops (Ctrl-C).

{administrator.lines(state, registry)}
A layer of more than 4 MiB does not fit into a function's event; clients that send chunks push any size. No schedule
fires here; the sweep, by hand, after . {state / "env"}:

  {" ".join(invoke)}

For scripts: {state / "credentials.json"}. For the command line: . {state / "env"}. Logs: {state / "sam.log"}.
"""


def main() -> int:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="moorage.devserver.sam_server", description="Run the functions by SAM.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=5000, help="0 takes a free one (default: %(default)s)")
    parser.add_argument("--state", type=Path, default=Path(".sam"), help="folder for builds, credentials and log")
    parser.add_argument("--template", type=Path, default=Path("template.yaml"), help="default: %(default)s")
    arguments = parser.parse_args()
    try:
        run(Options(arguments.host, arguments.port, arguments.state, arguments.template), os.environ.copy())
    except CannotStart as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
