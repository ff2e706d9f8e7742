"""The tenancy itself: it is no row, for all that is known of it is its id, its name and since when it is there."""

from datetime import UTC, datetime

from moorage.domain.directory import ADMINISTRATORS, Compartment
from moorage.domain.ocid import Kind, unique_of
from moorage.domain.tenancy import Tenancy
from moorage.domain.ulid import time_of
from moorage.stores.base import Stores


def root_compartment(stores: Stores, tenancy: Tenancy) -> Compartment:
    """Return the root compartment, as a compartment; it is in itself."""
    return Compartment(
        id=tenancy.id,
        compartment_id=tenancy.id,
        name=stores.limits.namespace,
        description="the root compartment of the tenancy",
        time_created=since(tenancy),
    )


def since(tenancy: Tenancy) -> datetime:
    """Return when the tenancy was made: with the group of administrators, whose id tells."""
    ids = (key for key, name in tenancy.groups.items() if name == ADMINISTRATORS)
    unique = next((unique_of(key, Kind.GROUP) for key in ids), None)
    return time_of(unique.upper()) if unique else datetime.fromtimestamp(0, UTC)
