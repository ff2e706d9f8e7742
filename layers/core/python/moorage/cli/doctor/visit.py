"""One visit to a registry: who comes, with which token, and what was brought along."""

import base64
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from moorage.cli.doctor.client import Answer, Client
from moorage.cli.doctor.findings import CannotGoOn
from moorage.cli.doctor.signer import Profile
from moorage.domain.content import INLINE_BLOB_LIMIT
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_MANIFEST

TOKEN_PATH = "/20180419/docker/token"  # noqa: S105 - a path; what is gone to when the challenge does not say
ACTIONS = "pull,push,delete"

_REFUSALS = {
    "DENIED": "the user needs a policy that lets it push",
    "NAME_UNKNOWN": "name a repository that is there and that the user may see, or set MOORAGE_CREATE_ON_PUSH to true",
}
_FIELD = re.compile(r'([a-z]+)="([^"]*)"')


@dataclass(frozen=True)
class Login:
    """What `docker login` takes."""

    username: str
    password: str = field(repr=False)

    @property
    def basic(self) -> dict[str, str]:
        """Return the header that sends it."""
        return {"Authorization": "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()}


class Image:
    """An image that nobody else has: a blob for a row, one for the bucket, and a manifest of both."""

    def __init__(self) -> None:
        self.tag = f"doctor-{secrets.token_hex(6)}"
        self.small = b"\xff" + secrets.token_bytes(1_000)  # no text: a front that takes bytes for text breaks it
        self.large = b"\xff" + secrets.token_bytes(4 * INLINE_BLOB_LIMIT)
        descriptors = [
            {"mediaType": "application/octet-stream", "digest": str(Digest.of(data)), "size": len(data)}
            for data in (self.small, self.large)
        ]
        body = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptors[0], "layers": descriptors[1:]}
        self.manifest = json.dumps(body).encode()


@dataclass
class Visit:
    """What the checks share."""

    client: Client
    login: Login
    repository: str
    profile: Profile | None = None  # to sign requests of the cloud plane with
    image: Image = field(default_factory=Image)
    challenge: dict[str, str] = field(default_factory=dict)
    token: str = ""

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        token: str | None = None,
    ) -> Answer:
        """Send a request with the visit's token, or another; `target` may be a path within the repository."""
        bearer = self.token if token is None else token
        authorization = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        path = target if target.startswith(("/", "http:", "https:")) else f"/v2/{self.repository}/{target}"
        return self.client.send(method, path, {**authorization, **(headers or {})}, body)

    @property
    def realm(self) -> str:
        """Return where tokens are had."""
        return self.challenge.get("realm") or TOKEN_PATH

    def scope(self, actions: str = ACTIONS) -> str:
        """Return what to ask a token for."""
        return f"repository:{self.repository}:{actions}"

    def ask_for_token(self, scope: str, login: Login | None) -> Answer:
        """Ask as clients do on the word of a challenge; None is nobody."""
        query = urlencode({"service": self.challenge.get("service", ""), "scope": scope})
        return self.client.send("GET", f"{self.realm}?{query}", login.basic if login else {})

    def open_session(self) -> str:
        """Start an upload and return its Location, as it came. Raises CannotGoOn."""
        answer = self.ask("POST", "blobs/uploads/")
        if answer.status == 202 and answer.header("location"):
            return answer.header("location")
        said = f"an upload to {self.repository} is answered {described(answer)}"
        if answer.code in _REFUSALS:
            raise CannotGoOn(f"{said}: {_REFUSALS[answer.code]}")
        raise CannotGoOn(said, "the log of the function V2Push knows why")


def fields_of(challenge: str) -> dict[str, str]:
    """Return what a Bearer challenge says; nothing of one of another kind."""
    scheme, _, rest = challenge.partition(" ")
    return dict(_FIELD.findall(rest)) if scheme.lower() == "bearer" else {}


def described(answer: Answer) -> str:
    """Return an answer in a few words."""
    return f"{answer.status} {answer.code}".strip()
