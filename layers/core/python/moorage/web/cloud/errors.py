"""Facts to answers of the cloud plane: its codes, and the id that every answer has. ocir.md 1.7."""

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from moorage.domain import errors
from moorage.web.cloud.answers import write_json
from moorage.web.watch import logger

CLOUD: Mapping[type[errors.RegistryError], tuple[int, str]] = {
    errors.NameInvalid: (400, "InvalidParameter"),
    errors.NameUnknown: (404, "NotAuthorizedOrNotFound"),
    errors.TagInvalid: (400, "InvalidParameter"),
    errors.DigestInvalid: (400, "InvalidParameter"),
    errors.PageInvalid: (400, "InvalidParameter"),
    errors.ScopeInvalid: (400, "InvalidParameter"),
    errors.BlobUnknown: (404, "NotAuthorizedOrNotFound"),
    errors.BlobInUse: (409, "Conflict"),
    errors.RangeUnsatisfiable: (400, "InvalidParameter"),
    errors.UploadUnknown: (404, "NotAuthorizedOrNotFound"),
    errors.UploadInvalid: (400, "InvalidParameter"),
    errors.UploadOutOfOrder: (409, "Conflict"),
    errors.BodyTooLarge: (413, "RequestEntityTooLarge"),
    errors.BodyStalled: (408, "RequestTimeout"),
    errors.ManifestUnknown: (404, "NotAuthorizedOrNotFound"),
    errors.ManifestInvalid: (400, "InvalidParameter"),
    errors.ManifestBlobUnknown: (404, "NotAuthorizedOrNotFound"),
    errors.ManifestTooLarge: (413, "RequestEntityTooLarge"),
    errors.ManifestInUse: (409, "Conflict"),
    errors.TagChanged: (409, "Conflict"),
    errors.TagImmutable: (409, "Conflict"),
    errors.LimitReached: (400, "LimitExceeded"),
    errors.Unauthenticated: (401, "NotAuthenticated"),
    errors.Denied: (404, "NotAuthorizedOrNotFound"),
    errors.TooManyRequests: (429, "TooManyRequests"),
    errors.ParameterInvalid: (400, "InvalidParameter"),
    errors.ParameterMissing: (400, "MissingParameter"),
    errors.BodyUnreadable: (400, "CannotParseRequest"),
    errors.NotFound: (404, "NotAuthorizedOrNotFound"),
    errors.RelatedNotFound: (400, "RelatedResourceNotAuthorizedOrNotFound"),
    errors.AlreadyExists: (409, "NotAuthorizedOrResourceAlreadyExists"),
    errors.StateConflict: (409, "Conflict"),
    errors.RetryTokenUsed: (409, "InvalidatedRetryToken"),
    errors.EtagChanged: (412, "NoEtagMatch"),
    errors.Unsupported: (405, "MethodNotAllowed"),
    errors.Unavailable: (503, "ServiceUnavailable"),
}
RETRY_AFTER = 2  # seconds, after Unavailable

_ABSENT = "NotAuthorizedOrNotFound"
_CLIENTS_ID = re.compile(r"[A-Za-z0-9._/-]{1,98}", re.ASCII)


def cloud_error(request: Request, error: Exception) -> Response:
    """Tell an error as the cloud plane does; of one that is no fact, nothing but that it happened."""
    if not isinstance(error, errors.RegistryError):
        return told(request, 500, "InternalServerError", "the registry failed to answer; the log knows why")
    if isinstance(error, errors.Unavailable) and error.__cause__:
        logger.warning("storage failed", request_id=request.scope.get("request_id"), cause=str(error.__cause__))
    status, code = CLOUD[type(error)]
    # Whatever is absent is told in the words of what is forbidden.
    message = errors.NotFound().message if code == _ABSENT else error.message
    return told(request, status, code, message, _headers(error))


def told(request: Request, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer an error."""
    return Response(
        write_json({"code": code, "message": message}),
        status,
        headers={"opc-request-id": request_id(request), **(headers or {})},
        media_type="application/json",
    )


def request_id(request: Request) -> str:
    """Return the id of an answer: the one that the client gave the request, then ours, which the log has."""
    own = str(request.scope.get("request_id", ""))
    clients = request.headers.get("opc-request-id", "")
    return f"{clients}/{own}" if _CLIENTS_ID.fullmatch(clients) else own


def _headers(error: errors.RegistryError) -> dict[str, str]:
    if isinstance(error, errors.TooManyRequests):
        return {"retry-after": str(error.retry_after)}
    if isinstance(error, errors.Unavailable):
        return {"retry-after": str(RETRY_AFTER)}
    return {}
