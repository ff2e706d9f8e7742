"""The cloud plane of a registry: a tenancy with whom and what a test needs, and callers who sign as the SDKs do."""

import json
import re
from dataclasses import replace
from urllib.parse import parse_qsl

from tests.cloud.schema import check
from tests.cloud.signing import fingerprint, private_key, public_pem, signed, unsigned
from tests.routes.registry import HOST, Answer

from moorage.domain.directory import (
    ADMINISTRATORS,
    ADMINISTRATORS_POLICY,
    ApiKey,
    Change,
    Compartment,
    Group,
    Membership,
    Policy,
    User,
)
from moorage.domain.ocid import Kind, make_ocid, tenancy_ocid
from moorage.domain.policy.compiling import compile_policy
from moorage.domain.tenancy import CompartmentNode, PolicyNode
from moorage.domain.ulid import ENTROPY_BYTES, make_ulid
from moorage.web.cloud.answers import page_of, page_token
from moorage.web.cloud.contract import read_contract

API = "/20160918"
ADMINISTRATOR = "administrator"

_WHOLE = re.compile(r"/(/|n(/|\?|$)|\d{8}(/|$))")  # targets with their base path


class Plane:
    """A registry with a tenancy, in which the group Administrators may do everything.

    What it makes is written straight into storage: tests of operations do not rest on one another.
    """

    def __init__(self, registry):
        self.registry = registry
        self.stores = registry.stores
        self.tenancy_id = tenancy_ocid(registry.stores.limits.namespace)
        self.group(ADMINISTRATORS)
        self.policy("Allow group Administrators to manage all-resources in tenancy", name=ADMINISTRATORS_POLICY)

    @property
    def tenancy(self):
        return self.stores.directory.tenancy()

    def group(self, name):
        """Return the id of a group, which is made if it is not there."""
        if known := self.stores.directory.find(Group, name):
            return known
        made = Group(**self._resource(Kind.GROUP, name))
        self._commit(made, groups={**self.tenancy.groups, made.id: name})
        return made.id

    def user(self, name, groups=(), **changes):
        """Return a user with an API key, who is made if they are not there."""
        if known := self.stores.directory.find(User, name):
            return self.stores.directory.get(User, known)
        now = self.registry.clock.now
        key = ApiKey(fingerprint=fingerprint(name), public=public_pem(name), time_created=now)
        memberships = tuple(Membership(group_id=self.group(group), time_created=now) for group in groups)
        made = User(**{**self._resource(Kind.USER, name), "api_keys": (key,), "memberships": memberships, **changes})
        counted = [self.stores.directory.get(Group, membership.group_id) for membership in memberships]
        self.stores.directory.commit(
            [
                Change(None, made),
                *(
                    Change(group, replace(group, members=group.members + 1, version=group.version + 1))
                    for group in counted
                ),
            ]
        )
        return made

    def compartment(self, name, parent=None, **changes):
        """Make a compartment and return its id."""
        parent = parent or self.tenancy_id
        made = Compartment(**{**self._resource(Kind.COMPARTMENT, name), "compartment_id": parent, **changes})
        node = CompartmentNode(parent, name, made.tags.defined)
        self._commit(made, compartments={**self.tenancy.compartments, made.id: node})
        return made.id

    def policy(self, *statements, compartment=None, name=None):
        """Make a policy and return its id."""
        where = compartment or self.tenancy_id
        name = name or f"policy-{len(self.tenancy.policies)}"
        made = Policy(**{**self._resource(Kind.POLICY, name), "compartment_id": where})
        node = PolicyNode(where, name, compile_policy(self.tenancy, where, statements))
        self._commit(made, policies={**self.tenancy.policies, made.id: node})
        return made.id

    def configure(self, **changes):
        """Change what decisions read."""
        tenancy = self.tenancy
        self.stores.directory.commit([], replace(tenancy, version=tenancy.version + 1, **changes))

    def as_(self, name=ADMINISTRATOR):
        """Return a caller: a user of this name, in no group; `administrator` is in Administrators."""
        return Caller(self, self.user(name, [ADMINISTRATORS] if name == ADMINISTRATOR else []))

    def nobody(self):
        """Return a caller who does not sign."""
        return Caller(self, None)

    def _commit(self, made, **changes):
        tenancy = self.tenancy
        self.stores.directory.commit([Change(None, made)], replace(tenancy, version=tenancy.version + 1, **changes))

    def _resource(self, kind, name):
        now = self.registry.clock.now
        return {
            "id": make_ocid(kind, make_ulid(now, self.stores.entropy(ENTROPY_BYTES))),
            "compartment_id": self.tenancy_id,
            "name": name,
            "description": name,
            "time_created": now,
        }


class Caller:
    """A user with an API key, or nobody."""

    def __init__(self, plane, user):
        self.plane = plane
        self.user = user

    @property
    def key_id(self):
        return f"{self.plane.tenancy_id}/{self.user.id}/{fingerprint(self.user.name)}"

    def request(self, method, path, body=None, headers=(), host=HOST):
        """Return a signed request; a body that is no bytes becomes JSON, and a path the target below the base path."""
        target = path if _WHOLE.match(path) else f"{API}{path}"
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        pairs = headers.items() if hasattr(headers, "items") else headers
        made = unsigned(method, target, host, self.plane.registry.clock.now, content, tuple(pairs))
        return made if self.user is None else signed(made, self.key_id, private_key(self.user.name))

    def send(self, method, path, body=None, headers=(), **more):
        return send(self.plane.registry, self.request(method, path, body, headers, **more))

    def get(self, path, headers=()):
        return self.send("GET", path, headers=headers)

    def post(self, path, body=None, headers=()):
        return self.send("POST", path, body, headers)

    def put(self, path, body=None, headers=()):
        return self.send("PUT", path, body, headers)

    def delete(self, path, headers=()):
        return self.send("DELETE", path, headers=headers)

    def all_at_once(self, *requests):
        """Send signed requests that none of waits for another."""
        registry = self.plane.registry
        return registry.all_at_once(*(registry.ask(*_asked(request)[:4], **_asked(request)[4]) for request in requests))


def send(registry, request) -> Answer:
    """Send a request as it is; the answer must be one that the documents have."""
    method, target, headers, body, more = _asked(request)
    answer = registry.send(method, target, headers, body, **more)
    if method != "HEAD":  # which has no body
        check(method, target, answer)
    return answer


def page_at(position, operation, query):
    """Return a page of the artifacts that the query asks for, as it is answered, whether it has such a place or not."""
    contract = read_contract("artifacts")
    parameters = contract.read_parameters(contract.operations[operation], {}, parse_qsl(query))
    return page_of(operation, parameters, page_token(position))


def refusal(answer):
    """Return status and code of a refusal, which must look like one."""
    body = answer.json()
    assert {"code", "message"} == body.keys()
    assert answer.headers["opc-request-id"]
    return answer.status, body["code"]


def _asked(request):
    """Return how a registry is asked: it writes Host and Content-Length itself."""
    own = {"host", "content-length"}
    headers = [pair for pair in request.headers if pair[0].lower() not in own]
    if "content-length" in dict(request.headers) and not request.body:
        headers.append(("content-length", request.header("content-length")))
    return request.method, request.target, headers, request.body, {"host": request.header("host")}
