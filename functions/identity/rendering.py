"""Resources as the cloud plane shows them: every required field is there, what is optional only when it is known."""

from collections.abc import Mapping
from typing import Any

from moorage.domain.directory import (
    CAPABILITIES,
    ApiKey,
    AuthenticationPolicy,
    AuthToken,
    Compartment,
    DynamicGroup,
    Group,
    Membership,
    NetworkSource,
    Policy,
    Resource,
    State,
    User,
    VirtualSource,
    WorkRequest,
    membership_ocid,
)
from moorage.domain.regions import Region
from moorage.web.cloud.answers import time
from moorage.web.cloud.tags import tell_own_tags

PASSWORD_POLICY: Mapping[str, Any] = {
    "minimumPasswordLength": 12,
    "isUppercaseCharactersRequired": True,
    "isLowercaseCharactersRequired": True,
    "isNumericCharactersRequired": True,
    "isSpecialCharactersRequired": True,
    "isUsernameContainmentAllowed": False,
}

Json = dict[str, Any]


def tell_compartment(compartment: Compartment) -> Json:
    """Show a compartment."""
    return _tell(compartment)


def tell_accessible_compartment(compartment: Compartment, *, directly: bool) -> Json:
    """Show a compartment to who may see something in it, or only in one below it: then without its tags."""
    told = {**_tell(compartment), "isAccessible": True}
    return told if directly else {name: value for name, value in told.items() if not name.endswith("Tags")}


def tell_user(user: User) -> Json:
    """Show a user."""
    return _known(
        {
            **_tell(user),
            "email": user.email,
            "emailVerified": None if user.email is None else False,
            "dbUserName": user.db_user_name,
            "inactiveStatus": user.inactive_status,
            "isMfaActivated": False,
            "capabilities": {name: name in user.capabilities for name in CAPABILITIES},
        }
    )


def tell_api_key(tenancy_id: str, user: User, key: ApiKey) -> Json:
    """Show an API key; `keyId` is what signatures name it by."""
    return {
        "keyId": f"{tenancy_id}/{user.id}/{key.fingerprint}",
        "keyValue": key.public,
        "fingerprint": key.fingerprint,
        "userId": user.id,
        "timeCreated": time(key.time_created),
        "lifecycleState": State.ACTIVE,
    }


def tell_auth_token(user: User, token: AuthToken) -> Json:
    """Show an auth token, without the password that it is."""
    return {
        "id": token.id,
        "userId": user.id,
        "description": token.description,
        "timeCreated": time(token.time_created),
        "lifecycleState": State.ACTIVE,
    }


def tell_group(group: Group) -> Json:
    """Show a group."""
    return _tell(group)


def tell_membership(user: User, membership: Membership) -> Json:
    """Show that a user is in a group."""
    return {
        "id": membership_ocid(user.id, membership.group_id),
        "compartmentId": user.compartment_id,
        "groupId": membership.group_id,
        "userId": user.id,
        "timeCreated": time(membership.time_created),
        "lifecycleState": State.ACTIVE,
    }


def tell_dynamic_group(group: DynamicGroup) -> Json:
    """Show a dynamic group."""
    return {**_tell(group), "matchingRule": group.matching_rule}


def tell_policy(policy: Policy, statements: list[str]) -> Json:
    """Show a policy with its statements."""
    return _known({**_tell(policy), "statements": statements, "versionDate": policy.version_date})


def tell_network_source(source: NetworkSource) -> Json:
    """Show a network source."""
    return {
        **_tell(source),
        "publicSourceList": list(source.public_source_list),
        "virtualSourceList": [_tell_virtual(virtual) for virtual in source.virtual_source_list],
        "services": list(source.services),
    }


def tell_authentication_policy(policy: AuthenticationPolicy) -> Json:
    """Show how users may sign in."""
    return {
        "compartmentId": policy.compartment_id,
        "passwordPolicy": {**PASSWORD_POLICY, **policy.password_policy},
        "networkPolicy": {"networkSourceIds": list(policy.network_source_ids)},
    }


def tell_work_request(request: WorkRequest) -> Json:
    """Show a work request; it was done at once, so it has no errors and nothing to log."""
    return {**tell_work_request_summary(request), "errors": [], "logs": []}


def tell_work_request_summary(request: WorkRequest) -> Json:
    """Show a work request in a list."""
    return _known(
        {
            "id": request.id,
            "operationType": request.name,
            "status": request.status,
            "compartmentId": request.compartment_id,
            "resources": [
                {
                    "identifier": request.resource_id,
                    "entityType": "compartment",
                    "actionType": request.action,
                    "entityUri": f"/20160918/compartments/{request.resource_id}",
                }
            ],
            "percentComplete": 100.0,
            "timeAccepted": time(request.time_created),
            "timeStarted": time(request.time_created),
            "timeFinished": time(request.time_finished) if request.time_finished else None,
        }
    )


def tell_tenancy(tenancy_id: str, namespace: str, region: Region) -> Json:
    """Show the tenancy; its name is the namespace."""
    return {
        "id": tenancy_id,
        "name": namespace,
        "description": f"the registry {namespace}",
        "homeRegionKey": region.key,
        "freeformTags": {},
        "definedTags": {},
    }


def tell_region(region: Region) -> Json:
    """Show the region."""
    return {"key": region.key, "name": region.name}


def tell_region_subscription(region: Region) -> Json:
    """Show that the tenancy is in the region."""
    return {"regionKey": region.key, "regionName": region.name, "status": "READY", "isHomeRegion": True}


def _tell(resource: Resource) -> Json:
    return {
        "id": resource.id,
        "compartmentId": resource.compartment_id,
        "name": resource.name,
        "description": resource.description,
        "timeCreated": time(resource.time_created),
        "lifecycleState": resource.state,
        **tell_own_tags(resource.tags),
    }


def _tell_virtual(source: VirtualSource) -> Json:
    return {"vcnId": source.vcn_id, "ipRanges": list(source.ip_ranges)}


def _known(told: Json) -> Json:
    return {name: value for name, value in told.items() if value is not None}
