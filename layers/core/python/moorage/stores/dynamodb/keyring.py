"""The keys that verify tokens, read by one signed request with nothing but the standard library.

For a function that does nothing but verify: botocore and pynamodb would be most of its cold start.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from moorage.domain.errors import Unavailable
from moorage.domain.identity import SigningKey, Trust
from moorage.stores import keys
from moorage.stores.presign import ALGORITHM, TIME, Credentials, sign

TRIES = 2
TIMEOUT = 3  # seconds, for each thing that is waited for: two tries end before the gateway gives up


class TrustReader:
    """The partition of the keys that verify, and of the revocations."""

    def __init__(
        self,
        table: str,
        namespace: str,
        *,
        region: str,
        endpoint: str | None,
        credentials: Credentials,
        clock: Callable[[], datetime],
    ) -> None:
        self._table = table
        self._namespace = namespace
        self._region = region
        self._endpoint = urlsplit(endpoint or f"https://dynamodb.{region}.amazonaws.com")
        self._credentials = credentials
        self._clock = clock

    def __call__(self) -> Trust:
        """Query the keys that verify, and the revocations beside them. Raises Unavailable."""
        keys_found: list[SigningKey] = []
        revoked: dict[str, datetime] = {}
        for row in self._rows():
            keys.require_readable(row.get("schema", {"S": keys.SCHEMA})["S"])
            name = row["sk"]["S"]
            if name.startswith(keys.PUBLIC):
                keys_found.append(_key(row))
            elif name.startswith(keys.REVOKED):
                revoked[name.removeprefix(keys.REVOKED)] = datetime.fromisoformat(row["time"]["S"])
        return Trust(tuple(keys_found), revoked)

    def _rows(self) -> Iterator[Mapping[str, Any]]:
        query: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": keys.keyring(self._namespace)}},
        }
        while True:
            page = self._send(json.dumps(query).encode())
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _send(self, body: bytes) -> dict[str, Any]:
        """Send one Query, again when it may help."""
        status, answer = 0, b"no answer"
        for _ in range(TRIES):
            try:
                status, answer = self._exchange(body)
            except (OSError, HTTPException) as error:
                status, answer = 0, repr(error).encode()
            if status == 200:
                return dict(json.loads(answer))
        raise Unavailable("the keys that verify tokens cannot be read", status=status, answer=answer[:500].decode())

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        kind = HTTPSConnection if self._endpoint.scheme == "https" else HTTPConnection
        connection = kind(str(self._endpoint.hostname), self._endpoint.port, timeout=TIMEOUT)
        try:
            connection.request("POST", "/", body, self._headers(body))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def _headers(self, body: bytes) -> dict[str, str]:
        """Return the headers of a Query that is signed. AWS Signature Version 4, in the Authorization header."""
        credentials = self._credentials
        time = self._clock().strftime(TIME)
        scope = f"{time[:8]}/{self._region}/dynamodb/aws4_request"
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "host": self._endpoint.netloc,
            "x-amz-date": time,
            "x-amz-target": "DynamoDB_20120810.Query",
        }
        if credentials.token:
            headers["x-amz-security-token"] = credentials.token
        names = sorted(headers)
        signed = ";".join(names)
        canonical = "".join(f"{name}:{headers[name]}\n" for name in names)
        request = f"POST\n/\n\n{canonical}\n{signed}\n{hashlib.sha256(body).hexdigest()}"
        signature = sign(credentials.secret_key, time, scope, request)
        credential = f"{credentials.access_key}/{scope}"
        return {
            **headers,
            "authorization": f"{ALGORITHM} Credential={credential}, SignedHeaders={signed}, Signature={signature}",
        }


def _key(row: Mapping[str, Any]) -> SigningKey:
    """Read a row of `PublicKeyItem`."""
    retired = row.get("time_retired", {}).get("S")
    return SigningKey(
        kid=row["sk"]["S"].removeprefix(keys.PUBLIC),
        public=row["public"]["S"],
        private=None,
        time_created=datetime.fromisoformat(row["time_created"]["S"]),
        time_retired=datetime.fromisoformat(retired) if retired else None,
    )
