"""What can be configured for all repositories. ocir.md 1.3, 6.3."""

from dataclasses import replace

from starlette.responses import Response

from moorage.domain.errors import ParameterInvalid
from moorage.domain.policy.decision import Target
from moorage.domain.repository import Configuration
from moorage.operations.contention import ATTEMPTS, pause
from moorage.operations.repositories import busy
from moorage.web.cloud.answers import answer
from moorage.web.cloud.call import Call


def get_container_configuration(call: Call) -> Response:
    """GetContainerConfiguration."""
    _require_tenancy(call)
    return _tell(call, call.stores.repositories.configuration())


def update_container_configuration(call: Call) -> Response:
    """UpdateContainerConfiguration."""
    _require_tenancy(call)
    for attempt in range(ATTEMPTS):
        current = call.stores.repositories.configuration()
        call.check_etag(current.version)
        wanted = call.body.get("isRepositoryCreatedOnFirstPush", current.create_on_push)
        changed = replace(current, create_on_push=wanted, version=current.version + 1)
        if call.stores.repositories.configure(changed):
            return _tell(call, changed)
        pause(call.stores, attempt)
    raise busy()


HANDLERS = {
    "GetContainerConfiguration": get_container_configuration,
    "UpdateContainerConfiguration": update_container_configuration,
}


def _require_tenancy(call: Call) -> None:
    """Refuse whoever may not, and every compartment but the root: there is one configuration."""
    compartment_id = call.parameters["compartmentId"]
    call.require(Target(compartment_id))
    if compartment_id != call.caller.tenancy.id:
        raise ParameterInvalid("compartmentId", "must be the tenancy: there is one configuration for all of it")


def _tell(call: Call, configuration: Configuration) -> Response:
    body = {
        "isRepositoryCreatedOnFirstPush": configuration.create_on_push,
        "namespace": call.stores.limits.namespace,
    }
    return answer(body, etag=configuration.version)
