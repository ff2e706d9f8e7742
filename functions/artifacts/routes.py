"""The operations of repositories, images, versions and signatures."""

from artifacts import configuration, images, repositories, signatures
from moorage.web.cloud.routes import cloud_api

API = cloud_api(
    "artifacts", {**repositories.HANDLERS, **configuration.HANDLERS, **images.HANDLERS, **signatures.HANDLERS}
)
