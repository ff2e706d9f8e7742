"""What every decision reads: one value, in one row, written with each change of what it is made from.

Users are counted in it; who they are and what groups they are in is in their own rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from moorage.domain.policy.statement import Statement

RETRY_LIFE_HOURS = 24
RETRY_LIFE = timedelta(hours=RETRY_LIFE_HOURS)  # of a retry token


@dataclass(frozen=True, slots=True)
class CompartmentNode:
    """A compartment that is ACTIVE. Deleted ones are not in the tree."""

    parent: str
    name: str
    defined_tags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DynamicGroupNode:
    """A dynamic group: its name, and the rule as it was written."""

    name: str
    matching_rule: str


@dataclass(frozen=True, slots=True)
class NetworkSourceNode:
    """A network source: its name, and all its networks as CIDR."""

    name: str
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PolicyNode:
    """Where statements are attached, what they say, which no other row has, and what they mean."""

    compartment_id: str
    name: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True)
class Tenancy:
    """The tree and the rules of one tenancy, as they were at `version`; 0 is before bootstrap."""

    id: str
    version: int = 0
    compartments: Mapping[str, CompartmentNode] = field(default_factory=dict)  # by id, without the root
    groups: Mapping[str, str] = field(default_factory=dict)  # id -> name
    dynamic_groups: Mapping[str, DynamicGroupNode] = field(default_factory=dict)
    network_sources: Mapping[str, NetworkSourceNode] = field(default_factory=dict)
    policies: Mapping[str, PolicyNode] = field(default_factory=dict)
    users: int = 0  # how many there are, so that their limit is exact
    sign_in_sources: tuple[str, ...] = ()  # ids of network sources that users must come from; empty for anywhere

    def holds(self, compartment_id: str) -> bool:
        """Whether there is such a compartment; the root is one."""
        return compartment_id == self.id or compartment_id in self.compartments

    def ancestors(self, compartment_id: str) -> Iterator[str]:
        """Yield a compartment and those above it, the root last; nothing for one that is not there."""
        while compartment_id in self.compartments:
            yield compartment_id
            compartment_id = self.compartments[compartment_id].parent
        if compartment_id == self.id:
            yield compartment_id

    def children(self, compartment_id: str) -> Mapping[str, str]:
        """Return the compartments directly below: name -> id."""
        return {node.name: key for key, node in self.compartments.items() if node.parent == compartment_id}

    def subtree(self, compartment_id: str) -> list[str]:
        """Return a compartment and all below it; empty for one that is not there."""
        return [key for key in (self.id, *self.compartments) if compartment_id in self.ancestors(key)]
