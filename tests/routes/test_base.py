"""GET /v2/ (end-1), and what holds for paths and methods on the whole plane."""

import pytest
from tests.routes.registry import HOST, NAME, quoted

from moorage.domain.digest import Digest

DIGEST = Digest.of(b"absent")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_whoever_has_a_token_is_told_that_this_is_a_registry(client, path, method):
    answer = client.send(method, path)

    assert (200, "application/json") == (answer.status, answer.headers["content-type"])
    assert (b"{}" if method == "GET" else b"") == answer.body


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_whoever_has_none_is_sent_to_the_token_endpoint(registry, path):
    answer = registry.send("GET", path)

    assert (401, ["UNAUTHORIZED"]) == answer.error
    challenge = f'Bearer realm="http://{HOST}/20180419/docker/token",service="{HOST}"'
    assert challenge == answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        pytest.param("/v2/", {"GET", "HEAD"}, id="base"),
        pytest.param("/v2/_catalog", {"GET", "HEAD"}, id="catalog"),
        pytest.param(f"/v2/{NAME}/tags/list", {"GET", "HEAD"}, id="tags"),
        pytest.param(f"/v2/{NAME}/referrers/{DIGEST}", {"GET", "HEAD"}, id="referrers"),
        pytest.param(f"/v2/{NAME}/manifests/latest", {"GET", "HEAD", "PUT", "DELETE"}, id="manifest"),
        pytest.param(f"/v2/{NAME}/blobs/{DIGEST}", {"GET", "HEAD", "DELETE"}, id="blob"),
        pytest.param(f"/v2/{NAME}/blobs/uploads/", {"POST"}, id="uploads"),
        pytest.param(f"/v2/{NAME}/blobs/uploads/1", {"GET", "HEAD", "PATCH", "PUT", "DELETE"}, id="upload"),
    ],
)
def test_a_path_that_is_there_tells_which_methods_it_takes(memory, path, allowed):
    """
    RFC 9110, 15.5.6: 405, with Allow; whichever function a method leads to.
    """
    client = memory.client()
    refused = {method: client.send(method, path) for method in METHODS - allowed}

    assert dict.fromkeys(refused, 405) == {method: answer.status for method, answer in refused.items()}
    for method, answer in refused.items():
        assert allowed == set(answer.headers["allow"].split(", "))
        if method != "HEAD":
            assert (405, ["UNSUPPORTED"]) == answer.error


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PROPFIND"])
def test_methods_of_other_protocols_are_refused(memory, method):
    assert (405, ["UNSUPPORTED"]) == memory.client().send(method, "tags/list").error


@pytest.mark.parametrize("method", sorted(METHODS))
@pytest.mark.parametrize(
    "path",
    [
        "/v2/acme/app",
        "/v2/acme/app/",
        "/v2/acme/app/manifests",
        "/v2/acme/app/manifests/",
        "/v2/acme/app/manifests/a/b",
        "/v2/acme/app/manifests/latest/",
        "/v2/acme/app/tags",
        "/v2/acme/app/tags/list/",
        "/v2/acme/app/tags/other",
        "/v2/acme/app/referrers/",
        "/v2/acme/app/blobs/",
        "/v2/acme/app/blobs/uploads/1/2",
        "/v2/_catalog/",
        "/v2//",
        "/v2/..",
        "/v2/%2e%2e",
        "/v2/\u00e4/\u00f6",
    ],
)
def test_paths_of_nothing_are_not_found(memory, method, path):
    answer = memory.client().send(method, quoted_path(path))

    assert 404 == answer.status
    if method != "HEAD":
        assert (404, ["NAME_UNKNOWN"]) == answer.error


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("", id="empty"),
        pytest.param("Acme/app", id="upper case"),
        pytest.param("acme/App", id="upper case later"),
        pytest.param("acme//app", id="two slashes"),
        pytest.param("/acme/app", id="slash before"),
        pytest.param("acme/app/", id="slash after"),
        pytest.param("acme/../app", id="dots"),
        pytest.param("acme/./app", id="a dot"),
        pytest.param("acme/%2e%2e/app", id="dots, encoded"),
        pytest.param("acme/%252e%252e/app", id="dots, encoded twice"),
        pytest.param("acme%5Capp", id="backslash"),
        pytest.param("acme/app%00", id="NUL"),
        pytest.param("acme/app%20", id="space"),
        pytest.param("acme/%C3%A4pp", id="not ASCII"),
        pytest.param("acme/%ff%fe", id="not UTF-8"),
        pytest.param("acme/%EF%BC%8E%EF%BC%8E", id="dots that are wide"),
        pytest.param("acme/app:latest", id="a tag"),
        pytest.param("acme/a___b", id="three underscores"),
        pytest.param("acme/-app", id="dash before"),
        pytest.param("acme/app.", id="dot after"),
        pytest.param("acme/" + "a" * 251, id="256 characters"),
        pytest.param("acme/" + "a" * 5000, id="5000 characters"),
        pytest.param("acme/" + "a-" * 2000 + "%00", id="much to look through"),
        pytest.param("_catalog", id="a path that is something else"),
        pytest.param("acme/app?", id="question mark, encoded"),
        pytest.param("acme/app#", id="number sign, encoded"),
    ],
)
@pytest.mark.parametrize(
    ("method", "rest"),
    [
        ("GET", "manifests/latest"),
        ("PUT", "manifests/latest"),
        ("DELETE", "manifests/latest"),
        ("GET", "tags/list"),
        ("GET", f"referrers/{DIGEST}"),
        ("GET", f"blobs/{DIGEST}"),
        ("DELETE", f"blobs/{DIGEST}"),
        ("POST", "blobs/uploads/"),
        ("GET", "blobs/uploads/1"),
        ("PATCH", "blobs/uploads/1"),
        ("PUT", "blobs/uploads/1"),
        ("DELETE", "blobs/uploads/1"),
    ],
)
def test_names_outside_the_grammar_are_refused_as_such(memory, method, rest, name):
    encoded = name.replace("?", "%3F").replace("#", "%23")
    assert (400, ["NAME_INVALID"]) == memory.send(method, f"/v2/{encoded}/{rest}").error


