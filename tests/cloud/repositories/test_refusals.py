"""What is refused: who may not, what cannot be, and that the two kinds of absence are one."""

import pytest
from tests.cloud.plane import refusal
from tests.routes.registry import CONFIG, image

ABSENT = (404, "NotAuthorizedOrNotFound")
GRANTS = {
    "nothing": (),
    "inspect": ("inspect repos",),
    "read": ("read repos",),
    "create": ("{REPOSITORY_CREATE}",),
    "update": ("{REPOSITORY_UPDATE, REPOSITORY_READ}",),
    "manage": ("manage repos",),
}


@pytest.fixture
def caller(memory, repositories):
    """Return a caller to whom something is granted in the compartment c1."""
    memory.where = memory.compartment("c1")

    def of(*granted):
        memory.user("carol", ["carols"])
        for grant in granted:
            memory.policy(f"Allow group carols to {grant} in compartment c1")
        return repositories(memory.as_("carol"))

    return of


OPERATIONS = {
    "get": lambda mine, made: mine.get(made),
    "list": lambda mine, made: mine.list(compartment=made["compartmentId"]),
    "create": lambda mine, made: mine.post(compartmentId=made["compartmentId"], displayName="new"),
    "create public": lambda mine, made: mine.post(
        compartmentId=made["compartmentId"], displayName="new", isPublic=True
    ),
    "update": lambda mine, made: mine.update(made, isPublic=True),
    "delete": lambda mine, made: mine.delete(made),
    "move": lambda mine, made: mine.move(made, made["compartmentId"]),
}
ALLOWED = {
    "nothing": set(),
    "inspect": {"list"},
    "read": {"list", "get"},
    "create": {"create"},
    "update": {"get"},
    "manage": set(OPERATIONS),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("granted", GRANTS)
def test_each_operation_needs_its_permission(memory, repositories, caller, granted, operation):
    carol = caller(*GRANTS[granted])
    made = repositories(memory.as_()).create(compartmentId=memory.where)

    answer = OPERATIONS[operation](carol, made)

    if operation in ALLOWED[granted]:
        assert answer.status in {200, 204}, answer.body
    else:
        assert ABSENT == refusal(answer)


@pytest.mark.parametrize("operation", ["get", "update", "delete", "move"])
def test_what_is_forbidden_looks_as_what_is_not_there(memory, repositories, caller, operation, unknown):
    carol = caller()
    made = repositories(memory.as_()).create(compartmentId=memory.where)
    gone = {"id": unknown, "compartmentId": memory.where}
    nonsense = {"id": "nonsense", "compartmentId": memory.where}

    answers = [OPERATIONS[operation](carol, one) for one in (made, gone, nonsense)]

    own = {"opc-request-id", "x-request-id", "x-amzn-requestid", "x-amz-apigw-id", "date"}
    told = [(one.status, one.body, {k: v for k, v in one.headers.items() if k.lower() not in own}) for one in answers]
    assert told[0] == told[1] == told[2]


def test_a_move_needs_both_ends(memory, repositories, caller):
    """
    What the body names is told apart from what the path names.
    """
    carol = caller("manage repos")
    made = repositories(memory.as_()).create(compartmentId=memory.where)
    other, gone = memory.compartment("c2"), "ocid1.compartment.moorage..gone"
    related = (400, "RelatedResourceNotAuthorizedOrNotFound")

    forbidden, absent = carol.move(made, other), carol.move(made, gone)

    assert related == refusal(forbidden) == refusal(absent)
    assert forbidden.body == absent.body
    memory.policy("Allow group carols to {REPOSITORY_CREATE} in compartment c2")
    assert 204 == carol.move(made, other).status
    assert ABSENT == refusal(carol.move(made, memory.where))


def test_a_statement_may_name_repositories(memory, repositories, caller):
    carol = caller("manage repos", "inspect repos")
    memory.policy("Allow group carols to manage repos in tenancy where target.repo.name = /proj*/")

    assert 200 == carol.post(displayName="proj/app").status
    assert ABSENT == refusal(carol.post(displayName="app"))
    assert ABSENT == refusal(carol.list())


def test_a_statement_may_name_tags_of_what_is_there(memory, repositories, caller):
    carol = caller()
    memory.policy("Allow group carols to read repos in tenancy where target.resource.tag.ops.team = 'carols'")
    admin = repositories(memory.as_())
    mine = admin.create("mine", definedTags={"ops": {"team": "carols"}})
    other = admin.create("other", definedTags={"ops": {"team": "others"}})

    assert 200 == carol.get(mine).status
    assert ABSENT == refusal(carol.get(other))


def test_a_name_that_is_taken_is_refused(admin, plane):
    admin.create("proj/app")

    answers = [
        admin.post(displayName="proj/app", compartmentId=one) for one in (plane.tenancy_id, plane.compartment("c"))
    ]

    assert [(409, "NotAuthorizedOrResourceAlreadyExists")] * 2 == [refusal(answer) for answer in answers]


LONG = "a" * (255 - len("acme/"))


def test_a_name_may_fill_what_the_namespace_leaves(admin):
    assert LONG == admin.create(LONG)["displayName"]
    refused = admin.post(displayName=LONG + "a")
    assert (400, "InvalidParameter") == refusal(refused)
    assert "displayName: must have at most 250 characters, not 251" == refused.json()["message"]


BAD = [
    ({"displayName": "App"}, "displayName"),
    ({"displayName": "/app"}, "displayName"),
    ({"displayName": "app/"}, "displayName"),
    ({"displayName": "a//b"}, "displayName"),
    ({"displayName": "a b"}, "displayName"),
    ({"displayName": "a\x00"}, "displayName"),
    ({"displayName": "\u00e9"}, "displayName"),
    ({"displayName": ""}, "displayName"),
    ({"displayName": 5}, "displayName"),
    ({"displayName": None}, "displayName"),
    ({"isPublic": "true"}, "isPublic"),
    ({"isImmutable": 1}, "isImmutable"),
    ({"compartmentId": ""}, "compartmentId"),
    ({"compartmentId": "x" * 101}, "compartmentId"),
    ({"readme": "text"}, "readme"),
    ({"readme": {"content": "x" * 8193, "format": "TEXT_PLAIN"}}, "readme.content"),
    ({"readme": {"content": "x", "format": "HTML"}}, "readme.format"),
    ({"freeformTags": {"a": 1}}, "freeformTags.a"),
    ({"freeformTags": {"a": "x" * 257}}, "freeformTags.a"),
    ({"freeformTags": {f"k{number}": "v" for number in range(65)}}, "freeformTags"),
    ({"definedTags": {"ns": "x"}}, "definedTags.ns"),
]


@pytest.mark.parametrize(("body", "field"), BAD, ids=[f"{field}-{place}" for place, (_, field) in enumerate(BAD)])
def test_a_bad_field_is_named(memory, repositories, body, field):
    admin = repositories(memory.as_())

    answer = admin.post(**{"displayName": "app", **body})

    assert (400, "InvalidParameter") == refusal(answer)
    assert answer.json()["message"].startswith(f"{field}: ")
    assert [] == admin.names()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"compartmentId": "x"}, "MissingParameter"),
        ({"displayName": "app"}, "MissingParameter"),
        ({"displayName": "app", "compartmentId": "x", "readme": {"content": ""}}, "MissingParameter"),
        (b"", "CannotParseRequest"),
        (b"[]", "CannotParseRequest"),
        (b"{", "CannotParseRequest"),
        (b'{"a":1,"a":1}', "CannotParseRequest"),
    ],
)
def test_a_body_that_is_not_whole_is_refused(memory, body, code):
    assert (400, code) == refusal(memory.as_().post("/container/repositories", body))


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "sortBy=NAME", "sortOrder=UP", "isPublic=yes", "compartmentIdInSubtree=1"],
)
def test_a_bad_parameter_is_named(memory, repositories, query):
    answer = repositories(memory.as_()).list(f"&{query}")

    assert (400, "InvalidParameter") == refusal(answer)
    assert answer.json()["message"].startswith(query.partition("=")[0])


