"""Groups, policies, compartments and users, written straight into the stores, as the cloud plane leaves them."""

from base64 import b32encode
from dataclasses import replace

from moorage.domain.directory import (
    ADMINISTRATORS,
    ADMINISTRATORS_POLICY,
    AuthToken,
    Change,
    Compartment,
    Group,
    Membership,
    NetworkSource,
    Policy,
    State,
    User,
)
from moorage.domain.identity import hash_password
from moorage.domain.ocid import Kind, make_ocid
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.tenancy import CompartmentNode, NetworkSourceNode, PolicyNode
from moorage.operations.repositories import new_ulid

_PUSHES = ("REPOSITORY_INSPECT", "REPOSITORY_READ", "REPOSITORY_UPDATE", "REPOSITORY_CREATE")
PUSHES = "manage repos in tenancy where any {" + ", ".join(f"request.permission = '{one}'" for one in _PUSHES) + "}"

# What users of a name, or of a name with a suffix, may: `writer-2` is a writer.
GROUPS = {
    "administrator": (ADMINISTRATORS, "manage all-resources in tenancy"),
    "writer": ("Writers", PUSHES),
    "reader": ("Readers", "read repos in tenancy"),
    "none": ("Nobodies", None),
}


class People:
    """The directory of one registry, and a hand that writes it."""

    def __init__(self, stores):
        self._stores = stores

    def ocid(self, kind):
        return make_ocid(kind, new_ulid(self._stores))

    @property
    def tenancy(self):
        return self._stores.directory.tenancy()

    def group(self, name, *grants):
        """Return the id of a group, which is made, with a policy of its own that grants these, unless it is there."""
        tenancy = self.tenancy
        for key, known in tenancy.groups.items():
            if known == name:
                return key
        made = Group(**self._resource(Kind.GROUP, name))
        decided = replace(tenancy, version=tenancy.version + 1, groups={**tenancy.groups, made.id: name})
        self._stores.directory.commit([Change(None, made)], decided)
        if grants:
            policy = ADMINISTRATORS_POLICY if name == ADMINISTRATORS else f"{name} may"
            self.policy(policy, *(f"Allow group {name} to {grant}" for grant in grants))
        return made.id

    def policy(self, name, *statements, compartment_id=None):
        """Make a policy, or give the one of that name other statements; it is attached to the root, or elsewhere."""
        tenancy, place = self.tenancy, compartment_id or self.tenancy.id
        found = self._stores.directory.find(Policy, name)
        before = self._stores.directory.get(Policy, found) if found else None
        if before:
            after = replace(before, version=before.version + 1)
        else:
            after = Policy(**self._resource(Kind.POLICY, name, place))
        node = PolicyNode(place, name, compile_policy(tenancy, place, statements))
        policies = {**tenancy.policies, after.id: node}
        decided = replace(tenancy, version=tenancy.version + 1, policies=policies)
        self._stores.directory.commit([Change(before, after)], decided)
        return after.id

    def compartment(self, name, parent=None):
        """Make a compartment and return its id."""
        tenancy, parent = self.tenancy, parent or self.tenancy.id
        made = Compartment(**self._resource(Kind.COMPARTMENT, name, parent))
        compartments = {**tenancy.compartments, made.id: CompartmentNode(parent, name)}
        decided = replace(tenancy, version=tenancy.version + 1, compartments=compartments)
        self._stores.directory.commit([Change(None, made)], decided)
        return made.id

    def network(self, name, *networks, sign_in=False):
        """Make a network source; users may come from there alone, when it is for signing in."""
        tenancy = self.tenancy
        made = NetworkSource(**self._resource(Kind.NETWORK_SOURCE, name), public_source_list=networks)
        decided = replace(
            tenancy,
            version=tenancy.version + 1,
            network_sources={**tenancy.network_sources, made.id: NetworkSourceNode(name, networks)},
            sign_in_sources=(made.id,) if sign_in else tenancy.sign_in_sources,
        )
        self._stores.directory.commit([Change(None, made)], decided)
        return made.id

    def user(self, name, *groups):
        """Make a user who is in groups, by their ids, and has no credential yet."""
        now, directory = self._stores.clock(), self._stores.directory
        memberships = tuple(Membership(group_id=group, time_created=now) for group in groups)
        made = User(**self._resource(Kind.USER, name), memberships=memberships)
        before = [directory.get(Group, group) for group in groups]
        larger = [replace(group, members=group.members + 1, version=group.version + 1) for group in before]
        directory.commit([Change(None, made), *map(Change, before, larger)])
        return made

    def of(self, name):
        """Return a user of that name, in the group that the name says: `reader`, `reader-2`."""
        return self.user(name, self.group(*filter(None, GROUPS[name.partition("-")[0]])))

    def find(self, name):
        return self._stores.directory.get(User, self._stores.directory.find(User, name) or "nobody")

    def change(self, name, **fields):
        """Change fields of a user."""
        before = self.find(name)
        after = replace(before, version=before.version + 1, **fields)
        self._stores.directory.commit([Change(before, after)])
        return after

    def auth_token(self, name, description=""):
        """Give a user one more auth token, and return the password that it is."""
        text = b32encode(self._stores.entropy(20)).decode().lower()
        made = AuthToken(
            id=self.ocid(Kind.AUTH_TOKEN),
            hash=hash_password(text),
            description=description,
            time_created=self._stores.clock(),
        )
        self.change(name, auth_tokens=(*self.find(name).auth_tokens, made))
        return text

    def remove(self, name):
        self._stores.directory.commit([Change(self.find(name), None)])

    def deactivate(self, name):
        return self.change(name, state=State.INACTIVE, inactive_status=1)

    def _resource(self, kind, name, compartment_id=None):
        return {
            "id": self.ocid(kind),
            "compartment_id": compartment_id or self.tenancy.id,
            "name": name,
            "description": name,
            "time_created": self._stores.clock(),
        }
