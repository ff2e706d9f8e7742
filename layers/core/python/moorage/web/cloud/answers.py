"""What handlers answer, and the pages of lists."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from moorage.domain.errors import ParameterInvalid

PAGE_LIMIT = 4096  # characters of a page token

_NO_PAGE = "is no opc-next-page of an answer; leave it out for the first page"
_OF_ANOTHER = "is the opc-next-page of another list; ask with the filters and the order that it was answered to"


def answer(
    body: Any,
    *,
    status: int = 200,
    etag: object = None,
    next_page: str | None = None,
    work_request: str | None = None,
) -> Response:
    """Answer with a body of JSON; None is none, and 204 unless another status is given.

    Without a next page there is no header of it: an empty one would send clients round and round.
    """
    given = {
        "etag": None if etag is None else str(etag),
        "opc-next-page": next_page or None,
        "opc-work-request-id": work_request,
    }
    headers = {name: value for name, value in given.items() if value is not None}
    if body is None:
        return Response(status_code=204 if status == 200 else status, headers=headers)
    return Response(write_json(body), status, headers=headers, media_type="application/json")


def write_json(body: Any) -> bytes:
    """Write JSON as it is sent."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def time(moment: datetime) -> str:
    """Write a time as all clients read it: RFC 3339 with milliseconds."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def page_token(position: Mapping[str, Any]) -> str:
    """Write where the next page begins."""
    return urlsafe_b64encode(write_json(position)).decode().rstrip("=")


def read_page(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `page_token` wrote into the parameter `page`, None for the first page. Raises ParameterInvalid."""
    text = parameters.get("page")
    if text is None:
        return None
    position = _read_position(text) if len(text) <= PAGE_LIMIT else None
    if not isinstance(position, dict):
        raise ParameterInvalid("page", _NO_PAGE)
    return position


def page_of(operation: str, parameters: Mapping[str, Any], token: str) -> str:
    """Return a page token as clients get it: with what tells its list from every other."""
    return f"{_list_of(operation, parameters)}.{token}"


def open_page(operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters, `page` as `page_token` wrote it. Raises ParameterInvalid for a page of another list."""
    if "page" not in parameters:
        return parameters
    listed, dot, token = parameters["page"].partition(".")
    if not dot:
        raise ParameterInvalid("page", _NO_PAGE)
    if listed != _list_of(operation, parameters):
        raise ParameterInvalid("page", _OF_ANOTHER)
    return {**parameters, "page": token}


def _list_of(operation: str, parameters: Mapping[str, Any]) -> str:
    """Return a short name of a list: of what is listed, the filters and the order; pages of any size are of it."""
    asked = {name: value for name, value in parameters.items() if name not in {"page", "limit"}}
    return hashlib.sha256(write_json([operation, asked])).hexdigest()[:16]


def _read_position(text: str) -> Any:
    try:
        return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):  # binascii.Error and UnicodeDecodeError are ValueErrors
        return None
