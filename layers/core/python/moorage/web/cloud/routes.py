"""From an operation of a contract to its handler: who calls, with what, then the handler, then the answer."""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, compile_path

from moorage.domain.errors import (
    AlreadyExists,
    BodyTooLarge,
    EtagChanged,
    LimitReached,
    NotFound,
    ParameterInvalid,
    RetryTokenUsed,
    StateConflict,
    Unavailable,
)
from moorage.web.cloud.answers import open_page, page_of
from moorage.web.cloud.call import Call
from moorage.web.cloud.caller import authenticate
from moorage.web.cloud.contract import BODY_LIMIT, Contract, Operation, read_contract
from moorage.web.cloud.errors import cloud_error, request_id, told
from moorage.web.shim import Api, stores_of, with_body
from moorage.web.site import site_of


class _End(Convertor[str]):
    """The end of a path: Oracle's documents have a slash there, and most clients none; `$` lets a line feed follow."""

    regex = r"/?\Z"

    def convert(self, value: str) -> str:
        """Return it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return it as it is."""
        return value


class _Anything(_End):
    """Any path, line feeds in it or not."""

    regex = r"(?s:.*)\Z"


register_url_convertor("end", _End())
register_url_convertor("anything", _Anything())

Handler = Callable[[Call], Response]

BASE_PATH = "/20160918"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

ANSWER_LIMIT = 4 * 1024**2  # bytes: Lambda's 6 MB, with room for how JSON is written within JSON

_END = "{end:end}"  # of a path: a slash, or none
_IN_ITS_WAY = (AlreadyExists, EtagChanged, LimitReached, NotFound, StateConflict, Unavailable)
_RETRY_TOKEN = re.compile(r"[ -~]{1,64}", re.ASCII)


def cloud_api(contract_name: str, handlers: Mapping[str, Handler], base_paths: tuple[str, ...] = (BASE_PATH,)) -> Api:
    """Make the routes of a contract, each with and without a slash at its end. Raises LookupError without a handler."""
    contract = read_contract(contract_name)
    if different := contract.operations.keys() ^ handlers.keys():
        raise LookupError(f"{contract_name}: not both operation and handler: {', '.join(sorted(different))}")
    # What is fixed comes before what is not: `{` is after all letters.
    operations = sorted(contract.operations.values(), key=lambda operation: operation.path.split("/"))
    routes = [
        Route(operation.path + _END, _endpoint(contract, operation, handlers[operation.id]), methods=[operation.method])
        for operation in operations
    ]
    routes.append(Route("/{path:anything}", _unrouted(operations), methods=list(METHODS)))
    return Api(tell_error=cloud_error, routes=routes, base_paths=base_paths)


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"a request here has a body of at most {limit} bytes", limit=limit)


def _endpoint(contract: Contract, operation: Operation, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    @with_body(BODY_LIMIT, _too_large)
    @functools.wraps(handler)  # a route goes by the name of its handler
    def endpoint(request: Request, body: bytes) -> Response:
        caller = authenticate(request, body)
        stores = stores_of(request)
        parameters = contract.read_parameters(operation, request.path_params, request.query_params.multi_items())
        call = Call(
            stores=stores,
            site=site_of(request),
            operation=operation.id,
            caller=caller,
            now=stores.clock(),
            parameters=open_page(operation.id, parameters),
            body=contract.read_body(operation, body),
            if_match=_if_match(request),
            retry_token=_retry_token(request),
        )
        answer = _fitting(handler, call)
        answer.headers["opc-request-id"] = request_id(request)
        if following := answer.headers.get("opc-next-page"):
            answer.headers["opc-next-page"] = page_of(operation.id, parameters, following)
        return answer

    return endpoint


def _fitting(handler: Handler, call: Call) -> Response:
    """Answer; a page that is more than a function can answer with is asked for again, shorter: pages may be."""
    answer = _answer(handler, call)
    limit = call.parameters.get("limit", 1)
    while len(answer.body) > ANSWER_LIMIT and limit > 1:
        limit = max(1, limit * ANSWER_LIMIT // len(answer.body))
        answer = handler(replace(call, parameters={**call.parameters, "limit": limit}))
    return answer


def _answer(handler: Handler, call: Call) -> Response:
    """Call a handler; once more when the same request, sent twice at once, has made meanwhile what is in its way."""
    try:
        return handler(call)
    except _IN_ITS_WAY:
        if not _was_done(call):
            raise
        return handler(call)


def _was_done(call: Call) -> bool:
    """Whether the same request was done before; the refusal of one whose token is another's stays what it is."""
    try:
        return call.replayed() is not None
    except RetryTokenUsed:
        return False


def _unrouted(operations: Sequence[Operation]) -> Callable[[Request], Awaitable[Response]]:
    """Answer where no operation is: a stranger learns nothing, and clients ask so for the time."""

    @with_body(BODY_LIMIT, _too_large)
    def endpoint(request: Request, body: bytes) -> Response:
        authenticate(request, body)
        path = request.scope["path"]
        allowed = [one.method for one in operations if compile_path(one.path + _END)[0].match(path)]
        if not allowed:
            return told(request, 404, "NotFound", "the registry has no operation of this path")
        methods = ", ".join(sorted(set(allowed)))
        return told(request, 405, "MethodNotAllowed", f"this path takes {methods}", {"allow": methods})

    return endpoint


def _if_match(request: Request) -> str | None:
    """Return the etag that a request names, without what HTTP puts around one. RFC 9110, 13.1.1.

    Raises ParameterInvalid for one that names none: whoever sends it believes that there is a guard.
    """
    text = request.headers.get("if-match", "*").strip()
    if text == "*":
        return None
    etag = text.removeprefix("W/").removeprefix('"').removesuffix('"')
    if not etag:
        raise ParameterInvalid("if-match", "must be an etag, or * for any state; leave it out for no condition")
    return etag


def _retry_token(request: Request) -> str | None:
    text = request.headers.get("opc-retry-token")
    if text is not None and not _RETRY_TOKEN.fullmatch(text):
        raise ParameterInvalid("opc-retry-token", "must have 1 to 64 characters of ASCII")
    return text
