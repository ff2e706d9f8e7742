"""Who asks, the scopes in which clients ask, and what a token says of both. What a principal may: domain/rights.py."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from moorage.domain.errors import ScopeInvalid
from moorage.domain.names import parse_name

SCOPE_LIMIT = 16  # scopes a token; more would not fit the 10,240 bytes of headers that a gateway takes

_CATALOG = "catalog"


class Action(StrEnum):
    """What a request does to a repository; the words are those of token scopes."""

    PULL = "pull"
    PUSH = "push"
    DELETE = "delete"


class PrincipalKind(StrEnum):
    """What asks: somebody of the directory, or a machine that AWS knows by an ARN."""

    USER = "user"
    MACHINE = "machine"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, or nobody in particular. `id` is the OCID of a user, or the ARN of a machine."""

    id: str | None
    name: str | None
    kind: PrincipalKind = PrincipalKind.USER
    groups: frozenset[str] = frozenset()

    @property
    def anonymous(self) -> bool:
        """Whether nobody has logged in."""
        return self.id is None


ANONYMOUS = Principal(None, None)


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
        elif (kind, name) != ("registry", _CATALOG):
            continue
        asked = frozenset(match["actions"].split(",")) & frozenset(_ORDER)
        merged[kind, name] = merged.get((kind, name), frozenset()) | asked
    return tuple(Scope(kind, name, actions) for (kind, name), actions in merged.items())


def wanted(scope: Scope) -> frozenset[Action]:
    """Return the actions on a repository that a scope asks for; `*` is all of them."""
    return frozenset(Action) if "*" in scope.actions else frozenset(Action(action) for action in scope.actions)


class Catalog(StrEnum):
    """Which repositories a token lets its holder list."""

    NONE = "none"
    PUBLIC = "public"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token says of one repository; `refused` was asked for and not given.

    `repository_id` is None when the repository did not exist when the token was made. `visible`: whether the principal
    may read it, asked for or not; to those who may not, a repository that is there is as one that is not.
    """

    name: str
    repository_id: str | None
    allowed: frozenset[Action]
    refused: frozenset[Action]
    visible: bool = False


@dataclass(frozen=True, slots=True)
class Access:
    """What a verified token says: who, and what was asked, given and refused."""

    principal: Principal
    grants: tuple[Grant, ...] = ()
    catalog: Catalog = Catalog.NONE

    def grant(self, name: str) -> Grant | None:
        """Return what the token says of the repository, None when it was not asked."""
        return next((grant for grant in self.grants if grant.name == name), None)
