"""What the clients push: small images from scratch and large blobs, made here from a seed."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from .shell import TOOLS

MIB = 1024 * 1024
BLOCK = 8 * MIB
GREETING = "hello from scratch"
DOCKERFILE = """\
FROM scratch
COPY hello /hello
COPY data /data
ENTRYPOINT ["/hello"]
"""


def write_context(folder: Path, seed: str, size: int = 64 * 1024) -> Path:
    """Write a build context: a static program, and bytes that no other test pushes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    program = folder / "hello"
    program.write_bytes((TOOLS / "bin" / "hello").read_bytes())
    program.chmod(0o755)
    (folder / "data").write_bytes(_bytes_of(seed, size))
    return folder


def write_layer(path: Path, seed: str, size: int = 64 * 1024) -> Path:
    """Write one layer: a tar file with bytes that no other test pushes."""
    member = tarfile.TarInfo("data")
    member.size = size
    with tarfile.open(path, "w") as layer:
        layer.addfile(member, io.BytesIO(_bytes_of(seed, size)))
    return path


def write_large_file(path: Path, seed: str, size: int) -> str:
    """Write bytes that do not compress, at the speed of the disk, and return their digest."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for block in _blocks(seed, size):
            digest.update(block)
            file.write(block)
    return f"sha256:{digest.hexdigest()}"


def file_digest(path: Path) -> str:
    """Return the digest of a file's bytes."""
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def write_layout(folder: Path, blob: Path, digest: str, media_type: str) -> str:
    """Write an image layout around one layer, moving the blob into it, and return the manifest's digest."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    size = blob.stat().st_size
    blob.rename(blobs / digest.removeprefix("sha256:"))
    config = _write_blob(
        blobs,
        "application/vnd.oci.image.config.v1+json",
        {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest]}},
    )
    manifest_type = "application/vnd.oci.image.manifest.v1+json"
    layers = [{"mediaType": media_type, "digest": digest, "size": size}]
    manifest = _write_blob(
        blobs, manifest_type, {"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": layers}
    )
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return str(manifest["digest"])


def _bytes_of(seed: str, size: int) -> bytes:
    return b"".join(_blocks(seed, size))


def _blocks(seed: str, size: int) -> Iterator[bytes]:
    # A key stream: the fastest bytes that do not compress and are the same each time.
    stream = Cipher(algorithms.AES(hashlib.sha256(seed.encode()).digest()), modes.CTR(bytes(16))).encryptor()
    for start in range(0, size, BLOCK):
        yield stream.update(bytes(min(BLOCK, size - start)))


def _write_blob(blobs: Path, media_type: str, content: dict[str, object]) -> dict[str, object]:
    data = json.dumps(content).encode()
    name = hashlib.sha256(data).hexdigest()
    (blobs / name).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(data)}
