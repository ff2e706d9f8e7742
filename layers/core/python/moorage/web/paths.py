"""Every path of /v2, with the methods that one function or another answers. distribution-spec, "Endpoints".

The gateway splits /v2 by method alone, so each function gets requests for paths that only another one has. It answers
them by this table: 405 for a path that is there, 404 for one that is not. A test holds it to the functions' routes.
"""

_READ = ("GET", "HEAD")

SPEC_METHODS = {
    "/v2": _READ,
    "/v2/": _READ,
    "/v2/_catalog": _READ,
    "/v2/{name:path}/tags/list": _READ,
    "/v2/{name:path}/manifests/{reference}": (*_READ, "PUT", "DELETE"),
    "/v2/{name:path}/referrers/{digest}": _READ,
    "/v2/{name:path}/blobs/uploads": ("POST",),
    "/v2/{name:path}/blobs/uploads/": ("POST",),
    "/v2/{name:path}/blobs/uploads/{upload}": (*_READ, "PATCH", "PUT", "DELETE"),
    "/v2/{name:path}/blobs/{digest}": (*_READ, "DELETE"),
}
