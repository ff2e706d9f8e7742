"""Signatures of images, as records: what was signed is checked against the image, the signature itself is not."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from moorage.domain.digest import Digest
from moorage.domain.directory import ResourceTags
from moorage.domain.errors import ParameterInvalid
from moorage.domain.ocid import Kind, make_ocid, unique_of
from moorage.domain.ulid import is_ulid

_ULID = 26  # characters
_SHOWN = 10  # characters of each id in a display name


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What somebody signed of an image, with which key. It belongs to the digest, and is seen while that is."""

    id: str  # a ULID
    repository_id: str
    digest: Digest
    created_by: str
    kms_key_id: str
    kms_key_version_id: str
    message: str  # base64 of JSON
    signature: str  # base64
    signing_algorithm: str
    time_created: datetime
    tags: ResourceTags = field(default_factory=ResourceTags)
    version: int = 1

    @property
    def ocid(self) -> str:
        """Return the id that the cloud plane knows it by."""
        return make_ocid(Kind.SIGNATURE, self.repository_id + self.id)

    @property
    def display_name(self) -> str:
        """Return the ends of the ids that it is made of."""
        ends = (self.kms_key_id[-_SHOWN:], self.kms_key_version_id[-_SHOWN:])
        return "::".join((*ends, self.signing_algorithm, self.ocid[-_SHOWN:]))

    @property
    def etag(self) -> str:
        """Return what changes whenever the signature does."""
        return str(self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """The filters of a list that look at one signature; None lets everything pass."""

    digest: Digest | None = None
    display_name: str | None = None
    kms_key_id: str | None = None
    kms_key_version_id: str | None = None
    signing_algorithm: str | None = None

    def matches(self, signature: Signature) -> bool:
        """Whether a signature passes."""
        fields = ("digest", "display_name", "kms_key_id", "kms_key_version_id", "signing_algorithm")
        return all(getattr(self, name) in (None, getattr(signature, name)) for name in fields)


def parse_signature_ocid(text: str) -> tuple[str, str] | None:
    """Return the ULIDs of repository and signature; None for what is no id of a signature."""
    unique = (unique_of(text, Kind.SIGNATURE) or "").upper()
    found = unique[:_ULID], unique[_ULID:]
    return found if all(is_ulid(part) for part in found) and text == make_ocid(Kind.SIGNATURE, unique) else None


def check_message(signature: Signature, repository: str) -> None:
    """Compare what was signed with the image and the key, as verifiers will. Raises ParameterInvalid.

    `repository` is the display name of the image's repository.
    """
    _decode("signature", signature.signature)
    message = _read(signature.message)
    expected = {
        "imageDigest": str(signature.digest),
        "repositoryName": repository,
        "kmsKeyId": signature.kms_key_id,
        "kmsKeyVersionId": signature.kms_key_version_id,
        "signingAlgorithm": signature.signing_algorithm,
    }
    for name, value in expected.items():
        if name not in message:
            raise ParameterInvalid("message", f"has no {name}; it must be {value}", differs=name)
        if message[name] != value:
            said = ascii(message[name])[:300]  # JSON may have halves of characters, which no answer can say
            raise ParameterInvalid("message", f"says that {name} is {said}; it must be {value}", differs=name)


def _read(message: str) -> Mapping[str, object]:
    try:
        body = json.loads(_decode("message", message))
    except (ValueError, RecursionError) as error:
        raise ParameterInvalid("message", "must be JSON in base64, as the CLI's sign-upload makes it") from error
    if not isinstance(body, dict):
        raise ParameterInvalid("message", "must be a JSON object in base64")
    return body


def _decode(field: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ParameterInvalid(field, "must be base64") from error
