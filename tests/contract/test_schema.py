"""Rows outlive the release that wrote them: each release reads those of its major version, older and newer ones.

`rows/<schema>.json` are rows of every kind as a release wrote them, in DynamoDB's form, and stay as they are. Rows that
a new release writes otherwise come beside them: `python -m tests.contract.test_schema` records them.
"""

import base64
import json
import pkgutil
import sys
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.contract.test_uploads import PARTS
from tests.directory.resources import EVERY_FIELD, ROOT, TAGS, remembered, tenancy, user
from tests.factories import (
    REPOSITORY,
    commit,
    digest,
    limits,
    link,
    manifest,
    repository,
    session,
    signing_key,
    tag_record,
    ulid,
)
from tests.fakes import NOW

from moorage.domain.content import Counts, Edge, Page
from moorage.domain.directory import Change, User
from moorage.domain.errors import Unavailable
from moorage.domain.identity import Guard, Trust
from moorage.domain.names import Tag
from moorage.domain.repository import Configuration
from moorage.domain.signature import Signature
from moorage.domain.tenancy import Tenancy
from moorage.stores import dynamodb, keys
from moorage.stores.base import Gathered, Held, Stores
from moorage.stores.dynamodb.table import SCHEMA, Item

ROWS = Path(__file__).parent / "rows"
BLOB = digest("layer")
SUBJECT = manifest("subject")
MANIFEST = manifest(subject=SUBJECT.digest, children=(BLOB,), config=digest("config"), artifact_type="application/x")
DESCRIPTOR = {"digest": str(MANIFEST.digest), "size": MANIFEST.size}
GONE = manifest("gone", shard=1)
REMEMBERED = remembered(time=NOW.replace(year=2999))  # for the store's clock goes
SIGNATURE = Signature(
    id=ulid("signature"),
    repository_id=REPOSITORY,
    digest=MANIFEST.digest,
    created_by="alice",
    kms_key_id="key",
    kms_key_version_id="version",
    message="e30=",
    signature="c2ln",
    signing_algorithm="SHA_256_RSA_PKCS1_V1_5",
    time_created=NOW,
    tags=TAGS,
)
SMALL = link("small", key=None, data=b"\x00\xff", size=2)
HELD = f"{REPOSITORY}+{ulid('one')}"
UNKNOWN: dict[str, Any] = {
    "a_string": {"S": "x"},
    "a_number": {"N": "1"},
    "a_map": {"M": {"key": {"L": [{"BOOL": True}, {"NULL": True}]}}},
    "a_set": {"BS": [b"\x00"]},
}


def fill(stores: Stores) -> None:
    """Write rows of every kind, with every field that they can have."""
    stores.repositories.create(repository())
    stores.links.attach(link())
    stores.links.attach(SMALL)
    stores.bytes.hold(BLOB, "blobs/one/1", 5, HELD, ulid("bytes"), NOW)
    stores.manifests.write_edges(REPOSITORY, MANIFEST.digest, [BLOB], MANIFEST.put)
    stores.manifests.note_refused(REPOSITORY, digest("refused"), ulid("refused"), NOW)
    stores.manifests.commit(commit(SUBJECT))
    stores.manifests.commit(commit(MANIFEST, "1.0", referrer=DESCRIPTOR, counted=(link(),)))
    stores.uploads.create(session())
    claimed = stores.uploads.claim(session().ticket, "one", NOW)
    stores.uploads.advance(claimed, PARTS, session().expires)
    stores.identity.failed("alice", "192.0.2.1", NOW)
    stores.identity.rotate(signing_key(1), {})
    stores.identity.rotate(signing_key(2), {signing_key(1).kid: NOW})
    fill_cloud(stores)


def fill_cloud(stores: Stores) -> None:
    """Write what came with 1.1."""
    stores.repositories.configure(Configuration(create_on_push=False, version=1))
    stores.identity.revoke("ocid1.user.moorage..a", NOW)
    stores.directory.commit([Change(None, one) for one in EVERY_FIELD], tenancy(), REMEMBERED)
    stores.signatures.create(SIGNATURE)
    stores.manifests.commit(commit(GONE, "old"))
    stores.manifests.untag(tag_record("old", GONE), REPOSITORY, "alice", NOW)
    stores.manifests.delete(stores.manifests.get(REPOSITORY, GONE.digest), (), "alice", NOW)


