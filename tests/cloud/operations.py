"""Every operation of the cloud plane as one request on what there is, and the least verb that allows it.

In targets and bodies stand names in braces: attributes of `Things`, which are made when they are first asked for.
"""

import base64
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.cloud.images.docker import Docker, image_of, repository
from tests.cloud.signing import fingerprint, public_pem

from moorage.domain.directory import membership_ocid

NOT_FOUND = (404, "NotAuthorizedOrNotFound")
RELATED = (400, "RelatedResourceNotAuthorizedOrNotFound")  # what is named in the body is not there, or not to be seen
RULE = "any {instance.id = 'arn:aws:iam::123456789012:role/build'}"
KEY = ("ocid1.key.oc1..key", "ocid1.keyversion.oc1..version", "SHA_256_RSA_PKCS_PSS")


class Things:
    """What operations are about: an administrator made it."""

    def __init__(self, plane):
        self.plane = plane
        self.admin = plane.as_()
        self.root = plane.tenancy_id
        self.team = plane.compartment("team")
        self.other = plane.compartment("other")

    statement = "Allow any-user to inspect repos in compartment team"

    @cached_property
    def below(self):
        return self.plane.compartment("below", self.team)

    @cached_property
    def gone(self):
        """A compartment in `team` that was deleted, and its work request."""
        made = self.plane.compartment("gone", self.team)
        answer = self.admin.delete(f"/compartments/{made}")
        return made, answer.headers["opc-work-request-id"]

    @property
    def deleted_compartment(self):
        return self.gone[0]

    @property
    def work_request(self):
        return self.gone[1]

    @cached_property
    def repository(self):
        return repository(self.plane, "app", self.team)["id"]

    @cached_property
    def digest(self):
        assert self.repository
        return Docker(self.plane).push("1.0", b"layer")

    @cached_property
    def image(self):
        return image_of(self.plane, self.digest, compartment=self.team)["id"]

    @cached_property
    def deleted_image(self):
        assert 204 == self.admin.delete(f"/container/images/{self.image}").status
        return self.image

    @cached_property
    def message(self):
        names = ("kmsKeyId", "kmsKeyVersionId", "signingAlgorithm")
        said = {"imageDigest": self.digest, "repositoryName": "app", **dict(zip(names, KEY, strict=True))}
        return base64.b64encode(json.dumps(said).encode()).decode()

    @cached_property
    def signature(self):
        return self._made("/container/imageSignatures", fill(self, SIGNATURE))

    @cached_property
    def user(self):
        return self.plane.user("bob").id

    @property
    def fingerprint(self):
        return fingerprint("bob")

    @property
    def new_key(self):
        return public_pem("new")

    @cached_property
    def auth_token(self):
        return self._made(f"/users/{self.user}/authTokens", {"description": "d"})

    @cached_property
    def group(self):
        return self.plane.group("crew")

    @cached_property
    def membership(self):
        self._made("/userGroupMemberships", {"userId": self.user, "groupId": self.group})
        return membership_ocid(self.user, self.group)

    @cached_property
    def dynamic_group(self):
        return self._made("/dynamicGroups", {"compartmentId": self.root, **NAMED, "matchingRule": RULE})

    @cached_property
    def policy(self):
        return self.plane.policy("Allow any-user to inspect tenancies in compartment team", compartment=self.team)

    @cached_property
    def network_source(self):
        return self._made("/networkSources", {"compartmentId": self.root, **NAMED})

    def _made(self, path, body):
        answer = self.admin.post(path, body)
        assert 200 == answer.status, answer.body
        return answer.json()["id"]


@dataclass(frozen=True)
class Row:
    """One operation: the least verb, the types that it must be of, where, and the request."""

    verb: str
    types: tuple[str, ...]
    request: str
    body: Any = None
    place: str = "team"
    refused: tuple[int, str] = NOT_FOUND  # to whom may not
    absent: tuple[int, str] = NOT_FOUND  # to whom may, on what is not there

    def of(self, things):
        """Return method, target and body on these things."""
        method, target = fill(things, self.request).split(" ")
        return method, target, fill(things, self.body)


def fill(things, value):
    """Put things where their names are."""
    if isinstance(value, dict):
        return {key: fill(things, each) for key, each in value.items()}
    if isinstance(value, list):
        return [fill(things, each) for each in value]
    return re.sub(r"<(\w+)>", lambda match: getattr(things, match[1]), value) if isinstance(value, str) else value


