"""Every route x every kind of caller, on a private and on a public repository: what each is answered."""

from importlib import import_module

import pytest
from tests.routes.registry import CATALOG, CONFIG, NAME, TEMPLATE, image

from moorage.domain.digest import Digest
from moorage.web.paths import SPEC_METHODS
from moorage.web.site import TOKEN_PATH

ALL = "pull,push,delete"
LONELY = b"a blob that no manifest needs"
EMPTY = Digest.of(b"")

# Method and path of each route, and the request that stands for it; `{upload}` is an open session, of the caller where
# the caller can have one.
REQUESTS = {
    ("GET", "/v2"): "/v2",
    ("GET", "/v2/"): "/v2/",
    ("GET", "/v2/_catalog"): "/v2/_catalog",
    ("GET", "/v2/{name:path}/tags/list"): f"/v2/{NAME}/tags/list",
    ("HEAD", "/v2/{name:path}/manifests/{reference}"): f"/v2/{NAME}/manifests/latest",
    ("GET", "/v2/{name:path}/manifests/{reference}"): f"/v2/{NAME}/manifests/latest",
    ("GET", "/v2/{name:path}/referrers/{digest}"): f"/v2/{NAME}/referrers/{EMPTY}",
    ("GET", "/v2/{name:path}/blobs/uploads/{upload}"): f"/v2/{NAME}/blobs/uploads/{{upload}}",
    ("HEAD", "/v2/{name:path}/blobs/{digest}"): f"/v2/{NAME}/blobs/{Digest.of(LONELY)}",
    ("GET", "/v2/{name:path}/blobs/{digest}"): f"/v2/{NAME}/blobs/{Digest.of(LONELY)}",
    ("POST", "/v2/{name:path}/blobs/uploads"): f"/v2/{NAME}/blobs/uploads",
    ("POST", "/v2/{name:path}/blobs/uploads/"): f"/v2/{NAME}/blobs/uploads/",
    ("PATCH", "/v2/{name:path}/blobs/uploads/{upload}"): f"/v2/{NAME}/blobs/uploads/{{upload}}",
    ("PUT", "/v2/{name:path}/blobs/uploads/{upload}"): f"/v2/{NAME}/blobs/uploads/{{upload}}?digest={EMPTY}",
    ("DELETE", "/v2/{name:path}/blobs/uploads/{upload}"): f"/v2/{NAME}/blobs/uploads/{{upload}}",
    ("PUT", "/v2/{name:path}/manifests/{reference}"): f"/v2/{NAME}/manifests/latest",
    ("DELETE", "/v2/{name:path}/manifests/{reference}"): f"/v2/{NAME}/manifests/latest",
    ("DELETE", "/v2/{name:path}/blobs/{digest}"): f"/v2/{NAME}/blobs/{Digest.of(LONELY)}",
    ("GET", TOKEN_PATH): TOKEN_PATH,
    ("POST", TOKEN_PATH): TOKEN_PATH,
}

LOGIN = "401 UNAUTHORIZED"
DENIED = "403 DENIED"
HIDDEN = "404 NAME_UNKNOWN"

CALLERS = ["no token", "anonymous", "none", "reader", "writer", "administrator", "other repository", "made anew"]
TABLE = {
    # what is asked for         no token anonymous none  reader writer administrator other repository, made anew
    "base": ["401 UNAUTHORIZED", "200", "200", "200", "200", "200", "200", "200"],
    "catalog": [LOGIN, LOGIN, "200", "200", "200", "200", LOGIN, "200"],
    "read, private": [LOGIN, LOGIN, HIDDEN, "200", "200", "200", LOGIN, LOGIN],
    "read, public": [LOGIN, "200", "200", "200", "200", "200", LOGIN, LOGIN],
    "write, private": [LOGIN, LOGIN, HIDDEN, DENIED, "2xx", "2xx", LOGIN, LOGIN],
    "write, public": [LOGIN, LOGIN, DENIED, DENIED, "2xx", "2xx", LOGIN, LOGIN],
    "delete, private": [LOGIN, LOGIN, HIDDEN, DENIED, "202", "202", LOGIN, LOGIN],
    "delete, public": [LOGIN, LOGIN, DENIED, DENIED, "202", "202", LOGIN, LOGIN],
    # A registry token is nothing to the token endpoint, which wants a password or nobody.
    "GET token": ["200", LOGIN, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN, LOGIN],
    "POST token": ["400 UNSUPPORTED"] * 8,
}


def row_of(method, path, visibility):
    """Return the row of the table that a route belongs to."""
    if path == TOKEN_PATH:
        return f"{method} token"
    if path in ("/v2", "/v2/"):
        return "base"
    if path == "/v2/_catalog":
        return "catalog"
    if "uploads" in path or method == "PUT":
        return f"write, {visibility}"
    return f"delete, {visibility}" if method == "DELETE" else f"read, {visibility}"


