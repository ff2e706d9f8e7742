"""The variables of conditions, and what their values can be (ocir.md 5.4)."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from moorage.domain.policy.permissions import EVERYTHING, OPERATIONS

LISTS = frozenset({"request.groups.id", "request.networkSource.name"})  # `=` means: contains
TAGS = ("target.resource.tag.", "target.resource.compartment.tag.")  # <namespace>.<key> follows

TIMESTAMP = "request.utc-timestamp"
MONTH = f"{TIMESTAMP}.month-of-year"
DAY = f"{TIMESTAMP}.day-of-month"
WEEKDAY = f"{TIMESTAMP}.day-of-week"
TIME = f"{TIMESTAMP}.time-of-day"
ORDERED = frozenset({TIMESTAMP, MONTH, DAY, TIME})  # those that can be before, after or between

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

TARGET_NAMES = (
    "target.repo.name",
    "target.user.id",
    "target.user.name",
    "target.group.id",
    "target.group.name",
    "target.group.member",
    "target.policy.id",
    "target.policy.name",
)

VARIABLES = (
    "request.user.id",
    "request.user.name",
    "request.user.mfaTotpVerified",
    "request.groups.id",
    "request.permission",
    "request.operation",
    "request.networkSource.name",
    "request.region",
    "request.principal.type",
    TIMESTAMP,
    MONTH,
    DAY,
    WEEKDAY,
    TIME,
    "target.compartment.id",
    "target.compartment.name",
    *TARGET_NAMES,
)

_BY_FOLDED = {name.casefold(): name for name in VARIABLES}
_TAG = re.compile(r"[^.]+\..+")


def variable_of(word: str) -> str | None:
    """Return a variable as it is written here, whatever its case; None for what is none."""
    folded = word.casefold()
    if folded.startswith(TAGS):
        prefix = next(tag for tag in TAGS if folded.startswith(tag))
        return prefix + word[len(prefix) :] if _TAG.fullmatch(word[len(prefix) :]) else None
    return _BY_FOLDED.get(folded)


def value_of(variable: str, text: str) -> str | None:
    """Return a text as values of the variable are compared; None for one that it can never be."""
    check = _VALUES.get(variable)
    return check(text) if check else text


def expected_of(variable: str) -> str:
    """Say what the values of a variable are, for a message."""
    return _EXPECTED[variable]


def show_moment(moment: datetime) -> str:
    """Write a moment so that texts compare as times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> str | None:
    # Oracle writes a date alone with a Z behind it.
    bare = re.fullmatch(r"(\d{4}-\d\d-\d\d)z?", text, re.IGNORECASE | re.ASCII)
    long = re.fullmatch(
        r"\d{4}-\d\d-\d\dt\d\d:\d\d(:\d\d(\.\d{1,6})?)?(z|[+-]\d\d:\d\d)", text, re.IGNORECASE | re.ASCII
    )
    if not bare and not long:
        return None
    try:
        moment = datetime.fromisoformat(bare[1] if bare else text.upper())
        return show_moment(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _time(text: str) -> str | None:
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?z?", text, re.IGNORECASE | re.ASCII)
    return f"{match[1]}:{match[2]}:{match[3] or '00'}Z" if match else None


def _number(last: int) -> Callable[[str], str | None]:
    def check(text: str) -> str | None:
        fits = re.fullmatch(r"\d{1,2}", text, re.ASCII) and 1 <= int(text) <= last
        return f"{int(text):02}" if fits else None

    return check


def _one_of(values: Mapping[str, str]) -> Callable[[str], str | None]:
    return lambda text: values.get(text.casefold())


_VALUES: Mapping[str, Callable[[str], str | None]] = {
    TIMESTAMP: _moment,
    MONTH: _number(12),
    DAY: _number(31),
    WEEKDAY: _one_of({day: day for day in WEEKDAYS}),
    TIME: _time,
    "request.permission": _one_of({name.casefold(): name for name in EVERYTHING}),
    "request.operation": _one_of({name.casefold(): name for name in OPERATIONS}),
}
_EXPECTED = {
    TIMESTAMP: "a time in UTC, such as '2026-04-01T15:00:00Z'",
    MONTH: "a month from '1' to '12'",
    DAY: "a day from '1' to '31'",
    WEEKDAY: "a day from 'monday' to 'sunday'",
    TIME: "a time of day in UTC, such as '17:30:00Z'",
    "request.permission": "a permission",
    "request.operation": "an operation",
}
