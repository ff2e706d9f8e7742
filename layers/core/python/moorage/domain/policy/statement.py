"""A statement, compiled: names are ids, verbs are permissions. ocir.md 5.1 is what it is compiled from."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from moorage.domain.policy.permissions import permissions_of


class SubjectKind(StrEnum):
    """Whom a statement is about."""

    ANY_USER = "any-user"  # any principal that has signed in
    ANY_GROUP = "any-group"  # any user that is in a group
    GROUP = "group"
    DYNAMIC_GROUP = "dynamic-group"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Statement:
    """Grants `permissions` to `subjects` in the subtree of the compartment `location`, where the condition holds."""

    text: str
    kind: SubjectKind
    subjects: tuple[str, ...]  # ids of groups or dynamic groups, names of services; empty for any-user and any-group
    permissions: frozenset[str]
    location: str
    condition: Any = None  # a tree of lists, as JSON keeps it; `conditions.py` knows its form. None: always
    verb: tuple[str, str] | None = None  # verb and type that the permissions are of; None when they were listed


def to_json(statement: Statement) -> dict[str, Any]:
    """Return what is stored. A verb stays a verb, so that it grants what its type gains in a later release."""
    grants = list(statement.verb) if statement.verb else sorted(statement.permissions)
    stored: dict[str, Any] = {
        "text": statement.text,
        "kind": statement.kind.value,
        "verb" if statement.verb else "permissions": grants,
        "location": statement.location,
    }
    optional = {"subjects": list(statement.subjects), "condition": statement.condition}
    return stored | {key: value for key, value in optional.items() if value}


def from_json(stored: Mapping[str, Any]) -> Statement:
    """Return what `to_json` stored."""
    verb = (stored["verb"][0], stored["verb"][1]) if "verb" in stored else None
    return Statement(
        text=stored["text"],
        kind=SubjectKind(stored["kind"]),
        subjects=tuple(stored.get("subjects", ())),
        permissions=permissions_of(*verb) if verb else frozenset(stored["permissions"]),
        location=stored["location"],
        condition=stored.get("condition"),
        verb=verb,
    )
