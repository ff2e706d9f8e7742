"""Lists: filtered, sorted, and in pages that neither lose nor repeat what stays while they are read."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from starlette.responses import Response

from moorage.domain.directory import Resource
from moorage.domain.errors import ParameterInvalid
from moorage.web.cloud.answers import answer, page_token, read_page
from moorage.web.cloud.call import Call

T = TypeVar("T")
ResourceT = TypeVar("ResourceT", bound=Resource)

_TIME, _NAME = "TIMECREATED", "NAME"
_DEFAULT_ORDER = {_TIME: "DESC", _NAME: "ASC"}


def list_resources(
    call: Call,
    resources: Iterable[ResourceT],
    tell: Callable[[ResourceT], dict[str, Any] | None],
) -> Response:
    """Answer a page of resources, by the parameters of the call; `tell` says None of what is not for the caller."""
    by = call.parameters.get("sortBy", _TIME)
    descending = call.parameters.get("sortOrder", _DEFAULT_ORDER[by]) == "DESC"
    found = sorted(_filtered(call, resources), key=_KEYS[by], reverse=descending)
    return list_page(call, found, _KEYS[by], tell, back=descending)


def list_page(
    call: Call,
    found: Sequence[T],
    key: Callable[[T], tuple[str, str]],
    tell: Callable[[T], dict[str, Any] | None],
    *,
    back: bool = False,
) -> Response:
    """Answer a page of what is sorted by `key`; the next begins behind the last of this one, there or gone by then."""
    after = _position(call)
    rest = [one for one in found if after is None or (key(one) < after if back else key(one) > after)]
    limit = call.parameters["limit"]
    shown = list(islice(((one, told) for one in rest if (told := tell(one)) is not None), limit + 1))
    page, more = shown[:limit], shown[limit:]
    token = page_token({"after": key(page[-1][0])}) if more else None
    return answer([told for _, told in page], next_page=token)


def _filtered(call: Call, resources: Iterable[ResourceT]) -> list[ResourceT]:
    name, state = call.parameters.get("name"), call.parameters.get("lifecycleState")
    return [one for one in resources if name in {None, one.name} and state in {None, one.state}]


def _position(call: Call) -> tuple[str, str] | None:
    """Return the key of the last entry of the page before. Raises ParameterInvalid."""
    position = read_page(call.parameters)
    if position is None:
        return None
    after = position.get("after")
    if not (isinstance(after, list) and len(after) == 2 and all(isinstance(part, str) for part in after)):
        raise ParameterInvalid("page", "is no opc-next-page of an answer; leave it out for the first page")
    return (after[0], after[1])


def instant(moment: datetime) -> str:
    """Write a time so that texts sort as times do; all are UTC."""
    return moment.isoformat(timespec="microseconds")


_KEYS: dict[str, Callable[[Resource], tuple[str, str]]] = {
    _TIME: lambda resource: (instant(resource.time_created), resource.id),
    _NAME: lambda resource: (resource.name, resource.id),
}
