"""Entity tags: 304 for who has it already, 412 for who moves a tag that somebody else has moved."""

import pytest
from tests.routes.registry import CONFIG, image

from moorage.domain.digest import Digest

FIRST, SECOND = image(annotations={"n": "1"}), image(annotations={"n": "2"})
DIGEST = {data: Digest.of(data) for data in (FIRST, SECOND)}
LARGE = b"x" * 20_000


@pytest.fixture
def ready(client):
    client.push_blob(CONFIG)
    client.push_manifest("latest", FIRST)
    return client


def put(client, data, reference="latest", query="", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.put(f"manifests/{reference}{query}", named, data)


@pytest.mark.parametrize("reference", ["latest", DIGEST[FIRST]])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("header", "status"),
    [
        (f'"{DIGEST[FIRST]}"', 304),
        (f'W/"{DIGEST[FIRST]}"', 304),
        (f'"{DIGEST[SECOND]}", "{DIGEST[FIRST]}"', 304),
        ("*", 304),
        (f'"{DIGEST[SECOND]}"', 200),
        (f"{DIGEST[FIRST]}", 200),
        ('"', 200),
        ("", 200),
    ],
)
def test_a_manifest_that_the_client_has_is_not_sent_again(memory, method, reference, header, status):
    client = memory.client()
    client.push_blob(CONFIG)
    client.push_manifest("latest", FIRST)
    answer = client.send(method, f"manifests/{reference}", {"If-None-Match": header})

    assert (status, f'"{DIGEST[FIRST]}"', str(DIGEST[FIRST])) == (
        answer.status,
        answer.headers["etag"],
        answer.headers["docker-content-digest"],
    )
    assert (FIRST if (status, method) == (200, "GET") else b"") == answer.body


@pytest.mark.parametrize("reference", ["absent", Digest.of(b"absent")])
def test_what_is_not_there_is_not_unchanged(ready, reference):
    for header in ("*", f'"{reference}"'):
        assert 404 == ready.get(f"manifests/{reference}", {"If-None-Match": header}).status


@pytest.mark.parametrize("data", [b"small", LARGE])
def test_a_blob_that_the_client_has_is_not_sent_again(client, data):
    digest = client.push_blob(data)
    answer = client.get(f"blobs/{digest}", {"If-None-Match": f'"{digest}"'})

    assert (304, b"", f'"{digest}"') == (answer.status, answer.body, answer.headers["etag"])


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        pytest.param({"If_Match": f'"{DIGEST[FIRST]}"'}, 201, id="it is what was read"),
        pytest.param({"If_Match": f'"{DIGEST[SECOND]}", "{DIGEST[FIRST]}"'}, 201, id="it is one of two"),
        pytest.param({"If_Match": f'"{DIGEST[SECOND]}"'}, 412, id="it is another"),
        pytest.param({"If_None_Match": "*"}, 412, id="it is there"),
    ],
)
def test_a_tag_is_moved_only_from_what_the_client_says_it_is(ready, conditions, status):
    answer = put(ready, SECOND, **conditions)

    assert status == answer.status
    assert (SECOND if status == 201 else FIRST) == ready.get("manifests/latest").body
    if status == 412:
        assert (412, ["DENIED"]) == answer.error
        assert {"tag": "latest", "digest": str(DIGEST[FIRST])} == answer.detail
        assert 404 == ready.head(f"manifests/{DIGEST[SECOND]}").status


@pytest.mark.parametrize(
    ("conditions", "status"),
    [({"If_None_Match": "*"}, 201), ({"If_Match": f'"{DIGEST[FIRST]}"'}, 412)],
)
def test_a_tag_is_made_only_where_there_is_none(ready, conditions, status):
    answer = put(ready, SECOND, "new", **conditions)

    assert status == answer.status
    if status == 412:
        assert {"tag": "new", "digest": None} == answer.detail


def test_a_condition_holds_for_every_tag_of_a_push(ready):
    """
    All of them move, or none.
    """
    query = "?tag=latest&tag=new"
    assert 412 == put(ready, SECOND, DIGEST[SECOND], query, If_None_Match="*").status
    assert 412 == put(ready, SECOND, DIGEST[SECOND], query, If_Match=f'"{DIGEST[FIRST]}"').status
    assert ["latest"] == ready.get("tags/list").json()["tags"]
    assert FIRST == ready.get("manifests/latest").body


@pytest.mark.parametrize(
    ("conditions", "error"),
    [
        pytest.param({"If_Match": '"latest"'}, (400, ["DIGEST_INVALID"]), id="no digest"),
        pytest.param({"If_Match": str(DIGEST[FIRST])}, (400, ["DIGEST_INVALID"]), id="no quotes"),
        pytest.param({"If_Match": ""}, (400, ["DIGEST_INVALID"]), id="empty"),
        pytest.param({"If_Match": "*"}, (400, ["DIGEST_INVALID"]), id="any tag"),
        pytest.param({"If_None_Match": f'"{DIGEST[FIRST]}"'}, (405, ["UNSUPPORTED"]), id="another form"),
        pytest.param({"If_None_Match": ""}, (405, ["UNSUPPORTED"]), id="empty, none"),
        pytest.param({"If_Match": f'"{DIGEST[FIRST]}"', "If_None_Match": "*"}, (405, ["UNSUPPORTED"]), id="both"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused_not_left_out(ready, conditions, error):
    assert error == put(ready, SECOND, **conditions).error
    assert FIRST == ready.get("manifests/latest").body


def test_a_condition_speaks_of_a_tag(ready):
    assert (405, ["UNSUPPORTED"]) == put(ready, SECOND, DIGEST[SECOND], If_None_Match="*").error


def test_of_those_who_would_make_a_tag_one_does(ready):
    images = [image(annotations={"n": str(number)}) for number in range(10, 16)]
    requests = [ready.ask("PUT", "manifests/new", {"If-None-Match": "*"}, data) for data in images]
    statuses = [answer.status for answer in ready.registry.all_at_once(*requests)]

    assert [201, 412, 412, 412, 412, 412] == sorted(statuses)
    assert images[statuses.index(201)] == ready.get("manifests/new").body


def test_of_those_who_would_move_a_tag_one_does(ready):
    images = [image(annotations={"n": str(number)}) for number in range(10, 16)]
    condition = {"If-Match": f'"{DIGEST[FIRST]}"'}
    requests = [ready.ask("PUT", "manifests/latest", condition, data) for data in images]
    statuses = [answer.status for answer in ready.registry.all_at_once(*requests)]

    assert [201, 412, 412, 412, 412, 412] == sorted(statuses)
    assert images[statuses.index(201)] == ready.get("manifests/latest").body
