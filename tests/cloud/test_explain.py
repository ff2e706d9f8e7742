"""`moorage explain` says of every operation on repositories what the operation itself does."""

import pytest
from tests.cloud.operations import ARTIFACTS, Things
from tests.cloud.plane import Plane
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.routes.fronts import FRONTS
from tests.routes.registry import Registry

from moorage.domain.names import RepositoryName
from moorage.domain.policy.permissions import OPERATIONS
from moorage.operations.explaining import Question, explain_access

CONDITIONS = {
    "the name": "target.repo.name in ('app', 'new')",
    "another name": "target.repo.name != 'app'",
    "a tag of the repository": "target.resource.tag.billing.team = 'web'",
    "another tag": "target.resource.tag.billing.team != 'web'",
    "the compartment": "target.compartment.name = 'team'",
    "the region": "request.region = 'FRA'",
    "the operation": "request.operation != 'ListContainerRepositories'",
}
NEW, APP = RepositoryName("acme/new"), RepositoryName("acme/app")


@pytest.fixture
def things(runner):
    made = Things(Plane(Registry(MemoryBackend(limits(namespace="acme")), runner, FRONTS["direct"])))
    tags = {"definedTags": {"billing": {"team": "web"}}}
    assert made.admin.put(f"/container/repositories/{made.repository}", tags).status == 200
    return made


def _questions(things, operation):
    """Yield all that has to be granted for the row of an operation."""
    needed = OPERATIONS[operation]
    if "Configuration" in operation:
        yield from (Question(each, operation=operation) for each in needed)
    elif operation == "CreateContainerRepository":
        yield from (Question(each, NEW, things.team, operation=operation) for each in needed)
    else:
        yield from (Question(each, APP, operation=operation) for each in needed)
    if operation == "ChangeContainerRepositoryCompartment":
        yield Question("REPOSITORY_CREATE", APP, things.below, operation=operation)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("operation", ARTIFACTS)
def test_what_is_explained_is_what_is_done(things, operation, condition):
    user = things.plane.user("ana", ["dev"])
    method, target, body = ARTIFACTS[operation].of(things)
    things.plane.policy(f"Allow group dev to manage repos in tenancy where {CONDITIONS[condition]}")
    told = [explain_access(things.plane.stores, user.id, each) for each in _questions(things, operation)]

    done = things.plane.as_("ana").send(method, target, body).status < 300

    assert done == all(each.explanation.decision.granted for each in told)
