"""What this function serves. Paths parse in the domain: a bad name is NAME_INVALID, not a 404."""

from starlette.routing import Route

from moorage.web.errors import spec_error
from moorage.web.paths import SPEC_METHODS
from moorage.web.shim import Api
from v2_pull.base import get_base
from v2_pull.blobs import get_blob, head_blob
from v2_pull.catalog import get_catalog
from v2_pull.manifests import get_manifest, head_manifest
from v2_pull.referrers import get_referrers
from v2_pull.tags import get_tags
from v2_pull.uploads import get_upload

API = Api(
    tell_error=spec_error,
    methods=SPEC_METHODS,
    routes=[
        Route("/v2", get_base, methods=["GET"]),
        Route("/v2/", get_base, methods=["GET"]),
        Route("/v2/_catalog", get_catalog, methods=["GET"]),
        Route("/v2/{name:path}/tags/list", get_tags, methods=["GET"]),
        Route("/v2/{name:path}/manifests/{reference}", head_manifest, methods=["HEAD"]),
        Route("/v2/{name:path}/manifests/{reference}", get_manifest, methods=["GET"]),
        Route("/v2/{name:path}/referrers/{digest}", get_referrers, methods=["GET"]),
        Route("/v2/{name:path}/blobs/uploads/{upload}", get_upload, methods=["GET"]),
        Route("/v2/{name:path}/blobs/{digest}", head_blob, methods=["HEAD"]),
        Route("/v2/{name:path}/blobs/{digest}", get_blob, methods=["GET"]),
    ],
)
