"""The Authorization header of a signed request: read in any order, or refused with the one fact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.errors import Unauthenticated
from moorage.web.cloud.signing import read_authorization

HEADER = 'Signature version="1",algorithm="rsa-sha256",keyId="a/b/c",headers="date host",signature="AAEC"'

TEXT = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=60)
PIECES = [
    "Signature ",
    'version="1"',
    'algorithm="rsa-sha256"',
    'keyId="a/b/c"',
    'headers="date host"',
    'signature="AA=="',
    ",",
    '"',
]


@given(st.one_of(TEXT, st.lists(st.one_of(st.sampled_from(PIECES), TEXT), max_size=9).map("".join)))
def test_any_header_is_read_or_refused(text):
    try:
        found = read_authorization(text)
    except Unauthenticated:
        return
    assert found.key_id
    assert found.value
    assert len(found.names) == len(set(found.names))


@given(
    st.permutations(
        ['version="1"', 'algorithm="rsa-sha256"', 'keyId="a/b/c"', 'headers="date HOST"', 'signature="AAEC"']
    ),
    st.sampled_from([",", ", ", " ,  "]),
)
def test_parameters_mean_the_same_in_any_order(parameters, comma):
    found = read_authorization(f"Signature {comma.join(parameters)}")

    assert ("a/b/c", ("date", "host"), b"\0\1\2") == (found.key_id, found.names, found.value)


@pytest.mark.parametrize("twice", ["keyId", "algorithm", "headers", "signature"])
def test_a_parameter_that_comes_twice_is_refused(twice):
    with pytest.raises(Unauthenticated):
        read_authorization(f'{HEADER},{twice}="x"')
