"""The token endpoint's route table."""

from starlette.routing import Route

from moorage.web.shim import Api
from moorage.web.site import TOKEN_PATH
from tokens.errors import token_error
from tokens.token import get_token, post_token

API = Api(
    tell_error=token_error,
    routes=[
        Route(TOKEN_PATH, get_token, methods=["GET"]),
        Route(TOKEN_PATH, post_token, methods=["POST"]),
    ],
    base_paths=("/20180419",),
)
