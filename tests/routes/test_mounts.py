"""POST ?mount= (end-11)."""

import pytest
from tests.routes.registry import NAME

from moorage.domain.digest import Digest
from moorage.operations.deciding import POLICIES_LIFE

DATA = {"small": b"0123456789", "large": b"x" * 20_000}
ABSENT = Digest.of(b"absent")


@pytest.fixture(params=DATA)
def data(request):
    return DATA[request.param]


def mount(client, digest, source=None, query=""):
    suffix = f"&from={source}" if source is not None else ""
    return client.post(f"blobs/uploads/?mount={digest}{suffix}{query}")


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_blob_of_a_repository_that_the_caller_may_read_is_there_without_a_byte(registry, data, algorithm):
    digest = registry.client(name="acme/source").push_blob(data, algorithm)
    target = registry.client("writer")
    answer = mount(target, digest, "acme/source")

    assert (201, f"/v2/{NAME}/blobs/{digest}", str(digest)) == (
        answer.status,
        answer.headers["location"],
        answer.headers["docker-content-digest"],
    )
    assert data == target.pull_blob(digest)


def test_a_mounted_blob_is_as_good_as_an_own_one(registry, data):
    """
    It stays when the source deletes its own.
    """
    source, target = registry.client(name="acme/source"), registry.client()
    digest = source.push_blob(data)
    mount(target, digest, "acme/source")
    assert 202 == source.delete(f"blobs/{digest}").status

    assert 404 == source.head(f"blobs/{digest}").status
    assert data == target.pull_blob(digest)


def upload_goes_on(client, answer, data):
    assert 202 == answer.status
    location = answer.headers["location"]
    assert 201 == client.put(f"{location}?digest={Digest.of(data)}", body=data).status
    assert data == client.pull_blob(Digest.of(data))


@pytest.mark.parametrize(
    "source", ["acme/empty", "acme/nothing", "library/alpine", "Not/A/Name", "acme/..", "", "%00", "x" * 5000]
)
def test_what_cannot_be_mounted_is_uploaded(registry, source, data):
    """
    202 with a session: never an error, whatever `from` says.
    """
    registry.repository("acme/empty")
    client = registry.client()

    upload_goes_on(client, mount(client, Digest.of(data), source), data)


@pytest.mark.parametrize(("public", "mounted"), [(False, False), (True, True)])
@pytest.mark.parametrize("source", ["acme/source", None])
def test_a_source_that_the_caller_may_not_read_is_as_one_that_is_not_there(registry, data, source, public, mounted):
    """
    CVE-2024-39897: a digest is no proof that somebody has the bytes.
    """
    registry.repository("acme/source", public=public)
    digest = registry.client(name="acme/source").push_blob(data)
    target = pusher(registry, "where target.repo.name = 'target'")

    assert {False: 202, True: 201}[mounted] == mount(target, digest, source).status
    assert {False: 404, True: 200}[mounted] == target.head(f"blobs/{digest}").status


def pusher(registry, condition=""):
    """Return somebody who may push to some repositories, and who works in acme/target."""
    registry.people.user("pusher", registry.people.group("Pushers", f"manage repos in tenancy {condition}"))
    return registry.client("pusher", "acme/target")


@pytest.mark.parametrize("source", ["acme/source", None])
@pytest.mark.parametrize(
    ("changed", "after"),
    [
        pytest.param(
            lambda people: people.policy("Pushers may", "Allow group Pushers to manage repos in tenancy"),
            201,
            id="more",
        ),
        pytest.param(lambda people: people.change("pusher", memberships=()), 202, id="less"),
        pytest.param(lambda people: people.deactivate("pusher"), 202, id="inactive"),
        pytest.param(lambda people: people.remove("pusher"), 202, id="removed"),
    ],
)
def test_policies_decide_within_ten_seconds_of_a_change(registry, source, changed, after):
    """
    They were read for the mount before.
    """
    first, second = (registry.client(name="acme/source").push_blob(data) for data in (b"first", b"second"))
    target = pusher(registry, "where target.repo.name = 'target'" if after == 201 else "")
    assert {201: 202, 202: 201}[after] == mount(target, first, source).status
    changed(registry.people)
    registry.clock.advance(POLICIES_LIFE)

    assert after == mount(target, second, source).status


@pytest.mark.parametrize("source", ["acme/source", None])
def test_a_condition_on_the_region_holds_for_a_mount_as_for_a_token(registry, data, source):
    digest = registry.client(name="acme/source").push_blob(data)

    assert 201 == mount(pusher(registry, "where request.region = 'FRA'"), digest, source).status


def test_without_a_source_the_registry_looks_for_one(registry, data):
    """
    clients.md 4.3: 201 if mountable and readable by the caller, else 202.
    """
    digest = registry.client(name="acme/source").push_blob(data)
    target = registry.client("writer")

    assert 201 == mount(target, digest).status
    assert data == target.pull_blob(digest)
    upload_goes_on(target, mount(target, ABSENT), b"absent")


def test_without_a_source_nothing_is_looked_for_where_that_is_switched_off(make_registry, data):
    registry = make_registry(automatic_mount=False)
    digest = registry.client(name="acme/source").push_blob(data)
    target = registry.client()

    assert [202, 201] == [mount(target, digest).status, mount(target, digest, "acme/source").status]


def test_a_blob_that_the_source_has_deleted_is_not_mounted(registry, data):
    source, target = registry.client(name="acme/source"), registry.client()
    digest = source.push_blob(data)
    source.delete(f"blobs/{digest}")

    for where in ("acme/source", None):
        assert 202 == mount(target, digest, where).status
    assert 404 == target.head(f"blobs/{digest}").status


@pytest.mark.parametrize("source", [NAME, None])
def test_a_blob_that_is_there_already_can_be_mounted(client, source, data):
    digest = client.push_blob(data)

    assert 201 == mount(client, digest, source).status
    assert data == client.pull_blob(digest)


@pytest.mark.parametrize("digest", ["", "latest", "sha256:x", f"sha256:{ABSENT.hex.upper()}", "md5:0", "%00"])
def test_what_is_no_digest_is_refused(memory, digest):
    assert (400, ["DIGEST_INVALID"]) == mount(memory.client(), digest, "acme/source").error


def test_a_digest_beside_the_mount_is_an_upload(client):
    """
    A body that comes with its digest needs no mount.
    """
    data = b"bytes"
    answer = client.post(f"blobs/uploads/?mount={ABSENT}&digest={Digest.of(data)}", body=data)

    assert (201, 404) == (answer.status, client.head(f"blobs/{ABSENT}").status)
    assert data == client.pull_blob(Digest.of(data))
