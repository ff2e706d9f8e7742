"""What this function serves."""

from starlette.routing import Route

from moorage.web.errors import spec_error
from moorage.web.paths import SPEC_METHODS
from moorage.web.shim import Api
from v2_push.blobs import delete_blob
from v2_push.manifests import delete_manifest, put_manifest
from v2_push.uploads import delete_upload, patch_upload, post_upload, put_upload

API = Api(
    tell_error=spec_error,
    methods=SPEC_METHODS,
    routes=[
        Route("/v2/{name:path}/blobs/uploads", post_upload, methods=["POST"]),
        Route("/v2/{name:path}/blobs/uploads/", post_upload, methods=["POST"]),
        Route("/v2/{name:path}/blobs/uploads/{upload}", patch_upload, methods=["PATCH"]),
        Route("/v2/{name:path}/blobs/uploads/{upload}", put_upload, methods=["PUT"]),
        Route("/v2/{name:path}/blobs/uploads/{upload}", delete_upload, methods=["DELETE"]),
        Route("/v2/{name:path}/manifests/{reference}", put_manifest, methods=["PUT"]),
        Route("/v2/{name:path}/manifests/{reference}", delete_manifest, methods=["DELETE"]),
        Route("/v2/{name:path}/blobs/{digest}", delete_blob, methods=["DELETE"]),
    ],
)
