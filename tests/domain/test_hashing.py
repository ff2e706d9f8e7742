import hashlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.strategies import algorithms, bounded, splits

from moorage.domain.digest import Digest
from moorage.domain.hashing import Hasher, StateInvalid

BLOCKS = {"sha256": 64, "sha512": 128}
WORDS = {"sha256": 32, "sha512": 64}
COUNT = 8


@bounded
@given(st.data(), algorithms, st.binary(max_size=600))
def test_a_hash_goes_on_from_a_state_cut_anywhere(draw, algorithm, data):
    state = b""
    for piece in draw.draw(splits(data)):
        hasher = Hasher.resume(algorithm, state)
        hasher.update(piece)
        state = hasher.state()

    assert Digest.of(data, algorithm) == Hasher.resume(algorithm, state).digest()


@pytest.mark.parametrize("algorithm", BLOCKS)
@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 1_000_003])
def test_the_digest_is_the_one_that_hashlib_computes(algorithm, size):
    hasher = Hasher(algorithm)
    hasher.update(b"a" * size)

    assert hashlib.new(algorithm, b"a" * size).hexdigest() == hasher.digest().hex


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: memoryview(bytearray(data))])
def test_any_buffer_will_do(kind):
    hasher = Hasher("sha256")
    hasher.update(kind(b"layer"))
    hasher.update(kind(b""))

    assert Digest.of(b"layer") == hasher.digest()


def test_the_digest_so_far_does_not_end_the_hash():
    hasher = Hasher("sha256")
    hasher.update(b"one")
    hasher.digest()
    hasher.update(b"two")

    assert Digest.of(b"onetwo") == hasher.digest()


@pytest.mark.parametrize("algorithm", BLOCKS)
def test_counts_beyond_32_bits_are_kept(algorithm):
    """
    512 MiB are 2^32 bits, where SHA-256 needs the upper half of its counter.
    """
    start = bytes(WORDS[algorithm]) + (2**29 - BLOCKS[algorithm]).to_bytes(COUNT)
    hasher = Hasher.resume(algorithm, start)
    hasher.update(bytes(2 * BLOCKS[algorithm] + 5))

    state = hasher.state()

    assert 2**29 + BLOCKS[algorithm] + 5 == int.from_bytes(state[WORDS[algorithm] : WORDS[algorithm] + COUNT])
    resumed = Hasher.resume(algorithm, state)
    assert (state, hasher.digest()) == (resumed.state(), resumed.digest())


@pytest.mark.parametrize("algorithm", BLOCKS)
def test_the_padding_counts_more_than_512_mib(algorithm):
    """
    SHA pads with the number of bits: the same chaining words after 2^29 bytes more are another digest, and the one
    that hashing the padding by hand gives.
    """
    count = 2**29 + BLOCKS[algorithm]
    words = bytes(range(WORDS[algorithm]))
    field = BLOCKS[algorithm] // 8
    padding = b"\x80" + bytes(BLOCKS[algorithm] - 1 - 2 * field) + (count * 8).to_bytes(2 * field)
    by_hand = Hasher.resume(algorithm, words + count.to_bytes(COUNT))
    by_hand.update(padding)

    digest = Hasher.resume(algorithm, words + count.to_bytes(COUNT)).digest()

    assert by_hand.state()[: WORDS[algorithm]].hex() == digest.hex


@pytest.mark.parametrize("algorithm", BLOCKS)
def test_a_state_is_good_in_another_process(algorithm):
    hasher = Hasher(algorithm)
    hasher.update(b"first " * 100)
    program = (
        "import sys; from moorage.domain.hashing import Hasher\n"
        f"hasher = Hasher.resume({algorithm!r}, bytes.fromhex(sys.argv[1])); hasher.update(b'second')\n"
        "sys.stdout.write(str(hasher.digest()))"
    )
    path = {"PYTHONPATH": "layers/core/python"}

    run = subprocess.run(
        [sys.executable, "-c", program, hasher.state().hex()], check=True, capture_output=True, text=True, env=path
    )

    assert str(Digest.of(b"first " * 100 + b"second", algorithm)) == run.stdout


@pytest.mark.parametrize("algorithm", BLOCKS)
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda state: state[:-1], id="a byte is missing"),
        pytest.param(lambda state: state + b"x", id="a byte too many"),
        pytest.param(lambda state: state[:20], id="cut in the words"),
        pytest.param(lambda state: b"x", id="one byte"),
        pytest.param(lambda state: state + bytes(200), id="more than a block"),
    ],
)
def test_a_state_that_cannot_be_is_refused(algorithm, change):
    hasher = Hasher(algorithm)
    hasher.update(b"layer")

    with pytest.raises(StateInvalid):
        Hasher.resume(algorithm, change(hasher.state()))


@bounded
@given(algorithms, st.binary(max_size=300))
def test_any_state_is_resumed_or_refused(algorithm, state):
    try:
        hasher = Hasher.resume(algorithm, state)
    except StateInvalid:
        return

    assert state in (b"", hasher.state())
