"""Facts to answers: one table and one renderer a plane. distribution-spec, "Error Codes"; the list is closed."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from moorage.domain import errors
from moorage.web.auth import challenge
from moorage.web.watch import logger

# Statuses that have no code of their own borrow the nearest (docs/decisions.md).
SPEC: dict[type[errors.RegistryError], tuple[int, str]] = {
    errors.NameInvalid: (400, "NAME_INVALID"),
    errors.NameUnknown: (404, "NAME_UNKNOWN"),
    errors.TagInvalid: (400, "MANIFEST_INVALID"),
    errors.DigestInvalid: (400, "DIGEST_INVALID"),
    errors.PageInvalid: (400, "UNSUPPORTED"),
    errors.ScopeInvalid: (400, "UNSUPPORTED"),
    errors.BlobUnknown: (404, "BLOB_UNKNOWN"),
    errors.BlobInUse: (405, "UNSUPPORTED"),
    errors.RangeUnsatisfiable: (416, "SIZE_INVALID"),
    errors.UploadUnknown: (404, "BLOB_UPLOAD_UNKNOWN"),
    errors.UploadInvalid: (400, "BLOB_UPLOAD_INVALID"),
    errors.UploadOutOfOrder: (416, "BLOB_UPLOAD_INVALID"),
    errors.BodyTooLarge: (413, "SIZE_INVALID"),
    errors.BodyStalled: (408, "BLOB_UPLOAD_INVALID"),
    errors.ManifestUnknown: (404, "MANIFEST_UNKNOWN"),
    errors.ManifestInvalid: (400, "MANIFEST_INVALID"),
    errors.ManifestBlobUnknown: (404, "MANIFEST_BLOB_UNKNOWN"),
    errors.ManifestTooLarge: (413, "SIZE_INVALID"),
    errors.ManifestInUse: (405, "UNSUPPORTED"),
    errors.TagChanged: (412, "DENIED"),
    errors.LimitReached: (403, "DENIED"),
    errors.Unauthenticated: (401, "UNAUTHORIZED"),
    errors.Denied: (403, "DENIED"),
    errors.TooManyRequests: (429, "TOOMANYREQUESTS"),
    errors.ParameterInvalid: (400, "UNSUPPORTED"),
    errors.ParameterMissing: (400, "UNSUPPORTED"),
    errors.BodyUnreadable: (400, "UNSUPPORTED"),
    errors.NotFound: (404, "NAME_UNKNOWN"),
    errors.RelatedNotFound: (404, "NAME_UNKNOWN"),
    errors.AlreadyExists: (409, "DENIED"),
    errors.StateConflict: (409, "DENIED"),
    errors.RetryTokenUsed: (409, "DENIED"),
    errors.EtagChanged: (412, "DENIED"),
    errors.TagImmutable: (409, "DENIED"),
    errors.Unsupported: (405, "UNSUPPORTED"),
    errors.Unavailable: (503, "UNAVAILABLE"),
}
API_VERSION = {"docker-distribution-api-version": "registry/2.0"}  # by which older clients know a registry
RETRY_AFTER = 2  # seconds, after Unavailable


def spec_error(request: Request, error: Exception) -> Response:
    """Tell an error as /v2 does; of one that is no fact, nothing but that it happened."""
    if not isinstance(error, errors.RegistryError):
        body = {"code": "UNAVAILABLE", "message": "the registry failed to answer; the log knows why", "detail": {}}
        return JSONResponse({"errors": [body]}, 500)
    if isinstance(error, errors.Unavailable) and error.__cause__:
        logger.warning("storage failed", request_id=request.scope.get("request_id"), cause=str(error.__cause__))
    status, code = SPEC[type(error)]
    body = {"code": code, "message": error.message, "detail": dict(error.detail)}
    return JSONResponse({"errors": [body]}, status, headers=_headers(request, error))


def _headers(request: Request, error: errors.RegistryError) -> dict[str, str]:
    """Return what an answer of this kind must carry."""
    if isinstance(error, errors.Unauthenticated):
        return {"www-authenticate": challenge(request, error), **API_VERSION}
    if isinstance(error, errors.TooManyRequests):
        return {"retry-after": str(error.retry_after)}
    if isinstance(error, errors.Unavailable):
        return {"retry-after": str(RETRY_AFTER)}
    if isinstance(error, errors.UploadOutOfOrder):
        return {"location": request.scope["path"], "range": f"0-{max(error.offset - 1, 0)}"}
    if isinstance(error, errors.RangeUnsatisfiable):
        return {"content-range": f"bytes */{error.size}"}
    return {}
