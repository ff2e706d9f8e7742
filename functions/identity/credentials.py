"""API keys and auth tokens of users. Everybody manages one's own without any policy."""

from starlette.responses import Response

from identity.rendering import tell_api_key, tell_auth_token
from identity.targets import is_own, of, read
from moorage.domain.directory import ApiKey, User
from moorage.domain.errors import RetryTokenUsed
from moorage.operations.directory import credentials
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call

_API_KEY_ETAG = 1  # a key never changes


def list_api_keys(call: Call) -> Response:
    """List a user's API keys, oldest first."""
    user = _authorised(call)
    return answer([tell_api_key(call.caller.tenancy.id, user, key) for key in user.api_keys])


def upload_api_key(call: Call) -> Response:
    """Give a user an API key."""
    user = _authorised(call)
    key = _replayed_key(call, user) or credentials.upload_api_key(
        call.stores, call.caller.tenancy, user.id, call.body["key"], remember=call.remember
    )
    return answer(tell_api_key(call.caller.tenancy.id, user, key), etag=_API_KEY_ETAG)


def delete_api_key(call: Call) -> Response:
    """Take an API key from a user."""
    user = _authorised(call)
    fingerprint = call.parameters["fingerprint"].lower()
    credentials.delete_api_key(call.stores, call.caller.tenancy, user.id, fingerprint, if_match=call.if_match)
    return answer(None)


def list_auth_tokens(call: Call) -> Response:
    """List a user's auth tokens, oldest first; what they are is not known here."""
    user = _authorised(call)
    return answer([tell_auth_token(user, token) for token in user.auth_tokens])


def create_auth_token(call: Call) -> Response:
    """Give a user an auth token, which is shown in this answer and in no other."""
    user = _authorised(call)
    if made := call.replayed():
        raise RetryTokenUsed(f"opc-retry-token: it made {made}, which was shown once; delete that, and make another")
    made_now = credentials.create_auth_token(
        call.stores,
        call.caller.tenancy,
        user.id,
        description=call.body["description"],
        remember=call.remember,
    )
    told = {**tell_auth_token(user, made_now.auth_token), "token": made_now.text}
    return answer(told, etag=made_now.auth_token.version)


def update_auth_token(call: Call) -> Response:
    """Change the description of an auth token."""
    user = _authorised(call)
    token = credentials.update_auth_token(
        call.stores,
        call.caller.tenancy,
        user.id,
        call.parameters["authTokenId"],
        description=call.body.get("description"),
        if_match=call.if_match,
    )
    return answer(tell_auth_token(user, token), etag=token.version)


def delete_auth_token(call: Call) -> Response:
    """Take an auth token from a user."""
    user = _authorised(call)
    token_id = call.parameters["authTokenId"]
    credentials.delete_auth_token(call.stores, call.caller.tenancy, user.id, token_id, if_match=call.if_match)
    return answer(None)


def _authorised(call: Call) -> User:
    user = read(call, User, "userId")
    if not is_own(call, user.id):
        call.require(of(user))
    return user


def _replayed_key(call: Call, user: User) -> ApiKey | None:
    """Return the key that the same request uploaded before; None for a request that is new. Raises RetryTokenUsed."""
    fingerprint = call.replayed()
    if fingerprint is None:
        return None
    now = call.stores.directory.get(User, user.id)  # since the same request may have come at the same time
    key = now.api_key(fingerprint) if now else None
    call.check_replayed(_API_KEY_ETAG if key else None)
    return key


HANDLERS = {
    "ListApiKeys": list_api_keys,
    "UploadApiKey": upload_api_key,
    "DeleteApiKey": delete_api_key,
    "ListAuthTokens": list_auth_tokens,
    "CreateAuthToken": create_auth_token,
    "UpdateAuthToken": update_auth_token,
    "DeleteAuthToken": delete_auth_token,
}
