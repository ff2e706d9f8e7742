"""What a decision is about: who asks, and for what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moorage.domain.access import Principal


@dataclass(frozen=True)
class Target:
    """What is asked for. `names` are the variables that apply: {"target.repo.name": "project/app"}."""

    compartment_id: str
    names: Mapping[str, str] = field(default_factory=dict)
    defined_tags: Mapping[str, Mapping[str, Any]] | None = None  # None: target.resource.tag does not apply


@dataclass(frozen=True)
class Asking:
    """Who asks, from where, when, and in which operation of the cloud plane; None for Docker's actions."""

    principal: Principal
    operation: str | None
    address: str
    now: datetime
    region: str = ""  # its key, FRA
