"""The token endpoint's route table."""

from starlette.routing import Route

from moorage.web.errors import spec_error
from moorage.web.shim import Api
from moorage.web.site import TOKEN_PATH
from tokens.token import get_token, post_token

API = Api(
    tell_error=spec_error,
    routes=[
        Route(TOKEN_PATH, get_token, methods=["GET"]),
        Route(TOKEN_PATH, post_token, methods=["POST"]),
    ],
)
