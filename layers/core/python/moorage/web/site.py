"""What the registry is called: its origins, its namespace, its keys, and where a request came from."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, cast

from moorage.web.tokens import Keyring

if TYPE_CHECKING:
    from starlette.requests import Request  # the authorizer has a site, and no web framework

TOKEN_PATH = "/20180419/docker/token"  # noqa: S105 - a path

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True)
class Site:
    """One registry, under every origin that clients may call it by (`https://registry.example.com`)."""

    origins: tuple[str, ...]
    namespace: str
    keyring: Keyring
    trusted_proxies: tuple[str, ...] = ()  # addresses or networks
    head_filler: bool = False  # whether the front takes the length of an answer to HEAD from its body

    def origin(self, host: str | None) -> str:
        """Return the origin whose host and port the client used, else the first: never one that a stranger chose."""
        return next((origin for origin in self.origins if host and _names(origin, host)), self.origins[0])

    def realm(self, host: str | None) -> str:
        """Return the URL of the token endpoint."""
        return self.origin(host) + TOKEN_PATH

    def service(self, host: str | None) -> str:
        """Return what tokens are made for."""
        return _service(self.origin(host))

    @property
    def services(self) -> tuple[str, ...]:
        """Every name that a token may be made for: a token fetched under one origin is good under the others."""
        return tuple(_service(origin) for origin in self.origins)

    def holds(self, name: str) -> bool:
        """Whether a repository name is in the namespace."""
        return name.startswith(f"{self.namespace}/")

    def client_address(self, request: "Request") -> str:
        """Return where a request came from; X-Forwarded-For counts only when one of our proxies sent it."""
        address = request.client.host if request.client else ""
        forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
        for hop in reversed([hop.strip() for hop in forwarded]):
            if not hop or not self._trusts(address):
                break
            address = hop
        return address

    def _trusts(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in ip_network(proxy, strict=False) for proxy in self.trusted_proxies)


def site_of(request: "Request") -> Site:
    """Return the site that the application was made with."""
    return cast("Site", request.app.state.site)


def guarded_address(address: str) -> str:
    """Return what guesses are counted by: an IPv4 address, or the /64 that one IPv6 host has all of."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed) if parsed else "unknown"


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    return (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed


def _service(origin: str) -> str:
    return origin.partition("://")[2]


def _names(origin: str, host: str) -> bool:
    """Whether a Host header means an origin; its default port is there or left out."""
    scheme, _, netloc = origin.lower().partition("://")
    port = _DEFAULT_PORTS[scheme]
    return host.lower().removesuffix(port) == netloc.removesuffix(port)
