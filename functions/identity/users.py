"""Users: CreateUser, ListUsers, GetUser, UpdateUser, UpdateUserState, UpdateUserCapabilities, DeleteUser."""

from starlette.responses import Response

from identity.changing import given_tags
from identity.creating import create
from identity.listing import list_resources
from identity.rendering import tell_user
from identity.targets import of, read, require_in_root
from moorage.domain.directory import User
from moorage.operations.directory import users
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import read_tags


def create_user(call: Call) -> Response:
    """Make a user, in no group and without credentials."""
    require_in_root(call, call.body["compartmentId"])
    return create(
        call,
        User,
        tell_user,
        lambda: users.create_user(
            call.stores,
            call.caller.tenancy,
            name=call.body["name"],
            description=call.body["description"],
            email=call.body.get("email"),
            tags=read_tags(call.body),
            remember=call.remember,
        ),
    )


def list_users(call: Call) -> Response:
    """List users; none is of an identity provider, which filters can ask for."""
    require_in_root(call, call.parameters["compartmentId"])
    foreign = {"identityProviderId", "externalIdentifier"} & call.parameters.keys()
    return list_resources(call, [] if foreign else call.stores.directory.all(User), tell_user)


def get_user(call: Call) -> Response:
    """Show a user."""
    return _shown(_authorised(call))


def update_user(call: Call) -> Response:
    """Change description, e-mail, database user name or tags."""
    user = _authorised(call)
    return _shown(
        users.update_user(
            call.stores,
            call.caller.tenancy,
            user.id,
            description=call.body.get("description"),
            email=call.body.get("email"),
            db_user_name=call.body.get("dbUserName"),
            tags=given_tags(call),
            if_match=call.if_match,
        ),
    )


def update_user_state(call: Call) -> Response:
    """Unblock a user."""
    user = _authorised(call)
    blocked = call.body.get("blocked")
    return _shown(
        users.update_user_state(call.stores, call.caller.tenancy, user.id, blocked=blocked, if_match=call.if_match),
    )


def update_user_capabilities(call: Call) -> Response:
    """Say which credentials a user can use; those that are not named stay as they are."""
    user = _authorised(call)
    # Requests write DB where answers write Db.
    capabilities = {name.replace("DB", "Db"): able for name, able in call.body.items()}
    return _shown(
        users.update_user_capabilities(call.stores, call.caller.tenancy, user.id, capabilities, if_match=call.if_match),
    )


def delete_user(call: Call) -> Response:
    """Delete a user who is in no group, with all credentials."""
    user = _authorised(call)
    users.delete_user(call.stores, call.caller.tenancy, user.id, if_match=call.if_match)
    return answer(None)


def _authorised(call: Call) -> User:
    user = read(call, User, "userId")
    call.require(of(user))
    return user


def _shown(user: User) -> Response:
    return answer(tell_user(user), etag=user.version)


HANDLERS = {
    "CreateUser": create_user,
    "ListUsers": list_users,
    "GetUser": get_user,
    "UpdateUser": update_user,
    "UpdateUserState": update_user_state,
    "UpdateUserCapabilities": update_user_capabilities,
    "DeleteUser": delete_user,
}
