"""Manifests: which bytes are one, and what they need. image-spec, "Image Manifest" and "Image Index"."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moorage.domain.digest import Digest
from moorage.domain.errors import DigestInvalid, ManifestInvalid, ManifestTooLarge

MANIFEST_LIMIT = 4 * 1024 * 1024  # bytes
CHILDREN_LIMIT = 2_000  # config, layers and manifests of one manifest
TAGS_LIMIT = 20  # tags that one push moves: their rows share a transaction of 100 with the rest
DEPTH_LIMIT = 32  # objects and arrays inside one another
REFERRER_LIMIT = 256 * 1024  # bytes of the descriptor that the referrers API returns, annotations included
MEDIA_TYPE_LIMIT = 255

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"

_IMAGES = {OCI_MANIFEST, DOCKER_MANIFEST}
_INDEXES = {OCI_INDEX, DOCKER_LIST}
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
_FOREIGN = (
    "application/vnd.docker.image.rootfs.foreign.",
    "application/vnd.oci.image.layer.nondistributable.",
)
_MEDIA_TYPE = re.compile(r"[!-~]+")  # it becomes a header
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+(?:"|\Z)|[{}\[\]]', re.DOTALL)  # a string, ended or not, or a bracket


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest says of one piece of content."""

    media_type: str
    digest: Digest
    size: int

    @property
    def foreign(self) -> bool:
        """Whether the bytes lie elsewhere, so that no registry need have them."""
        return self.media_type.startswith(_FOREIGN)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as it was read; the bytes themselves are what is stored."""

    media_type: str
    config: Descriptor | None
    layers: tuple[Descriptor, ...]
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None
    artifact_type: str | None
    annotations: Mapping[str, str]

    @property
    def blobs(self) -> dict[Digest, Descriptor]:
        """The blobs that must be in the repository, each once."""
        config = (self.config,) if self.config else ()
        return {descriptor.digest: descriptor for descriptor in (*config, *self.layers) if not descriptor.foreign}

    @property
    def children(self) -> dict[Digest, Descriptor]:
        """The manifests of an index, each once."""
        return {descriptor.digest: descriptor for descriptor in self.manifests}

    def referrer(self, digest: Digest, size: int) -> dict[str, object]:
        """Return the descriptor that the referrers API lists. distribution-spec, "Listing Referrers".

        Raises ManifestTooLarge when its annotations are beyond what a list can carry.
        """
        kind = self.artifact_type or (self.config.media_type if self.config else None)
        descriptor: dict[str, object] = {"mediaType": self.media_type, "digest": str(digest), "size": size}
        if kind:
            descriptor["artifactType"] = kind
        if self.annotations:
            descriptor["annotations"] = dict(self.annotations)
        length = len(json.dumps(descriptor, ensure_ascii=False).encode())
        if length > REFERRER_LIMIT:
            raise ManifestTooLarge(
                f"the annotations of a manifest with a subject have at most {REFERRER_LIMIT} bytes", bytes=length
            )
        return descriptor


def parse_manifest(data: bytes, content_type: str | None) -> Manifest:
    """Read a manifest of any media type.

    Raises ManifestTooLarge beyond the limits above, ManifestInvalid for everything else that cannot be kept.
    """
    if len(data) > MANIFEST_LIMIT:
        raise ManifestTooLarge(f"a manifest has at most {MANIFEST_LIMIT} bytes", bytes=len(data))
    body = _read_json(data)
    media_type = _media_type(body, content_type)
    config = _descriptor(body["config"], "config") if body.get("config") is not None else None
    layers = (*_descriptors(body, "layers"), *_descriptors(body, "blobs"))  # `blobs`: the artifact manifest of 1.1-rc
    manifests = _descriptors(body, "manifests")
    _check_shape(media_type, body, config)
    if len(layers) + len(manifests) + 1 > CHILDREN_LIMIT:
        raise ManifestTooLarge(
            f"a manifest names at most {CHILDREN_LIMIT - 1} layers or manifests",
            descriptors=len(layers) + len(manifests),
        )
    return Manifest(
        media_type=media_type,
        config=config,
        layers=layers,
        manifests=manifests,
        subject=_descriptor(body["subject"], "subject") if body.get("subject") is not None else None,
        artifact_type=_text(body, "artifactType"),
        annotations=_annotations(body),
    )


def _read_json(data: bytes) -> dict[str, Any]:
    """Parse strictly: UTF-8, no duplicate keys, no NaN, bounded depth, an object at the top."""
    if _depth(data) > DEPTH_LIMIT:
        raise ManifestTooLarge(f"a manifest nests at most {DEPTH_LIMIT} objects and arrays")
    try:
        body = json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except (UnicodeDecodeError, ValueError) as error:  # ValueError: also integers of thousands of digits
        raise ManifestInvalid("a manifest is JSON in UTF-8", reason=str(error)[:200]) from error
    if not isinstance(body, dict):
        raise ManifestInvalid("a manifest is a JSON object")
    if _SURROGATE.search(data):
        _refuse_half_characters(body)
    return body


def _depth(data: bytes) -> int:
    """Return how deep brackets nest, strings left out; cheap, and before any recursion."""
    deepest = depth = 0
    for token in _TOKEN.finditer(data):
        depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(token[0], 0)
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ManifestInvalid("a manifest names each field once", field=twice[:100])
    return body


def _refuse_half_characters(body: Mapping[str, Any]) -> None:
    """Refuse what JSON can escape and UTF-8 cannot say: half of a surrogate pair. RFC 8259, section 8.2."""
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ManifestInvalid("a manifest has text that is not Unicode: half of a surrogate pair") from error


def _refuse_constant(name: str) -> None:
    raise ManifestInvalid("JSON has no such number", value=name)


def _media_type(body: Mapping[str, Any], content_type: str | None) -> str:
    """Return what the client called it, when the body agrees; else what the body says, or its shape."""
    declared = _text(body, "mediaType")
    sent = content_type.partition(";")[0].strip() if content_type else ""
    if sent and declared and sent != declared:
        raise ManifestInvalid("Content-Type and mediaType differ", content_type=sent, media_type=declared)
    media_type = sent or declared or (OCI_INDEX if "manifests" in body else OCI_MANIFEST)
    if media_type.startswith(_SCHEMA_1) or body.get("schemaVersion") == 1:
        raise ManifestInvalid(
            "Docker schema 1 manifests are not supported; push with a client that makes schema 2 or OCI manifests",
            media_type=media_type,
        )
    if len(media_type) > MEDIA_TYPE_LIMIT or not _MEDIA_TYPE.fullmatch(media_type):
        raise ManifestInvalid(f"a media type has at most {MEDIA_TYPE_LIMIT} printable ASCII characters and no space")
    return media_type


def _check_shape(media_type: str, body: Mapping[str, Any], config: Descriptor | None) -> None:
    """Refuse what two clients could read as two things (CVE-2021-41190), and known types without their parts."""
    image_like = "layers" in body or "config" in body
    if image_like and "manifests" in body:
        raise ManifestInvalid("a manifest has layers, or it has manifests, not both")
    if media_type in _IMAGES and config is None:
        raise ManifestInvalid("an image manifest has a config", media_type=media_type)
    if media_type in _INDEXES and not isinstance(body.get("manifests"), list):
        raise ManifestInvalid("an index has a list of manifests", media_type=media_type)
    if media_type in _IMAGES | _INDEXES and body.get("schemaVersion") != 2:
        raise ManifestInvalid("schemaVersion is 2", schema_version=str(body.get("schemaVersion"))[:20])


def _descriptors(body: Mapping[str, Any], field: str) -> tuple[Descriptor, ...]:
    values = body.get(field)
    if values is None:
        return ()
    if not isinstance(values, list):
        raise ManifestInvalid(f"{field} is a list")
    return tuple(_descriptor(value, f"{field}[{place}]") for place, value in enumerate(values))


def _descriptor(value: Any, field: str) -> Descriptor:
    if not isinstance(value, dict):
        raise ManifestInvalid(f"{field} is a descriptor: an object with mediaType, digest and size")
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str) or not isinstance(digest, str):
        raise ManifestInvalid(f"{field} has a mediaType and a digest, both strings")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        raise ManifestInvalid(f"{field} has a size: a whole number of bytes")
    try:
        return Descriptor(media_type, Digest.parse(digest), size)
    except DigestInvalid as error:
        raise ManifestInvalid(f"{field}: {error.message}", digest=digest[:200]) from error


def _text(body: Mapping[str, Any], field: str) -> str | None:
    value = body.get(field)
    if value is not None and not isinstance(value, str):
        raise ManifestInvalid(f"{field} is a string")
    return value or None


def _annotations(body: Mapping[str, Any]) -> dict[str, str]:
    value = body.get("annotations")
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ManifestInvalid("annotations is an object of strings")
    return value
