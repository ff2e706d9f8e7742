"""What a principal may do in a repository, and the scopes in which clients ask for it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.errors import ScopeInvalid
from moorage.domain.names import parse_name

SCOPE_LIMIT = 16  # scopes a token; more would not fit the 10,240 bytes of headers that a gateway takes
CATALOG = "catalog"


class Action(StrEnum):
    """What a request does to a repository; the words are those of token scopes."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"


class Role(StrEnum):
    """What a user is, until policies say more."""

    NONE = "none"
    READER = "reader"
    WRITER = "writer"
    ADMINISTRATOR = "administrator"


ROLE_ACTIONS = {
    Role.NONE: frozenset[Action](),
    Role.READER: frozenset({Action.PULL}),
    Role.WRITER: frozenset({Action.PULL, Action.PUSH}),
    Role.ADMINISTRATOR: frozenset(Action),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a user, or nobody in particular."""

    name: str | None
    role: Role

    @property
    def anonymous(self) -> bool:
        """Whether nobody has logged in."""
        return self.name is None


ANONYMOUS = Principal(None, Role.NONE)


def permitted(principal: Principal, *, public: bool) -> frozenset[Action]:
    """Say what this principal may do here: in a repository that is public, or is not.

    The one place that decides; policies will fill it.
    """
    return ROLE_ACTIONS[principal.role] | (frozenset({Action.PULL}) if public else frozenset())


@dataclass(frozen=True, slots=True)
class Scope:
    """`<type>:<name>:<actions>`, as a client asks for it."""

    kind: str
    name: str
    actions: frozenset[str]

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{','.join(action for action in _ORDER if action in self.actions)}"


_SCOPE = re.compile(
    r"(?P<kind>[a-z0-9]+(?:\([a-z0-9]+\))?):(?P<name>[^\s]{1,300}):(?P<actions>[a-z*,]{0,100})", re.ASCII
)
_ORDER = (*Action, "*")


def parse_scopes(texts: Iterable[str]) -> tuple[Scope, ...]:
    """Read scopes that come repeated, space-separated, or both; unknown types and actions are left out.

    Raises ScopeInvalid, and NameInvalid for a repository name outside the grammar.
    """
    words = [word for text in texts for word in text.split()]
    if len(words) > SCOPE_LIMIT:
        raise ScopeInvalid(f"a token carries at most {SCOPE_LIMIT} scopes; ask for fewer", scopes=len(words))
    merged: dict[tuple[str, str], frozenset[str]] = {}
    for word in words:
        match = _SCOPE.fullmatch(word)
        if not match:
            raise ScopeInvalid("a scope is written <type>:<name>:<action>,<action>", scope=word[:200])
        kind, name = match["kind"].partition("(")[0], match["name"]
        if kind == "repository":
            parse_name(name)
        elif (kind, name) != ("registry", CATALOG):
            continue
        asked = frozenset(match["actions"].split(",")) & frozenset(_ORDER)
        merged[kind, name] = merged.get((kind, name), frozenset()) | asked
    return tuple(Scope(kind, name, actions) for (kind, name), actions in merged.items())


def wanted(scope: Scope) -> frozenset[Action]:
    """Return the actions on a repository that a scope asks for; `*` is all of them."""
    return frozenset(Action) if "*" in scope.actions else frozenset(Action(action) for action in scope.actions)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says of one repository; `refused` was asked for and not given.

    `repository_id` is None when the repository did not exist when the token was made.
    """

    name: str
    repository_id: str | None
    allowed: frozenset[Action]
    refused: frozenset[Action]


@dataclass(frozen=True, slots=True)
class Access:
    """What a verified token says: who, and what was asked, given and refused."""

    principal: Principal
    grants: tuple[Grant, ...] = ()
    catalog: bool = False

    def grant(self, name: str) -> Grant | None:
        """Return what the token says of the repository, None when it was not asked."""
        return next((grant for grant in self.grants if grant.name == name), None)
