"""Content digests: sha256 and sha512. image-spec, "Digests"."""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from moorage.domain.errors import DigestInvalid

HEX_LENGTHS = {"sha256": 64, "sha512": 128}

_GRAMMAR = re.compile(r"(?P<algorithm>[a-z0-9]+(?:[+._-][a-z0-9]+)*):(?P<hex>[a-zA-Z0-9=_-]+)", re.ASCII)
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """An algorithm that we compute and its lower-case hexadecimal value."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `algorithm:hex`. Raises DigestInvalid."""
        match = _GRAMMAR.fullmatch(text)
        if not match:
            raise DigestInvalid("a digest is written <algorithm>:<hex>", digest=text[:200])
        algorithm, value = match["algorithm"], match["hex"]
        parse_algorithm(algorithm)
        if len(value) != HEX_LENGTHS[algorithm] or not _HEX.fullmatch(value):
            length = HEX_LENGTHS[algorithm]
            raise DigestInvalid(f"a {algorithm} digest has {length} lower-case hexadecimal digits", digest=text[:200])
        return cls(algorithm, value)

    @classmethod
    def of(cls, data: bytes, algorithm: str = "sha256") -> Self:
        """Compute the digest of `data`."""
        return cls(algorithm, hashlib.new(algorithm, data).hexdigest())


def parse_algorithm(text: str) -> str:
    """Return `text` when we compute that algorithm. Raises DigestInvalid."""
    if text not in HEX_LENGTHS:
        raise DigestInvalid(f"digest algorithm not supported; use one of {', '.join(HEX_LENGTHS)}", algorithm=text[:64])
    return text
