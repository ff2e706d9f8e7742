"""Requests that schemathesis makes from the documents, good ones and bad ones: every answer is a documented one.

They are signed and sent as any client's; one in two names what is there, so that they get further than to a 404.
"""

from types import SimpleNamespace

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.cloud.operations import Things
from tests.cloud.plane import Plane
from tests.cloud.schema import documents
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.routes.registry import HOST, Registry, directly

EXAMPLES = 8  # of good requests for each operation, and as many bad ones
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN = {  # parameters and fields, and what `Things` calls something that is there
    "compartmentId": "root",
    "targetCompartmentId": "other",
    "repositoryId": "repository",
    "imageId": "image",
    "imageSignatureId": "signature",
    "imageDigest": "digest",
    "tenancyId": "root",
    "userId": "user",
    "fingerprint": "fingerprint",
    "authTokenId": "auth_token",
    "groupId": "group",
    "userGroupMembershipId": "membership",
    "dynamicGroupId": "dynamic_group",
    "policyId": "policy",
    "networkSourceId": "network_source",
    "workRequestId": "work_request",
    "resourceIdentifier": "deleted_compartment",
    "key": "new_key",
    "message": "message",
}
OURS = {"authorization", "host", "content-length", "content-type", "date"}  # headers that the caller writes and signs


def _operations():
    for document in documents().values():
        for found in schemathesis.openapi.from_dict(document).get_all_operations():
            operation = found.ok()
            item = document["paths"][operation.path]
            base = item.get("servers", document["servers"])[0]["url"].rstrip("/")
            yield pytest.param(operation, base, id=operation.definition.raw["operationId"])


@pytest.fixture
def things(runner):
    return Things(Plane(Registry(MemoryBackend(limits(namespace="acme")), runner, directly)))


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize(("operation", "base"), list(_operations()))
def test_every_answer_is_documented(things, operation, base, mode):
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), named=st.booleans())
    def ask(case, named):
        if named:
            _name_known(things, case.path_parameters, case.query, case.body)
        made = _prepared(case, f"http://{HOST}{base}")
        headers = [(name, str(value)) for name, value in made.headers.items() if name.lower() not in OURS]
        answer = things.admin.send(made.method, made.path_url, made.body or b"", headers)
        case.validate_response(_response(made, answer), checks=CHECKS)

    ask()


def _name_known(things, *places):
    """Put what is there in the place of each parameter and field that says what is meant."""
    for place in places:
        if isinstance(place, dict):
            for name in place.keys() & KNOWN:
                place[name] = getattr(things, KNOWN[name])


def _prepared(case, base):
    """Return the request of a case, its body as bytes."""
    given = case.as_transport_kwargs(base_url=base)
    given.pop("cookies", None)
    made = requests.Request(**given).prepare()
    if isinstance(made.body, str):
        made.body = made.body.encode()
    return made


def _response(made, answer):
    """Return an answer as the library `requests` would."""
    response = requests.Response()
    response.status_code, response._content, response.request = answer.status, answer.body, made
    response.headers = CaseInsensitiveDict(answer.headers)
    response.url, response.encoding = made.url, "utf-8"
    response.raw = SimpleNamespace(version=11, headers=answer.headers)
    return response
