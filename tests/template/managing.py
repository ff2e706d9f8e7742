"""Every operation of the cloud plane, called once and more: what a tenancy can be asked for."""

import base64
import json
import uuid
from datetime import timedelta
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.cloud.plane import API, send
from tests.cloud.signing import fingerprint, public_pem, signed, unsigned
from tests.routes.registry import HOST

from moorage.domain.directory import ADMINISTRATORS
from moorage.operations.session import begin_session
from moorage.web.cloud.sessions import write_jwk
from moorage.web.tokens import issue_session

CONTAINER = "/container"
ALGORITHM = "SHA_256_RSA_PKCS_PSS"


class Manager:
    """An administrator, who expects every call to succeed."""

    def __init__(self, plane):
        self.plane = plane
        self.root = plane.tenancy_id
        plane.user("manager", [ADMINISTRATORS])
        self._caller = plane.as_("manager")

    def call(self, method, path, body=None, **query):
        """Send a request; return the answer's document."""
        target = f"{path}?{urlencode(query)}" if query else path
        tokens = {"opc-retry-token": uuid.uuid4().hex} if method == "POST" else {}
        answer = self._caller.send(method, target, body, tokens)
        assert answer.status in {200, 202, 204}, (method, target, answer.body)
        return json.loads(answer.body or b"null")

    def call_in_a_session(self, path, **query):
        """Send a request that a session signs, to a function that has to read the keys first."""
        registry = self.plane.registry
        registry.clock.advance(timedelta(minutes=1))
        made = begin_session(registry.stores, user="manager")
        said = {"tenancy_id": self.root, "token_id": "1", "now": made.now, "life": timedelta(hours=1)}
        token = issue_session(made.principal, write_jwk(made.public_key), made.signing_key, **said)
        key = load_pem_private_key(made.private_key_pem.encode(), None)
        request = unsigned("GET", f"{API}{path}?{urlencode(query)}", HOST, registry.clock.now)
        answer = send(registry, signed(request, f"ST${token}", key))
        assert 200 == answer.status, answer.body

    def make(self, path, **fields):
        """Create a resource and return its id."""
        return self.call("POST", path, {"compartmentId": self.root, "description": "d", **fields})["id"]

    def use(self, path, changes, **query):
        """List a kind, and get and change one of it; `path` ends with an id."""
        self.call("GET", path.rpartition("/")[0], **query)
        self.call("GET", path)
        self.call("PUT", path, changes)


def manage_identity(plane):
    """Compartments, users, groups, policies, credentials and the rest."""
    manager = Manager(plane)
    listed = {"compartmentId": manager.root}
    compartments(manager, listed)
    people(manager, listed)
    described = {"description": "another"}
    for path, fields in {
        "/dynamicGroups": {"matchingRule": "ANY {resource.id = 'arn:aws:iam::123456789012:role/ci'}"},
        "/policies": {"statements": ["Allow group Administrators to inspect repos in tenancy"]},
        "/networkSources": {"publicSourceList": ["203.0.113.0/24"]},
    }.items():
        made = f"{path}/{manager.make(path, name='made', **fields)}"
        manager.use(made, described, **listed)
        manager.call("DELETE", made)
    manager.call("GET", f"/authenticationPolicies/{manager.root}")
    manager.call("PUT", f"/authenticationPolicies/{manager.root}", {"passwordPolicy": {"minimumPasswordLength": 12}})
    for path in (f"/tenancies/{manager.root}", f"/tenancies/{manager.root}/regionSubscriptions", "/regions", "/n"):
        manager.call("GET", path)
    manager.call_in_a_session("/users", **listed)


def compartments(manager, listed):
    """A compartment is made, moved, deleted and recovered."""
    above, below = (manager.make("/compartments", name=name) for name in ("above", "below"))
    manager.use(f"/compartments/{below}", {"description": "another", "name": "deep"}, **listed)
    manager.call("POST", f"/compartments/{below}/actions/moveCompartment", {"targetCompartmentId": above})
    manager.call("DELETE", f"/compartments/{below}")
    requests = manager.call("GET", "/workRequests", compartmentId=above)
    manager.call("GET", f"/workRequests/{requests[0]['id']}")
    manager.call("POST", f"/compartments/{below}/actions/recoverCompartment")


