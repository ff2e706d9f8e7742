"""GET and HEAD /v2/{name}/blobs/{digest} (end-2)."""

from starlette.requests import Request
from starlette.responses import Response

from moorage.domain.access import Action, Grant
from moorage.domain.content import Link
from moorage.domain.digest import Digest
from moorage.domain.errors import BlobUnknown
from moorage.domain.names import RepositoryName, parse_name
from moorage.domain.ranges import parse_range
from moorage.operations import blobs
from moorage.operations.repositories import absent, resolve
from moorage.web.auth import authorize
from moorage.web.conditions import etag, not_modified
from moorage.web.shim import stores_of
from moorage.web.site import site_of

CONTENT_TYPE = "application/octet-stream"


def head_blob(request: Request) -> Response:
    """Answer from the row, and promise that the blob stays: clients skip the upload on our word."""
    name, grant, digest = _address(request)
    stores = stores_of(request)
    try:
        link = blobs.stat(stores, resolve(stores, grant, name), digest)
    except BlobUnknown as error:
        raise absent(stores, grant, name, error) from error
    if site_of(request).head_filler and link.data is None:
        return _redirect(request, link)  # S3 knows the length, and no event holds so many bytes
    return Response(headers={**_headers(link), "content-length": str(link.size)}, media_type=CONTENT_TYPE)


def get_blob(request: Request) -> Response:
    """Send a blob that lives in its row; redirect to storage for the others, whose bytes never pass here."""
    name, grant, digest = _address(request)
    stores = stores_of(request)
    try:
        link = blobs.readable(stores, resolve(stores, grant, name), digest)
    except BlobUnknown as error:
        raise absent(stores, grant, name, error) from error
    if not_modified(request, digest):
        return Response(status_code=304, headers=_headers(link))
    if link.data is not None:
        return _inline(request, link, link.data)
    return _redirect(request, link)


def _redirect(request: Request, link: Link) -> Response:
    """Send a client to the bytes, by a URL that is signed for its method."""
    origin = site_of(request).origin(request.headers.get("host"))
    objects = stores_of(request).objects
    location = objects.url(str(link.key), method=request.method, host=origin, digest=link.digest)
    return Response(status_code=307, headers={"docker-content-digest": str(link.digest), "location": location})


def _inline(request: Request, link: Link, data: bytes) -> Response:
    """Answer 200, or 206 for one range. REST gateways rename Range on its way."""
    header = request.headers.get("range") or request.headers.get("x-amzn-remapped-range")
    wanted = parse_range(header, link.size)
    if wanted is None:
        return Response(data, headers=_headers(link), media_type=CONTENT_TYPE)
    first, last = wanted
    headers = {**_headers(link), "content-range": f"bytes {first}-{last}/{link.size}"}
    return Response(data[first : last + 1], 206, headers=headers, media_type=CONTENT_TYPE)


def _headers(link: Link) -> dict[str, str]:
    return {"accept-ranges": "bytes", "docker-content-digest": str(link.digest), "etag": etag(link.digest)}


def _address(request: Request) -> tuple[RepositoryName, Grant, Digest]:
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.PULL)
    return name, grant, Digest.parse(request.path_params["digest"])
