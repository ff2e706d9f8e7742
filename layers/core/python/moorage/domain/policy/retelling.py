"""What statements say once the tree of compartments has changed: a path of names goes on to name what it named."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from moorage.domain.errors import ParameterInvalid
from moorage.domain.policy.parsing import parse_statement
from moorage.domain.policy.statement import Statement
from moorage.domain.policy.syntax import Place
from moorage.domain.tenancy import PolicyNode, Tenancy


def retold(before: Tenancy, after: Tenancy) -> Tenancy:
    """Return a tenancy after a change of its tree, with the texts that its statements have then.

    A statement that names its compartment by a path gets another path where the one that it has leads elsewhere by
    now, or nowhere, so that it can be written again as it is shown, and means the same. Nothing else of the text
    changes. A statement whose compartment is not at or below its policy any more grants nothing, and keeps its text.
    """
    return replace(after, policies={key: _policy(before, after, policy) for key, policy in after.policies.items()})


def _policy(before: Tenancy, after: Tenancy, policy: PolicyNode) -> PolicyNode:
    attached = policy.compartment_id
    was, own = _own(before, attached), _own(after, attached)
    told = []
    for one in policy.statements:
        way = _way(after, attached, one.location)
        same = (was, _way(before, attached, one.location)) == (own, way)  # so its text was right, and is
        told.append(one if same or way is None else _statement(one, was, own, way))
    return replace(policy, statements=tuple(told))


def _statement(statement: Statement, was: Sequence[str], own: Sequence[str], way: Sequence[str]) -> Statement:
    """Return a statement with a path that leads down this way; `was` and `own`: see `_own`, before and after."""
    place = _place(statement.text)
    if place is None or not place.path or place.path[0].is_id:
        return statement
    names = _folded(word.text for word in place.path)
    if names in [_folded(path) for path in (way, [*own, *way])]:
        return statement
    itself = names[:1] == _folded(was)
    return replace(statement, text=_rewritten(statement, place, [*own, *way] if itself or not way else way))


def _place(text: str) -> Place | None:
    """Return where a statement holds; None for one of another release, which cannot be read here."""
    try:
        return parse_statement("", text, len(text)).place  # new names can have made it longer than what is taken
    except ParameterInvalid:
        return None


def _way(tenancy: Tenancy, top: str, place: str) -> list[str] | None:
    """Return the names from below a compartment down to another; None for one that is not at or below it."""
    above = list(tenancy.ancestors(place))
    if top not in above:
        return None
    return [tenancy.compartments[one].name for one in reversed(above[: above.index(top)])]


def _own(tenancy: Tenancy, attached: str) -> list[str]:
    """Return the name by which paths can begin with the compartment itself that a policy is attached to, if one can.

    A child of the same name takes it away.
    """
    node = tenancy.compartments.get(attached)
    children = {name.casefold() for name in tenancy.children(attached)}
    return [node.name] if node and node.name.casefold() not in children else []


def _folded(names: Iterable[str]) -> list[str]:
    return [name.casefold() for name in names]


def _rewritten(statement: Statement, place: Place, path: Sequence[str]) -> str:
    """Return the text with another path, in quotes if there were some; with the id where no path can be."""
    text = statement.text
    head, old, tail = text[: place.at], text[place.at : place.end], text[place.end :]
    if path:
        quote = "'" if "'" in old else ""
        return f"{head}{quote}{':'.join(path)}{quote}{tail}"
    before, behind = ("" if not part or part[edge].isspace() else " " for part, edge in ((head, -1), (tail, 0)))
    return f"{head}{before}id {statement.location}{behind}{tail}"