def people(manager, listed):
    """A user with every credential comes into a group, and goes."""
    user, group = manager.make("/users", name="somebody"), manager.make("/groups", name="several")
    manager.use(f"/users/{user}", {"description": "another"}, **listed)
    manager.use(f"/groups/{group}", {"description": "another"}, **listed)
    manager.call("PUT", f"/users/{user}/state", {"blocked": False})
    manager.call("PUT", f"/users/{user}/capabilities", {"canUseApiKeys": True})
    manager.call("POST", f"/users/{user}/apiKeys", {"key": public_pem("somebody")})
    manager.call("GET", f"/users/{user}/apiKeys")
    manager.call("DELETE", f"/users/{user}/apiKeys/{quote(fingerprint('somebody'), safe='')}")
    token = manager.call("POST", f"/users/{user}/authTokens", {"description": "d"})["id"]
    manager.call("GET", f"/users/{user}/authTokens")
    manager.call("PUT", f"/users/{user}/authTokens/{token}", {"description": "another"})
    manager.call("DELETE", f"/users/{user}/authTokens/{token}")
    membership = manager.call("POST", "/userGroupMemberships", {"userId": user, "groupId": group})["id"]
    manager.call("GET", "/userGroupMemberships", groupId=group, **listed)
    manager.call("GET", f"/userGroupMemberships/{membership}")
    for path in (f"/userGroupMemberships/{membership}", f"/users/{user}", f"/groups/{group}"):
        manager.call("DELETE", path)


def manage_artifacts(plane, push):
    """Repositories, images and signatures; `push` pushes an image to `acme/managed` and returns its digest."""
    manager = Manager(plane)
    listed = {"compartmentId": manager.root}
    elsewhere = manager.plane.compartment("elsewhere")
    repository = manager.make(f"{CONTAINER}/repositories", displayName="managed")
    path = f"{CONTAINER}/repositories/{repository}"
    manager.use(path, {"isPublic": True, "readme": {"content": "# x", "format": "TEXT_MARKDOWN"}}, **listed)
    manager.call("POST", f"{path}/actions/changeCompartment", {"compartmentId": elsewhere})
    everywhere = {**listed, "compartmentIdInSubtree": "true"}
    manager.call("GET", f"{CONTAINER}/repositories", **everywhere)
    manager.call("GET", f"{CONTAINER}/configuration", **listed)
    manager.call("PUT", f"{CONTAINER}/configuration?{urlencode(listed)}", {"isRepositoryCreatedOnFirstPush": True})
    digest = push("one", "two")
    image = manager.call("POST", f"{CONTAINER}/images/actions/lookupImageByUri", {"imageUri": "acme/managed:one"})
    assert str(digest) == image["digest"]
    manager.call_in_a_session(f"{CONTAINER}/repositories", **listed)
    images(manager, image, everywhere)
    signatures(manager, image, elsewhere, everywhere)
    manager.call("DELETE", path)


def images(manager, image, listed):
    """An image is listed, unversioned, deleted and restored."""
    path = f"{CONTAINER}/images/{image['id']}"
    manager.use(path, {"freeformTags": {"a": "b"}}, **listed)
    manager.call("GET", f"{CONTAINER}/images", version="t*", **listed)
    manager.call("POST", f"{path}/actions/removeVersion", {"version": "one"})
    manager.call("DELETE", path)
    manager.call("POST", f"{path}/actions/restore", {"version": "two"})


def signatures(manager, image, compartment, listed):
    """A signature is a record whose message is about the image."""
    key, version = "ocid1.key.oc1..a", "ocid1.keyversion.oc1..b"
    message = {
        "description": "d",
        "imageDigest": image["digest"],
        "kmsKeyId": key,
        "kmsKeyVersionId": version,
        "metadata": "",
        "region": "eu-central-1",
        "repositoryName": image["repositoryName"],
        "signingAlgorithm": ALGORITHM,
    }
    made = manager.call(
        "POST",
        f"{CONTAINER}/imageSignatures",
        {
            "compartmentId": compartment,
            "imageId": image["id"],
            "kmsKeyId": key,
            "kmsKeyVersionId": version,
            "message": base64.b64encode(json.dumps(message).encode()).decode(),
            "signature": base64.b64encode(bytes(256)).decode(),
            "signingAlgorithm": ALGORITHM,
        },
    )
    path = f"{CONTAINER}/imageSignatures/{made['id']}"
    manager.use(path, {"freeformTags": {"a": "b"}}, **listed)
    manager.call("DELETE", path)
