"""What lists of images cost: reads grow with the page, and not with the repository."""

from datetime import timedelta

import pytest
from tests.cloud.images.docker import query
from tests.cloud.plane import Plane
from tests.factories import limits, manifest, ulid
from tests.fakes import NOW
from tests.routes.fronts import FRONTS
from tests.routes.registry import Registry
from tests.routes.test_calls import Calls

from moorage.domain.ulid import make_ulid
from moorage.stores import keys
from moorage.stores.dynamodb.items import ImageItem, TaggedItem, TagItem
from moorage.stores.dynamodb.manifests import _row

PAGE = 10


@pytest.fixture
def plane(aws, runner):
    with aws.backend(limits(namespace="acme")) as backend:
        yield Plane(Registry(backend, runner, FRONTS["direct"]))


@pytest.fixture
def calls(plane):
    counted = Calls()
    client = plane.stores.repositories._table.client
    counted.watch(client)
    yield counted
    counted.unwatch(client)


def fill(plane, repository_id, numbers):
    """Write images with one tag each straight into the table."""
    rows = []
    for number in numbers:
        listed = make_ulid(NOW + timedelta(seconds=number), ulid(str(number)).encode()[:10])
        record = manifest(f"{repository_id} {number}", repository_id=repository_id, listed=listed)
        tag = f"t{number:05}"
        rows += [
            _row(record),
            ImageItem(*keys.image(repository_id, listed, record.digest)),
            TaggedItem(*keys.tagged(repository_id, record.digest, tag), by="x", time=NOW),
            TagItem(
                *keys.tag(repository_id, tag),
                digest=str(record.digest),
                media_type=record.media_type,
                size=1,
                time_pushed=NOW,
                pushed_by="x",
            ),
        ]
    plane.stores.repositories._table.put_many(rows)


@pytest.mark.parametrize(
    ("filters", "most"),
    [
        ({"repositoryName": "app"}, 1),
        ({"repositoryName": "app", "sortBy": "DISPLAYNAME"}, 1),
        ({"repositoryName": "app", "sortOrder": "ASC"}, 1),
        ({"repositoryName": "app", "isVersioned": True}, 1),
        ({}, 2),
    ],
    ids=["newest", "by name", "oldest", "versioned", "compartment"],
)
def test_a_page_costs_the_same_of_30_images_and_of_600(plane, calls, filters, most):
    """
    One query for the places, one batch for the images, and one query for the versions of each.
    """
    caller = plane.as_()
    repository = plane.registry.repository("acme/app")
    path = query("/container/images", compartmentId=plane.tenancy_id, limit=PAGE, **filters)
    costs = []
    for start, end in ((0, 30), (30, 600)):
        fill(plane, repository.id, range(start, end))
        costs.append(sorted(calls.of(200, caller.get, path)))

    assert costs[0] == costs[1]
    assert PAGE + most == costs[0].count("Query")


def test_an_image_costs_the_same_however_many_there_are(plane, calls):
    caller = plane.as_()
    repository = plane.registry.repository("acme/app")
    costs = []
    for start, end in ((0, 10), (10, 300)):
        fill(plane, repository.id, range(start, end))
        digest = manifest(f"{repository.id} 5").digest
        path = query("/container/images", compartmentId=plane.tenancy_id, imageDigest=str(digest))
        costs.append(sorted(calls.of(200, caller.get, path)))

    assert costs[0] == costs[1]
    assert 2 == costs[0].count("Query")  # which repositories there are, and the versions