def read(stores: Stores) -> dict[str, object]:
    """Read all that `fill` wrote."""
    return {
        "repository": stores.repositories.find(repository().name),
        "record": stores.repositories.by_ids([repository().id]),
        "counts": stores.repositories.counts(REPOSITORY),
        "link": stores.links.get(REPOSITORY, BLOB),
        "small": stores.links.get(REPOSITORY, SMALL.digest),
        "held": stores.bytes.hold(BLOB, "blobs/two/1", 5, HELD, ulid("other bytes"), NOW),
        "edges": stores.links.edges(REPOSITORY, BLOB),
        "manifest": stores.manifests.get(REPOSITORY, MANIFEST.digest),
        "tag": stores.manifests.get_tag(REPOSITORY, Tag("1.0")),
        "referrers": stores.manifests.referrers_page(REPOSITORY, SUBJECT.digest, ""),
        "gathered": stores.manifests.gather(REPOSITORY, MANIFEST.digest),
        "session": stores.uploads.get(session().id),
        "guard": stores.directory.arrive("alice", "192.0.2.1", NOW).guard,
        "trust": stores.identity.trust(),
        "signer": stores.identity.signing_key(),
        "configuration": stores.repositories.configuration(),
        "directory": [stores.directory.get(type(one), one.id) for one in EVERY_FIELD],
        "names": stores.directory.find(User, "ALICE"),
        "tenancy": stores.directory.tenancy(),
        "remembered": stores.directory.remembered(REMEMBERED.principal_id, REMEMBERED.token),
        "signature": stores.signatures.get(REPOSITORY, SIGNATURE.id),
        "deleted": [
            place.digest for place in stores.images.places(REPOSITORY, None, 5, newest_first=True, deleted=True).items
        ],
    }


EXPECTED: dict[str, object] = {
    "repository": repository(),
    "record": [repository()],
    "counts": Counts(images=2, layers=1, bytes=1000),
    "link": replace(link(), counted=MANIFEST.shard),
    "small": SMALL,
    "held": Held("blobs/one/1"),
    "edges": [Edge(MANIFEST.digest, MANIFEST.put)],
    "manifest": MANIFEST,
    "tag": tag_record("1.0", MANIFEST),
    "referrers": Page((DESCRIPTOR,), None),
    "gathered": Gathered(MANIFEST, (Tag("1.0"),), ()),
    "session": session(progress=PARTS),
    "guard": Guard(1, NOW),
    "trust": Trust(
        (replace(signing_key(2), private=None), replace(signing_key(1), private=None, time_retired=NOW)),
        {"ocid1.user.moorage..a": NOW},
    ),
    "signer": signing_key(2),
    "configuration": Configuration(create_on_push=False, version=1),
    "directory": list(EVERY_FIELD),
    "names": user().id,
    "tenancy": tenancy(),
    "remembered": REMEMBERED,
    "signature": SIGNATURE,
    "deleted": [GONE.digest],
}
FIRST: dict[str, object] = {  # what is not in rows of 1.0
    "trust": replace(EXPECTED["trust"], revoked={}),
    "configuration": Configuration(create_on_push=True, version=0),
    "directory": [None] * len(EVERY_FIELD),
    "names": None,
    "tenancy": Tenancy(ROOT),
    "remembered": None,
    "signature": None,
    "deleted": [],
}


@pytest.fixture
def backend(aws):
    """A table without rows, and what is in it, as it is."""
    with aws.backend(limits(images=400)) as opened:
        yield opened


def recorded(schema: str) -> list[dict[str, Any]]:
    return json.loads((ROWS / f"{schema}.json").read_text(), object_hook=_binary)


