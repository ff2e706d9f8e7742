"""What repositories cost in requests to DynamoDB: that of a page grows with the page, not with the collection."""

from datetime import timedelta

import pytest
from tests.cloud.plane import Plane
from tests.cloud.repositories.conftest import Repositories
from tests.factories import limits
from tests.fakes import NOW
from tests.routes.fronts import FRONTS
from tests.routes.registry import Registry
from tests.routes.test_calls import Calls

from moorage.domain.repository import Repository, RepositoryState
from moorage.domain.ulid import make_ulid
from moorage.stores import keys
from moorage.stores.dynamodb.items import NameItem, RepositoryItem
from moorage.stores.dynamodb.listing import PlaceItem, TotalItem

PAGE = 10


@pytest.fixture(scope="module")
def plane(aws, runner):
    with aws.backend(limits(namespace="acme")) as backend:
        yield Plane(Registry(backend, runner, FRONTS["direct"]))


@pytest.fixture(scope="module")
def admin(plane):
    made = Repositories(plane.as_())
    made.list()  # what a process reads once
    return made


@pytest.fixture
def calls(plane):
    counted = Calls()
    client = plane.stores.repositories._table.client
    counted.watch(client)
    yield counted
    counted.unwatch(client)


def fill(plane, start, end):
    """Write repositories as the store does, many at once."""
    table, root = plane.stores.repositories._table, plane.tenancy_id
    rows = []
    for number in range(start, end):
        made = Repository(
            id=make_ulid(NOW + timedelta(seconds=number), bytes(10)),
            name=f"acme/r{number:03}",
            public=number % 2 == 0,
            state=RepositoryState.AVAILABLE,
            time_created=NOW,
            created_by="x",
            compartment_id=root,
        )
        said = {name: getattr(made, name) for name in ("public", "time_created", "created_by", "compartment_id")}
        rows += [
            NameItem(*keys.name("acme", made.name), repository_id=made.id, state="AVAILABLE", **said),
            RepositoryItem(*keys.record(made.id), name=made.name, version=1, state="AVAILABLE", **said),
            *(
                PlaceItem(*key, repository_id=made.id)
                for key in (
                    keys.created(keys.catalog("acme"), made.id),
                    keys.created(keys.compartment(root), made.id),
                    keys.named(keys.compartment(root), made.name, made.id),
                )
            ),
        ]
    table.put_many([*rows, TotalItem(*keys.total(keys.compartment(root)), repositories=end)])


def test_a_page_costs_the_same_of_30_repositories_and_of_500(plane, admin, calls):
    fill(plane, 0, 30)
    queries = [
        f"&limit={PAGE}{tree}{order}"
        for tree in ("", "&compartmentIdInSubtree=true")
        for order in ("", "&sortBy=DISPLAYNAME", "&sortOrder=ASC")
    ]
    few = [calls.of(200, admin.list, query) for query in queries]
    fill(plane, 30, 500)
    many = [calls.of(200, admin.list, query) for query in queries]

    asked = ["BatchGetItem"]  # who asks, and what decides
    assert [[*asked, "Query", "BatchGetItem", *["Query"] * PAGE, "GetItem"]] * len(queries) == many == few


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("&displayName=r007", ["GetItem", "GetItem", "Query"]),
        ("&displayName=r007&compartmentIdInSubtree=true", ["GetItem", "GetItem", "Query"]),
        ("&displayName=absent", ["GetItem"]),
        ("&displayName=No%20name", []),
        ("&isPublic=true&limit=3", ["Query", "BatchGetItem", *["Query"] * 3]),
        ("&lifecycleState=DELETED", ["Query"]),
    ],
)
def test_filters_are_cheap(plane, admin, calls, query, expected):
    fill(plane, 0, 30)

    assert ["BatchGetItem", *expected] == calls.of(200, admin.list, query)


def test_a_repository_costs_what_it_has(admin, calls):
    made = admin.create("new")
    asked = ["BatchGetItem"]

    assert [*asked, "TransactWriteItems"] == calls.of(200, admin.post, displayName="newer")
    assert [*asked, "GetItem", "Query"] == calls.of(200, admin.get, made)
    assert [*asked, "GetItem", "TransactWriteItems", "Query"] == calls.of(200, admin.update, made, isPublic=True)
    closing = ["Query", *["TransactWriteItems"] * 8]
    assert [*asked, "GetItem", "TransactWriteItems", *closing] == calls.of(204, admin.delete, made)
    assert [*asked, "GetItem", "Query"] == calls.of(204, admin.delete, made)


def test_a_first_push_costs_the_configuration_and_a_transaction(plane, calls):
    client = plane.registry.client(name="acme/first")
    client.get("/v2/")

    assert ["GetItem", "GetItem", "TransactWriteItems", "Query", "PutItem"] == calls.of(
        202, client.post, "blobs/uploads/"
    )
