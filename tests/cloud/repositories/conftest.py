import pytest
from tests.cloud.plane import Caller

from moorage.domain.ocid import repository_ocid


class Repositories:
    """What a caller does with repositories."""

    def __init__(self, caller):
        self.caller = caller
        self.tenancy_id = caller.plane.tenancy_id

    def create(self, name="app", **body):
        """Make a repository, in the root unless a compartment is given, and return what is answered."""
        answer = self.post(displayName=name, **body)
        assert 200 == answer.status, answer.body
        return answer.json()

    def post(self, headers=(), **body):
        return self.caller.post("/container/repositories", {"compartmentId": self.tenancy_id, **body}, headers)

    def get(self, repository):
        return self.caller.get(path(repository))

    def update(self, repository, headers=(), **body):
        return self.caller.put(path(repository), body, headers)

    def delete(self, repository, headers=()):
        return self.caller.delete(path(repository), headers)

    def move(self, repository, compartment_id, headers=()):
        return self.caller.post(
            f"{path(repository)}/actions/changeCompartment", {"compartmentId": compartment_id}, headers
        )

    def list(self, query="", compartment=None):
        return self.caller.get(f"/container/repositories?compartmentId={compartment or self.tenancy_id}{query}")

    def names(self, query="", compartment=None):
        """Return the display names that a list shows, read to its end."""
        shown, page = [], ""
        while page is not None:
            answer = self.list(f"{query}{page}", compartment)
            assert 200 == answer.status, answer.body
            shown += [item["displayName"] for item in answer.json()["items"]]
            following = answer.headers.get("opc-next-page")
            page = f"&page={following}" if following else None
        return shown


def path(repository):
    ocid = repository["id"] if isinstance(repository, dict) else repository
    return f"/container/repositories/{ocid}"


@pytest.fixture
def admin(plane):
    """The administrator's repositories."""
    return Repositories(plane.as_())


@pytest.fixture
def stranger(plane):
    """Those of a user whom no policy grants anything."""
    return Repositories(plane.as_("mallory"))


@pytest.fixture
def repositories():
    """Return what somebody does with repositories."""

    def of(caller: Caller):
        return Repositories(caller)

    return of


@pytest.fixture
def unknown():
    """The id of a repository that never was."""
    return repository_ocid("01ARZ3NDEKTSV4RRFFQ69G5FAV")
