"""Every role allows what its function's code calls, and nothing beyond it."""

import asyncio
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from tests.cloud.plane import Plane
from tests.contract.backends import DynamoBackend
from tests.factories import limits
from tests.routes.registry import HOST, Registry, image, index
from tests.template import roles
from tests.template.managing import manage_artifacts, manage_identity
from tests.template.roles import TEMPLATE, Listening, Statement

from authorizer.answers import make_handler
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_INDEX, OCI_MANIFEST
from moorage.stores.dynamodb.keyring import TrustReader
from moorage.web.site import TOKEN_PATH
from moorage.web.tokens import Keyring
from sweeping.uploads import sweep_uploads

MIB = 1024 * 1024
SMALL, LARGE = b"small", b"large" * 10_000
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def heard(aws):
    """What each function called while a registry did all that it can."""
    known = roles.roles()
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        listening = Listening(patch, known)
        with aws.backend(limits(namespace="acme", images=30, storage_bytes=6_000_000)) as backend:
            assert isinstance(backend, DynamoBackend)
            registry = Registry(backend, runner)
            plane = Plane(registry)
            log_in(registry)
            push_everything(registry)
            pull_everything(registry)
            manage_identity(plane)
            manage_artifacts(plane, lambda *tags: push_managed(registry, *tags))
            sweep(registry, listening)
            listening.run("authorizer", ask_authorizer, registry)
    return known


def log_in(registry):
    """Right, wrong, wrong again after the first was forgotten, and by refresh token."""
    right = b64encode(f"acme/reader:{registry.password('reader')}".encode()).decode()
    ask = f"{TOKEN_PATH}?{urlencode({'scope': 'repository:acme/app:pull', 'offline_token': 'true'})}"
    refresh = registry.send("GET", ask, [("Authorization", f"Basic {right}")]).json()["refresh_token"]
    wrong = b64encode(b"acme/reader:wrong").decode()
    for _ in range(2):
        assert 401 == registry.send("GET", ask, [("Authorization", f"Basic {wrong}")]).status
        registry.clock.advance(2 * HOUR)
    form = urlencode({"grant_type": "refresh_token", "refresh_token": refresh, "service": HOST}).encode()
    content_type = [("Content-Type", "application/x-www-form-urlencoded")]
    assert 200 == registry.send("POST", TOKEN_PATH, content_type, form).status


def push_everything(registry):
    """Every kind of upload, mount, manifest and delete, by a function that has to read the keys first."""
    registry.clock.advance(HOUR)
    client = registry.client()
    app, _ = client.push_image("latest", SMALL, LARGE)
    subject = {"mediaType": "x/y", "digest": str(Digest.of(app)), "size": len(app)}
    _, referrer = client.push_image("signature", subject=subject, annotations={"long": "x" * 70_000})
    client.push_manifest("all", index(app), OCI_INDEX)
    client.push_image("moved", SMALL)
    client.push_image("moved", LARGE)
    assert 404 == client.put("manifests/broken", {"Content-Type": OCI_MANIFEST}, image(b"absent")).status
    in_chunks(client, Digest.of(bytes(9 * MIB) + LARGE), bytes(9 * MIB), LARGE)
    in_chunks(client, Digest.of(LARGE + SMALL, "sha512"), LARGE, SMALL)
    cancelled = client.start()
    client.expect(202, client.patch(cancelled, body=bytes(9 * MIB)))
    client.expect(204, client.delete(cancelled))
    other = registry.client(name="acme/other")
    for query in (f"mount={Digest.of(LARGE)}&from=acme/app", f"mount={Digest.of(SMALL)}"):
        other.expect(201, other.post(f"blobs/uploads/?{query}"))
    for path in ("manifests/all", f"manifests/{referrer}"):
        client.expect(202, client.delete(path))
    other.expect(202, other.delete(f"blobs/{Digest.of(LARGE)}"))


def in_chunks(client, digest, *chunks):
    """Upload a blob whose algorithm nobody knows before the end."""
    where = client.start()
    for chunk in chunks:
        client.expect(202, client.patch(where, body=chunk))
    client.expect(201, client.put(f"{where}?digest={digest}"))


def pull_everything(registry):
    """Every kind of read, now and when promises have to be renewed."""
    client = registry.client()
    client.push_manifest("large", image(SMALL, annotations={"long": "x" * 70_000}))
    status = client.start()
    paths = ["/v2/_catalog", "tags/list", "manifests/latest", "manifests/large", f"referrers/{Digest.of(image())}"]
    for path in [*paths, status, f"blobs/{Digest.of(SMALL)}"]:
        assert client.get(path).status in {200, 204}, path
    assert 307 == client.get(f"blobs/{Digest.of(LARGE)}").status
    assert 404 == client.get(f"blobs/{Digest.of(b'absent')}").status
    registry.clock.advance(7 * HOUR)
    client.expect(200, client.renew().head(f"blobs/{Digest.of(LARGE)}"))


