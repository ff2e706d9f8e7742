"""Signatures of images: `/container/imageSignatures`."""

from typing import Any

from starlette.responses import Response

from artifacts.lists import listing_order, read_digest, visited
from moorage.domain.digest import Digest
from moorage.domain.errors import NotFound, ParameterInvalid, RelatedNotFound, RetryTokenUsed, StateConflict
from moorage.domain.image import AVAILABLE, Image, Pattern, image_ocid, parse_image_ocid
from moorage.domain.ocid import parse_repository_ocid
from moorage.domain.policy.decision import Target
from moorage.domain.repository import Repository
from moorage.domain.signature import Signature, Sought, parse_signature_ocid
from moorage.operations import images, signatures
from moorage.operations.image_lists import repositories_within
from moorage.operations.repositories import new_ulid
from moorage.stores.base import Changed
from moorage.web.cloud.answers import answer, page_token, read_page, time
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import check_tags, read_tags, tell_tags


def create_container_image_signature(call: Call) -> Response:
    """Keep a signature, whose message is checked against the image (CreateContainerImageSignature)."""
    check_tags(call.body)
    repository, image = _image(call)
    if call.replayed() is not None:
        return _replayed(call)
    _require_signable(call, repository, image)
    signature = Signature(
        id=new_ulid(call.stores),
        repository_id=repository.id,
        digest=image.record.digest,
        created_by=call.caller.principal.id or "",
        kms_key_id=call.body["kmsKeyId"],
        kms_key_version_id=call.body["kmsKeyVersionId"],
        message=call.body["message"],
        signature=call.body["signature"],
        signing_algorithm=call.body["signingAlgorithm"],
        time_created=call.now,
        tags=read_tags(call.body),
    )
    try:
        signatures.create(call.stores, signature, repository, call.remember(signature.ocid, signature.etag))
    except Changed as error:  # another sending of the same call was faster
        if call.replayed() is None:
            raise RetryTokenUsed("opc-retry-token: it was used for another request; use a new token") from error
        return _replayed(call)
    return _answer(repository, signature)


def list_container_image_signatures(call: Call) -> Response:
    """List signatures that the filters let pass (ListContainerImageSignatures)."""
    asked = dict(call.parameters)
    compartments = visited(call)
    sort, descending = listing_order(asked)
    digest, ids = _where(asked)
    sought = Sought(
        digest=digest,
        display_name=asked.get("displayName"),
        kms_key_id=asked.get("kmsKeyId"),
        kms_key_version_id=asked.get("kmsKeyVersionId"),
        signing_algorithm=asked.get("signingAlgorithm"),
    )
    listing = signatures.Listing(sought, asked["limit"], sort, descending, read_page(call.parameters))
    name = Pattern(asked["repositoryName"]) if asked.get("repositoryName") else None
    repositories = {one.id: one for one in repositories_within(call.stores, compartments, ids, name)}
    page = signatures.list_signatures(call.stores, list(repositories.values()), listing)
    items = [_summary(repositories[signature.repository_id], signature) for signature in page.items]
    body = {"items": items, "remainingItemsCount": 1 if page.next else 0}
    return answer(body, next_page=page_token(page.next) if page.next else None)


def get_container_image_signature(call: Call) -> Response:
    """Tell all of a signature (GetContainerImageSignature)."""
    repository, signature = _find(call)
    return _answer(repository, signature)


def update_container_image_signature(call: Call) -> Response:
    """Replace free-form and defined tags of a signature (UpdateContainerImageSignature)."""
    check_tags(call.body)
    repository, signature = _find(call)
    after = signatures.label(
        call.stores,
        repository.id,
        signature.id,
        lambda before: read_tags(call.body, before),
        lambda found: call.check_etag(found.etag),
    )
    return _answer(repository, after)


def delete_container_image_signature(call: Call) -> Response:
    """Delete a signature (DeleteContainerImageSignature)."""
    repository, signature = _find(call)
    signatures.remove(call.stores, repository.id, signature.id, lambda found: call.check_etag(found.etag))
    return answer(None)


