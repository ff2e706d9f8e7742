"""Repository names, tags, and references (a tag or a digest). distribution-spec, "Pulling manifests"."""

import re
from typing import NewType

from moorage.domain.digest import Digest
from moorage.domain.errors import NameInvalid, TagInvalid

RepositoryName = NewType("RepositoryName", str)
Tag = NewType("Tag", str)
Reference = Tag | Digest

NAME_LIMIT = 255
TAG_LIMIT = 128

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}", re.ASCII)


def parse_name(text: str) -> RepositoryName:
    """Read a repository name. Raises NameInvalid."""
    if len(text) > NAME_LIMIT:
        raise NameInvalid(f"a repository name has at most {NAME_LIMIT} characters", name=text[:NAME_LIMIT])
    if not _NAME.fullmatch(text):
        raise NameInvalid(
            "a repository name is lower-case letters and digits, in parts joined by '/', with single '.', '_', '__'"
            " or dashes inside a part",
            name=text,
        )
    return RepositoryName(text)


def parse_tag(text: str) -> Tag:
    """Read a tag. Raises TagInvalid."""
    if not _TAG.fullmatch(text):
        raise TagInvalid(
            f"a tag is 1 to {TAG_LIMIT} letters, digits, '_', '.' and '-', and starts with a letter, a digit or '_'",
            tag=text[:200],
        )
    return Tag(text)


def parse_reference(text: str) -> Reference:
    """Read a tag or a digest; a colon tells them apart. Raises TagInvalid or DigestInvalid."""
    return Digest.parse(text) if ":" in text else parse_tag(text)
