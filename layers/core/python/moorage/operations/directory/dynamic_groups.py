"""Dynamic groups: machines that a rule matches."""

from moorage.domain.directory import Change, DynamicGroup, ResourceTags
from moorage.domain.ocid import Kind
from moorage.domain.policy.matching import parse_rule
from moorage.domain.tenancy import DynamicGroupNode, Tenancy
from moorage.operations.directory.changing import (
    Remember,
    Retag,
    beginning,
    changed,
    commit,
    create,
    read,
    require_room,
    revised,
    settle,
)
from moorage.operations.directory.fields import check_name, check_new_description
from moorage.stores.base import Stores


def create_dynamic_group(
    stores: Stores,
    tenancy: Tenancy,
    *,
    name: str,
    description: str,
    matching_rule: str,
    tags: ResourceTags | None = None,
    remember: Remember | None = None,
) -> DynamicGroup:
    """Make a dynamic group; it shares its name with no group either."""
    parse_rule(matching_rule)
    group = DynamicGroup(
        matching_rule=matching_rule,
        **beginning(stores, Kind.DYNAMIC_GROUP, tenancy.id, check_name(name), description, tags),
    )

    def step(current: Tenancy) -> DynamicGroup:
        require_room(len(current.dynamic_groups), stores.limits.directory.dynamic_groups, "dynamic groups")
        return create(stores, group, _with(current, group), remember)

    return settle(stores, tenancy, step, remember)


def update_dynamic_group(
    stores: Stores,
    tenancy: Tenancy,
    group_id: str,
    *,
    description: str | None = None,
    matching_rule: str | None = None,
    tags: Retag | None = None,
    if_match: str | None = None,
) -> DynamicGroup:
    """Give a dynamic group another rule or description; its name stays."""
    check_new_description(description)
    if matching_rule is not None:
        parse_rule(matching_rule)

    def step(current: Tenancy) -> DynamicGroup:
        before = read(stores, DynamicGroup, group_id, if_match)
        after = changed(before, description=description, matching_rule=matching_rule, tags=tags)
        commit(stores, [Change(before, after)], _with(current, after))
        return after

    return settle(stores, tenancy, step)


def delete_dynamic_group(stores: Stores, tenancy: Tenancy, group_id: str, *, if_match: str | None = None) -> None:
    """Delete a dynamic group; statements that name it grant nobody anything from then on."""

    def step(current: Tenancy) -> None:
        group = read(stores, DynamicGroup, group_id, if_match)
        left = {key: node for key, node in current.dynamic_groups.items() if key != group_id}
        commit(stores, [Change(group, None)], revised(current, dynamic_groups=left))

    settle(stores, tenancy, step)


def _with(tenancy: Tenancy, group: DynamicGroup) -> Tenancy:
    node = DynamicGroupNode(group.name, group.matching_rule)
    return revised(tenancy, dynamic_groups={**tenancy.dynamic_groups, group.id: node})
