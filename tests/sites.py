"""A site with keys of its own, and requests to it."""

from datetime import datetime
from types import SimpleNamespace

from starlette.requests import Request
from tests.fakes import NOW, Clock

from moorage.domain.identity import SigningKey, Trust
from moorage.operations.keys import make_signing_key
from moorage.web.site import Site
from moorage.web.tokens import Keyring

KEY = make_signing_key(NOW)
SERVICE = "localhost:5000"


class Keys:
    """What a keyring reads its keys from, and how often it did."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.revoked: dict[str, datetime] = {}
        self.reads = 0

    def __call__(self) -> Trust:
        self.reads += 1
        return Trust(tuple(self.keys), dict(self.revoked))


def site(clock: Clock | None = None, *, trusted_proxies: tuple[str, ...] = (), keys: Keys | None = None) -> Site:
    return Site(
        origins=("http://localhost:5000", "http://127.0.0.1:5000", "https://registry.example.com"),
        namespace="acme",
        keyring=Keyring(keys or Keys(KEY), clock or Clock()),
        trusted_proxies=trusted_proxies,
    )


def request(to: Site, *headers: tuple[str, str], host: str = SERVICE, client: str = "203.0.113.7") -> Request:
    pairs = [("host", host), *headers]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": "/v2/",
            "headers": [(name.lower().encode(), value.encode()) for name, value in pairs],
            "client": (client, 1234),
            "app": SimpleNamespace(state=SimpleNamespace(site=to)),
        }
    )