SIGNATURE = {
    "compartmentId": "<team>",
    "imageId": "<image>",
    "kmsKeyId": KEY[0],
    "kmsKeyVersionId": KEY[1],
    "signingAlgorithm": KEY[2],
    "message": "<message>",
    "signature": "c2lnbmF0dXJl",
}
NAMED = {"name": "new", "description": "d"}
_ROOT, _TEAM, _CHANGE = {"compartmentId": "<root>"}, {"compartmentId": "<team>"}, {"description": "changed"}


def _repos(verb, request, body=None, place="team"):
    return Row(verb, ("repos",), request, body, place)


def _in_root(verb, types, request, body=None):
    return Row(verb, tuple(types.split()), request, body, "root")


def _resource(kind, path, body, list_verb="inspect", change_verb="use"):
    """Return the five operations of a type that is in the root, in the order of `_OPERATIONS_OF`."""
    thing = kind.replace("-", "_").removesuffix("s")
    return [
        _in_root("manage", kind, f"POST {path}", {**_ROOT, **NAMED, **body}),
        _in_root(list_verb, kind, f"GET {path}?compartmentId=<root>"),
        _in_root(list_verb, kind, f"GET {path}/<{thing}>"),
        _in_root(change_verb, kind, f"PUT {path}/<{thing}>", _CHANGE),
        _in_root("manage", kind, f"DELETE {path}/<{thing}>"),
    ]


def _five(name, plural, rows):
    names = (f"Create{name}", f"List{plural}", f"Get{name}", f"Update{name}", f"Delete{name}")
    return dict(zip(names, rows, strict=True))


_R, _I, _S = "/container/repositories", "/container/images", "/container/imageSignatures"
ARTIFACTS = {
    "CreateContainerRepository": _repos("manage", f"POST {_R}", {**_TEAM, "displayName": "new"}),
    "ListContainerRepositories": _repos("inspect", f"GET {_R}?compartmentId=<team>"),
    "GetContainerRepository": _repos("read", f"GET {_R}/<repository>"),
    "UpdateContainerRepository": _repos("manage", f"PUT {_R}/<repository>", {"isPublic": True}),
    "DeleteContainerRepository": _repos("manage", f"DELETE {_R}/<repository>"),
    "ChangeContainerRepositoryCompartment": _repos(
        "manage", f"POST {_R}/<repository>/actions/changeCompartment", {"compartmentId": "<below>"}
    ),
    "ListContainerImages": _repos("inspect", f"GET {_I}?compartmentId=<team>"),
    "GetContainerImage": _repos("read", f"GET {_I}/<image>"),
    "UpdateContainerImage": _repos("manage", f"PUT {_I}/<image>", {"freeformTags": {"a": "b"}}),
    "DeleteContainerImage": _repos("manage", f"DELETE {_I}/<image>"),
    "RemoveContainerVersion": _repos("manage", f"POST {_I}/<image>/actions/removeVersion", {"version": "1.0"}),
    "RestoreContainerImage": _repos("manage", f"POST {_I}/<deleted_image>/actions/restore", {}),
    "LookupContainerImageByUri": _repos(
        "read", f"POST {_I}/actions/lookupImageByUri", {"imageUri": "acme/app@<digest>"}
    ),
    "CreateContainerImageSignature": Row(
        "manage", ("repos",), f"POST {_S}", SIGNATURE, refused=RELATED, absent=RELATED
    ),
    "ListContainerImageSignatures": _repos("inspect", f"GET {_S}?compartmentId=<team>"),
    "GetContainerImageSignature": _repos("read", f"GET {_S}/<signature>"),
    "UpdateContainerImageSignature": _repos("manage", f"PUT {_S}/<signature>", {"freeformTags": {"a": "b"}}),
    "DeleteContainerImageSignature": _repos("manage", f"DELETE {_S}/<signature>"),
    "GetContainerConfiguration": _repos("inspect", "GET /container/configuration?compartmentId=<root>", place="root"),
    "UpdateContainerConfiguration": _repos(
        "manage",
        "PUT /container/configuration?compartmentId=<root>",
        {"isRepositoryCreatedOnFirstPush": False},
        place="root",
    ),
}


def _compartments(verb, request, body=None):
    return Row(verb, ("compartments",), request, body)


