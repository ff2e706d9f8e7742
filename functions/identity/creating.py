"""Creation, once for each retry token: the same request again is answered with what the first one made."""

from collections.abc import Callable
from typing import Any, TypeVar

from starlette.responses import Response

from moorage.domain.directory import Resource
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call

ResourceT = TypeVar("ResourceT", bound=Resource)


def create(
    call: Call,
    kind: type[ResourceT],
    tell: Callable[[ResourceT], dict[str, Any]],
    make: Callable[[], ResourceT],
) -> Response:
    """Answer what `make` makes, or what it made when the same request came before. Raises RetryTokenUsed."""
    resource = replayed(call, kind) or make()
    return answer(tell(resource), etag=resource.version)


def replayed(call: Call, kind: type[ResourceT]) -> ResourceT | None:
    """Return what the same request made before; None for a request that is new. Raises RetryTokenUsed."""
    resource_id = call.replayed()
    if resource_id is None:
        return None
    resource = call.stores.directory.get(kind, resource_id)
    call.check_replayed(resource.version if resource else None)
    return resource
