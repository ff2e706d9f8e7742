"""`ObjectStore` on S3."""

import base64
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, NoReturn

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from moorage.domain.digest import Digest
from moorage.domain.errors import Unavailable, UploadUnknown
from moorage.stores import deadline
from moorage.stores.base import Gone
from moorage.stores.deadline import ATTEMPTS, PATIENT, Timeouts
from moorage.stores.presign import Credentials, presign

DELETE_BATCH = 1_000  # keys that one DeleteObjects takes
PIECE = 1024 * 1024  # bytes

_GONE = {"NoSuchKey", "NoSuchUpload", "404"}  # 404: a HEAD has no body to say more in
_LATER = {"BadDigest", "OperationAborted", "RequestTimeout"}  # beside every status from 500 on
_SERVER_ERROR = 500
_CREDENTIALS_MARGIN = timedelta(minutes=1)


class S3ObjectStore:
    """The bucket. Its client is made when bytes are first moved: signing a URL needs none."""

    def __init__(
        self,
        bucket: str,
        *,
        region: str,
        endpoint: str | None,
        public_endpoint: str | None,
        behind_front: bool,
        url_life: timedelta,
        clock: Callable[[], datetime],
        timeouts: Timeouts = PATIENT,
    ) -> None:
        self._bucket = bucket
        self._region = region
        self._endpoint = endpoint
        self._public_endpoint = public_endpoint or endpoint
        self._behind_front = behind_front
        self._url_life = url_life
        self._clock = clock
        self._timeouts = timeouts
        self._session = botocore.session.get_session()
        self._making = Lock()  # botocore sessions are not for several threads at once; its clients are
        self._client: Any = None

    @property
    def client(self) -> Any:
        """The botocore client, which retries and signs."""
        with self._making:
            if self._client is None:
                self._client = self._make_client()
            return self._client

    def _make_client(self) -> Any:
        client = self._session.create_client(
            "s3",
            region_name=self._region,
            endpoint_url=self._endpoint,
            config=Config(
                connect_timeout=self._timeouts.connect,
                read_timeout=self._timeouts.read,
                retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
                max_pool_connections=40,
                # Bytes carry a checksum that S3 checks: hashing them again for the signature costs more than sending.
                s3={"addressing_style": "path" if self._endpoint else "auto", "payload_signing_enabled": False},
            ),
        )
        deadline.watch(client)
        return client

    def put(self, key: str, data: bytes | bytearray) -> None:
        """Store a whole object."""
        with _translated():
            self.client.put_object(Bucket=self._bucket, Key=key, Body=data, ChecksumCRC32=_checksum(data))

    def read(self, key: str) -> bytes:
        """Return a whole object."""
        return b"".join(self.stream(key))

    def stream(self, key: str) -> Iterator[bytes]:
        """Yield an object in pieces."""
        with _translated():
            body = self.client.get_object(Bucket=self._bucket, Key=key)["Body"]
            yield from body.iter_chunks(PIECE)

    def start_multipart(self, key: str) -> str:
        """Begin a multipart upload."""
        with _translated():
            return str(self.client.create_multipart_upload(Bucket=self._bucket, Key=key)["UploadId"])

    def put_part(self, key: str, multipart: str, number: int, data: bytes | bytearray) -> str:
        """Store a part."""
        with _translated():
            answer = self.client.upload_part(
                Bucket=self._bucket,
                Key=key,
                UploadId=multipart,
                PartNumber=number,
                Body=data,
                ChecksumCRC32=_checksum(data),
            )
        return str(answer["ETag"])

    def copy_part(self, key: str, multipart: str, number: int, source: str) -> str:
        """Store an object of the bucket as a part; no bytes pass here."""
        with _translated():
            answer = self.client.upload_part_copy(
                Bucket=self._bucket,
                Key=key,
                UploadId=multipart,
                PartNumber=number,
                CopySource={"Bucket": self._bucket, "Key": source},
            )
        return str(answer["CopyPartResult"]["ETag"])

    def complete(self, key: str, multipart: str, etags: Sequence[str]) -> None:
        """Make the object from its parts: the ETags prove that they are the ones that were hashed."""
        parts = [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]
        with _translated():
            try:
                self.client.complete_multipart_upload(
                    Bucket=self._bucket, Key=key, UploadId=multipart, MultipartUpload={"Parts": parts}
                )
            except ClientError as error:
                if _code(error) == "InvalidPart":
                    raise Unavailable("another request is finishing this upload; send the request again") from error
                if _code(error) != "NoSuchUpload":
                    raise
                self._expect(key)

    def _expect(self, key: str) -> None:
        """Tell a multipart upload that was completed before from one that was given up. Raises UploadUnknown."""
        try:
            self.client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) != "404":
                raise
            raise UploadUnknown("the upload was given up meanwhile; start another") from error

    def abort(self, key: str, multipart: str) -> None:
        """Give up a multipart upload."""
        with _translated():
            try:
                self.client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=multipart)
            except ClientError as error:
                if _code(error) != "NoSuchUpload":
                    raise

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, a thousand a call."""
        waiting = list(keys)
        with _translated():
            while waiting:
                batch, waiting = waiting[:DELETE_BATCH], waiting[DELETE_BATCH:]
                objects = {"Objects": [{"Key": key} for key in batch], "Quiet": True}
                answer = self.client.delete_objects(Bucket=self._bucket, Delete=objects)
                if answer.get("Errors"):  # S3 answers 200, and tells here of the keys that are still there
                    raise _busy()

    def sweep(self, prefix: str, keep: frozenset[str]) -> int:
        """Clear a folder of a session."""
        with _translated():
            pages = self.client.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=prefix)
            uploads = [upload for page in pages for upload in page.get("Uploads", [])]
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        for upload in uploads:
            self.abort(upload["Key"], upload["UploadId"])
        gone = [key for key in keys if key not in keep]
        self.delete(gone)
        return len(uploads) + len(gone)

    def url(self, key: str, *, method: str, host: str, digest: Digest) -> str:
        """Sign a URL that ends before the credentials do that signed it."""
        credentials, life = self._credentials()
        return presign(
            method,
            self._base(host),
            key,
            credentials=credentials,
            region=self._region,
            expires=life,
            now=self._clock(),
            query={"response-content-type": "application/octet-stream", "x-digest": str(digest)},
        )

    def _base(self, host: str) -> str:
        """Return where the client finds the bucket: at S3, or at a front of ours under the name the client used."""
        if self._behind_front:
            return f"{host}/{self._bucket}"
        if self._public_endpoint:
            return f"{self._public_endpoint.rstrip('/')}/{self._bucket}"
        return f"https://{self._bucket}.s3.{self._region}.amazonaws.com"

    def _credentials(self) -> tuple[Credentials, timedelta]:
        with self._making:
            credentials: Any = self._session.get_credentials()
        if credentials is None:
            raise Unavailable("the registry has no AWS credentials to sign with")
        frozen = credentials.get_frozen_credentials()  # renews them when they are about to end
        ends: datetime | None = getattr(credentials, "_expiry_time", None)  # botocore offers no public way to ask
        left = ends - self._clock() - _CREDENTIALS_MARGIN if ends else self._url_life
        if left <= timedelta():
            raise Unavailable("the registry's AWS credentials are ending and could not be renewed")
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token), min(left, self._url_life)


@contextmanager
def _translated() -> Iterator[None]:
    """Turn what passes by itself into Unavailable, and what is not there into Gone."""
    try:
        yield
    except BotoCoreError as error:
        _later(error)
    except ClientError as error:
        if _code(error) in _GONE:
            raise Gone from error
        if _code(error) not in _LATER and error.response["ResponseMetadata"]["HTTPStatusCode"] < _SERVER_ERROR:
            raise
        _later(error)


def _checksum(data: bytes | bytearray) -> str:
    """Return what S3 must find in a body, or it refuses it."""
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def _later(error: Exception) -> NoReturn:
    raise _busy() from error


def _busy() -> Unavailable:
    return Unavailable("storage is busy; send the request again")


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
