"""The composition root: settings in, stores out. The only module that reads the environment.

Adapters are imported where they are opened: a cold start pays only for those that its function has.
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, TypeVar, cast

from moorage.domain.errors import NameInvalid
from moorage.domain.names import parse_name
from moorage.domain.regions import find_region
from moorage.domain.repository import Sparse
from moorage.stores.base import DirectoryLimits, Limits, Stores
from moorage.stores.deadline import HURRIED, PATIENT, Timeouts

if TYPE_CHECKING:
    from moorage.stores.base import DirectoryStore, ImageStore, SignatureStore
    from moorage.stores.dynamodb.table import Table
    from moorage.stores.recovery import DynamoHistory, S3History
    from moorage.web.site import Site

T = TypeVar("T")

_WHOLE = re.compile(r"[0-9]{1,20}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


class SettingInvalid(Exception):
    """A setting is missing or cannot be; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a deployment can set. docs/settings.md describes each; a test holds the two together."""

    table: str
    bucket: str
    region: str
    dynamodb_endpoint: str | None
    s3_endpoint: str | None
    public_endpoint: str | None
    origins: tuple[str, ...]
    trusted_proxies: tuple[str, ...]
    blob_front: bool
    url_life: timedelta
    limits: Limits
    head_filler: bool = False


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read and check every setting. Raises SettingInvalid."""
    return Settings(
        table=_required(environ, "MOORAGE_TABLE"),
        bucket=_required(environ, "MOORAGE_BUCKET"),
        region=_required(environ, "AWS_REGION"),
        dynamodb_endpoint=_endpoint(environ, "DYNAMODB"),
        s3_endpoint=_endpoint(environ, "S3"),
        public_endpoint=_public_endpoint(environ),
        origins=tuple(_origin(text) for text in _required(environ, "MOORAGE_ORIGINS").split()),
        trusted_proxies=tuple(_network(text) for text in environ.get("MOORAGE_TRUSTED_PROXIES", "").split()),
        blob_front=_choice(environ, "MOORAGE_BLOB_FRONT", "s3", {"s3": False, "host": True}),
        url_life=timedelta(seconds=_whole(environ, "MOORAGE_URL_SECONDS", 900, 60, 3600)),
        limits=_limits(environ),
        head_filler=_choice(environ, "MOORAGE_HEAD_BODY", "empty", {"empty": False, "filler": True}),
    )


def open_stores(settings: Settings) -> Stores:
    """Build every adapter."""
    from moorage.stores.dynamodb.directory import DynamoDirectoryStore
    from moorage.stores.dynamodb.images import DynamoImageStore
    from moorage.stores.dynamodb.remembering import remembering
    from moorage.stores.dynamodb.repositories import DynamoRepositoryStore
    from moorage.stores.dynamodb.signatures import DynamoSignatureStore

    table = _open_table(settings)
    return replace(
        open_data_stores(settings, table),
        repositories=DynamoRepositoryStore(table, settings.limits, remembering),
        directory=DynamoDirectoryStore(table, settings.limits.namespace, _now),
        images=DynamoImageStore(table, settings.limits, secrets.token_bytes),
        signatures=DynamoSignatureStore(table, settings.limits.namespace),
    )


def open_data_stores(settings: Settings, table: "Table | None" = None) -> Stores:
    """Build every adapter but those of the cloud plane, which a pull does not read: it starts sooner without."""
    from moorage.stores.dynamodb.identity import DynamoIdentityStore
    from moorage.stores.dynamodb.links import DynamoBytesStore, DynamoLinkStore
    from moorage.stores.dynamodb.manifests import DynamoManifestStore
    from moorage.stores.dynamodb.repositories import DynamoRepositoryStore
    from moorage.stores.dynamodb.uploads import DynamoUploadStore
    from moorage.stores.s3 import S3ObjectStore

    table = table or _open_table(settings)
    namespace = settings.limits.namespace
    return Stores(
        repositories=DynamoRepositoryStore(table, settings.limits),
        links=DynamoLinkStore(table),
        bytes=DynamoBytesStore(table),
        uploads=DynamoUploadStore(table, _now),
        objects=S3ObjectStore(
            settings.bucket,
            region=settings.region,
            endpoint=settings.s3_endpoint,
            public_endpoint=settings.public_endpoint,
            behind_front=settings.blob_front,
            url_life=settings.url_life,
            clock=_now,
            timeouts=_timeouts(settings),
        ),
        manifests=DynamoManifestStore(table, settings.limits, secrets.token_bytes),
        identity=DynamoIdentityStore(table, namespace),
        directory=cast("DirectoryStore", None),
        images=cast("ImageStore", None),
        signatures=cast("SignatureStore", None),
        limits=settings.limits,
        clock=_now,
        entropy=secrets.token_bytes,
    )


def _open_table(settings: Settings) -> "Table":
    from moorage.stores.dynamodb.table import Table

    timeouts = _timeouts(settings)
    return Table(settings.table, region=settings.region, endpoint=settings.dynamodb_endpoint, timeouts=timeouts)


def _timeouts(settings: Settings) -> Timeouts:
    """Bodies have a limit where a gateway waits, and then nobody waits for long."""
    return PATIENT if settings.limits.body_bytes is None else HURRIED


def open_history(settings: Settings) -> "tuple[DynamoHistory, S3History]":
    """Build what knows the past of table and bucket."""
    from moorage.stores.recovery import DynamoHistory, S3History

    return (
        DynamoHistory(settings.table, region=settings.region, endpoint=settings.dynamodb_endpoint),
        S3History(settings.bucket, region=settings.region, endpoint=settings.s3_endpoint),
    )


