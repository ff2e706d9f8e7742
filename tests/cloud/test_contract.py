"""A request is checked by the document of its function: each field by name, with its limit."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moorage.domain.directory import ResourceTags
from moorage.domain.errors import BodyUnreadable, ParameterInvalid, ParameterMissing, RegistryError
from moorage.web.cloud.contract import parse_contract, read_contract
from moorage.web.cloud.schema import check
from moorage.web.cloud.tags import read_tags, tell_own_tags, tell_tags

DOCUMENT = {
    "servers": [{"url": "/20160918"}],
    "paths": {
        "/things/{thingId}": {
            "parameters": [
                {"name": "thingId", "in": "path", "required": True, "schema": {"$ref": "#/components/schemas/Id"}}
            ],
            "get": {
                "operationId": "GetThing",
                "parameters": [
                    {"$ref": "#/components/parameters/limit"},
                    {"name": "isPublic", "in": "query", "schema": {"type": "boolean"}},
                    {
                        "name": "compartmentId",
                        "in": "query",
                        "required": True,
                        "schema": {"type": "string", "minLength": 1, "maxLength": 9},
                    },
                    {
                        "name": "sortOrder",
                        "in": "query",
                        "schema": {"type": "string", "enum": ["ASC", "DESC"], "default": "ASC"},
                    },
                    {"name": "size", "in": "query", "schema": {"type": "number"}},
                    {"name": "after", "in": "query", "schema": {"type": "string", "format": "date-time"}},
                    {
                        "name": "ids",
                        "in": "query",
                        "schema": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
                    },
                    {"name": "if-match", "in": "header", "schema": {"type": "string"}},
                ],
            },
            "post": {
                "operationId": "MakeThing",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}},
                },
            },
            "put": {
                "operationId": "ChangeThing",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"type": "object", "properties": {"version": {"type": "string"}}}
                        }
                    }
                },
            },
        },
        "/n": {"servers": [{"url": "/"}], "get": {"operationId": "GetNamespace"}},
    },
    "components": {
        "parameters": {
            "limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 1000}}
        },
        "schemas": {
            "Id": {"type": "string", "minLength": 1, "maxLength": 20},
            "Tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "Thing": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[a-z]+$"},
                    "isPublic": {"type": "boolean", "default": False},
                    "count": {"type": "integer", "minimum": 0},
                    "share": {"type": "number", "maximum": 1},
                    "readme": {"$ref": "#/components/schemas/Readme"},
                    "list": {
                        "type": "array",
                        "items": {"type": "string", "maxLength": 3},
                        "minItems": 1,
                        "maxItems": 2,
                    },
                    "email": {"type": "string", "nullable": True},
                    "time": {"type": "string", "format": "date-time"},
                    "freeformTags": {"$ref": "#/components/schemas/Tags"},
                    "definedTags": {"type": "object", "additionalProperties": {"type": "object"}},
                    "strict": {
                        "type": "object",
                        "properties": {"a": {"type": "string"}},
                        "additionalProperties": False,
                    },
                },
            },
            "Readme": {"type": "object", "required": ["content"], "properties": {"content": {"type": "string"}}},
        },
    },
}
CONTRACT = parse_contract(DOCUMENT)
OPERATIONS = CONTRACT.operations


def parameters(*query, thing="a"):
    return CONTRACT.read_parameters(OPERATIONS["GetThing"], {"thingId": thing}, [("compartmentId", "c"), *query])


def body(content, operation="MakeThing"):
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return CONTRACT.read_body(OPERATIONS[operation], raw)


def thing(**fields):
    return body({"name": "a", **fields})


def test_operations_have_their_whole_path():
    assert {
        "GetThing": ("GET", "/20160918/things/{thingId}"),
        "MakeThing": ("POST", "/20160918/things/{thingId}"),
        "ChangeThing": ("PUT", "/20160918/things/{thingId}"),
        "GetNamespace": ("GET", "/n"),
    } == {name: (operation.method, operation.path) for name, operation in OPERATIONS.items()}


def test_parameters_become_what_they_are():
    given_all = [("limit", "10"), ("isPublic", "false"), ("size", "1.5"), ("ids", "1"), ("ids", "2"), ("other", "x")]

    assert {
        "thingId": "a",
        "compartmentId": "c",
        "limit": 10,
        "isPublic": False,
        "size": 1.5,
        "ids": [1, 2],
        "sortOrder": "ASC",
    } == parameters(*given_all)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (("limit", "0"), "limit: must be a whole number from 1 to 1000, not 0"),
        (("limit", "1001"), "limit: must be a whole number from 1 to 1000, not 1001"),
        (("limit", "ten"), "limit: must be a whole number from 1 to 1000, not 'ten'"),
        (("limit", ""), "limit: must be a whole number from 1 to 1000, not ''"),
        (("limit", "1.0"), "limit: must be a whole number from 1 to 1000, not '1.0'"),
        (("limit", "\u0661"), "limit: must be a whole number from 1 to 1000, not '\u0661'"),
        (("limit", "9" * 100), f"limit: must be a whole number from 1 to 1000, not '{'9' * 59}..."),
        (("isPublic", "True"), "isPublic: must be true or false, not 'True'"),
        (("isPublic", "1"), "isPublic: must be true or false, not '1'"),
        (("compartmentId", "d"), "compartmentId: is given 2 times; give it once"),
        (("sortOrder", "asc"), "sortOrder: must be one of ASC, DESC, not 'asc'"),
        (("size", "NaN"), "size: must be a number, not 'NaN'"),
        (
            ("after", "2030-02-30T00:00:00Z"),
            "after: must be a time such as 2030-01-02T03:04:05.678Z, not '2030-02-30T00:00:00Z'",
        ),
        (("ids", "x"), "ids: must be a whole number, not 'x'"),
    ],
)
def test_a_bad_parameter_is_named_with_its_limit(query, message):
    with pytest.raises(ParameterInvalid) as caught:
        parameters(query)

    assert message == caught.value.message


def test_parameters_of_the_path_are_checked_as_well():
    with pytest.raises(ParameterInvalid, match=r"^thingId: must have at most 20 characters, not 21$"):
        parameters(thing="x" * 21)


def test_a_required_parameter_is_missed():
    with pytest.raises(ParameterMissing, match=r"^compartmentId is missing$"):
        CONTRACT.read_parameters(OPERATIONS["GetThing"], {"thingId": "a"}, [])


@pytest.mark.parametrize(
    "time", ["2030-01-02T03:04:05Z", "2030-01-02T03:04:05.678Z", "2030-01-02t03:04:05.678901+01:00"]
)
def test_times_are_times(time):
    assert time == parameters(("after", time))["after"]


def test_a_body_keeps_what_the_operation_knows_and_gets_what_is_usual():
    assert {"name": "a", "isPublic": False, "count": 3, "email": None} == thing(count=3, email=None, unknown={"x": 1})


def test_null_is_nothing_where_a_body_need_not_have_the_property():
    assert "count" not in thing(count=None)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": ""}, "name: must have at least 1 characters, not 0"),
        ({"name": "abcdef"}, "name: must have at most 5 characters, not 6"),
        ({"name": "A"}, "name: must match ^[a-z]+$, unlike 'A'"),
        ({"name": "a\n"}, "name: must match ^[a-z]+$, unlike 'a\\n'"),
        ({"name": "a\0"}, "name: must not have the character NUL"),
        ({"name": 1}, "name: must be a string, not 1"),
        ({"name": None}, "name: must not be null"),
        ({"isPublic": "true"}, "isPublic: must be true or false, not 'true'"),
        ({"isPublic": 0}, "isPublic: must be true or false, not 0"),
        ({"count": True}, "count: must be a whole number, not True"),
        ({"count": 1.0}, "count: must be a whole number, not 1.0"),
        ({"count": -1}, "count: must be a whole number from 0, not -1"),
        ({"share": 1.5}, "share: must be a number to 1, not 1.5"),
        ({"readme": []}, "readme: must be an object, not []"),
        ({"readme": {"content": 1}}, "readme.content: must be a string, not 1"),
        ({"list": []}, "list: must have at least 1 items, not 0"),
        ({"list": ["a"] * 3}, "list: must have at most 2 items, not 3"),
        ({"list": ["a", "abcd"]}, "list[1]: must have at most 3 characters, not 4"),
        ({"time": "now"}, "time: must be a time such as 2030-01-02T03:04:05.678Z, not 'now'"),
        ({"strict": {"b": 1}}, "strict.b: is no property here"),
        ({"freeformTags": {"a": 1}}, "freeformTags.a: must be a string, not 1"),
        ({"freeformTags": {"": "b"}}, "freeformTags: a key must have 1 to 100 printable characters, unlike ''"),
        (
            {"freeformTags": {"a" * 101: "b"}},
            f"freeformTags: a key must have 1 to 100 printable characters, unlike '{'a' * 60}'",
        ),
        ({"freeformTags": {"a": "b" * 257}}, "freeformTags.a: must have at most 256 characters, not 257"),
        (
            {"freeformTags": {f"k{number}": "" for number in range(65)}},
            "freeformTags: must have at most 64 tags, not 65",
        ),
        ({"definedTags": {"n": 1}}, "definedTags.n: must be an object, not 1"),
        ({"definedTags": {"n.m": {}}}, "definedTags: a key must have neither spaces nor periods, unlike 'n.m'"),
        (
            {"definedTags": {"n": {"a b": "c"}}},
            "definedTags.n: a key must have neither spaces nor periods, unlike 'a b'",
        ),
        ({"definedTags": {"n": {"a": []}}}, "definedTags.n.a: must be a string, a number, true or false"),
        (
            {
                "definedTags": {
                    "n": {f"k{number}": "" for number in range(33)},
                    "m": {f"k{number}": "" for number in range(32)},
                }
            },
            "definedTags: must have at most 64 tags, not 65",
        ),
    ],
)
def test_a_bad_field_is_named_with_its_limit(fields, message):
    with pytest.raises(ParameterInvalid) as caught:
        thing(**fields)

    assert message == caught.value.message


@pytest.mark.parametrize(("content", "field"), [({}, "name"), ({"name": "a", "readme": {}}, "readme.content")])
def test_a_required_field_is_missed(content, field):
    with pytest.raises(ParameterMissing, match=f"^{field} is missing$"):
        body(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the request needs a body: a JSON object"),
        (b"{", "the body is not JSON: line 1, column 2"),
        (b'{"name":\n  a}', "the body is not JSON: line 2, column 3"),
        (b"[]", "the body is not a JSON object"),
        (b"null", "the body is not a JSON object"),
        (b'"name"', "the body is not a JSON object"),
        (b'{"name":"\xff"}', "the body is not in UTF-8"),
        ('{"name":"a"}'.encode("utf-16"), "the body is not in UTF-8"),
        (b'\xef\xbb\xbf{"name":"a"}', "the body is not JSON: line 1, column 1"),
        (b'{"name":"a","name":"b"}', "the body has 'name' twice in one object"),
        (b'{"name":"a","readme":{"content":"a","content":"a"}}', "the body has 'content' twice in one object"),
        (b'{"name":"a","share":NaN}', "the body has NaN, which is no JSON"),
        (b'{"name":"a","share":-Infinity}', "the body has -Infinity, which is no JSON"),
        (b'{"name":"a","share":1e999}', "the body has a number that is too large"),
        (b'{"name":"a","x":' + b"9" * 5000 + b"}", "the body is not JSON"),
        (b'{"name":"\\ud800"}', "the body has half of a surrogate pair"),
        (b'{"name":"a","x":' + b"[" * 33 + b"]" * 33 + b"}", "the body is nested deeper than 32 levels"),
        (b"[" * 100_000, "the body is nested deeper than 32 levels"),
    ],
)
def test_a_body_that_is_no_object_of_json_is_unreadable(content, message):
    with pytest.raises(BodyUnreadable) as caught:
        body(content)

    assert message == caught.value.message


@pytest.mark.parametrize("content", [b"", b" ", b"{}", b'{"other":1}'])
def test_a_body_that_may_be_left_out(content):
    """
    The TypeScript SDK drops an empty object.
    """
    assert {} == body(content, "ChangeThing")


def test_an_operation_without_a_body_takes_none():
    assert {} == body(b"[", "GetThing")


def test_tags_are_replaced_whole_and_kept_when_they_are_not_given():
    before = ResourceTags({"a": "1"}, {"n": {"k": 1}})

    assert before == read_tags({}, before)
    assert ResourceTags({"b": "2"}, {"n": {"k": 1}}) == read_tags({"freeformTags": {"b": "2"}}, before)
    assert ResourceTags({"a": "1"}, {}) == read_tags({"definedTags": {}}, before)
    assert ResourceTags() == read_tags({})


def test_tags_are_told_as_each_service_tells_them():
    tags = ResourceTags({"a": "1"}, {"n": {"k": 1}})

    assert {"freeformTags": {"a": "1"}, "definedTags": {"n": {"k": 1}}} == tell_own_tags(tags)
    assert {"freeformTags": {"a": "1"}, "definedTags": {"n": {"k": 1}}, "systemTags": {}} == tell_tags(tags)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.sampled_from(list(DOCUMENT["components"]["schemas"]["Thing"]["properties"])), JSON))
def test_any_object_is_taken_or_refused_by_a_field(content):
    """
    What is taken fits, and is taken again.
    """
    try:
        taken = body(content)
    except (ParameterInvalid, ParameterMissing, BodyUnreadable):
        return
    assert taken == check(taken, {"$ref": "#/components/schemas/Thing"}, "", CONTRACT.schemas)


@given(st.binary(max_size=60))
def test_any_bytes_are_taken_or_refused(content):
    try:
        assert isinstance(body(content), dict)
    except RegistryError as error:
        assert isinstance(error, ParameterInvalid | ParameterMissing | BodyUnreadable)


@given(st.sampled_from(["limit", "isPublic", "size", "after", "ids", "sortOrder"]), st.text())
def test_any_text_is_taken_or_refused_by_its_name(name, text):
    try:
        parameters((name, text))
    except ParameterInvalid as error:
        assert name == error.field.partition("[")[0]


KEYWORDS = {
    *("$ref", "type", "format", "minLength", "maxLength", "minimum", "maximum", "pattern", "enum", "required"),
    *("properties", "additionalProperties", "items", "minItems", "maxItems", "nullable", "default"),
    *("minProperties", "maxProperties", "description", "example"),
}


@pytest.mark.parametrize("name", ["artifacts", "identity"])
def test_documents_say_nothing_that_is_not_checked(name):
    """
    A keyword that nobody reads would be a limit on paper.
    """
    contract = read_contract(name)
    schemas = [parameter.schema for operation in contract.operations.values() for parameter in operation.parameters]
    schemas += [operation.body for operation in contract.operations.values() if operation.body]
    seen = {}
    while schemas:
        schema = schemas.pop()
        if "$ref" in schema:
            reference = schema["$ref"].rpartition("/")[2]
            if reference not in seen:
                seen[reference] = True
                schemas.append(contract.schemas[reference])
        assert schema.keys() <= KEYWORDS, schema
        schemas += schema.get("properties", {}).values()
        schemas += [
            inner for inner in (schema.get("items"), schema.get("additionalProperties")) if isinstance(inner, dict)
        ]
