"""What the gateway is told: a policy that lets one request pass, or the one word that it answers with its challenge."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from authorizer.gate import admit
from moorage.domain.errors import Unauthenticated
from moorage.web.site import Site

AuthorizerHandler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


class Unauthorized(Exception):
    """The one message that makes the gateway answer with its challenge; at any other it says that it failed."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def make_handler(site: Site, *, lets_pass: bool = False) -> AuthorizerHandler:
    """Make the handler of the Lambda function; one that `lets_pass` asks nobody for a token."""

    def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
        if lets_pass:
            return _policy("*", "anybody")  # `sam local` takes an ARN for a pattern, and its own does not match itself
        try:
            access = admit(event, site)
        except Unauthenticated as error:
            _log(event, error)
            raise Unauthorized from None
        return _policy(event["methodArn"], (access and access.principal.name) or "anonymous")

    return handler


def _policy(resource: str, principal: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
    return {"principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def _log(event: Mapping[str, Any], error: Unauthenticated) -> None:
    """Write one line in the form of the other functions' logger, whose import would be a third of a cold start."""
    line = {
        "level": "INFO",
        "message": "refused",
        "service": "moorage",
        "request_id": event.get("requestContext", {}).get("requestId"),
        "method": event["httpMethod"],
        "path": event["path"],
        "reason": error.message,
    }
    sys.stdout.write(json.dumps(line) + "\n")
