"""Every fact that a request can be refused for.

RegistryError
├── NameInvalid, NameUnknown
├── TagInvalid, DigestInvalid, PageInvalid, ScopeInvalid
├── BlobUnknown, BlobInUse, RangeUnsatisfiable
├── UploadUnknown, UploadInvalid, UploadOutOfOrder, BodyTooLarge, BodyStalled
├── ManifestUnknown, ManifestInvalid, ManifestBlobUnknown, ManifestTooLarge, ManifestInUse
├── TagChanged, LimitReached
├── Unauthenticated, Denied, TooManyRequests
├── ParameterInvalid, ParameterMissing, BodyUnreadable
├── NotFound, RelatedNotFound, AlreadyExists, StateConflict, RetryTokenUsed, EtagChanged, TagImmutable
└── Unsupported, Unavailable

A class knows no HTTP: `web/errors.py` has one table a plane.
"""

from collections.abc import Mapping


class RegistryError(Exception):
    """A fact with words for the user, and what it was about in `detail`."""

    def __init__(self, message: str, **detail: object) -> None:
        super().__init__(message)
        self.message = message
        self.detail: Mapping[str, object] = detail


class NameInvalid(RegistryError):
    """A repository name outside the grammar of the spec."""


NO_REPOSITORY = "no such repository, or you may not see it"  # the same of both


class NameUnknown(RegistryError):
    """No such repository, or none that the caller may see."""


class TagInvalid(RegistryError):
    """A tag outside the grammar of the spec."""


class DigestInvalid(RegistryError):
    """A digest that cannot be, or that the bytes do not have."""


class PageInvalid(RegistryError):
    """A page size or position that cannot be."""


class ScopeInvalid(RegistryError):
    """A token was asked for with a scope that cannot be read."""


class BlobUnknown(RegistryError):
    """This repository does not have the blob."""


class BlobInUse(RegistryError):
    """A manifest needs the blob that was to be deleted."""


class RangeUnsatisfiable(RegistryError):
    """The bytes asked for are not in the blob, which has `size`."""

    def __init__(self, message: str, *, size: int, **detail: object) -> None:
        super().__init__(message, size=size, **detail)
        self.size = size


class UploadUnknown(RegistryError):
    """No such upload session, or not the caller's, or over."""


class UploadInvalid(RegistryError):
    """The upload cannot go on with this request."""


class UploadOutOfOrder(RegistryError):
    """A chunk does not start where the upload stands; `offset` says where that is."""

    def __init__(self, message: str, *, offset: int) -> None:
        super().__init__(message, offset=offset)
        self.offset = offset


class BodyTooLarge(RegistryError):
    """More bytes than one request can carry here."""


class BodyStalled(RegistryError):
    """No bytes of a body have come for so long that its client must be gone."""


class ManifestUnknown(RegistryError):
    """No manifest of that tag or digest."""


class ManifestInvalid(RegistryError):
    """The bytes are not a manifest that can be kept."""


class ManifestBlobUnknown(RegistryError):
    """The manifest names content that the repository does not have."""


class ManifestTooLarge(RegistryError):
    """More bytes, children or depth than a manifest may have."""


class ManifestInUse(RegistryError):
    """An index needs the manifest that was to be deleted."""


class TagChanged(RegistryError):
    """The tag is not what the condition of the request says it is."""


class LimitReached(RegistryError):
    """The repository holds as much as it may."""


class Unauthenticated(RegistryError):
    """No token, a bad one, or one that was not asked for this: fetch another for `scope`."""

    def __init__(self, message: str, *, scope: str = "", error: str = "") -> None:
        super().__init__(message)
        self.scope = scope
        self.error = error


class Denied(RegistryError):
    """The caller may see this, and may not do that."""


class TooManyRequests(RegistryError):
    """Come back after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retry_after_seconds=retry_after)
        self.retry_after = retry_after


class ParameterInvalid(RegistryError):
    """A field of a request cannot be what it is; the message names the field and its limit."""

    def __init__(self, field: str, message: str, **detail: object) -> None:
        super().__init__(f"{field}: {message}", field=field, **detail)
        self.field = field


class ParameterMissing(RegistryError):
    """A field that a request must have is not in it; the message names the field."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} is missing", field=field)
        self.field = field


class BodyUnreadable(RegistryError):
    """A body is not the JSON that it should be."""


class NotFound(RegistryError):
    """What the path or the query names is not there, or not for the caller: the answer must not tell which."""

    def __init__(self) -> None:
        super().__init__("Authorization failed or requested resource not found.")


class RelatedNotFound(RegistryError):
    """What the body names is not there, or not for the caller: the answer must not tell which."""

    def __init__(self, field: str) -> None:
        super().__init__(f"{field}: authorization failed or related resource not found.")


class AlreadyExists(RegistryError):
    """What was to be made is there already, or may not be made by the caller: the answer must not tell which."""

    def __init__(self) -> None:
        super().__init__("Authorization failed or resource already exists.")


class StateConflict(RegistryError):
    """The resource, as it is now, does not allow this; to send it again will not help."""


class RetryTokenUsed(RegistryError):
    """The opc-retry-token was used for another request, or for a resource that has changed since."""


class EtagChanged(RegistryError):
    """if-match names another state of the resource than the one it is in."""


class TagImmutable(RegistryError):
    """The repository is immutable: the tag stays where it points."""


class Unsupported(RegistryError):
    """The registry does not do this."""


class Unavailable(RegistryError):
    """Storage did not answer in time; nothing is half-written, the request can be sent again."""