def test_a_list_is_of_a_compartment(memory):
    assert (400, "MissingParameter") == refusal(memory.as_().get("/container/repositories"))
    assert ABSENT == refusal(memory.as_().get("/container/repositories?compartmentId=ocid1.compartment.moorage..gone"))


def test_the_limit_of_repositories_is_told(make_plane, repositories):
    plane = make_plane(repositories=2)
    admin = repositories(plane.as_())
    first = admin.create("one")
    admin.create("two")

    refused = admin.post(displayName="three")

    assert (400, "LimitExceeded") == refusal(refused)
    assert "2 repositories" in refused.json()["message"]
    pushed = plane.registry.client(name="acme/three").post("blobs/uploads/")
    assert (403, "DENIED") == (pushed.status, pushed.json()["errors"][0]["code"])
    admin.delete(first)
    assert 200 == admin.post(displayName="three").status


def test_the_limit_of_bytes_is_told_and_a_deleted_repository_makes_room(make_plane, repositories):
    plane = make_plane(storage_bytes=25_000)
    admin = repositories(plane.as_())
    made = admin.create("one")
    plane.registry.client(name="acme/one").push_image("1.0", b"x" * 20_000)
    other = plane.registry.client(name="acme/two")
    other.push_blob(CONFIG)
    other.push_blob(b"y" * 20_000)

    refused = other.put("manifests/1.0", body=image(b"y" * 20_000))

    (error,) = refused.json()["errors"]
    assert (403, "DENIED") == (refused.status, error["code"])
    assert "at most 25000 bytes" in error["message"]
    assert 404 == other.get("manifests/1.0").status
    assert 204 == admin.delete(made).status
    other.expect(201, other.put("manifests/1.0", body=image(b"y" * 20_000)))
