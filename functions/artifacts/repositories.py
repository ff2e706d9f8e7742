"""Container repositories: create, list, get, update, delete, change-compartment. ocir.md 1.3, 6.3."""

import re
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from artifacts.lists import listing_order, visited
from moorage.domain.content import Counts
from moorage.domain.directory import ResourceTags
from moorage.domain.errors import (
    AlreadyExists,
    NameInvalid,
    NotFound,
    ParameterInvalid,
    RelatedNotFound,
    RetryTokenUsed,
)
from moorage.domain.names import NAME_LIMIT, RepositoryName, parse_name
from moorage.domain.ocid import parse_repository_ocid, repository_ocid
from moorage.domain.policy.decision import Target
from moorage.domain.repository import (
    Description,
    Readme,
    ReadmeFormat,
    RepositoryRecord,
    billable_gigabytes,
)
from moorage.operations import repository_changes
from moorage.operations.repositories import make, new_repository
from moorage.operations.repository_lists import Listed, Totals, Wanted, counts_of, page
from moorage.stores.base import Changed, CompartmentGone
from moorage.web.cloud.answers import answer, page_token, read_page, time
from moorage.web.cloud.call import Call
from moorage.web.cloud.tags import read_tags, tell_tags

AVAILABLE, DELETED = "AVAILABLE", "DELETED"

_MOST = 2**62  # of a total; more is no token of ours
_PLACE = re.compile(r"[A-Za-z0-9._/#-]{1,300}", re.ASCII)  # in a list


def create_container_repository(call: Call) -> Response:
    """CreateContainerRepository."""
    body = call.body
    name = _full_name(call, body["displayName"])
    public = body.get("isPublic", False)
    target = Target(body["compartmentId"], _names(body["displayName"]))
    call.require(target, "REPOSITORY_CREATE", *(["REPOSITORY_MANAGE"] if public else []))
    if (made := call.replayed()) is not None:
        return _again(call, made)
    repository = new_repository(
        call.stores,
        name,
        call.caller.principal.id or "",
        public=public,
        immutable=body.get("isImmutable", False),
        compartment_id=body["compartmentId"],
    )
    record = RepositoryRecord(repository, _described(body, Description()))
    try:
        if make(call.stores, repository, record.description, call.remember(repository.id, record.version)):
            return _tell(call, record, Counts())
    except CompartmentGone as error:
        raise NotFound from error
    except Changed:
        pass  # by the same request, beside this one, or by another with its token
    if (made := call.replayed()) is None:
        raise AlreadyExists
    return _again(call, made)


def list_container_repositories(call: Call) -> Response:
    """ListContainerRepositories."""
    wanted = _wanted(call)
    position = _position(call)
    if wanted is None:
        listed = Listed((), None, position[1], position[1].repositories, 0)
    else:
        listed = page(call.stores, wanted, position[0], call.parameters["limit"], position[1])
    body = {
        "items": [_summary(call, record, counts) for record, counts in listed.items],
        "repositoryCount": listed.number,
        "imageCount": listed.totals.images,
        "layerCount": listed.totals.layers,
        "layersSizeInBytes": listed.totals.bytes,
        "remainingItemsCount": listed.remaining,
    }
    following = {"after": listed.last, "totals": list(listed.totals)} if listed.last else None
    return answer(body, next_page=page_token(following) if following else None)


def get_container_repository(call: Call) -> Response:
    """GetContainerRepository."""
    record = repository_changes.show(call.stores, _id(call))
    call.require(target_of(call, record))
    return _tell(call, record, counts_of(call.stores, record))


def update_container_repository(call: Call) -> Response:
    """UpdateContainerRepository."""

    def edit(record: RepositoryRecord) -> RepositoryRecord:
        changed = record.with_access(public=call.body.get("isPublic"), immutable=call.body.get("isImmutable"))
        return RepositoryRecord(changed.repository, _described(call.body, record.description))

    record = repository_changes.change(call.stores, _id(call), _admitting(call), edit)
    return _tell(call, record, counts_of(call.stores, record))


