"""Resources of a directory, whole and plausible; a test names only what it is about."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.factories import ulid
from tests.fakes import NOW

from moorage.domain.directory import (
    CAPABILITIES,
    ApiKey,
    AuthenticationPolicy,
    AuthToken,
    Compartment,
    DynamicGroup,
    Group,
    Membership,
    NetworkSource,
    Policy,
    Remembered,
    Resource,
    ResourceTags,
    State,
    User,
    VirtualSource,
    WorkRequest,
)
from moorage.domain.identity import hash_password
from moorage.domain.ocid import Kind, make_ocid, tenancy_ocid
from moorage.domain.policy.statement import Statement, SubjectKind
from moorage.domain.tenancy import (
    CompartmentNode,
    DynamicGroupNode,
    NetworkSourceNode,
    PolicyNode,
    Tenancy,
)

ROOT = tenancy_ocid("ns")
TAGS = ResourceTags({"team": "blue"}, {"cost": {"centre": 42, "name": "é"}})


def ocid(kind: Kind, word: str) -> str:
    return make_ocid(kind, ulid(word))


def _common(made: type[Any], kind: Kind, name: str, **fields: Any) -> Any:
    usual: dict[str, Any] = {
        "id": ocid(kind, name),
        "compartment_id": ROOT,
        "name": name,
        "description": f"the {name}",
        "time_created": NOW,
    }
    return made(**usual, **fields)


def compartment(name: str = "project", **changes: Any) -> Compartment:
    return replace(_common(Compartment, Kind.COMPARTMENT, name), **changes)


def user(name: str = "alice", **changes: Any) -> User:
    return replace(_common(User, Kind.USER, name), **changes)


def group(name: str = "developers", **changes: Any) -> Group:
    return replace(_common(Group, Kind.GROUP, name), **changes)


def dynamic_group(name: str = "builders", **changes: Any) -> DynamicGroup:
    rule = "instance.id = 'arn:aws:iam::1:role/build'"
    return replace(_common(DynamicGroup, Kind.DYNAMIC_GROUP, name, matching_rule=rule), **changes)


def policy(name: str = "readers", **changes: Any) -> Policy:
    return replace(_common(Policy, Kind.POLICY, name), **changes)


def network_source(name: str = "office", **changes: Any) -> NetworkSource:
    return replace(_common(NetworkSource, Kind.NETWORK_SOURCE, name, public_source_list=("192.0.2.0/24",)), **changes)


def authentication_policy(**changes: Any) -> AuthenticationPolicy:
    usual: AuthenticationPolicy = _common(AuthenticationPolicy, Kind.TENANCY, "AuthenticationPolicy")
    return replace(usual, id=ROOT, **changes)


def work_request(word: str = "deletion", **changes: Any) -> WorkRequest:
    usual: WorkRequest = _common(
        WorkRequest,
        Kind.WORK_REQUEST,
        word,
        status="SUCCEEDED",
        resource_id=compartment().id,
        action="DELETED",
        time_finished=NOW,
    )
    return replace(usual, **changes)


EVERY_FIELD: tuple[Resource, ...] = (
    compartment(tags=TAGS, state=State.DELETED, time_deleted=NOW + timedelta(seconds=1), version=7),
    user(
        tags=TAGS,
        email="alice@example.com",
        db_user_name="ALICE",
        capabilities=frozenset(CAPABILITIES[1:3]),
        state=State.INACTIVE,
        inactive_status=4,
        memberships=(Membership(group_id=group().id, time_created=NOW),),
        auth_tokens=(
            AuthToken(
                id=ocid(Kind.AUTH_TOKEN, "laptop"),
                hash=hash_password("secret"),
                description="laptop",
                time_created=NOW,
                version=2,
            ),
        ),
        api_keys=(ApiKey(fingerprint="aa:bb", public="-----BEGIN PUBLIC KEY-----\n", time_created=NOW),),
    ),
    group(members=3),
    dynamic_group(),
    policy(version_date="2026-01-01"),
    network_source(virtual_source_list=(VirtualSource(vcn_id="vcn", ip_ranges=("10.0.0.0/8",)),), services=("all",)),
    authentication_policy(
        password_policy={"minimumPasswordLength": 14, "isNumericCharactersRequired": True},
        network_source_ids=(network_source().id,),
    ),
    work_request(),
)
BARE: tuple[Resource, ...] = (
    compartment(),
    user(),
    group(),
    dynamic_group(),
    policy(),
    network_source(public_source_list=()),
    authentication_policy(),
    work_request(status="IN_PROGRESS", time_finished=None),
)


def statement(**changes: Any) -> Statement:
    usual = Statement(
        text="Allow group developers to read repos in tenancy where request.operation = 'x'",
        kind=SubjectKind.GROUP,
        subjects=(group().id,),
        permissions=frozenset({"REPOSITORY_INSPECT", "REPOSITORY_READ"}),
        location=ROOT,
        condition=["all", ["=", "request.operation", ["string", "x"]]],
    )
    return replace(usual, **changes)


def tenancy(version: int = 1, **changes: Any) -> Tenancy:
    """Return a tenancy that has something of everything."""
    usual = Tenancy(
        id=ROOT,
        version=version,
        compartments={compartment().id: CompartmentNode(ROOT, "project", {"cost": {"centre": 42}})},
        groups={group().id: "developers"},
        dynamic_groups={dynamic_group().id: DynamicGroupNode("builders", dynamic_group().matching_rule)},
        network_sources={network_source().id: NetworkSourceNode("office", ("192.0.2.0/24",))},
        policies={policy().id: PolicyNode(ROOT, "readers", (statement(), statement(condition=None)))},
        users=1,
        sign_in_sources=(network_source().id,),
    )
    return replace(usual, **changes)


def remembered(word: str = "token", **changes: Any) -> Remembered:
    usual = Remembered(
        principal_id=user().id,
        token=word,
        fingerprint="0" * 64,
        resource_id=group().id,
        version="1",
        time=NOW,
    )
    return replace(usual, **changes)
