"""Each change of the directory, when AWS is unwell: it is whole or was never made."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from tests.contract.backends import Aws
from tests.directory.acting import (
    Retry,
    make_compartment,
    make_dynamic_group,
    make_group,
    make_network_source,
    make_policy,
    make_user,
)
from tests.directory.invariants import check
from tests.factories import limits
from tests.faults.wire import Fault, Wire, lost_answer, transaction_conflict

from moorage.domain.directory import ADMINISTRATORS, membership_ocid
from moorage.domain.errors import RegistryError, Unavailable
from moorage.operations.directory import (
    authentication,
    compartments,
    credentials,
    dynamic_groups,
    groups,
    networks,
    policies,
    users,
)
from moorage.stores.base import Stores

READ = "Allow group developers to read repos in tenancy"
Step = Callable[["Place"], object]


@dataclass
class Place:
    """A directory with something of everything."""

    stores: Stores
    wire: Wire

    def __post_init__(self) -> None:
        stores = self.stores
        self.group = make_group(stores)
        self.administrators = make_group(stores, ADMINISTRATORS)
        self.alice = make_user(stores, "alice", self.group, self.administrators)
        self.bob = make_user(stores, "bob", self.administrators)
        self.carol = make_user(stores, "carol")
        self.token = credentials.create_auth_token(stores, self.tenancy, self.bob.id, description="x").auth_token
        self.project = make_compartment(stores)
        self.other = make_compartment(stores, "other")
        self.gone, _ = compartments.delete_compartment(stores, self.tenancy, make_compartment(stores, "gone").id)
        self.machines = make_dynamic_group(stores)
        self.office = make_network_source(stores, "office", "192.0.2.0/24")
        self.policy = make_policy(stores, READ)
        self.first = self.rows()

    @property
    def tenancy(self) -> Any:
        return self.stores.directory.tenancy()

    def retry(self, word: str) -> Retry:
        return Retry(self.stores, word)

    def rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        table = self.stores.directory._table
        return {(row["pk"]["S"], row["sk"]["S"]): row for row in table.client.scan(TableName=table._name)["Items"]}

    def restore(self) -> None:
        """Put back the rows as they were at first."""
        self.wire.begin()
        table, now = self.stores.directory._table, self.rows()
        for key in now.keys() - self.first.keys():
            table.client.delete_item(TableName=table._name, Key={"pk": now[key]["pk"], "sk": now[key]["sk"]})
        for key, row in self.first.items():
            if row != now.get(key):
                table.client.put_item(TableName=table._name, Item=row)

    def shape(self) -> Counter[tuple[str, str]]:
        """Return how many rows of a kind have which version: ids and times differ from run to run."""
        return Counter(
            (row["kind"]["S"], row["version"].get("N", "") if "version" in row else "") for row in self.rows().values()
        )


STEPS: dict[str, Step] = {
    "create user": lambda at: make_user(at.stores, "new", remember=at.retry("user")),
    "delete user": lambda at: users.delete_user(at.stores, at.tenancy, at.carol.id),
    "create auth token": lambda at: credentials.create_auth_token(
        at.stores, at.tenancy, at.alice.id, description="new", remember=at.retry("auth token")
    ),
    "create group": lambda at: make_group(at.stores, "new", remember=at.retry("group")),
    "delete group": lambda at: groups.delete_group(at.stores, at.tenancy, make_group(at.stores, "empty").id),
    "add to group": lambda at: groups.add_user_to_group(
        at.stores, at.tenancy, at.bob.id, at.group.id, remember=at.retry("membership")
    ),
    "remove from group": lambda at: groups.remove_user_from_group(
        at.stores, at.tenancy, membership_ocid(at.alice.id, at.administrators.id)
    ),
    "create compartment": lambda at: make_compartment(at.stores, "new", remember=at.retry("compartment")),
    "rename compartment": lambda at: compartments.update_compartment(
        at.stores, at.tenancy, at.project.id, name="renamed"
    ),
    "move compartment": lambda at: compartments.move_compartment(
        at.stores, at.tenancy, at.project.id, at.other.id, remember=at.retry("move")
    ),
    "delete compartment": lambda at: compartments.delete_compartment(at.stores, at.tenancy, at.project.id),
    "recover compartment": lambda at: compartments.recover_compartment(at.stores, at.tenancy, at.gone.id),
    "delete dynamic group": lambda at: dynamic_groups.delete_dynamic_group(at.stores, at.tenancy, at.machines.id),
    "delete network source": lambda at: networks.delete_network_source(at.stores, at.tenancy, at.office.id),
    "sign in from there": lambda at: authentication.update_authentication_policy(
        at.stores, at.tenancy, network_source_ids=[at.office.id]
    ),
    "create policy": lambda at: make_policy(at.stores, name="new", remember=at.retry("policy")),
    "update policy": lambda at: policies.update_policy(at.stores, at.tenancy, at.policy.id, statements=[READ, READ]),
    "delete policy": lambda at: policies.delete_policy(at.stores, at.tenancy, at.policy.id),
}


TRANSACTION = "dynamodb.TransactWriteItems"


@pytest.fixture(scope="module")
def only_place(inner_aws: tuple[Aws, Wire]) -> Iterator[Place]:
    aws, wire = inner_aws
    with aws.backend(limits(namespace="directory")) as backend:
        for client in (backend.stores.directory._table.client, backend.stores.objects.client):
            wire.connect(client)
        wire.begin()
        yield Place(backend.stores, wire)
        wire.begin()


@pytest.fixture
def place(only_place: Place, quotas: list[Any]) -> Place:
    only_place.restore()
    for known in quotas:
        known.release(known._max_capacity)
    return only_place


@pytest.mark.parametrize("name", STEPS)
def test_a_change_is_whole_whatever_becomes_of_its_answer(place: Place, name: str) -> None:
    """
    Lost once, the second sending finds what the first one made. Lost altogether, a repeat finds all of it there; with a
    retry token the handler answers it.
    """
    step = STEPS[name]
    place.wire.begin()
    step(place)
    last = max(number for number, called in enumerate(place.wire.operations) if called == TRANSACTION)
    made = place.shape()

    for kind in (lost_answer, transaction_conflict):
        place.restore()
        place.wire.begin(Fault(kind, last, "once"))
        step(place)
        place.wire.begin()
        check(place.stores)
        assert made == place.shape()

    place.restore()
    place.wire.begin(Fault(lost_answer, last, "outage"))
    with pytest.raises(Unavailable):
        step(place)
    place.wire.begin()
    assert made == place.shape()
    with suppress(RegistryError):
        step(place)
    check(place.stores)
