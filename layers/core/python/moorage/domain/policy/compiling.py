"""From texts to statements that can be decided by: names become ids, as they are when a policy is written."""

from collections.abc import Mapping, Sequence

from moorage.domain.policy.parsing import parse_statement
from moorage.domain.policy.reading import close_to, refuse
from moorage.domain.policy.statement import Statement, SubjectKind
from moorage.domain.policy.syntax import Place, Word
from moorage.domain.tenancy import Tenancy

DOMAIN = "Default"  # the one identity domain there is


def compile_policy(tenancy: Tenancy, compartment_id: str, statements: Sequence[str]) -> tuple[Statement, ...]:
    """Compile the statements of a policy that is attached to a compartment.

    Raises ParameterInvalid for `statements[i]`, with line, column, and what was expected and found there.
    """
    return tuple(
        _Compiler(tenancy, compartment_id, f"statements[{number}]", text).compile()
        for number, text in enumerate(statements)
    )


class _Compiler:
    """One statement of a policy."""

    def __init__(self, tenancy: Tenancy, compartment_id: str, field: str, text: str) -> None:
        self._tenancy = tenancy
        self._attached = compartment_id
        self._field = field
        self._text = text

    def compile(self) -> Statement:
        """Read it and look its names up."""
        parsed = parse_statement(self._field, self._text)
        return Statement(
            text=self._text,
            kind=parsed.kind,
            subjects=tuple(dict.fromkeys(self._subject(parsed.kind, word) for word in parsed.subjects)),
            permissions=frozenset(parsed.permissions),
            location=self._location(parsed.place),
            condition=parsed.condition,
            verb=parsed.verb,
        )

    def _refuse(self, at: int, expected: str, found: str, hint: str = "") -> str:
        return refuse(self._field, self._text, at, f"expected {expected}, found {found}{hint}")

    def _subject(self, kind: SubjectKind, word: Word) -> str:
        if kind is SubjectKind.SERVICE:
            return word.text
        names: Mapping[str, str] = self._tenancy.groups
        if kind is SubjectKind.DYNAMIC_GROUP:
            names = {key: node.name for key, node in self._tenancy.dynamic_groups.items()}
        what = f"a {kind.value} of this tenancy"
        if word.is_id:
            return word.text if word.text in names else self._refuse(word.at, what, word.text)
        if word.domain is not None and word.domain.casefold() != DOMAIN.casefold():
            self._refuse(word.at, f"the identity domain {DOMAIN}, which is the only one", word.domain)
        for key, name in names.items():
            if name.casefold() == word.text.casefold():
                return key
        return self._refuse(word.at, what, word.text)

    def _location(self, place: Place) -> str:
        root = self._tenancy.id
        if not place.path:
            if self._attached == root:
                return root
            expected = "a compartment: only policies that are attached to the root can name the tenancy"
            return self._refuse(place.at, expected, "tenancy")
        if place.path[0].is_id:
            return self._by_id(place.path[0])
        return self._by_path(place.path)

    def _by_id(self, word: Word) -> str:
        if self._attached in self._tenancy.ancestors(word.text):
            return word.text
        return self._refuse(word.at, "a compartment at or below the one that the policy is attached to", word.text)

    def _by_path(self, path: Sequence[Word]) -> str:
        """Go down by names from the compartment that the policy is attached to; it can be the first of them itself."""
        here = self._attached
        own = self._tenancy.compartments.get(here)
        children = _folded(self._tenancy.children(here))
        if own and path[0].text.casefold() not in children and own.name.casefold() == path[0].text.casefold():
            path = path[1:]
        for word in path:
            children = _folded(self._tenancy.children(here))
            if word.text.casefold() not in children:
                self._no_compartment(word, here)
            here = children[word.text.casefold()]
        return here

    def _no_compartment(self, word: Word, here: str) -> None:
        where = self._tenancy.compartments[here].name if here in self._tenancy.compartments else "the root"
        hint = close_to(word.text, self._tenancy.children(here))
        deeper = [self._path_to(key, here) for key in self._tenancy.subtree(here) if self._is_named(key, word.text)]
        self._refuse(
            word.at, f"a compartment in {where}", word.text, f"; did you mean {deeper[0]}?" if deeper else hint
        )

    def _is_named(self, key: str, name: str) -> bool:
        node = self._tenancy.compartments.get(key)
        return node is not None and node.name.casefold() == name.casefold()

    def _path_to(self, key: str, top: str) -> str:
        names: list[str] = []
        while key != top:
            names.append(self._tenancy.compartments[key].name)
            key = self._tenancy.compartments[key].parent
        return ":".join(reversed(names))


def _folded(children: Mapping[str, str]) -> Mapping[str, str]:
    return {name.casefold(): key for name, key in children.items()}
