"""Stores that check of every call of a test: where a method refuses, fails or only reads, nothing has changed."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, get_type_hints

from moorage.domain import directory, image, signature, tenancy
from moorage.domain.content import Link
from moorage.stores import base
from moorage.stores.base import Attached, Held, Stores

PROTOCOLS = {
    "repositories": base.RepositoryStore,
    "bytes": base.BytesStore,
    "links": base.LinkStore,
    "uploads": base.UploadStore,
    "manifests": base.ManifestStore,
    "images": base.ImageStore,
    "signatures": base.SignatureStore,
    "identity": base.IdentityStore,
    "directory": base.DirectoryStore,
}
NAMES = (directory, image, signature, tenancy)  # of which `base` knows the names alone
DIRECTORY = {name: value for module in NAMES for name, value in vars(module).items()} | {"directory": directory}


class Watched:
    """A store of which every call is checked."""

    def __init__(self, store: Any, protocol: type, everything: Callable[[], object]) -> None:
        self._store = store
        self._protocol = protocol
        self._everything = everything

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._store, name)
        tells = get_type_hints(getattr(self._protocol, name), localns=DIRECTORY)["return"] is not type(None)

        @wraps(method)
        def checked(*args: Any, **kwargs: Any) -> Any:
            before = self._everything()
            try:
                answer = method(*args, **kwargs)
            except Exception:
                assert before == self._everything(), f"{name} failed and changed something"
                raise
            if tells and refused(answer):
                assert before == self._everything(), f"{name} refused and changed something"
            return answer

        return checked


def refused(answer: object) -> bool:
    """Whether an answer says that nothing was written."""
    match answer:
        case None | False | Held(key=None) | Attached(existing=Link()):
            return True
        case _:
            return False


def watch(stores: Stores, everything: Callable[[], object]) -> Stores:
    """Return the same stores, watched."""
    watched: dict[str, Any] = {
        name: Watched(getattr(stores, name), protocol, everything) for name, protocol in PROTOCOLS.items()
    }
    return replace(stores, **watched)
