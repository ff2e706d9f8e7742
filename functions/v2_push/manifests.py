"""PUT and DELETE /v2/{name}/manifests/{reference} (end-7, end-9)."""

from starlette.requests import Request
from starlette.responses import Response

from moorage.domain.access import Action
from moorage.domain.digest import Digest
from moorage.domain.errors import (
    LimitReached,
    ManifestBlobUnknown,
    ManifestInvalid,
    ManifestTooLarge,
    ManifestUnknown,
    Unsupported,
)
from moorage.domain.manifest import MANIFEST_LIMIT, TAGS_LIMIT
from moorage.domain.names import Tag, parse_name, parse_reference, parse_tag
from moorage.operations import manifests
from moorage.operations.push import Push, push_manifest
from moorage.operations.repositories import absent, resolve, resolve_or_create
from moorage.web.auth import authorize
from moorage.web.conditions import expected_of
from moorage.web.shim import stores_of, with_body
from moorage.web.uploads import principal_of


def _too_large(limit: int) -> ManifestTooLarge:
    return ManifestTooLarge(f"a manifest has at most {limit} bytes", limit=limit)


@with_body(MANIFEST_LIMIT, _too_large)
def put_manifest(request: Request, body: bytes) -> Response:
    """Store a manifest and move its tags; beyond the spec, only when the tag is what If-Match or If-None-Match say."""
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.PUSH)
    reference = parse_reference(request.path_params["reference"])
    tags = _tags(request, reference)
    expected = expected_of(request)
    if expected is not None and not tags:
        raise Unsupported("If-Match and If-None-Match speak of a tag, and this push names none")
    stores = stores_of(request)
    principal = principal_of(request)
    push = Push(
        repository_id=resolve_or_create(stores, grant, name, principal),
        data=body,
        content_type=request.headers.get("content-type"),
        digest=reference if isinstance(reference, Digest) else None,
        tags=tags,
        expected=expected,
        by=principal,
    )
    try:
        pushed = push_manifest(stores, push)
    except (LimitReached, ManifestBlobUnknown) as error:  # a repository that is being deleted takes no manifest
        raise absent(stores, grant, name, error) from error
    response = Response(status_code=201)
    response.headers["location"] = f"/v2/{name}/manifests/{pushed.digest}"
    response.headers["docker-content-digest"] = str(pushed.digest)
    if pushed.subject:
        response.headers["oci-subject"] = str(pushed.subject)
    for tag in request.query_params.getlist("tag"):
        response.headers.append("oci-tag", tag)
    return response


def delete_manifest(request: Request) -> Response:
    """Delete a manifest with its tags, or only the tag that the path names."""
    name = parse_name(request.path_params["name"])
    grant = authorize(request, name, Action.DELETE)
    reference = parse_reference(request.path_params["reference"])
    stores = stores_of(request)
    repository_id = resolve(stores, grant, name)
    principal = principal_of(request)
    try:
        if isinstance(reference, Digest):
            manifests.delete(stores, repository_id, reference, principal)
        else:
            manifests.untag(stores, repository_id, reference, principal)
    except ManifestUnknown as error:
        raise absent(stores, grant, name, error) from error
    return Response(status_code=202)


def _tags(request: Request, reference: Tag | Digest) -> tuple[Tag, ...]:
    """Return every tag that the push names, in the path or as `?tag=`, each once."""
    named = [] if isinstance(reference, Digest) else [reference]
    tags = dict.fromkeys([*named, *(parse_tag(text) for text in request.query_params.getlist("tag"))])
    if len(tags) > TAGS_LIMIT:
        raise ManifestInvalid(f"one push moves at most {TAGS_LIMIT} tags", tags=len(tags))
    return tuple(tags)