def open_site(settings: Settings, stores: Stores) -> "Site":
    """Build what the web needs to know of where it is."""
    from moorage.web.site import Site
    from moorage.web.tokens import Keyring

    return Site(
        origins=settings.origins,
        namespace=settings.limits.namespace,
        keyring=Keyring(stores.identity.trust, stores.clock),
        trusted_proxies=settings.trusted_proxies,
        head_filler=settings.head_filler,
    )


def open_gate(settings: Settings, environ: Mapping[str, str]) -> "Site":
    """Build what the authorizer needs: a site that reads its keys without botocore.

    The credentials are those that Lambda gives a function in its environment.
    """
    from moorage.stores.dynamodb.keyring import TrustReader
    from moorage.stores.presign import Credentials
    from moorage.web.site import Site
    from moorage.web.tokens import Keyring

    reader = TrustReader(
        settings.table,
        settings.limits.namespace,
        region=settings.region,
        endpoint=settings.dynamodb_endpoint,
        credentials=Credentials(
            _required(environ, "AWS_ACCESS_KEY_ID"),
            _required(environ, "AWS_SECRET_ACCESS_KEY"),
            environ.get("AWS_SESSION_TOKEN") or None,
        ),
        clock=_now,
    )
    return Site(settings.origins, settings.limits.namespace, Keyring(reader, _now))


def _endpoint(environ: Mapping[str, str], service: str) -> str | None:
    """Return where a service is, if not at AWS: by the names that AWS's own SDKs read, the service's own first."""
    everything, own = (environ.get(name) or None for name in ("AWS_ENDPOINT_URL", f"AWS_ENDPOINT_URL_{service}"))
    return own or everything


def _public_endpoint(environ: Mapping[str, str]) -> str | None:
    """Return where clients find the bucket, if that is not where functions do."""
    text = environ.get("MOORAGE_PUBLIC_ENDPOINT", "").strip()
    if text and not _ORIGIN.fullmatch(text.lower()):
        raise SettingInvalid(f"MOORAGE_PUBLIC_ENDPOINT is https://<host>[:<port>], without a path, not {text!r}")
    return text or None


def _limits(environ: Mapping[str, str]) -> Limits:
    body = environ.get("MOORAGE_BODY_LIMIT", str(4 * 1024 * 1024))
    return Limits(
        namespace=_namespace(environ),
        region=find_region(_required(environ, "AWS_REGION")),
        sparse=_choice(environ, "MOORAGE_SPARSE", "indexes", {choice.value: choice for choice in Sparse}),
        create_on_push=_choice(environ, "MOORAGE_CREATE_ON_PUSH", "true", {"true": True, "false": False}),
        automatic_mount=_choice(environ, "MOORAGE_AUTOMATIC_MOUNT", "true", {"true": True, "false": False}),
        body_bytes=None if body == "none" else _whole(environ, "MOORAGE_BODY_LIMIT", 4 * 1024 * 1024, 1024, 2**40),
        open_sessions=_whole(environ, "MOORAGE_OPEN_SESSIONS", 1_000, 1, 10**6),
        staged_bytes=_whole(environ, "MOORAGE_STAGED_BYTES", 2**40, 1, 2**60),
        images=_whole(environ, "MOORAGE_IMAGES", 100_000, 1, 10**9),
        repositories=_whole(environ, "MOORAGE_REPOSITORIES", 500, 1, 10**6),
        storage_bytes=_whole(environ, "MOORAGE_STORAGE_BYTES", 500 * 10**9, 1, 10**18),
        directory=_directory_limits(environ.get("MOORAGE_DIRECTORY_LIMITS", "")),
    )


def _directory_limits(text: str) -> DirectoryLimits:
    """Read `<kind>=<number>` for each limit that is another than the usual one."""
    given = dict(word.partition("=")[::2] for word in text.split())
    known = {field.name for field in fields(DirectoryLimits)}
    if given.keys() <= known and all(_WHOLE.fullmatch(number) and 0 < int(number) < 10**6 for number in given.values()):
        return DirectoryLimits(**{name: int(number) for name, number in given.items()})
    names = ", ".join(sorted(known))
    raise SettingInvalid(f"MOORAGE_DIRECTORY_LIMITS lists {names}, each as in users=5000, not {text[:50]!r}")


def _now() -> datetime:
    return datetime.now(UTC)


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise SettingInvalid(f"{name} is not set")
    return value


def _choice(environ: Mapping[str, str], name: str, default: str, choices: Mapping[str, T]) -> T:
    value = environ.get(name, default)
    if value not in choices:
        raise SettingInvalid(f"{name} is one of {', '.join(choices)}, not {value!r}")
    return choices[value]


def _whole(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name, str(default))
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise SettingInvalid(f"{name} is a whole number from {least} to {most}, not {text[:50]!r}")
    return int(text)


def _origin(text: str) -> str:
    match = _ORIGIN.fullmatch(text.lower())
    if not match or (match["port"] and int(match["port"]) > 65_535):
        raise SettingInvalid(f"MOORAGE_ORIGINS lists https://<host>[:<port>], without a path, not {text!r}")
    return match[0]


def _network(text: str) -> str:
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        raise SettingInvalid(f"MOORAGE_TRUSTED_PROXIES lists addresses and networks, not {text!r}") from error
    return text


def _namespace(environ: Mapping[str, str]) -> str:
    text = _required(environ, "MOORAGE_NAMESPACE")
    try:
        name = parse_name(text)
    except NameInvalid as error:
        raise SettingInvalid(f"MOORAGE_NAMESPACE: {error.message}") from error
    if "/" in name:
        raise SettingInvalid("MOORAGE_NAMESPACE is one part of a name, without '/'")
    return name
