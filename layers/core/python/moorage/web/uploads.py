"""What the routes of upload sessions share."""

from starlette.requests import Request

from moorage.domain.errors import UploadUnknown
from moorage.domain.names import RepositoryName
from moorage.domain.ulid import is_ulid
from moorage.domain.upload import UploadTicket
from moorage.web.auth import authenticate


def location(name: RepositoryName, session_id: str) -> str:
    """Return a session's path: relative, so that every client stays on the host that it knows."""
    return f"/v2/{name}/blobs/uploads/{session_id}"


def standing(name: RepositoryName, session_id: str, offset: int) -> dict[str, str]:
    """Return the headers that say where a session stands."""
    return {
        "location": location(name, session_id),
        "range": f"0-{max(offset - 1, 0)}",
        "docker-upload-uuid": session_id,
    }


def principal_of(request: Request) -> str:
    """Return who asks, as sessions and histories name them."""
    return authenticate(request).principal.id or ""


def ticket_of(request: Request, repository_id: str) -> UploadTicket:
    """Return the session that the request's path names, in this repository, for its caller. Raises UploadUnknown."""
    upload = request.path_params["upload"]
    if not is_ulid(upload):  # no key is made of what a stranger wrote
        raise UploadUnknown("no such upload", upload=upload[:200])
    return UploadTicket(upload, repository_id, principal_of(request))
