"""Reading of statements and matching rules: words, and errors that say where."""

import re
from collections.abc import Iterable, Sequence
from typing import NoReturn

from moorage.domain.errors import ParameterInvalid

LENGTH = 10_000  # characters of one statement or rule
DEPTH = 10  # levels of all{} and any{}
_SHOWN = 40

_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s'\"{}(),=!:/]+")
_QUOTED = re.compile(r"'([^']*)'")


def refuse(field: str, text: str, at: int, message: str) -> NoReturn:
    """Raise what is wrong at a place of the text."""
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    raise ParameterInvalid(field, f"line {line}, column {column}: {message}")


def one_of(words: Sequence[str]) -> str:
    """Write a choice: a, b or c."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def close_to(word: str, known: Iterable[str]) -> str:
    """Return the question whether something close was meant; nothing when nothing is close.

    `difflib` finds more, and every function that decides would import it.
    """
    folded = word.casefold()
    names = {each.casefold(): each for each in known}
    for edits in range(1, 1 + min(2, len(folded) // 3)):
        for name, as_written in names.items():
            if _near(folded, name, edits):
                return f"; did you mean {as_written}?"
    return ""


def _near(one: str, other: str, edits: int) -> bool:
    """Whether so many letters that are put in, left out or changed make one of the other."""
    same = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    one, other = one[same:], other[same:]
    if not one or not other:
        return len(one) + len(other) <= edits
    return edits > 0 and (
        _near(one[1:], other[1:], edits - 1) or _near(one[1:], other, edits - 1) or _near(one, other[1:], edits - 1)
    )


class Reader:
    """A place in a text, which moves on as things are taken."""

    def __init__(self, field: str, text: str, most: int = LENGTH) -> None:
        self.field = field
        self.text = text
        self.at = 0
        self._depth = 0
        if len(text) > most:
            raise ParameterInvalid(field, f"{len(text)} characters; there can be {most}")

    def fail(self, expected: str, *, at: int | None = None, hint: str = "") -> NoReturn:
        """Refuse what is at the place, or at another."""
        self.skip()
        place = self.at if at is None else at
        refuse(self.field, self.text, place, f"expected {expected}, found {self._found(place)}{hint}")

    def skip(self) -> int:
        """Go to the next thing and return where that is."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    @property
    def ended(self) -> bool:
        """Whether nothing is left."""
        return self.skip() == len(self.text)

    def peek(self) -> str:
        """Return the next word, empty when there is none."""
        match = _WORD.match(self.text, self.skip())
        return match[0] if match else ""

    def take_word(self, expected: str) -> str:
        """Take the next word."""
        word = self.peek()
        if not word:
            self.fail(expected)
        self.at += len(word)
        return word

    def take_one(self, words: Sequence[str], expected: str = "") -> str:
        """Take the next word, which must be one of these in any case, and return it as it is here."""
        at = self.skip()
        found = self.peek()
        for word in words:
            if found.casefold() == word.casefold():
                self.at += len(found)
                return word
        return self.fail(expected or one_of(words), at=at, hint=close_to(found, words))

    def take_if(self, *symbols: str) -> str:
        """Take the first of these symbols or words that comes next; empty when none does."""
        at, word = self.skip(), self.peek()
        for symbol in symbols:
            found = word if symbol.isalpha() else self.text[at : at + len(symbol)]
            if found.casefold() == symbol:
                self.at += len(found)
                return symbol
        return ""

    def ahead(self, *symbols: str) -> bool:
        """Whether one of these comes next; nothing is taken."""
        at = self.at
        found = self.take_if(*symbols)
        self.at = at
        return bool(found)

    def take(self, symbol: str) -> None:
        """Take this symbol."""
        if not self.take_if(symbol):
            self.fail(f"'{symbol}'")

    def take_quoted(self) -> str | None:
        """Take what is in single quotes; None when none begins here."""
        at = self.skip()
        if not self.text.startswith("'", at):
            return None
        match = _QUOTED.match(self.text, at)
        if not match:
            return refuse(self.field, self.text, at, "expected a closing ', found the end")
        self.at = match.end()
        return match[1]

    def take_match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take what the pattern matches here."""
        match = pattern.match(self.text, self.skip())
        self.at = match.end() if match else self.at
        return match

    def descend(self) -> None:
        """Enter a level of all{} or any{}."""
        self._depth += 1
        if self._depth > DEPTH:
            refuse(self.field, self.text, self.at, f"expected at most {DEPTH} levels of all and any, found more")

    def ascend(self) -> None:
        """Leave it."""
        self._depth -= 1

    def _found(self, at: int) -> str:
        if at >= len(self.text):
            return "the end"
        match = _QUOTED.match(self.text, at) or _WORD.match(self.text, at)
        found = match[0] if match else self.text[at]
        return found if len(found) <= _SHOWN else f"{found[:_SHOWN]}..."
