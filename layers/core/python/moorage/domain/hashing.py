"""SHA-256 and SHA-512 whose state can be carried from one request to the next.

hashlib cannot export its state, so the hash functions of libcrypto are called on contexts that we keep:
`SHA256_CTX` and `SHA512_CTX`, whose layout is the same from OpenSSL 1.1.1 to 4.0. A state is written as the chaining
words, the number of bytes so far, and the bytes that do not fill a block yet: the form that FIPS 180-4 defines, so any
implementation can go on with it.
"""

import ctypes
import ctypes.util
import hashlib
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self, cast

from moorage.domain.digest import Digest


class _Sha256Context(ctypes.Structure):
    _fields_ = (
        ("words", ctypes.c_uint32 * 8),
        ("bits_low", ctypes.c_uint32),
        ("bits_high", ctypes.c_uint32),
        ("block", ctypes.c_ubyte * 64),
        ("used", ctypes.c_uint),
        ("digest_length", ctypes.c_uint),
    )


class _Sha512Context(ctypes.Structure):
    _fields_ = (
        ("words", ctypes.c_uint64 * 8),
        ("bits_low", ctypes.c_uint64),
        ("bits_high", ctypes.c_uint64),
        ("block", ctypes.c_ubyte * 128),
        ("used", ctypes.c_uint),
        ("digest_length", ctypes.c_uint),
    )


@dataclass(frozen=True, slots=True)
class _Algorithm:
    context: type[ctypes.Structure]
    prefix: str
    words: str  # struct format of the chaining words
    block: int  # bytes of a block
    half: int  # bits of half the bit counter
    length: int  # bytes of a digest


_ALGORITHMS = {
    "sha256": _Algorithm(_Sha256Context, "SHA256", ">8I", 64, 32, 32),
    "sha512": _Algorithm(_Sha512Context, "SHA512", ">8Q", 128, 64, 64),
}


class StateInvalid(ValueError):
    """A stored hash state that this module did not write."""


class Hasher:
    """A hash that goes on where a stored state ended."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._spec = _ALGORITHMS[algorithm]
        self._context = self._spec.context()
        _function(f"{self._spec.prefix}_Init")(ctypes.byref(self._context))

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes, without copying them; libcrypto runs outside the interpreter's lock."""
        view = memoryview(data)
        if view.nbytes:
            buffer: Any = data if isinstance(data, bytes) else _address(view)
            _function(f"{self._spec.prefix}_Update")(ctypes.byref(self._context), buffer, view.nbytes)

    def digest(self) -> Digest:
        """Return the digest of all bytes so far; more can follow."""
        copy = self._spec.context.from_buffer_copy(self._context)
        out = (ctypes.c_ubyte * self._spec.length)()
        _function(f"{self._spec.prefix}_Final")(out, ctypes.byref(copy))
        return Digest(self.algorithm, bytes(out).hex())

    def state(self) -> bytes:
        """Return what `resume` needs: words, byte count, and the tail of at most a block."""
        context = cast("Any", self._context)
        bits = context.bits_high << self._spec.half | context.bits_low
        tail = bytes(context.block)[: context.used]
        return struct.pack(self._spec.words, *context.words) + struct.pack(">Q", bits // 8) + tail

    @classmethod
    def resume(cls, algorithm: str, state: bytes) -> Self:
        """Go on from `state`; an empty state is the start. Raises StateInvalid."""
        hasher = cls(algorithm)
        if not state:
            return hasher
        spec = hasher._spec
        words = struct.calcsize(spec.words)
        tail = state[words + 8 :]
        if len(state) < words + 8 or len(tail) >= spec.block:
            raise StateInvalid(f"a {algorithm} state cannot have {len(state)} bytes")
        (count,) = struct.unpack_from(">Q", state, words)
        if count % spec.block != len(tail):
            raise StateInvalid(f"a {algorithm} state after {count} bytes cannot have a tail of {len(tail)}")
        context = cast("Any", hasher._context)
        context.words[:] = struct.unpack_from(spec.words, state)
        context.bits_low, context.bits_high = count * 8 & (1 << spec.half) - 1, count * 8 >> spec.half
        context.block[: len(tail)] = list(tail)
        context.used = len(tail)
        return hasher


def _address(view: memoryview) -> Any:
    """Return a pointer into a buffer; only writable ones can be borrowed, others are copied."""
    return bytes(view) if view.readonly else ctypes.byref(ctypes.c_ubyte.from_buffer(view))


@cache
def _function(name: str) -> Callable[..., int]:
    function = getattr(_library(), name)
    function.argtypes = {
        "Init": [ctypes.c_void_p],
        "Update": [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t],
        "Final": [ctypes.c_void_p, ctypes.c_void_p],
    }[name.partition("_")[2]]
    function.restype = ctypes.c_int
    return cast("Callable[..., int]", function)


@cache
def _library() -> ctypes.CDLL:
    """Return the libcrypto that this process has loaded for hashlib, or the system's."""
    maps = Path("/proc/self/maps")
    loaded = (
        [line.split()[-1] for line in maps.read_text().splitlines() if "libcrypto" in line] if maps.exists() else []
    )
    path = next(iter(loaded), None) or ctypes.util.find_library("crypto")
    if path is None:
        raise ImportError("libcrypto (OpenSSL) is needed to carry hashes from request to request, and was not found")
    library = ctypes.CDLL(path)
    _prove(library)
    return library


def _prove(library: ctypes.CDLL) -> None:
    """Fail at once when the library's contexts are not laid out as ours."""
    for name, spec in _ALGORITHMS.items():
        context, out = spec.context(), (ctypes.c_ubyte * spec.length)()
        getattr(library, f"{spec.prefix}_Init")(ctypes.byref(context))
        getattr(library, f"{spec.prefix}_Update")(ctypes.byref(context), b"moorage", ctypes.c_size_t(7))
        if cast("Any", context).used != len(b"moorage"):
            raise ImportError(f"this libcrypto keeps {name} in another form")
        getattr(library, f"{spec.prefix}_Final")(out, ctypes.byref(context))
        if bytes(out) != hashlib.new(name, b"moorage").digest():
            raise ImportError(f"this libcrypto does not compute {name}")