def push_managed(registry, *tags):
    """Push an image whose manifest is an object, under these tags; one of another refers to it."""
    client = registry.client(name="acme/managed")
    data, digest = client.push_image(tags[0], SMALL, LARGE, annotations={"long": "x" * 70_000})
    for tag in tags[1:]:
        client.push_manifest(tag, data)
    client.push_image("referrer", subject={"mediaType": "x/y", "digest": str(digest), "size": len(data)})
    return digest


def sweep(registry, listening):
    """One session that was left open, one that was finished."""
    client = registry.client()
    client.expect(202, client.patch(client.start(), body=bytes(9 * MIB)))
    in_chunks(client, Digest.of(bytes(MIB)), bytes(MIB))
    registry.clock.advance(50 * HOUR)
    assert listening.run("sweeping", sweep_uploads, registry.stores, lambda: True)


def ask_authorizer(registry):
    """About a good token, in a process that has to read the keys first."""
    aws = registry.backend._aws.endpoints
    reader = TrustReader(
        registry.backend.name,
        "acme",
        region=aws.region,
        endpoint=aws.dynamodb,
        credentials=aws.credentials,
        clock=lambda: datetime.now(UTC),
    )
    name, value = registry.client().authorization
    event = {"httpMethod": "GET", "path": "/v2/", "methodArn": "arn", "multiValueHeaders": {name: [value]}}
    allowed = make_handler(replace(registry.site, keyring=Keyring(reader, registry.clock)))(event, None)
    assert "administrator" == allowed["principalId"]


def test_no_role_refuses_what_its_function_calls(heard):
    assert [] == heard.refused


@pytest.mark.parametrize("package", sorted(roles.functions()))
def test_no_role_allows_what_its_function_never_calls(heard, package):
    """
    Each action, each partition and each resource of each statement was needed.
    """
    assert [] == heard.unused(package)


def test_signing_keys_are_read_by_the_token_function_alone_and_written_by_none():
    """
    Else whoever breaks into another function makes tokens. Users and policies are written by one function.
    """
    signer = roles.Call("dynamodb:Query", "table", ("SIGNER#acme",))
    assert {"tokens"} == {package for package, has in roles.roles().statements.items() if allowed(has, signer)}

    for action in ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"):
        for partition, writers in {"SIGNER#acme": [], "KEYRING#acme": [], "IDENTITY#acme": ["identity"]}.items():
            call = roles.Call(f"dynamodb:{action}", "table", (partition,))
            assert {package for package, has in roles.roles().statements.items() if allowed(has, call)} <= set(writers)


def test_what_decides_is_read_by_who_must_decide_and_by_no_function_of_pulls():
    """
    A pull decides by its token; a push has a mount's source to decide on.
    """
    for action in ("GetItem", "BatchGetItem", "Query"):
        call = roles.Call(f"dynamodb:{action}", "table", ("IDENTITY#acme",))
        readers = {package for package, has in roles.roles().statements.items() if allowed(has, call)}
        assert readers <= {"identity", "artifacts", "tokens", "v2_push"}


def test_nobody_can_remove_a_version_of_an_object():
    """
    What a function deletes can be restored: none may delete what is behind a delete.
    """
    actions = {action for has in roles.roles().statements.values() for statement in has for action in statement.actions}

    assert not actions & {"s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration"}


def allowed(statements, call):
    return any(statement.allows(call) for statement in statements)


def test_the_relay_may_what_the_functions_may_that_it_stands_for():
    """
    It runs the code of five functions, and has their policies and no other.
    """
    stands_for = [f"{name}Role" for name in ("V2Pull", "V2Push", "Tokens", "Artifacts", "Identity")]

    named, documents = roles.policies_of("RelayRole")

    assert sorted(named) == sorted(policy for role in stands_for for policy in roles.policies_of(role)[0])
    assert len(documents) == len(named)


def test_each_function_writes_its_own_log_and_no_other():
    resources = TEMPLATE.body["Resources"]
    for name in roles.functions().values():
        (document,) = [policy["PolicyDocument"] for policy in resources[f"{name}Role"]["Properties"]["Policies"]]
        (statement,) = document["Statement"]

        assert {"Fn::GetAtt": f"{name}Log.Arn"} == statement["Resource"]
        assert ["logs:CreateLogStream", "logs:PutLogEvents"] == statement["Action"]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        pytest.param(roles.Call("dynamodb:GetItem", "table", ("A#1", "B#1")), True, id="all keys match"),
        pytest.param(roles.Call("dynamodb:GetItem", "table", ("A#1", "C#1")), False, id="one key does not"),
        pytest.param(roles.Call("dynamodb:PutItem", "table", ("A#1",)), False, id="another action"),
        pytest.param(
            roles.Call("dynamodb:GetItem", "table/index/i", ("A#1",)), False, id="an index is another resource"
        ),
    ],
)
def test_a_statement_is_read_as_iam_reads_it(call, expected):
    statement = Statement(("dynamodb:GetItem",), ("table",), ("A#*", "B#*"))

    assert expected == statement.allows(call)
