"""Generators of what clients send, well-formed and not."""

import json

from hypothesis import settings
from hypothesis import strategies as st

from moorage.domain.digest import HEX_LENGTHS, Digest
from moorage.domain.manifest import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

bounded = settings(max_examples=80, deadline=None, derandomize=True)  # the same examples in every run

algorithms = st.sampled_from(sorted(HEX_LENGTHS))
digests = st.builds(Digest.of, st.binary(max_size=8), algorithms)

_words = st.text("abc012", min_size=1, max_size=5)
_components = st.lists(_words, min_size=1, max_size=3).flatmap(
    lambda words: st.sampled_from([".", "_", "__", "-", "---"]).map(lambda separator: separator.join(words))
)
names = st.lists(_components, min_size=1, max_size=4).map("/".join)
tags = st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", fullmatch=True)

media_types = st.sampled_from([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, "application/vnd.acme+json"])
_scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8)
anything = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
descriptors = st.fixed_dictionaries(
    {"mediaType": media_types, "digest": digests.map(str), "size": st.integers(0, 2**63 - 1)}
)
_fields = {
    "schemaVersion": st.just(2) | anything,
    "mediaType": media_types | anything,
    "config": descriptors | anything,
    "layers": st.lists(descriptors | anything, max_size=3) | anything,
    "blobs": st.lists(descriptors, max_size=3) | anything,
    "manifests": st.lists(descriptors | anything, max_size=3) | anything,
    "subject": descriptors | anything,
    "artifactType": st.text(max_size=8) | anything,
    "annotations": st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=3) | anything,
}
almost_manifests = st.fixed_dictionaries({}, optional=_fields).map(lambda body: json.dumps(body).encode())
broken_json = st.lists(
    st.sampled_from([*'{}[],:"\\', '"layers"', '"config"', "NaN", "1e999", '"\\ud800"', "\ufeff", "null", " "])
).map(lambda words: "".join(words).encode())
manifest_bytes = almost_manifests | broken_json | st.binary(max_size=200)


@st.composite
def splits(draw: st.DrawFn, data: bytes, most: int = 6) -> list[bytes]:
    """Cut bytes anywhere."""
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=most)))
    return [data[first:last] for first, last in zip([0, *cuts], [*cuts, len(data)], strict=True)]
