"""The operations of compartments, users, groups, policies and credentials."""

from identity import (
    compartments,
    credentials,
    dynamic_groups,
    groups,
    memberships,
    networks,
    policies,
    regions,
    users,
    work_requests,
)
from moorage.web.cloud.routes import BASE_PATH, cloud_api

API = cloud_api(
    "identity",
    {
        **compartments.HANDLERS,
        **users.HANDLERS,
        **credentials.HANDLERS,
        **groups.HANDLERS,
        **memberships.HANDLERS,
        **dynamic_groups.HANDLERS,
        **policies.HANDLERS,
        **networks.HANDLERS,
        **regions.HANDLERS,
        **work_requests.HANDLERS,
    },
    base_paths=(BASE_PATH, "/n"),
)
