"""The relay: every function of the template in one process that takes bodies of any size."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from moorage.devserver.process import stop_on_signals
from moorage.devserver.template import Template, load_app
from moorage.relay.health import Health
from moorage.relay.server import listen, make_server
from moorage.web.watch import logger
from moorage.wiring import SettingInvalid, open_site, open_stores, read_settings

_WHOLE = re.compile(r"[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Options:
    """What a container sets beside the settings of the functions."""

    host: str
    port: int
    stop_seconds: int
    template: Path

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Read and check them. Raises SettingInvalid."""
        return cls(
            host=environ.get("HOST", "0.0.0.0"),
            port=_whole(environ, "PORT", 8080, 65_535),
            stop_seconds=_whole(environ, "RELAY_STOP_SECONDS", 110, 86_400),
            template=Path(environ.get("RELAY_TEMPLATE", "template.yaml")),
        )


def run(environ: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT. Raises SettingInvalid, CannotListen."""
    stop_on_signals()
    options = Options.read(environ)
    settings = read_settings({"MOORAGE_BODY_LIMIT": "none", **environ})
    stores = open_stores(settings)
    template = Template.read(options.template)
    sys.path.append(str(template.code))
    health = Health()
    app = load_app(template, stores, open_site(settings, stores), [health.route()])
    server = make_server(app, stop_seconds=options.stop_seconds, log_config=None)
    health.watch(lambda: server.should_exit)
    copy_config_to_registered_loggers(source_logger=logger, include={"uvicorn", "uvicorn.error"})
    with listen(options.host, options.port) as listener:
        logger.info("ready", host=options.host, port=listener.getsockname()[1])
        server.run([listener])


def _whole(environ: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = environ.get(name, str(default))
    if not _WHOLE.fullmatch(text) or int(text) > most:
        raise SettingInvalid(f"{name} is a whole number up to {most}, not {text[:50]!r}")
    return int(text)