def delete_container_repository(call: Call) -> Response:
    """DeleteContainerRepository."""
    repository_changes.delete(call.stores, _id(call), _admitting(call))
    return answer(None)


def change_container_repository_compartment(call: Call) -> Response:
    """ChangeContainerRepositoryCompartment."""
    if _moved_before(call):
        return answer(None)
    compartment_id = call.body["compartmentId"]
    admit_source = _admitting(call)

    def admit(record: RepositoryRecord) -> None:
        admit_source(record)
        if not call.allows("REPOSITORY_CREATE", Target(compartment_id, _names(record.repository.display_name))):
            raise RelatedNotFound("compartmentId")

    try:
        repository_changes.move(
            call.stores,
            _id(call),
            compartment_id,
            admit,
            lambda record: call.remember(record.repository.id, record.version),
        )
    except CompartmentGone as error:
        raise RelatedNotFound("compartmentId") from error
    except Changed as error:
        if not _moved_before(call):
            raise RetryTokenUsed("opc-retry-token: it was used for another request; use a new token") from error
    return answer(None)


HANDLERS = {
    "CreateContainerRepository": create_container_repository,
    "ListContainerRepositories": list_container_repositories,
    "GetContainerRepository": get_container_repository,
    "UpdateContainerRepository": update_container_repository,
    "DeleteContainerRepository": delete_container_repository,
    "ChangeContainerRepositoryCompartment": change_container_repository_compartment,
}


def target_of(call: Call, record: RepositoryRecord) -> Target:
    """Return what a policy decides about, when a repository is asked for: at the root, if its compartment has gone."""
    repository, tenancy = record.repository, call.caller.tenancy
    place = repository.compartment_id if tenancy.holds(repository.compartment_id) else tenancy.id
    return Target(place, _names(repository.display_name), record.description.defined_tags)


def _names(display_name: str) -> dict[str, str]:
    return {"target.repo.name": display_name}


def _admitting(call: Call) -> repository_changes.Admit:
    """Return what lets a call at a repository: permission, then etag; a deleted one is in the state it is in."""

    def admit(record: RepositoryRecord) -> None:
        call.require(target_of(call, record))
        if record.available:
            call.check_etag(record.version)

    return admit


def _id(call: Call) -> str:
    """Return the ULID of the repository that the path names. Raises NotFound for what is no id of one."""
    repository_id = parse_repository_ocid(call.parameters["repositoryId"])
    if repository_id is None:
        raise NotFound
    return repository_id


def _full_name(call: Call, display_name: str) -> RepositoryName:
    """Read a name without its namespace. Raises ParameterInvalid."""
    prefix = f"{call.stores.limits.namespace}/"
    if len(display_name) > NAME_LIMIT - len(prefix):
        most = NAME_LIMIT - len(prefix)
        raise ParameterInvalid("displayName", f"must have at most {most} characters, not {len(display_name)}")
    try:
        return parse_name(prefix + display_name)
    except NameInvalid as error:
        raise ParameterInvalid("displayName", error.message) from error


def _described(body: Mapping[str, Any], before: Description) -> Description:
    """Return what users wrote: what a body gives replaces what was there whole."""
    readme = body.get("readme")
    tags = read_tags(body, ResourceTags(before.freeform_tags, before.defined_tags))
    return Description(
        readme=Readme(readme["content"], ReadmeFormat(readme["format"])) if readme else before.readme,
        freeform_tags=tags.freeform,
        defined_tags=tags.defined,
    )


def _again(call: Call, repository_id: str) -> Response:
    """Answer a request that has made a repository before as it was answered then, without what was pushed since.

    It tells no more than was told then: who may make a repository need not be one who may read it. Raises
    RetryTokenUsed.
    """
    record = call.stores.repositories.get(repository_id)
    call.check_replayed(record.version if record and record.available else None)
    if record is None:
        raise NotFound
    return _tell(call, record, Counts())


