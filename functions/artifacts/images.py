"""Images and their versions: `/container/images`."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.responses import Response

from artifacts.lists import listing_order, read_digest, visited
from moorage.domain.content import ManifestRecord
from moorage.domain.digest import Digest
from moorage.domain.directory import Remembered, ResourceTags
from moorage.domain.errors import (
    ManifestUnknown,
    NotFound,
    ParameterInvalid,
    RetryTokenUsed,
    StateConflict,
    TagInvalid,
)
from moorage.domain.image import (
    AVAILABLE,
    DELETED,
    Image,
    Pattern,
    Wanted,
    etag_of,
    image_ocid,
    parse_image_ocid,
    parse_image_uri,
)
from moorage.domain.names import Tag, parse_tag
from moorage.domain.ocid import parse_repository_ocid, repository_ocid
from moorage.domain.policy.decision import Target
from moorage.domain.repository import Repository
from moorage.operations import images, manifests
from moorage.operations.image_lists import Found, Listing, list_images, repositories_within
from moorage.stores.base import Changed
from moorage.web.cloud.answers import answer, page_token, read_page, time
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import check_tags, read_tags, tell_tags

Parameters = dict[str, Any]


def list_container_images(call: Call) -> Response:
    """List images that the filters let pass (ListContainerImages)."""
    asked, compartments = dict(call.parameters), visited(call)
    listing, ids, name = _read_filters(call, asked)
    repositories = repositories_within(call.stores, compartments, ids, name)
    page = list_images(call.stores, repositories, listing)
    body = {
        "items": [_summary(call, found) for found in page.items],
        "remainingItemsCount": 1 if page.next else 0,  # at least: nobody counts what nobody asked for
    }
    return answer(body, next_page=page_token(page.next) if page.next else None)


def get_container_image(call: Call) -> Response:
    """Tell all of an image (GetContainerImage)."""
    repository, image = _find(call)
    call.require(_target(repository, image))
    return _answer(call, repository, image)


def lookup_container_image_by_uri(call: Call) -> Response:
    """Find the image that a URI names (LookupContainerImageByUri)."""
    name, reference = parse_image_uri(call.body["imageUri"], call.stores.limits.namespace)
    repository = call.stores.repositories.find(name)
    if repository is None:
        raise NotFound
    digest = reference if isinstance(reference, Digest) else _tagged(call, repository, reference)
    image = images.find(call.stores, repository.id, digest)
    call.require(_target(repository, image), "REPOSITORY_READ")
    if image.state(call.now) != AVAILABLE:
        raise NotFound  # as /v2 answers that reference
    return _answer(call, repository, image)


def update_container_image(call: Call) -> Response:
    """Replace free-form and defined tags of an image (UpdateContainerImage)."""
    check_tags(call.body)
    repository, image = _find(call)
    call.require(_target(repository, image))
    images.label(
        call.stores, repository.id, image.record.digest, lambda before: read_tags(call.body, before), _check(call)
    )
    return _answer(call, repository, images.find(call.stores, repository.id, image.record.digest))


def delete_container_image(call: Call) -> Response:
    """Delete an image with its versions; it can be restored for 48 hours (DeleteContainerImage)."""
    repository, image = _find(call)
    call.require(_target(repository, image))
    call.check_etag(image.etag)
    if image.state(call.now) == DELETED:
        raise StateConflict("the image is deleted already")
    try:
        manifests.delete(call.stores, repository.id, image.record.digest, _by(call), _check(call))
    except ManifestUnknown as error:
        raise NotFound from error
    return answer(None)


def restore_container_image(call: Call) -> Response:
    """Bring a deleted image back, with the version asked for or those that are free (RestoreContainerImage)."""
    version = _version(call) if call.body.get("version") is not None else None
    repository, image = _find(call)
    call.require(_target(repository, image))
    request = images.Restore(repository.id, image.record.digest, version, _by(call))
    restoring = partial(images.restore, call.stores, request, _check(call), _remember(call))
    return _once(call, repository, image, restoring)


def remove_container_version(call: Call) -> Response:
    """Take a version off an image, which stays (RemoveContainerVersion)."""
    version = _version(call)
    repository, image = _find(call)
    call.require(_target(repository, image))
    request = images.Removal(repository.id, image.record.digest, version, _by(call))
    removing = partial(images.remove_version, call.stores, request, _check(call), _remember(call))
    return _once(call, repository, image, removing)


def _read_filters(call: Call, asked: Parameters) -> tuple[Listing, list[str] | None, Pattern | None]:
    """Return what to look for, the ids of the repositories that can have it, and their names."""
    sort, descending = listing_order(asked)
    wanted = Wanted(
        display_name=asked.get("displayName"),
        is_versioned=asked.get("isVersioned"),
        version=Pattern(asked["version"]) if asked.get("version") else None,
        state=asked.get("lifecycleState") or AVAILABLE,
    )
    listing = Listing(wanted, asked["limit"], sort=sort, descending=descending, position=read_page(call.parameters))
    name = Pattern(asked["repositoryName"]) if asked.get("repositoryName") else None
    ids: set[str] | None = None
    if wanted.version and wanted.version.prefix is None:
        listing = replace(listing, version=Tag(wanted.version.text))
    if asked.get("imageDigest") is not None:
        listing = replace(listing, digest=read_digest("imageDigest", asked["imageDigest"]))
    if asked.get("repositoryId") is not None:
        ids = {parse_repository_ocid(asked["repositoryId"]) or ""}
    if asked.get("imageId") is not None:
        found = parse_image_ocid(asked["imageId"])
        same = found and (ids is None or found[0] in ids) and listing.digest in (None, found[1])
        ids, listing = ({found[0]}, replace(listing, digest=found[1])) if found and same else (set(), listing)
    return listing, None if ids is None else sorted(ids - {""}), name


def _find(call: Call) -> tuple[Repository, Image]:
    """Return the image that the path names, and its repository. Raises NotFound."""
    found = parse_image_ocid(call.parameters["imageId"])
    repositories = call.stores.repositories.by_ids([found[0]]) if found else []
    if not found or not repositories:
        raise NotFound
    return repositories[0], images.find(call.stores, *found)


def _tagged(call: Call, repository: Repository, tag: Tag) -> Digest:
    record = call.stores.manifests.get_tag(repository.id, tag)
    if record is None:
        raise NotFound
    return record.digest


def _once(call: Call, repository: Repository, image: Image, act: Callable[[], None]) -> Response:
    """Do what is asked, unless this very call has done it before; answer the image as it is then."""
    done = call.replayed() is not None
    if not done:
        try:
            act()
        except Changed as error:  # another sending of the same call was faster
            if call.replayed() is None:
                raise RetryTokenUsed("opc-retry-token: it was used for another request; use a new token") from error
    image = images.find(call.stores, repository.id, image.record.digest)  # as it is since
    if done:
        call.check_replayed(image.etag)
    return _answer(call, repository, image)


def _remember(call: Call) -> Callable[[str], Remembered | None]:
    return lambda etag: call.remember(call.parameters["imageId"], etag)


def _check(call: Call) -> Callable[[ManifestRecord], None]:
    return lambda record: call.check_etag(etag_of(record))


def _version(call: Call) -> Tag:
    try:
        return parse_tag(call.body["version"])
    except TagInvalid as error:
        raise ParameterInvalid("version", error.message) from error


def _by(call: Call) -> str:
    return call.caller.principal.id or ""


def _target(repository: Repository, image: Image) -> Target:
    names = {"target.repo.name": repository.display_name}
    return Target(repository.compartment_id, names, image.record.defined_tags)


def _answer(call: Call, repository: Repository, image: Image) -> Response:
    record, layers = image.record, images.layers_of(call.stores, image)
    body = {
        **_summary(call, Found(image, repository)),
        "createdBy": record.pushed_by,
        "layers": [
            {"digest": str(layer.digest), "sizeInBytes": layer.size, "timeCreated": time(layer.time_created)}
            for layer in layers
        ],
        "layersSizeInBytes": sum(layer.size for layer in layers),
        "manifestSizeInBytes": record.size,
        "pullCount": record.pulls,
        "versions": [
            {
                "version": version.tag,
                "createdBy": version.by or record.pushed_by,
                "timeCreated": time(version.time or image.time_created),
            }
            for version in image.versions
        ],
    }
    if record.time_last_pulled:
        body["timeLastPulled"] = time(record.time_last_pulled)
    return answer(body, etag=image.etag)


def _summary(call: Call, found: Found) -> dict[str, Any]:
    repository, image = found.repository, found.image
    record = image.record
    body = {
        "id": image_ocid(repository.id, record.digest),
        "compartmentId": repository.compartment_id,
        "digest": str(record.digest),
        "displayName": found.display_name,
        "repositoryId": repository_ocid(repository.id),
        "repositoryName": repository.display_name,
        "lifecycleState": image.state(call.now),
        "timeCreated": time(image.time_created),
        **tell_tags(ResourceTags(record.freeform_tags, record.defined_tags)),
    }
    return {**body, "version": image.version} if image.version else body


HANDLERS = {
    "ListContainerImages": list_container_images,
    "GetContainerImage": get_container_image,
    "LookupContainerImageByUri": lookup_container_image_by_uri,
    "UpdateContainerImage": update_container_image,
    "DeleteContainerImage": delete_container_image,
    "RestoreContainerImage": restore_container_image,
    "RemoveContainerVersion": remove_container_version,
}