def _binary(value: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB's form has binary as base64 in JSON, and as bytes in Python."""
    if value.keys() == {"B"}:
        return {"B": base64.b64decode(value["B"])}
    return {"BS": [base64.b64decode(one) for one in value["BS"]]} if value.keys() == {"BS"} else value


def test_rows_of_every_kind_are_recorded():
    for module in pkgutil.iter_modules(dynamodb.__path__, f"{dynamodb.__name__}."):
        import_module(module.name)
    kinds = {Item.kind.get_discriminator(kind) for kind in Item.kind.get_registered_subclasses(Item)}

    assert kinds == {row["kind"]["S"] for row in recorded(SCHEMA)}


def test_every_row_says_its_schema(backend):
    fill(backend.stores)

    assert {SCHEMA} == {row["schema"]["S"] for row in backend.everything()}
    assert EXPECTED == read(backend.stores)


@pytest.mark.parametrize("schema", [path.stem for path in ROWS.iterdir()])
def test_rows_of_earlier_releases_are_read(backend, schema):
    """
    With a schema, and without: the first releases wrote none.
    """
    expected = EXPECTED | FIRST if schema == "1.0" else EXPECTED
    backend.load(recorded(schema))
    assert expected == read(backend.stores)

    backend.load([{name: value for name, value in row.items() if name != "schema"} for row in recorded(schema)])
    assert expected == read(backend.stores)


def test_rows_of_later_releases_are_read(backend):
    """
    What they have more is passed over, and so is a kind of row that is not known here.
    """
    later = f"{SCHEMA.partition('.')[0]}.99"
    partitions = {row["pk"]["S"] for row in recorded(SCHEMA)}
    sort_keys = ["A", "NEEDED_BY", "NEWER", "REFERRER", "TAG", "Z"]
    backend.load([{**row, **UNKNOWN, "schema": {"S": later}} for row in recorded(SCHEMA)])
    backend.load(
        [
            {"pk": {"S": pk}, "sk": {"S": sk}, "kind": {"S": "newer"}, "schema": {"S": later}}
            for pk in partitions
            for sk in sort_keys
        ]
    )

    assert EXPECTED == read(backend.stores)


def test_a_change_of_a_later_row_keeps_what_it_has_more(backend):
    backend.load([{**row, **UNKNOWN} for row in recorded(SCHEMA)])

    assert backend.stores.links.condemn(EXPECTED["link"])

    key = keys.link(REPOSITORY, BLOB)
    (row,) = [row for row in backend.everything() if (key.pk, key.sk) == (row["pk"]["S"], row["sk"]["S"])]
    assert UNKNOWN == {name: row[name] for name in UNKNOWN}


def test_a_row_that_only_later_releases_can_read_is_refused(backend):
    """
    A retry finds the release that can; nothing is guessed, and nothing is changed.
    """
    major = int(SCHEMA.partition(".")[0])
    rows = [{**row, "schema": {"S": f"{major + 1}.0"}} for row in recorded(SCHEMA)]
    backend.load(rows)
    before = backend.everything()

    for reading in (
        lambda stores: stores.repositories.find(repository().name),
        lambda stores: stores.links.get(REPOSITORY, BLOB),
        lambda stores: stores.manifests.gather(REPOSITORY, MANIFEST.digest),
        lambda stores: stores.manifests.tags_page(REPOSITORY, "", 5),
        lambda stores: stores.identity.trust(),
    ):
        with pytest.raises(Unavailable, match="upgrade"):
            reading(backend.stores)
    assert before == backend.everything()


def record() -> None:
    """Write the rows of this release; those of a schema that was released stay as they are."""
    import os  # noqa: PLC0415
    import tempfile  # noqa: PLC0415

    from tests.conftest import running_moto  # noqa: PLC0415
    from tests.contract.backends import Aws  # noqa: PLC0415

    file = ROWS / f"{SCHEMA}.json"
    with ExitStack() as stack:
        endpoints = stack.enter_context(running_moto(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        os.environ.update(endpoints.environment())
        backend = stack.enter_context(Aws(endpoints).backend(limits(images=400)))
        fill(backend.stores)
        rows = backend.everything()
    encoded = json.dumps(rows, indent=1, sort_keys=True, default=lambda raw: base64.b64encode(raw).decode())
    with file.open("x") as output:
        output.write(encoded + "\n")
    sys.stdout.write(f"{len(rows)} rows: {file}\n")


if __name__ == "__main__":
    record()