def _moved_before(call: Call) -> bool:
    """Whether this very call has moved its repository before, which is as it was then.

    Raises NotFound, and RetryTokenUsed to those who may hear of the repository.
    """
    if call.retry_token is None:
        return False
    record = repository_changes.show(call.stores, _id(call))
    try:
        moved = call.replayed() is not None
    except RetryTokenUsed:
        call.require(target_of(call, record))
        raise
    if moved:
        record = repository_changes.show(call.stores, record.repository.id)  # as it is since
        _require_either_end(call, record)
        call.check_replayed(record.version if record.available else None)
    return moved


def _require_either_end(call: Call, record: RepositoryRecord) -> None:
    """Let in those who may move a repository on, or still move one to where it is. Raises NotFound.

    A move can take a repository out of the mover's hands, who is answered again all the same; once it is somewhere
    else, that is none of theirs.
    """
    destination = Target(call.body["compartmentId"], _names(record.repository.display_name))
    arrived = record.repository.compartment_id == destination.compartment_id
    if not (arrived and call.allows("REPOSITORY_CREATE", destination)):
        call.require(target_of(call, record))


def _wanted(call: Call) -> Wanted | None:
    """Return what a list is of, None for one that is empty by what it asks. Raises NotFound and ParameterInvalid."""
    asked = call.parameters
    seen = visited(call)
    repository_id = parse_repository_ocid(asked["repositoryId"]) if "repositoryId" in asked else None
    if "repositoryId" in asked and repository_id is None:
        return None
    if asked.get("lifecycleState", AVAILABLE) not in {AVAILABLE, DELETED}:
        return None
    try:
        name = _full_name(call, asked["displayName"]) if "displayName" in asked else None
    except ParameterInvalid:
        return None  # no repository has such a name
    sort, descending = listing_order(asked)
    tree = asked.get("compartmentIdInSubtree")
    return Wanted(
        compartment_id=None if tree else asked["compartmentId"],
        compartments=frozenset(seen or ()) if tree else frozenset(),
        repository_id=repository_id,
        name=name,
        public=asked.get("isPublic"),
        deleted=asked.get("lifecycleState") == DELETED,
        sort=sort,
        descending=descending,
    )


def _position(call: Call) -> tuple[str, Totals]:
    """Return where the page begins, and what was listed before. Raises ParameterInvalid."""
    position = read_page(call.parameters)
    if position is None:
        return "", Totals()
    after, totals = position.get("after"), position.get("totals")
    placed = isinstance(after, str) and _PLACE.fullmatch(after)
    if not placed or not isinstance(totals, list) or [type(number) for number in totals] != [int] * len(Totals()):
        raise ParameterInvalid("page", "is no opc-next-page of a list of repositories")
    return str(after), Totals(*(max(0, min(number, _MOST)) for number in totals))


def _tell(call: Call, record: RepositoryRecord, counts: Counts) -> Response:
    """Answer with all of a repository."""
    repository, readme = record.repository, record.description.readme
    pushed = call.stores.repositories.last_push(repository.id) if counts.images else None
    body = _summary(call, record, counts) | {"createdBy": repository.created_by, "isImmutable": repository.immutable}
    if readme:
        body["readme"] = {"content": readme.content, "format": readme.format.value}
    if pushed:
        body["timeLastPushed"] = time(pushed)
    return answer(body, etag=record.version)


def _summary(call: Call, record: RepositoryRecord, counts: Counts) -> dict[str, Any]:
    repository, description = record.repository, record.description
    return {
        "id": repository_ocid(repository.id),
        "compartmentId": repository.compartment_id,
        "displayName": repository.display_name,
        "namespace": call.stores.limits.namespace,
        "imageCount": counts.images,
        "layerCount": counts.layers,
        "layersSizeInBytes": counts.bytes,
        "billableSizeInGBs": billable_gigabytes(counts.bytes),
        "isPublic": repository.public,
        "lifecycleState": AVAILABLE if record.available else DELETED,
        "timeCreated": time(repository.time_created),
        **tell_tags(ResourceTags(description.freeform_tags, description.defined_tags)),
    }
