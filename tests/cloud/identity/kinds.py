"""The kinds of resources that are made, shown, listed, changed and deleted in the same way, and how to make one."""

from dataclasses import dataclass, field
from itertools import count

RULE = "any {instance.id = 'arn:aws:iam::123456789012:role/build'}"


@dataclass(frozen=True)
class Kind:
    """Where a kind lives, what makes one, what changes one, and what there is of it before a test makes any."""

    name: str
    path: str
    more: dict = field(default_factory=dict)  # in the body that makes one, beside compartment, name and description
    changes: dict = field(default_factory=dict)  # in a body that changes one, beside description
    deleted: int = 204
    first: tuple = ()  # names of those that each tenancy has

    def body(self, plane, name, **changes):
        made = {"compartmentId": plane.tenancy_id, "name": name, "description": f"the {name}"}
        return {**made, **self.more, **changes}

    def make(self, caller, name, **changes):
        """Make one and return it."""
        answer = caller.post(self.path, self.body(caller.plane, name, **changes))
        assert answer.status == 200, answer.body
        return answer.json()

    def one(self, made):
        return f"{self.path}/{made['id']}"

    def __str__(self):
        return self.name


COMPARTMENT = Kind("compartment", "/compartments", changes={"name": "renamed"}, deleted=202)
USER = Kind("user", "/users", {"email": "a@example.com"}, {"email": "b@example.com"}, first=("administrator",))
GROUP = Kind("group", "/groups", first=("Administrators",))
DYNAMIC_GROUP = Kind(
    "dynamic-group", "/dynamicGroups", {"matchingRule": RULE}, {"matchingRule": RULE.replace("build", "deploy")}
)
POLICY = Kind(
    "policy",
    "/policies",
    {"statements": ["Allow group Administrators to inspect repos in tenancy"]},
    {"statements": ["Allow group Administrators to read repos in tenancy"]},
    first=("Tenant Admin Policy",),
)
NETWORK_SOURCE = Kind(
    "network-source",
    "/networkSources",
    {"publicSourceList": ["203.0.113.0/24", "198.51.100.7"]},
    {"publicSourceList": ["192.0.2.0/24"]},
)
KINDS = (COMPARTMENT, USER, GROUP, DYNAMIC_GROUP, POLICY, NETWORK_SOURCE)

_NUMBERS = count()


def retry_token(token=None):
    """Return the header of a retry token, a new one when none is given."""
    return {"opc-retry-token": token or f"token-{next(_NUMBERS)}"}
