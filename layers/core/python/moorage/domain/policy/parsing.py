"""From the text of a statement to what it says: the grammar of ocir.md 5.1."""

import re
from typing import Any

from moorage.domain.policy.permissions import EVERYTHING, RESOURCE_TYPES, VERBS, permissions_of
from moorage.domain.policy.reading import LENGTH, Reader, close_to, one_of
from moorage.domain.policy.statement import SubjectKind
from moorage.domain.policy.syntax import Allow, Place, Word
from moorage.domain.policy.variables import ORDERED, TIME, VARIABLES, expected_of, value_of, variable_of

OTHER_HEADS = ("define", "endorse", "admit", "deny")

_OCID = "ocid1."
_PATTERN = re.compile(r"/([^\s'\",{}()]+)/(?=[\s,{}()]|$)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_KINDS = tuple(kind.value for kind in SubjectKind)


def parse_statement(field: str, text: str, most: int = LENGTH) -> Allow:
    """Read a statement of at most so many characters. Raises ParameterInvalid, saying where and what was expected."""
    reader = Reader(field, text, most)
    _head(reader)
    kind = SubjectKind(reader.take_one(_KINDS))
    named = kind not in {SubjectKind.ANY_USER, SubjectKind.ANY_GROUP}
    subjects = _subjects(reader, kind) if named else ()
    if not reader.take_if("to"):
        reader.fail("',' or to" if named else "to")
    verb, permissions = _grants(reader)
    if not reader.take_if("in"):
        reader.fail("in")
    place = _place(reader)
    condition = _condition(reader) if reader.take_if("where") else None
    if not reader.ended:
        reader.fail("the end" if condition else "where or the end")
    return Allow(kind, subjects, verb, permissions, place, condition)


def _head(reader: Reader) -> None:
    if reader.peek().casefold() in OTHER_HEADS:
        reader.fail("Allow", hint=": only Allow statements are supported")
    reader.take_one(("Allow",))


def _subjects(reader: Reader, kind: SubjectKind) -> tuple[Word, ...]:
    subjects = [_subject(reader, kind, after_id=False)]
    while reader.take_if(","):
        subjects.append(_subject(reader, kind, after_id=subjects[-1].is_id))
    return tuple(subjects)


def _subject(reader: Reader, kind: SubjectKind, *, after_id: bool) -> Word:
    what = f"the name of a {kind.value}"
    if kind is SubjectKind.SERVICE:
        return _name(reader, what)
    if after_id and reader.peek().casefold().startswith(_OCID):
        return _id(reader)
    word = _id_or_name(reader, what, (",", "to"))
    if word.is_id or not reader.take_if("/"):
        domain, slash, name = word.text.rpartition("/")
        return Word(name, word.at, domain) if slash and not word.is_id else word
    return Word(_name(reader, what).text, word.at, word.text)


def _id_or_name(reader: Reader, what: str, after_name: tuple[str, ...]) -> Word:
    """Take `id <ocid>` or a name, which may be "id" itself if that is all there is."""
    at = reader.skip()
    if not reader.take_if("id"):
        return _name(reader, what)
    if reader.ended or reader.ahead(*after_name):
        return Word(reader.text[at : at + 2], at)
    return _id(reader)


def _id(reader: Reader) -> Word:
    at = reader.skip()
    if not reader.peek().casefold().startswith(_OCID):
        reader.fail("an OCID")
    return Word(reader.take_word("an OCID").casefold(), at, is_id=True)


def _name(reader: Reader, what: str) -> Word:
    at = reader.skip()
    quoted = reader.take_quoted()
    if quoted == "":
        reader.fail(what, at=at)
    return Word(quoted or reader.take_word(what), at)


def _grants(reader: Reader) -> tuple[tuple[str, str] | None, tuple[str, ...]]:
    if not reader.take_if("{"):
        verb = reader.take_one(VERBS, f"{one_of((*VERBS, 'a list of permissions in braces'))}")
        resource_type = reader.take_one(RESOURCE_TYPES, f"a resource type ({one_of(RESOURCE_TYPES)})")
        return (verb, resource_type), tuple(sorted(permissions_of(verb, resource_type)))
    permissions = [_permission(reader)]
    while reader.take_if(","):
        permissions.append(_permission(reader))
    if not reader.take_if("}"):
        reader.fail("',' or '}'")
    return None, tuple(dict.fromkeys(permissions))


def _permission(reader: Reader) -> str:
    return reader.take_one(sorted(EVERYTHING), "a permission")


def _place(reader: Reader) -> Place:
    at = reader.skip()
    if reader.take_one(("tenancy", "compartment")) == "tenancy":
        return Place((), at)
    what = "the name of a compartment"
    first = _id_or_name(reader, what, (":", "where"))
    if first.is_id:
        return Place((first,), first.at)
    path = list(_segments(reader, first, what))
    while reader.take_if(":"):
        path.extend(_segments(reader, _name(reader, what), what))
    return Place(tuple(path), path[0].at, len(reader.text[: reader.at].rstrip()))


def _segments(reader: Reader, word: Word, what: str) -> tuple[Word, ...]:
    """Return a name, or those of a path within one pair of quotes."""
    names = word.text.split(":")
    if not all(names):
        reader.fail(what, at=word.at)
    return tuple(Word(name, word.at) for name in names)


def _condition(reader: Reader) -> list[Any]:
    at = reader.skip()
    word = reader.take_word("a variable, all or any")
    if word.casefold() not in {"all", "any"}:
        return _test(reader, word, at)
    reader.take("{")
    reader.descend()
    parts: list[Any] = [_condition(reader)]
    while reader.take_if(","):
        parts.append(_condition(reader))
    if not reader.take_if("}"):
        reader.fail("',' or '}'")
    reader.ascend()
    return [word.casefold(), *parts]


def _test(reader: Reader, word: str, at: int) -> list[Any]:
    variable = variable_of(word)
    if variable is None:
        reader.fail("a variable, all or any", at=at, hint=close_to(word, VARIABLES))
    operators = ("=", "!=", "in", *(("before", "after", "between") if variable in ORDERED else ()))
    operator = reader.take_if("!=", *operators)
    if not operator:
        reader.fail(one_of(operators))
    if operator == "in":
        return ["in", variable, *_list(reader, variable)]
    if operator in {"=", "!="}:
        return [operator, variable, _operand(reader, variable)]
    if operator == "between":
        return ["between", variable, *_bounds(reader, variable)]
    return [operator, variable, _text(reader, variable)]


def _bounds(reader: Reader, variable: str) -> tuple[str, str]:
    first = _text(reader, variable)
    if not reader.take_if("and"):
        reader.fail("and")
    at = reader.skip()
    last = _text(reader, variable)
    if last < first and variable != TIME:
        reader.fail(f"nothing before '{first}'", at=at, hint="; write two tests in any {} to go past the end")
    return first, last


def _list(reader: Reader, variable: str) -> list[list[str]]:
    reader.take("(")
    operands = [_operand(reader, variable)]
    while reader.take_if(","):
        operands.append(_operand(reader, variable))
    if not reader.take_if(")"):
        reader.fail("',' or ')'")
    return operands


def _operand(reader: Reader, variable: str) -> list[str]:
    at = reader.skip()
    if reader.text.startswith("/", at):
        return ["like", _pattern(reader, variable)]
    word = reader.peek()
    other = variable_of(word)
    if other is None:
        return ["text", _text(reader, variable)]
    reader.take_word("")
    return ["var", other]


def _pattern(reader: Reader, variable: str) -> str:
    at = reader.skip()
    match = reader.take_match(_PATTERN)
    if variable in ORDERED:
        reader.fail(expected_of(variable), at=at)
    if not match:
        return reader.fail("a /pattern/ without spaces and quotes, up to a / that ends it", at=at)
    core = match[1].removeprefix("*").removesuffix("*")
    if "*" in core:
        reader.fail("a /pattern/ with * at its begin, its end or both", at=at)
    return match[1]


def _text(reader: Reader, variable: str) -> str:
    at = reader.skip()
    text = reader.take_quoted()
    if text is None:
        word = reader.peek()
        if not (_NUMBER.fullmatch(word) or word.casefold().startswith(_OCID)):
            plain = "a 'string', a /pattern/, an OCID, a number or a variable"
            what = expected_of(variable) if variable in ORDERED else plain
            reader.fail(what, hint=close_to(word, VARIABLES) if "." in word else "")
        text = reader.take_word("")
    value = value_of(variable, text)
    return reader.fail(expected_of(variable), at=at) if value is None else value