def declared():
    """Return method and path of every route of the spec plane and of tokens; of a HEAD that comes with a GET, none.

    The cloud plane's are in tests/cloud.
    """
    routes = [
        route
        for function in TEMPLATE.functions()
        if function.routes and function.package not in {"artifacts", "identity"}
        for route in import_module(f"{function.package}.routes").API.routes
    ]
    return {
        (method, route.path)
        for route in routes
        for method in route.methods
        if method != "HEAD" or "GET" not in route.methods
    }


def test_every_route_is_in_the_table():
    """
    A new route has to say here who may use it.
    """
    assert declared() == set(REQUESTS)


def test_every_function_of_the_plane_knows_every_path_of_it():
    """
    A path that another function serves is 405 for a wrong method, not 404.
    """
    methods = {}
    for package in ("v2_pull", "v2_push"):
        api = import_module(f"{package}.routes").API
        assert SPEC_METHODS == api.methods
        for route in api.routes:
            methods.setdefault(route.path, set()).update(route.methods)

    assert methods == {path: set(allowed) for path, allowed in SPEC_METHODS.items()}


@pytest.fixture(params=["private", "public"])
def place(request, memory):
    """A registry with an image and a blob in acme/app, which is private or public."""
    memory.repository(public=request.param == "public")
    fill(memory)
    return memory, request.param


def fill(registry):
    client = registry.client("administrator")
    client.push_image()
    client.push_blob(LONELY)


def authorization(registry, caller):
    """Return the header of a caller, who asked for everything."""
    everything = (f"repository:{NAME}:{ALL}", CATALOG)
    if caller == "no token":
        return []
    if caller == "anonymous":
        return [bearer(registry.token(None, *everything))]
    if caller == "other repository":
        return [bearer(registry.token("administrator", f"repository:acme/other:{ALL}"))]
    if caller == "made anew":
        return [bearer(token_of_the_old(registry, everything))]
    return [bearer(registry.token(caller, *everything))]


def bearer(token):
    return "Authorization", f"Bearer {token}"


def token_of_the_old(registry, scopes):
    """Return a token for a repository that was deleted, and made again and filled since."""
    token = registry.token("administrator", *scopes)
    rows = registry.backend.rows
    old = rows.names.pop(NAME)
    for table in (rows.links, rows.manifests, rows.tags, rows.edges):
        for key in [key for key in table if key[0] == old]:
            del table[key]
    registry.repository(public=rows.repositories.pop(old).public)
    fill(registry)
    return token


def open_session(registry, caller):
    """Return the id of a session in acme/app: the caller's own where the caller can have one, else a writer's."""
    user = {"made anew": "administrator"}.get(caller, caller)
    client = registry.client(user if user in ("writer", "administrator") else "writer")
    return client.start().rpartition("/")[2]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(("method", "path"), sorted(REQUESTS), ids=lambda part: part)
def test_who_may_do_what(place, method, path, caller):
    registry, visibility = place
    headers = authorization(registry, caller)
    target = REQUESTS[method, path].replace("{upload}", open_session(registry, caller))
    body = image(annotations={"new": "yes"}) if (method, path[-11:]) == ("PUT", "{reference}") else b""
    before = read(registry)
    answer = registry.send(method, target, headers, body)

    expected = TABLE[row_of(method, path, visibility)][CALLERS.index(caller)]
    if expected == LOGIN and caller == "made anew" and method == "POST":
        expected = "202"  # a new session reads nothing that could tell: the manifest that ends the push does
    assert matches(expected, answer, method), (expected, answer)
    if answer.status == 401:
        assert path == TOKEN_PATH or challenge_of(answer, caller).startswith("Bearer realm=")
    if answer.status >= 400:
        assert before == read(registry)


def challenge_of(answer, caller):
    """Return the challenge. Only functions know that a repository is another by now, and a gateway renames theirs."""
    renamed = answer.headers.get("x-amzn-remapped-www-authenticate", "") if caller == "made anew" else ""
    return answer.headers.get("www-authenticate", renamed)


def matches(expected, answer, method):
    """Whether an answer is the expected one; HEAD has no code, and a session's answers are 201, 202 and 204."""
    status, _, code = expected.partition(" ")
    if status == "2xx":
        return answer.status in (201, 202, 204)
    if not code:
        return int(status) == answer.status
    return int(status) == answer.status if method == "HEAD" else (int(status), [code]) == answer.error


def read(registry):
    """Return what an administrator sees of acme/app."""
    client = registry.client("administrator")
    paths = ["tags/list", "manifests/latest", f"blobs/{Digest.of(LONELY)}", f"blobs/{Digest.of(CONFIG)}"]
    return [(answer.status, answer.body) for answer in map(client.get, paths)]
