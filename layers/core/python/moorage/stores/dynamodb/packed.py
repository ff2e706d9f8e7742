"""Digests and ETags of parts as bytes of an attribute."""

from moorage.domain.digest import HEX_LENGTHS, Digest

# A digest is packed as one letter and its raw bytes: 2,000 children in 66 KB.
_LETTERS = {"sha256": b"s", "sha512": b"l"}
_ALGORITHMS = {letter[0]: algorithm for algorithm, letter in _LETTERS.items()}


def pack_digests(digests: tuple[Digest, ...]) -> bytes:
    """Write digests one after another."""
    return b"".join(_LETTERS[digest.algorithm] + bytes.fromhex(digest.hex) for digest in digests)


def unpack_digests(packed: bytes) -> tuple[Digest, ...]:
    """Read what `pack_digests` wrote."""
    digests, place = [], 0
    while place < len(packed):
        algorithm = _ALGORITHMS[packed[place]]
        end = place + 1 + HEX_LENGTHS[algorithm] // 2
        digests.append(Digest(algorithm, packed[place + 1 : end].hex()))
        place = end
    return tuple(digests)


def pack_etags(etags: tuple[str, ...]) -> bytes:
    """Write the ETags of parts, 16 bytes each: S3's are 32 hexadecimal digits in quotes."""
    return b"".join(bytes.fromhex(etag.strip('"')) for etag in etags)


def unpack_etags(packed: bytes) -> tuple[str, ...]:
    """Read what `pack_etags` wrote."""
    return tuple(f'"{packed[place : place + 16].hex()}"' for place in range(0, len(packed), 16))
