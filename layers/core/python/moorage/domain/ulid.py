"""ULIDs: unique ids that tell when they were made."""

from datetime import UTC, datetime

ENTROPY_BYTES = 10

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26


def make_ulid(now: datetime, entropy: bytes) -> str:
    """Encode the millisecond of `now` and 10 random bytes in 26 characters that sort by time."""
    value = int(now.timestamp() * 1000) << 80 | int.from_bytes(entropy[:ENTROPY_BYTES])
    return "".join(_ALPHABET[value >> 5 * place & 31] for place in reversed(range(_LENGTH)))


def is_ulid(text: str) -> bool:
    """Whether `text` has the form of an id that we made."""
    return len(text) == _LENGTH and all(character in _ALPHABET for character in text)


def unpack_ulid(ulid: str) -> bytes:
    """Return the 16 bytes of a ULID. Raises ValueError for anything else."""
    value = 0
    for character in ulid:
        value = value << 5 | _ALPHABET.index(character)
    return value.to_bytes(16)


def time_of(ulid: str) -> datetime:
    """Return the time a ULID was made. Raises ValueError for anything else."""
    return datetime.fromtimestamp(int.from_bytes(unpack_ulid(ulid)[:6]) / 1000, UTC)
