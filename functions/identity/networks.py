"""Network sources, and the authentication policy, which says from which of them users may sign in."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from identity.changing import given_tags
from identity.creating import create
from identity.listing import list_resources
from identity.rendering import tell_authentication_policy, tell_network_source
from identity.targets import of, read, require_in_root, root
from moorage.domain.directory import AuthenticationPolicy, NetworkSource, VirtualSource
from moorage.domain.errors import NotFound, StateConflict
from moorage.domain.networks import may_sign_in
from moorage.operations.directory import authentication, networks
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import read_tags


def create_network_source(call: Call) -> Response:
    """Give networks a name."""
    require_in_root(call, call.body["compartmentId"])
    return create(
        call,
        NetworkSource,
        tell_network_source,
        lambda: networks.create_network_source(
            call.stores,
            call.caller.tenancy,
            name=call.body["name"],
            description=call.body["description"],
            tags=read_tags(call.body),
            remember=call.remember,
            **_lists(call),
        ),
    )


def list_network_sources(call: Call) -> Response:
    """List network sources."""
    require_in_root(call, call.parameters["compartmentId"])
    return list_resources(call, call.stores.directory.all(NetworkSource), tell_network_source)


def get_network_source(call: Call) -> Response:
    """Show a network source."""
    return _shown(_authorised(call))


def update_network_source(call: Call) -> Response:
    """Change lists, description or tags."""
    source = _authorised(call)
    return _shown(
        networks.update_network_source(
            call.stores,
            call.caller.tenancy,
            source.id,
            description=call.body.get("description"),
            tags=given_tags(call),
            if_match=call.if_match,
            **_lists(call),
        ),
    )


def delete_network_source(call: Call) -> Response:
    """Delete a network source."""
    source = _authorised(call)
    networks.delete_network_source(call.stores, call.caller.tenancy, source.id, if_match=call.if_match)
    return answer(None)


def get_authentication_policy(call: Call) -> Response:
    """Show how users may sign in."""
    _require_tenancy(call)
    return _told(authentication.get_authentication_policy(call.stores, call.caller.tenancy))


def update_authentication_policy(call: Call) -> Response:
    """Say how users may sign in, and from where."""
    _require_tenancy(call)
    sources = call.body.get("networkPolicy", {}).get("networkSourceIds")
    _require_own_address(call, sources or ())
    policy = authentication.update_authentication_policy(
        call.stores,
        call.caller.tenancy,
        password_policy=call.body.get("passwordPolicy"),
        network_source_ids=sources,
        if_match=call.if_match,
    )
    return _told(policy)


def _lists(call: Call) -> dict[str, Any]:
    """Return the lists that a body gives, by what operations call them."""
    given = {
        "public_source_list": call.body.get("publicSourceList"),
        "virtual_source_list": [
            VirtualSource(vcn_id=one["vcnId"], ip_ranges=tuple(one["ipRanges"]))
            for one in call.body.get("virtualSourceList", ())
        ]
        if "virtualSourceList" in call.body
        else None,
        "services": call.body.get("services"),
    }
    return {name: value for name, value in given.items() if value is not None}


def _authorised(call: Call) -> NetworkSource:
    source = read(call, NetworkSource, "networkSourceId")
    call.require(of(source))
    return source


def _require_tenancy(call: Call) -> None:
    """Go on only for the tenancy: it alone has an authentication policy. Raises NotFound."""
    if call.parameters["compartmentId"] != call.caller.tenancy.id:
        raise NotFound
    call.require(root(call))


def _require_own_address(call: Call, sources: Sequence[str]) -> None:
    """Go on only if users still sign in from where the caller is. Raises StateConflict."""
    caller = call.caller
    known = set(sources) <= caller.tenancy.network_sources.keys()
    if known and not may_sign_in(replace(caller.tenancy, sign_in_sources=tuple(sources)), caller.address):
        raise StateConflict(
            f"networkPolicy.networkSourceIds: your own address, {caller.address}, is in none of these networks: "
            "you would lock yourself out"
        )


def _shown(source: NetworkSource) -> Response:
    return answer(tell_network_source(source), etag=source.version)


def _told(policy: AuthenticationPolicy) -> Response:
    return answer(tell_authentication_policy(policy), etag=policy.version)


HANDLERS = {
    "CreateNetworkSource": create_network_source,
    "ListNetworkSources": list_network_sources,
    "GetNetworkSource": get_network_source,
    "UpdateNetworkSource": update_network_source,
    "DeleteNetworkSource": delete_network_source,
    "GetAuthenticationPolicy": get_authentication_policy,
    "UpdateAuthenticationPolicy": update_authentication_policy,
}
