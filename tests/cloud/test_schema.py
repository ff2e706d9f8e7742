"""The helper that checks every answer must itself find what is wrong."""

from dataclasses import dataclass, field

import pytest
from openapi_spec_validator import validate
from tests.cloud.schema import OPERATIONS, check, documents, operation_of, resolve

GROUP = {
    "id": "ocid1.group.moorage..a",
    "compartmentId": "ocid1.tenancy.moorage..acme",
    "name": "pushers",
    "description": "they push",
    "timeCreated": "2026-11-29T12:00:00.000Z",
    "lifecycleState": "ACTIVE",
    "freeformTags": {},
    "definedTags": {},
}
HEADERS = {"content-type": "application/json", "opc-request-id": "one", "etag": "1"}
TARGET = "/20160918/groups/ocid1.group.moorage..a"


@dataclass
class Given:
    json: object
    status: int = 200
    headers: dict = field(default_factory=lambda: dict(HEADERS))

    @property
    def body(self):
        import json  # noqa: PLC0415

        return json.dumps(self.json).encode() if self.json is not None else b""


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_documents_are_openapi(name):
    validate(documents()[name])


def test_an_operation_has_one_id_in_one_document():
    ids = [operation.id for operation in OPERATIONS]
    assert len(ids) == len(set(ids))


def test_every_answer_that_is_no_success_is_the_error_of_the_cloud_plane():
    for operation in OPERATIONS:
        for status, response in operation.definition["responses"].items():
            if status >= "400":
                content = resolve(operation.document, response)["content"]
                assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


def test_a_good_answer_passes():
    check("GET", TARGET, Given(GROUP))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": 1}, "name: 1 is not of type 'string'"),
        ({"name": None}, "name: None is not of type 'string'"),
        ({"lifecycleState": "GONE"}, "lifecycleState: 'GONE' is not one of"),
        ({"timeCreated": "2026-11-29T12:00:00Z"}, "timeCreated: '2026-11-29T12:00:00Z' is not a 'date-time'"),
        ({"timeCreated": "2026-13-29T12:00:00.000Z"}, "is not a 'date-time'"),
        ({"inactiveStatus": 1.0}, "inactiveStatus: 1.0 is not of type 'integer'"),
        ({"inactiveStatus": True}, "inactiveStatus: True is not of type 'integer'"),
        ({"members": 1}, "Additional properties are not allowed"),
    ],
)
def test_a_field_that_is_not_as_documented_is_found(change, words):
    with pytest.raises(AssertionError, match=words):
        check("GET", TARGET, Given({**GROUP, **change}))


@pytest.mark.parametrize("name", sorted(GROUP))
def test_a_required_field_that_is_missing_is_found(name):
    with pytest.raises(AssertionError, match=f"'{name}' is a required property"):
        check("GET", TARGET, Given({key: value for key, value in GROUP.items() if key != name}))


@pytest.mark.parametrize(
    ("method", "answer", "words"),
    [
        ("GET", Given(GROUP, 204), "GetGroup documents"),
        ("GET", Given(GROUP, headers={**HEADERS, "content-type": "text/plain"}), "content-type text/plain"),
        ("GET", Given(GROUP, headers={**HEADERS, "opc-next-page": "x"}), "an undocumented header opc-next-page"),
        ("GET", Given(GROUP, headers={"content-type": "application/json", "etag": "1"}), "no header opc-request-id"),
        ("GET", Given(GROUP, headers={**HEADERS, "etag": ""}), "an empty header etag"),
        ("GET", Given({"code": "NotAuthenticated"}, 401), "'message' is a required property"),
        ("DELETE", Given(GROUP, 204, {"opc-request-id": "one"}), "a body that is not documented"),
        ("PATCH", Given(GROUP), "200 for what no document has"),
    ],
)
def test_an_answer_that_is_not_as_documented_is_found(method, answer, words):
    with pytest.raises(AssertionError, match=words):
        check(method, TARGET, answer)


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("GET", "/n", "GetNamespace"),
        ("GET", "/n/", "GetNamespace"),
        ("GET", "/20160918/n", None),
        ("GET", "/20160918/groups/", "ListGroups"),
        ("GET", "/groups", None),
        ("DELETE", "/20160918/users/u/apiKeys/aa:bb", "DeleteApiKey"),
        ("POST", "/20160918/container/images/actions/lookupImageByUri", "LookupContainerImageByUri"),
        ("POST", "/20160918/container/images/x/actions/restore", "RestoreContainerImage"),
    ],
)
def test_a_request_is_for_the_operation_of_its_path(method, path, operation):
    found = operation_of(method, path)
    assert (found and found.id) == operation
