"""GET and HEAD /v2/{name}/manifests/{reference} (end-3)."""

from starlette.requests import Request
from starlette.responses import Response

from moorage.domain.access import Action, Grant
from moorage.domain.content import ManifestRecord
from moorage.domain.digest import Digest
from moorage.domain.errors import ManifestUnknown, TagInvalid
from moorage.domain.names import Reference, RepositoryName, Tag, parse_name, parse_reference
from moorage.operations.manifests import pulled
from moorage.operations.repositories import absent, resolve
from moorage.stores.base import Stores
from moorage.web.auth import authorize
from moorage.web.conditions import etag, not_modified
from moorage.web.shim import stores_of


def head_manifest(request: Request) -> Response:
    """Answer from one row: the tag's, or the manifest's."""
    name, grant, reference = _address(request)
    stores = stores_of(request)
    repository_id = resolve(stores, grant, name)
    found = (
        _readable(stores.manifests.get(repository_id, reference))
        if isinstance(reference, Digest)
        else stores.manifests.get_tag(repository_id, reference)
    )
    if found is None:
        raise absent(stores, grant, name, _unknown(reference))
    headers = {**_headers(found.digest), "content-length": str(found.size), "content-type": found.media_type}
    return Response(status_code=304 if not_modified(request, found.digest) else 200, headers=headers)


def get_manifest(request: Request) -> Response:
    """Send the bytes as they were pushed, whatever Accept says: clients compare what they get with what they asked."""
    name, grant, reference = _address(request)
    stores = stores_of(request)
    repository_id = resolve(stores, grant, name)
    digest = reference if isinstance(reference, Digest) else _tagged(stores, grant, name, repository_id, reference)
    if not_modified(request, digest) and not isinstance(reference, Digest):
        return Response(status_code=304, headers=_headers(digest))
    record = _readable(stores.manifests.get(repository_id, digest))
    if record is None:
        raise absent(stores, grant, name, _unknown(reference))
    if not_modified(request, digest):
        return Response(status_code=304, headers=_headers(digest))
    pulled(stores, record)
    headers = {**_headers(digest), "content-type": record.media_type}
    return Response(_bytes(stores, record), headers=headers)


def _readable(record: ManifestRecord | None) -> ManifestRecord | None:
    return record if record and record.readable else None


def _tagged(stores: Stores, grant: Grant, name: RepositoryName, repository_id: str, tag: Tag) -> Digest:
    found = stores.manifests.get_tag(repository_id, tag)
    if found is None:
        raise absent(stores, grant, name, _unknown(tag))
    return found.digest


def _bytes(stores: Stores, record: ManifestRecord) -> bytes:
    """Return the manifest from its row, or from the bucket when it is larger than 64 KiB."""
    return record.data if record.data is not None else stores.objects.read(str(record.key))


def _headers(digest: Digest) -> dict[str, str]:
    return {"docker-content-digest": str(digest), "etag": etag(digest)}


def _unknown(reference: Reference) -> ManifestUnknown:
    return ManifestUnknown("no such manifest", reference=str(reference))


def _address(request: Request) -> tuple[RepositoryName, Grant, Reference]:
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.PULL)
    text = request.path_params["reference"]
    try:
        return name, grant, parse_reference(text)
    except TagInvalid as error:  # what cannot be a tag is not there: the suites and clients expect 404 of a read
        raise ManifestUnknown(error.message, reference=text[:200]) from error
