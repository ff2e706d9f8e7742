"""What a statement says, before names are looked up; and how it is written."""

from dataclasses import dataclass, field
from typing import Any

from moorage.domain.policy.statement import SubjectKind


@dataclass(frozen=True)
class Word:
    """A name, or an OCID, and where it stands. `domain` is the identity domain in front of it."""

    text: str
    at: int = field(default=0, compare=False)
    domain: str | None = None
    is_id: bool = False


@dataclass(frozen=True)
class Place:
    """Where: a path of names or one OCID; nothing for the tenancy. The path stands from `at` to before `end`."""

    path: tuple[Word, ...]
    at: int = field(default=0, compare=False)
    end: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Allow:
    """A statement. `verb` is a verb and a type; None when permissions are listed."""

    kind: SubjectKind
    subjects: tuple[Word, ...]
    verb: tuple[str, str] | None
    permissions: tuple[str, ...]
    place: Place
    condition: list[Any] | None = None


def show(statement: Allow) -> str:
    """Write a statement."""
    subject = " ".join(filter(None, (statement.kind.value, ", ".join(map(_name, statement.subjects)))))
    grants = " ".join(statement.verb) if statement.verb else f"{{{', '.join(statement.permissions)}}}"
    condition = f" where {show_condition(statement.condition)}" if statement.condition else ""
    return f"Allow {subject} to {grants} in {_place(statement.place)}{condition}"


def _name(word: Word) -> str:
    if word.is_id:
        return f"id {word.text}"
    return f"'{word.domain}'/'{word.text}'" if word.domain else f"'{word.text}'"


def _place(place: Place) -> str:
    return f"compartment {':'.join(map(_name, place.path))}" if place.path else "tenancy"


def show_condition(condition: list[Any]) -> str:
    """Write a condition."""
    kind, *parts = condition
    if kind in {"all", "any"}:
        return f"{kind} {{{', '.join(map(show_condition, parts))}}}"
    variable, *operands = parts
    if kind == "between":
        return f"{variable} between '{operands[0]}' and '{operands[1]}'"
    if kind in {"before", "after"}:
        return f"{variable} {kind} '{operands[0]}'"
    shown = ", ".join(map(_operand, operands))
    return f"{variable} in ({shown})" if kind == "in" else f"{variable} {kind} {shown}"


def _operand(operand: list[str]) -> str:
    kind, text = operand
    return {"text": f"'{text}'", "like": f"/{text}/", "var": text}[kind]
