"""Changes: what a body does not give stays as it is when the change is written, whoever else changes it meanwhile."""

from moorage.domain.directory import Resource, ResourceTags
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import read_tags

_TAGS = {"freeformTags", "definedTags"}


def given_tags(call: Call, before: Resource) -> ResourceTags | None:
    """Return the tags that a body gives, None when it gives none."""
    return read_tags(call.body, before.tags) if _TAGS & call.body.keys() else None
