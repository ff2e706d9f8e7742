"""Every path of /v2: the methods that one function or another answers, and what each does to the path's repository.

distribution-spec, "Endpoints". The gateway splits /v2 by method alone, so each function gets requests for paths that
only another one has. It answers them by this table: 405 for a path that is there, 404 for one that is not. A test holds
it to the functions' routes. The authorizer reads from it what a token has to allow.
"""

import re

from moorage.domain.access import Action

BASE = "/v2"
CATALOG = "/v2/_catalog"

_NOTHING = dict.fromkeys(("GET", "HEAD"))
_READ = dict.fromkeys(("GET", "HEAD"), Action.PULL)

SPEC_METHODS: dict[str, dict[str, Action | None]] = {
    BASE: {**_NOTHING},
    f"{BASE}/": {**_NOTHING},
    CATALOG: {**_NOTHING},
    "/v2/{name:path}/tags/list": {**_READ},
    "/v2/{name:path}/manifests/{reference}": {**_READ, "PUT": Action.PUSH, "DELETE": Action.DELETE},
    "/v2/{name:path}/referrers/{digest}": {**_READ},
    "/v2/{name:path}/blobs/uploads": {"POST": Action.PUSH},
    "/v2/{name:path}/blobs/uploads/": {"POST": Action.PUSH},
    "/v2/{name:path}/blobs/uploads/{upload}": dict.fromkeys(("GET", "HEAD", "PATCH", "PUT", "DELETE"), Action.PUSH),
    "/v2/{name:path}/blobs/{digest}": {**_READ, "DELETE": Action.DELETE},
}


def pattern_of(path: str) -> re.Pattern[str]:
    """Return what matches a path of the table, as the router of the functions does."""
    parts = re.split(r"\{(\w+)(:path)?\}", path)
    literals, names, whole = parts[::3], parts[1::3], parts[2::3]
    groups = [f"(?P<{name}>{'.*' if path else '[^/]+'})" for name, path in zip(names, whole, strict=True)]
    return re.compile("^" + "".join(map("".join, zip(map(re.escape, literals), [*groups, "$"], strict=True))))
