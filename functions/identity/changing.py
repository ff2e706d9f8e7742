"""Changes: what a body does not give stays as it is when the change is written, whoever else changes it meanwhile."""

from functools import partial

from moorage.operations.directory.changing import Retag
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import read_tags

_TAGS = {"freeformTags", "definedTags"}


def given_tags(call: Call) -> Retag | None:
    """Return what makes tags of those that are there and those that a body gives, None when it gives none."""
    return partial(read_tags, call.body) if _TAGS & call.body.keys() else None