def test_a_slash_may_come_encoded(client):
    """
    Some proxies encode the slashes of a name: the path means the same.
    """
    data, _ = client.push_image()

    assert data == client.get("/v2/acme%2Fapp/manifests/latest").body


@pytest.mark.parametrize("name", ["acme/" + "a" * 250, "acme/a/b/c/d/e/f/g", "acme/a.b_c__d---e/0"])
def test_names_inside_the_grammar_work_to_their_limit(registry, name):
    client = registry.client(name=name)
    data, digest = client.push_image()

    assert data == client.get(f"manifests/{digest}").body
    assert {"name": name, "tags": ["latest"]} == client.get("tags/list").json()


@pytest.mark.parametrize("host", ["[", "a b", "", "evil.example.com/path?query", "x" * 3000, "\u00e4", "localhost:x"])
@pytest.mark.parametrize("path", ["/v2/nothing", "/v2/acme/app/tags/list?n=1", "/v2/"])
def test_a_host_that_cannot_be_changes_nothing(memory, host, path):
    """
    Nothing of the Host header of a stranger reaches an answer.
    """
    client = memory.client()
    for tag in ("a", "b"):
        client.push_image(tag)
    answers = [memory.send("GET", path, host=host), client.get(path, host=host)]
    usual = [memory.send("GET", path), client.get(path)]

    assert [(one.status, one.body) for one in usual] == [(one.status, one.body) for one in answers]
    assert usual[0].headers.get("www-authenticate") == answers[0].headers.get("www-authenticate")
    assert usual[1].headers.get("link") == answers[1].headers.get("link")


@pytest.mark.parametrize(
    "headers",
    [
        [("Range", "bytes=5-1")],
        [("Content-Length", "-1")],
        [("Content-Length", "x")],
        [("Content-Type", "\u00e4")],
        [("If-None-Match", '"')],
        [("If-Match", "*")],
        [("Accept", "nothing/of-ours")],
        [("X-Forwarded-For", "x" * 1000)],
        [("Authorization", "Bearer " + "x" * 20000)],
        [("Authorization", "Bearer a.b.c"), ("Authorization", "Basic x")],
    ],
)
def test_odd_headers_never_make_the_registry_fail(memory, headers):
    client = memory.client()
    _, digest = client.push_image()
    for method in sorted(METHODS):
        for path in (
            "manifests/latest",
            f"manifests/{digest}",
            "tags/list",
            "blobs/uploads/",
            f"blobs/{digest}",
            "/v2/",
        ):
            for more in ([], [client.authorization]):
                answer = memory.send(method, client._target(path), [*headers, *more])
                assert answer.status < 500, (method, path, headers)


def quoted_path(path):
    return "/".join(part if "%" in part else quoted(part) for part in path.split("/"))
