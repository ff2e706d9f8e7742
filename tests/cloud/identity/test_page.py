"""The page on identity says of every operation what the document and the table of permissions say."""

import re
from pathlib import Path

from tests.cloud.schema import documents

from moorage.domain.policy.permissions import EVERYTHING, OPERATIONS

PAGE = Path(__file__).parents[3] / "docs" / "identity.md"


def test_the_page_has_every_operation_with_its_request_and_its_permissions():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+ [^`]+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [
        (definition["operationId"], f"{method.upper()} {path}", _told(OPERATIONS[definition["operationId"]]))
        for path, item in documents()["identity"]["paths"].items()
        for method, definition in item.items()
        if method != "servers"
    ]


def _told(permissions):
    if EVERYTHING == set(permissions):
        return "every one"
    return " and ".join(f"`{permission}`" for permission in permissions) or "-"