def _image(call: Call) -> tuple[Repository, Image]:
    """Return the image that the body names, and its repository, once the caller may sign there."""
    found = parse_image_ocid(call.body["imageId"])
    repositories = call.stores.repositories.by_ids([found[0]]) if found else []
    if not found or not repositories:
        raise RelatedNotFound("imageId")
    repository = repositories[0]
    try:
        call.require(_target(repository))
        return repository, images.find(call.stores, *found)
    except NotFound as error:
        raise RelatedNotFound("imageId") from error


def _require_signable(call: Call, repository: Repository, image: Image) -> None:
    """Go on only with an image that is as the call says: its compartment, its etag, and not deleted."""
    if repository.compartment_id != call.body["compartmentId"]:
        raise ParameterInvalid("compartmentId", f"the image is in compartment {repository.compartment_id}")
    call.check_etag(image.etag)
    if image.state(call.now) != AVAILABLE:
        raise StateConflict("the image is deleted; restore it first")


def _where(asked: dict[str, Any]) -> tuple[Digest | None, list[str] | None]:
    """Return the digest and the repositories that filters leave; no repository when they exclude each other."""
    digest = read_digest("imageDigest", asked["imageDigest"]) if asked.get("imageDigest") is not None else None
    ids: set[str] | None = None
    if asked.get("repositoryId") is not None:
        ids = {parse_repository_ocid(asked["repositoryId"]) or ""}
    if asked.get("imageId") is not None:
        found = parse_image_ocid(asked["imageId"])
        same = found and (ids is None or found[0] in ids) and digest in (None, found[1])
        ids, digest = ({found[0]}, found[1]) if found and same else (set(), digest)
    return digest, None if ids is None else sorted(ids - {""})


def _find(call: Call) -> tuple[Repository, Signature]:
    """Return the signature that the path names, and its repository, once the caller may. Raises NotFound."""
    repository, signature = _read(call, call.parameters["imageSignatureId"])
    call.require(_target(repository, signature))
    return repository, signature


def _read(call: Call, ocid: str) -> tuple[Repository, Signature]:
    found = parse_signature_ocid(ocid)
    repositories = call.stores.repositories.by_ids([found[0]]) if found else []
    if not found or not repositories:
        raise NotFound
    return repositories[0], signatures.find(call.stores, *found)


def _replayed(call: Call) -> Response:
    """Answer what this very call made before. Raises RetryTokenUsed when that has changed or gone since."""
    try:
        repository, signature = _read(call, call.replayed() or "")
    except NotFound:
        call.check_replayed(None)
        raise
    call.check_replayed(signature.etag)
    return _answer(repository, signature)


def _target(repository: Repository, signature: Signature | None = None) -> Target:
    names = {"target.repo.name": repository.display_name}
    return Target(repository.compartment_id, names, signature.tags.defined if signature else None)


def _answer(repository: Repository, signature: Signature) -> Response:
    body = {**_summary(repository, signature), "createdBy": signature.created_by}
    return answer(body, etag=signature.etag)


def _summary(repository: Repository, signature: Signature) -> dict[str, Any]:
    return {
        "id": signature.ocid,
        "compartmentId": repository.compartment_id,
        "displayName": signature.display_name,
        "imageId": image_ocid(repository.id, signature.digest),
        "kmsKeyId": signature.kms_key_id,
        "kmsKeyVersionId": signature.kms_key_version_id,
        "message": signature.message,
        "signature": signature.signature,
        "signingAlgorithm": signature.signing_algorithm,
        "lifecycleState": AVAILABLE,
        "timeCreated": time(signature.time_created),
        **tell_tags(signature.tags),
    }


HANDLERS = {
    "CreateContainerImageSignature": create_container_image_signature,
    "ListContainerImageSignatures": list_container_image_signatures,
    "GetContainerImageSignature": get_container_image_signature,
    "UpdateContainerImageSignature": update_container_image_signature,
    "DeleteContainerImageSignature": delete_container_image_signature,
}