_USER = "/users/<user>"
IDENTITY = {
    "CreateCompartment": _compartments("manage", "POST /compartments", {**_TEAM, **NAMED}),
    "ListCompartments": _compartments("inspect", "GET /compartments?compartmentId=<team>"),
    "GetCompartment": _compartments("inspect", "GET /compartments/<below>"),
    "UpdateCompartment": _compartments("use", "PUT /compartments/<below>", _CHANGE),
    "DeleteCompartment": _compartments("manage", "DELETE /compartments/<below>"),
    "RecoverCompartment": _compartments(
        "manage", "POST /compartments/<deleted_compartment>/actions/recoverCompartment"
    ),
    "MoveCompartment": _in_root(
        "manage",
        "all-resources",
        "POST /compartments/<below>/actions/moveCompartment",
        {"targetCompartmentId": "<other>"},
    ),
    "GetWorkRequest": _compartments("read", "GET /workRequests/<work_request>"),
    "ListWorkRequests": _compartments("read", "GET /workRequests?compartmentId=<team>"),
    **_five("User", "Users", _resource("users", "/users", {})),
    "UpdateUserState": _in_root("manage", "users", f"PUT {_USER}/state", {"blocked": False}),
    "UpdateUserCapabilities": _in_root("use", "users", f"PUT {_USER}/capabilities", {"canUseApiKeys": False}),
    "ListApiKeys": _in_root("read", "users", f"GET {_USER}/apiKeys"),
    "UploadApiKey": _in_root("manage", "users", f"POST {_USER}/apiKeys", {"key": "<new_key>"}),
    "DeleteApiKey": _in_root("manage", "users", f"DELETE {_USER}/apiKeys/<fingerprint>"),
    "ListAuthTokens": _in_root("read", "users", f"GET {_USER}/authTokens"),
    "CreateAuthToken": _in_root("manage", "users", f"POST {_USER}/authTokens", _CHANGE),
    "UpdateAuthToken": _in_root("manage", "users", f"PUT {_USER}/authTokens/<auth_token>", _CHANGE),
    "DeleteAuthToken": _in_root("manage", "users", f"DELETE {_USER}/authTokens/<auth_token>"),
    **_five("Group", "Groups", _resource("groups", "/groups", {})),
    "AddUserToGroup": Row(
        "use",
        ("groups", "users"),
        "POST /userGroupMemberships",
        {"userId": "<user>", "groupId": "<group>"},
        "root",
        absent=RELATED,
    ),
    "RemoveUserFromGroup": _in_root("use", "groups users", "DELETE /userGroupMemberships/<membership>"),
    "ListUserGroupMemberships": _in_root(
        "inspect", "groups users", "GET /userGroupMemberships?compartmentId=<root>&userId=<user>"
    ),
    "GetUserGroupMembership": _in_root("inspect", "groups users", "GET /userGroupMemberships/<membership>"),
    **_five("DynamicGroup", "DynamicGroups", _resource("dynamic-groups", "/dynamicGroups", {"matchingRule": RULE})),
    **_five(
        "Policy",
        "Policies",
        [
            Row("manage", ("policies",), "POST /policies", {**_TEAM, **NAMED, "statements": ["<statement>"]}),
            Row("inspect", ("policies",), "GET /policies?compartmentId=<team>"),
            Row("inspect", ("policies",), "GET /policies/<policy>"),
            Row("manage", ("policies",), "PUT /policies/<policy>", _CHANGE),
            Row("manage", ("policies",), "DELETE /policies/<policy>"),
        ],
    ),
    **_five("NetworkSource", "NetworkSources", _resource("network-sources", "/networkSources", {})),
    "GetAuthenticationPolicy": _in_root("inspect", "authentication-policies", "GET /authenticationPolicies/<root>"),
    "UpdateAuthenticationPolicy": _in_root(
        "manage",
        "authentication-policies",
        "PUT /authenticationPolicies/<root>",
        {"networkPolicy": {"networkSourceIds": []}},
    ),
    "GetTenancy": _in_root("inspect", "tenancies", "GET /tenancies/<root>"),
    "ListRegionSubscriptions": _in_root("inspect", "tenancies", "GET /tenancies/<root>/regionSubscriptions"),
    "ListRegions": _in_root("inspect", "tenancies", "GET /regions"),
}
ROWS = {**ARTIFACTS, **IDENTITY}
