"""What names and descriptions may be. The fields are called as the cloud plane calls them."""

import re

from moorage.domain.errors import NameInvalid, ParameterInvalid
from moorage.domain.identity import parse_user_name

DESCRIPTION_LIMIT = 400  # characters

_NAME = re.compile(r"[a-zA-Z0-9._-]{1,100}", re.ASCII)


def check_name(name: str) -> str:
    """Return the name of a compartment, a group, a policy or a network source. Raises ParameterInvalid."""
    if not _NAME.fullmatch(name):
        raise ParameterInvalid("name", "must be 1 to 100 letters, digits, '.', '_' and '-'")
    return name


def check_user_name(name: str) -> str:
    """Return the name of a user. Raises ParameterInvalid."""
    try:
        return parse_user_name(name)
    except NameInvalid as error:
        raise ParameterInvalid("name", error.message) from error


def check_description(text: str) -> str:
    """Return a description. Raises ParameterInvalid."""
    if not 1 <= len(text) <= DESCRIPTION_LIMIT:
        raise ParameterInvalid("description", f"must have 1 to {DESCRIPTION_LIMIT} characters, not {len(text)}")
    return text


def check_new_description(text: str | None) -> str | None:
    """Return a description that replaces another, None for none. Raises ParameterInvalid."""
    return None if text is None else check_description(text)
