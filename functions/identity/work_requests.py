"""Work requests: ListWorkRequests, GetWorkRequest. They are over by the time anybody asks, and shown for 90 days."""

from starlette.responses import Response

from identity.listing import instant, list_page
from identity.rendering import tell_work_request, tell_work_request_summary
from identity.targets import read
from moorage.domain.directory import KEPT, WorkRequest
from moorage.domain.errors import NotFound
from moorage.domain.policy.decision import Target
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call


def list_work_requests(call: Call) -> Response:
    """List the deletions and moves of compartments in one, newest first; with a filter, those of one resource."""
    compartment_id, resource_id = call.parameters["compartmentId"], call.parameters.get("resourceIdentifier")
    call.require(Target(compartment_id))
    found = [
        request
        for request in call.stores.directory.all(WorkRequest)
        if request.compartment_id == compartment_id and resource_id in {None, request.resource_id}
        if _kept(call, request)
    ]
    return list_page(call, sorted(found, key=_key, reverse=True), _key, tell_work_request_summary, back=True)


def get_work_request(call: Call) -> Response:
    """Show a work request, to whoever asked for the work, and to those who may see where it was."""
    request, tenancy = read(call, WorkRequest, "workRequestId"), call.caller.tenancy
    if not _kept(call, request):
        raise NotFound
    if request.requested_by != call.caller.principal.id:
        call.require(Target(request.compartment_id if tenancy.holds(request.compartment_id) else tenancy.id))
    return answer(tell_work_request(request))


def _kept(call: Call, request: WorkRequest) -> bool:
    return call.now < request.time_created + KEPT


def _key(request: WorkRequest) -> tuple[str, str]:
    return instant(request.time_created), request.id


HANDLERS = {"ListWorkRequests": list_work_requests, "GetWorkRequest": get_work_request}
