"""One image pushed and pulled, and the backend calls that it took."""

from dataclasses import dataclass

from tests.bench.client import Client, scope
from tests.bench.images import Image, make_image, make_layer
from tests.bench.registry import NAMESPACE, Registry
from tests.bench.wire import Recording, Wire

LAYERS = 10

_NAME = f"{NAMESPACE}/app"


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the two pushes and the pull sent to the backend."""

    push: Recording  # each blob by POST and PUT
    chunked_push: Recording  # each blob by POST, PATCH and PUT
    pull: Recording


def exchange(client: Client, wire: Wire) -> Exchange:
    """Push to a repository that exists and pull, a second time within the hour. The client has its token."""
    client.push(_NAME, "before", make_image(make_layer("before"), seed="before"), chunked=False)
    client.authorize(scope(_NAME, "pull,push"))  # the repository is there by now: the token names it
    with wire.recording() as push:
        client.push(_NAME, "put", _image("put"), chunked=False)
    with wire.recording() as chunked_push:
        client.push(_NAME, "patch", _image("patch"), chunked=True)
    client.pull(_NAME, "put")
    with wire.recording() as pull:
        blobs = client.pull(_NAME, "put")
    assert blobs == 1 + LAYERS
    return Exchange(push, chunked_push, pull)


def exchange_with(registry: Registry, wire: Wire) -> tuple[Exchange, Recording]:
    """Do so with Moorage, and also record what a token costs."""
    with registry.client(scope(_NAME, "pull,push")) as client:
        done = exchange(client, wire)
        with wire.recording() as token:
            client.authorize(scope(_NAME, "pull"))
    return done, token


def _image(seed: str) -> Image:
    return make_image(*(make_layer(f"{seed} {number}") for number in range(LAYERS)), seed=seed)
