"""The tenancy, and the one region that it is in: GetTenancy, ListRegionSubscriptions, ListRegions; GetNamespace."""

from starlette.responses import Response

from identity.rendering import tell_region, tell_region_subscription, tell_tenancy
from identity.targets import root
from moorage.domain.errors import NotFound
from moorage.domain.policy.decision import Target
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call


def get_tenancy(call: Call) -> Response:
    """Show the tenancy."""
    _require_tenancy(call)
    return answer(tell_tenancy(call.caller.tenancy.id, call.site.namespace, call.stores.limits.region))


def list_region_subscriptions(call: Call) -> Response:
    """List the region that the tenancy is in."""
    _require_tenancy(call)
    return answer([tell_region_subscription(call.stores.limits.region)])


def list_regions(call: Call) -> Response:
    """List the region that there is."""
    call.require(root(call))
    return answer([tell_region(call.stores.limits.region)])


def get_namespace(call: Call) -> Response:
    """Tell the namespace to whoever signs; a compartment of it is named only by who may see it."""
    compartment_id = call.parameters.get("compartmentId")
    if compartment_id not in {None, call.caller.tenancy.id}:
        call.require(Target(compartment_id), "COMPARTMENT_INSPECT")
    return answer(call.site.namespace)


def _require_tenancy(call: Call) -> None:
    if call.parameters["tenancyId"] != call.caller.tenancy.id:
        raise NotFound
    call.require(root(call))


HANDLERS = {
    "GetTenancy": get_tenancy,
    "ListRegionSubscriptions": list_region_subscriptions,
    "ListRegions": list_regions,
    "GetNamespace": get_namespace,
}
