"""Signatures as records."""

from dataclasses import replace

import pytest
from tests.factories import OTHER_REPOSITORY, REPOSITORY, commit, manifest, ulid
from tests.fakes import NOW

from moorage.domain.content import ManifestState
from moorage.domain.directory import Remembered, ResourceTags
from moorage.domain.signature import Signature
from moorage.stores.base import Changed

IMAGE = manifest()
SIGNATURE = Signature(
    id=ulid("signature"),
    repository_id=REPOSITORY,
    digest=IMAGE.digest,
    created_by="alice",
    kms_key_id="key",
    kms_key_version_id="version",
    message="bWVzc2FnZQ==",
    signature="c2lnbmF0dXJl",
    signing_algorithm="SHA_256_RSA_PKCS_PSS",
    time_created=NOW,
    tags=ResourceTags({"a": "b"}, {"n": {"k": 1}}),
)
REMEMBERED = Remembered(
    principal_id="ocid1.user.moorage..a", token="token", fingerprint="f", resource_id="r", version="v", time=NOW
)


@pytest.fixture
def signed(stores):
    """A signature of a LIVE manifest."""
    stores.manifests.commit(commit(IMAGE, "v1"))
    assert stores.signatures.create(SIGNATURE)


def test_a_signature_is_kept_as_it_is(stores, signed):
    assert SIGNATURE == stores.signatures.get(REPOSITORY, SIGNATURE.id)
    assert stores.signatures.get(OTHER_REPOSITORY, SIGNATURE.id) is None
    assert stores.signatures.get(REPOSITORY, ulid("other")) is None


def test_a_signature_needs_its_image(backend, stores):
    assert not stores.signatures.create(SIGNATURE)
    stores.manifests.commit(commit(IMAGE))
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, ManifestState.DELETED)
    assert not stores.signatures.create(SIGNATURE)
    backend.set_manifest_state(REPOSITORY, IMAGE.digest, ManifestState.CONDEMNED)
    assert stores.signatures.create(SIGNATURE)


def test_a_used_retry_token_signs_nothing(stores, signed):
    other = replace(SIGNATURE, id=ulid("other"))
    assert stores.signatures.create(other, REMEMBERED)

    with pytest.raises(Changed):
        stores.signatures.create(replace(SIGNATURE, id=ulid("third")), replace(REMEMBERED, fingerprint="other"))


def test_a_signature_changes_from_the_version_before(stores, signed):
    changed = replace(SIGNATURE, tags=ResourceTags(), version=2)
    assert not stores.signatures.update(replace(changed, version=3))
    assert stores.signatures.update(changed)
    assert not stores.signatures.update(changed)
    assert changed == stores.signatures.get(REPOSITORY, SIGNATURE.id)
    assert not stores.signatures.update(replace(changed, id=ulid("other")))


def test_a_signature_is_removed_as_read(stores, signed):
    assert not stores.signatures.remove(replace(SIGNATURE, version=2))
    assert stores.signatures.remove(SIGNATURE)
    assert not stores.signatures.remove(SIGNATURE)
    assert stores.signatures.get(REPOSITORY, SIGNATURE.id) is None


def test_signatures_in_both_directions(stores, signed):
    made = [replace(SIGNATURE, id=f"{number}{SIGNATURE.id[1:]}") for number in (1, 2, 3)]
    stores.signatures.remove(SIGNATURE)
    for one in made:
        stores.signatures.create(one)
    first, second, third = made

    def page(after, limit, *, newest_first=False):
        found = stores.signatures.page(REPOSITORY, after, limit, newest_first=newest_first)
        return list(found.items), found.last

    assert ([first, second], second.id) == page(None, 2)
    assert ([third], None) == page(second.id, 2)
    assert ([third, second], second.id) == page(None, 2, newest_first=True)
    assert ([first], None) == page(second.id, 2, newest_first=True)
    assert (made, None) == page(None, None)
    heads = stores.signatures.heads([REPOSITORY, OTHER_REPOSITORY], 2, after=None, newest_first=False)
    assert [(first, second), ()] == [head.items for head in heads]


def test_which_images_are_readable(backend, stores, signed):
    wanted = [(REPOSITORY, IMAGE.digest), (OTHER_REPOSITORY, IMAGE.digest)]
    assert {(REPOSITORY, IMAGE.digest)} == stores.signatures.readable(wanted)

    backend.set_manifest_state(REPOSITORY, IMAGE.digest, ManifestState.DELETED)
    assert set() == stores.signatures.readable(wanted)
