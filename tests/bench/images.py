"""Images of bytes that do not compress, the same each time."""

import hashlib
import json
from dataclasses import dataclass

MIB = 1024 * 1024
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes and what they are."""

    media_type: str
    data: bytes

    @property
    def digest(self) -> str:
        """Return the digest."""
        return digest_of(self.data)

    @property
    def descriptor(self) -> dict[str, object]:
        """Return how a manifest names it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}


@dataclass(frozen=True, slots=True)
class Image:
    """An image as it is pushed."""

    layers: tuple[Blob, ...]
    config: Blob
    manifest: Blob


def digest_of(data: bytes) -> str:
    """Return the digest of bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def make_layer(seed: str, size: int = MIB) -> Blob:
    """Make a layer."""
    return Blob(LAYER_TYPE, hashlib.shake_128(seed.encode()).digest(size))


def make_image(*layers: Blob, seed: str) -> Image:
    """Make a config of its own and a manifest around the layers."""
    digests = [layer.digest for layer in layers]
    content = {
        "architecture": "amd64",
        "os": "linux",
        "author": seed,
        "rootfs": {"type": "layers", "diff_ids": digests},
    }
    config = Blob(CONFIG_TYPE, json.dumps(content).encode())
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.descriptor,
        "layers": [layer.descriptor for layer in layers],
    }
    return Image(layers, config, Blob(MANIFEST_TYPE, json.dumps(manifest).encode()))
