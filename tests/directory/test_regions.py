import pytest
from tests.directory.acting import make_group

from moorage.domain.directory import ADMINISTRATORS
from moorage.domain.regions import Region, find_region
from moorage.operations.directory import groups
from moorage.operations.directory.tenancies import root_compartment


@pytest.mark.parametrize(("name", "key"), [("eu-central-1", "FRA"), ("us-east-1", "IAD"), ("mars-1", "mars-1")])
def test_a_region_has_the_key_of_its_airport_or_its_own_name(name, key):
    assert Region(key, name) == find_region(name)


def test_the_root_is_as_old_as_the_group_of_administrators(stores):
    groups.create_group(stores, stores.directory.tenancy(), name="first", description="not this one")
    made = make_group(stores, ADMINISTRATORS)

    assert made.time_created == root_compartment(stores, stores.directory.tenancy()).time_created
