"""Tenancies, policies and requests made at random, and a slow reading of the rules that shares no code with ours.

A statement here is what it means, `Said`, from which its text is written; the reading below never sees the text.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import strategies as st

ROOT = "ocid1.tenancy.moorage..acme"
GROUPS = {f"ocid1.group.moorage..{name.lower()}": name for name in ("Pullers", "pushers", "o-p.s_1")}
ROLES = ("arn:aws:iam::123456789012:role/Build", "arn:aws:iam::123456789012:role/deploy")
RULES = {  # dynamic group -> name, rule, roles that are in it
    "ocid1.dynamicgroup.moorage..a": ("builders", f"instance.id = '{ROLES[0].upper()}'", {ROLES[0]}),
    "ocid1.dynamicgroup.moorage..b": ("machines", "All { resource.type = 'role', resource.id != 'x' }", set(ROLES)),
    "ocid1.dynamicgroup.moorage..c": (
        "nobody",
        "any {tag.a.b.value, instance.compartment.id != '" + ROOT + "'}",
        set(),
    ),
}
NETWORKS = {"office": ("192.0.2.0/24", "2001:db8::/32"), "Lab": ("192.0.2.128/25",)}

# What the pages say that verbs add, written once more.
VERBS = """
repos: REPOSITORY_INSPECT | REPOSITORY_READ | | REPOSITORY_CREATE REPOSITORY_DELETE REPOSITORY_UPDATE REPOSITORY_MANAGE
compartments: COMPARTMENT_INSPECT | COMPARTMENT_READ | COMPARTMENT_UPDATE | COMPARTMENT_CREATE COMPARTMENT_DELETE COMPARTMENT_RECOVER
users: USER_INSPECT | USER_READ | USER_UPDATE | USER_CREATE USER_DELETE USER_UNBLOCK USER_APIKEY_ADD USER_APIKEY_REMOVE USER_AUTHTOKEN_SET USER_AUTHTOKEN_RESET USER_AUTHTOKEN_REMOVE
groups: GROUP_INSPECT | | GROUP_UPDATE | GROUP_CREATE GROUP_DELETE
dynamic-groups: DYNAMIC_GROUP_INSPECT | | DYNAMIC_GROUP_UPDATE | DYNAMIC_GROUP_CREATE DYNAMIC_GROUP_DELETE
network-sources: NETWORK_SOURCE_INSPECT | | NETWORK_SOURCE_UPDATE | NETWORK_SOURCE_CREATE NETWORK_SOURCE_DELETE
policies: POLICY_READ | | | POLICY_UPDATE POLICY_CREATE POLICY_DELETE
authentication-policies: AUTHENTICATION_POLICY_INSPECT | | | AUTHENTICATION_POLICY_UPDATE
tenancies: TENANCY_INSPECT | | TENANCY_UPDATE |
""".strip().splitlines()  # noqa: E501 - a table
LADDER = ["inspect", "read", "use", "manage"]
TABLE = {
    line.split(":")[0]: [step.split() for step in line.split(":")[1].split("|")] for line in VERBS
}  # type -> what each verb adds
EVERYTHING = sorted(name for steps in TABLE.values() for step in steps for name in step)
ASKED = ["REPOSITORY_READ", "REPOSITORY_UPDATE", "REPOSITORY_INSPECT", "COMPARTMENT_INSPECT", "POLICY_CREATE"]


def expand(verb, resource_type):
    """What a verb grants on a type."""
    types = TABLE if resource_type == "all-resources" else [resource_type]
    return {name for each in types for step in TABLE[each][: LADDER.index(verb) + 1] for name in step}


@dataclass
class Said:
    """What a statement means."""

    subject: tuple[str, tuple[str, ...]]
    grants: tuple[str, Any]
    location: str
    condition: Any
    text: str = ""


@dataclass
class World:
    """A tree of compartments (id -> parent, name, tags), and policies (id -> where, statements)."""

    tree: dict[str, tuple[str, str, dict]]
    policies: dict[str, tuple[str, list[Said]]] = field(default_factory=dict)

    def up(self, place):
        """A compartment and all above it."""
        return [place] if place == ROOT else [place, *self.up(self.tree[place][0])]

    def down(self, place):
        """A compartment and all below it."""
        return [each for each in (ROOT, *self.tree) if place in self.up(each)]


@dataclass
class Request:
    """Who asks for what."""

    kind: str
    id: str
    name: str
    groups: frozenset[str]
    operation: str | None
    address: str
    now: datetime
    region: str
    permission: str
    place: str
    names: dict[str, str]
    tags: dict[str, dict[str, Any]] | None


def reads_granted(world, request):
    """Whether any statement grants the request."""
    return any(
        _is_about(said, request)
        and request.permission in _granted(said)
        and attached in world.up(said.location)
        and said.location in world.up(request.place)
        and (said.condition is None or _is_so(said.condition, _values(world, request)))
        for attached, statements in world.policies.values()
        for said in statements
    )


def _is_about(said, request):
    kind, ids = said.subject
    if kind == "any-user":
        return True
    if kind == "any-group":
        return request.kind == "user" and len(request.groups) > 0
    if kind == "group":
        return request.kind == "user" and any(each in request.groups for each in ids)
    if kind == "dynamic-group":
        return request.kind == "machine" and any(request.id in RULES[each][2] for each in ids)
    return False


def _granted(said):
    how, what = said.grants
    return expand(*what) if how == "verb" else set(what)


def _values(world, request):
    """Variable -> the set of values that it has; those that do not apply are not there."""
    values = {"request.permission": {request.permission}}
    values |= {name: {value} for name, value in request.names.items()}
    if request.kind == "user":
        values["request.user.id"], values["request.user.name"] = {request.id}, {request.name}
        values["request.groups.id"] = set(request.groups)
    values["request.principal.type"] = {"user" if request.kind == "user" else "role"}
    if request.operation:
        values["request.operation"] = {request.operation}
    if request.region:
        values["request.region"] = {request.region}
    at = request.now
    values["request.utc-timestamp"] = {at.strftime("%Y-%m-%dT%H:%M:%SZ")}
    values["request.utc-timestamp.month-of-year"] = {str(at.month)}
    values["request.utc-timestamp.day-of-week"] = {at.strftime("%A")}
    values["request.utc-timestamp.time-of-day"] = {at.strftime("%H:%M:%SZ")}
    nets = {
        name
        for name, networks in NETWORKS.items()
        if any(ip_address(request.address) in ip_network(network) for network in networks)
    }
    if nets:
        values["request.networkSource.name"] = nets
    if not (request.operation or "").startswith("List"):
        values["target.compartment.id"] = {request.place}
        values["target.compartment.name"] = {"acme" if request.place == ROOT else world.tree[request.place][1]}
    tags = {"target.resource.tag": request.tags or {}}
    if request.place != ROOT:
        tags["target.resource.compartment.tag"] = world.tree[request.place][2]
    for prefix, namespaces in tags.items():
        for namespace, pairs in namespaces.items():
            values |= {f"{prefix}.{namespace}.{key}": {str(value)} for key, value in pairs.items()}
    # Namespaces and keys of tags have no case, and no two variables differ by case alone.
    return {variable.lower(): {value.lower() for value in found} for variable, found in values.items()}


def _is_so(condition, values):
    kind = condition[0]
    if kind == "all":
        return all(_is_so(each, values) for each in condition[1])
    if kind == "any":
        return any(_is_so(each, values) for each in condition[1])
    operator, variable, operands = condition
    named = {variable.lower(), *(text.lower() for how, text in operands if how == "variable")}
    if not named <= values.keys():
        return False
    found = values[variable.lower()]
    if operator in ("before", "after", "between"):
        (value,) = found
        first, last = operands[0][1].lower(), operands[-1][1].lower()
        return {"before": value < first, "after": value > first, "between": _within(value, first, last)}[operator]
    equal = any(_equals(value, operand, values) for value in found for operand in operands)
    return not equal if operator == "!=" else equal


def _within(value, first, last):
    return not last < value < first if last < first else first <= value <= last


def _equals(value, operand, values):
    how, text = operand
    if how == "variable":
        return value in values[text.lower()]
    if how == "pattern":
        return re.fullmatch(".*".join(map(re.escape, text.lower().split("*"))), value, re.DOTALL) is not None
    return value == text.lower()


_cases = st.sampled_from([str, str.lower, str.upper, str.title])
NAMES = ["web/app", "Web/API", "web", "tools", "tools/x*y"]
VALUES = {
    "target.repo.name": NAMES,
    "target.user.name": ["ana", "Bob"],
    "target.compartment.name": ["acme", "c0", "C1", "c2"],
    "target.compartment.id": [ROOT, "ocid1.compartment.moorage..0", "ocid1.compartment.moorage..1"],
    "target.resource.tag.Ops.Cost": ["42", "red"],
    "target.resource.compartment.tag.ops.cost": ["42", "red"],
    "request.user.id": ["ocid1.user.moorage..ana"],
    "request.user.name": ["ana", "Bob"],
    "request.groups.id": list(GROUPS),
    "request.permission": ASKED,
    "request.operation": ["GetContainerImage", "ListContainerRepositories", "DeleteContainerImage"],
    "request.networkSource.name": list(NETWORKS),
    "request.region": ["eu-central-1", "fra"],
    "request.principal.type": ["user", "role"],
    "request.utc-timestamp.month-of-year": ["1", "2", "11"],
    "request.utc-timestamp.day-of-week": ["monday", "Sunday", "friday"],
}
TIMES = {
    "request.utc-timestamp": ["2026-01-01T00:00:00Z", "2026-06-30T12:00:00Z", "2027-01-01T00:00:00Z"],
    "request.utc-timestamp.time-of-day": ["00:00:00Z", "09:30:00Z", "17:00:00Z", "23:59:59Z"],
}


_quote = "'{}'".format


@st.composite
def _tests(draw):
    variable = draw(st.sampled_from([*VALUES, *TIMES]))
    if variable in TIMES:
        pair = draw(st.lists(st.sampled_from(TIMES[variable]), min_size=2, max_size=2))
        first, last = pair if variable.endswith("time-of-day") else sorted(pair)
        operator = draw(st.sampled_from(["before", "after", "between", "=", "!="]))
        bounds = [first, last] if operator == "between" else [first]
        text = " and ".join(map(_quote, bounds))
        return (operator, variable, [("text", each) for each in bounds]), f"{variable} {operator} {text}"
    count = draw(st.integers(0, 3))
    operands = [draw(_operands(variable)) for _ in range(count or 1)]
    meaning, texts = [each[0] for each in operands], [each[1] for each in operands]
    if count:
        return ("in", variable, meaning), f"{variable} {draw(_cases)('in')}({' , '.join(texts)})"
    operator = draw(st.sampled_from(["=", "!="]))
    return (operator, variable, meaning), draw(_cases)(variable) + operator + texts[0]


@st.composite
def _operands(draw, variable):
    kinds = ["text", "text", "pattern", "variable"]
    kind = draw(st.sampled_from(kinds[:2] if "timestamp" in variable or "." not in variable else kinds))
    value = draw(_cases)(draw(st.sampled_from(VALUES[variable])))
    if kind == "variable":
        other = draw(st.sampled_from(["target.user.name", "request.user.name", "target.group.id", "request.groups.id"]))
        return ("variable", other), other
    if kind == "pattern" and "*" not in value:
        cut = draw(st.integers(0, len(value)))
        pattern = draw(st.sampled_from([f"{value[:cut]}*", f"*{value[cut:]}", f"*{value[cut : cut + 2]}*", value]))
        if pattern.strip("*"):
            return ("pattern", pattern), f"/{pattern}/"
    bare = value.startswith("ocid1.") or value.isdecimal()
    return ("text", value), value if bare and draw(st.booleans()) else _quote(value)


def _group(children):
    @st.composite
    def make(draw):
        kind = draw(st.sampled_from(["all", "any"]))
        parts = draw(st.lists(children, min_size=1, max_size=3))
        space = draw(st.sampled_from(["", " ", "\n\t"]))
        joined = f"{space},{space}".join(text for _, text in parts)
        return (kind, [meaning for meaning, _ in parts]), f"{draw(_cases)(kind)}{space}{{{space}{joined}{space}}}"

    return make()


conditions = st.recursive(_tests(), _group, max_leaves=6)


@st.composite
def _subjects(draw):
    kind = draw(st.sampled_from(["any-user", "any-group", "group", "group", "group", "dynamic-group", "service"]))
    known = {"group": GROUPS, "dynamic-group": {key: rule[0] for key, rule in RULES.items()}, "service": {"x": "x"}}
    if kind not in known:
        return (kind, ()), draw(_cases)(kind)
    ids = draw(st.lists(st.sampled_from(sorted(known[kind])), min_size=1, max_size=2, unique=True))
    texts = []
    for each in ids:
        name = known[kind][each]
        forms = [name, _quote(name), name.upper(), f"Default/{name}", f"'default'/'{name}'", f"id {each}"]
        texts.append(name if kind == "service" else draw(st.sampled_from(forms)))
    return (kind, tuple(ids)), f"{draw(_cases)(kind)} {', '.join(texts)}"


@st.composite
def _grants(draw):
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(ASKED), min_size=1, max_size=3))
        return ("list", names), f"{{{','.join(map(draw(_cases), names))}}}"
    verb, kind = draw(st.sampled_from(LADDER)), draw(st.sampled_from(["repos", "repos", *TABLE, "all-resources"]))
    return ("verb", (verb, kind)), f"{draw(_cases)(verb)} {kind}"


@st.composite
def _places(draw, world, attached):
    place = draw(st.sampled_from(world.down(attached)))
    way = world.up(place)[: world.up(place).index(attached)]  # from the place up to below where it is attached
    path = [world.tree[each][1] for each in reversed(way)]
    if place == ROOT:
        return place, draw(_cases)("tenancy")
    if not path or draw(st.booleans()):
        return place, f"compartment id {place}"
    if attached != ROOT and draw(st.booleans()):
        path.insert(0, world.tree[attached][1])
    form = draw(st.sampled_from([":", " : ", "':'"]))
    quote = "'" if form == "':'" else ""
    return place, f"compartment {quote}{form.join(path)}{quote}"


@st.composite
def statements(draw, world, attached):
    """What a statement means, with its text."""
    subject, subject_text = draw(_subjects())
    grants, grants_text = draw(_grants())
    location, location_text = draw(_places(world, attached))
    text = f"{draw(_cases)('allow')}  {subject_text} to {grants_text} in {location_text}"
    if draw(st.booleans()):
        return Said(subject, grants, location, None, text)
    condition, condition_text = draw(conditions)
    return Said(subject, grants, location, condition, f"{text} WHERE {condition_text}")


@st.composite
def worlds(draw):
    """A tree and its policies."""
    tree = {}
    for number in range(draw(st.integers(1, 5))):
        parent = draw(st.sampled_from([ROOT, *tree]))
        tags = draw(st.sampled_from([{}, {"ops": {"cost": 42}}, {"ops": {"cost": "Red", "x": True}}]))
        tree[f"ocid1.compartment.moorage..{number}"] = (parent, draw(_cases)(f"c{number}"), tags)
    world = World(tree)
    for number in range(draw(st.integers(1, 3))):
        attached = draw(st.sampled_from([ROOT, *tree]))
        said = draw(st.lists(statements(world, attached), min_size=1, max_size=4))
        world.policies[f"ocid1.policy.moorage..{number}"] = (attached, said)
    return world


@st.composite
def moved(draw, world):
    """The same world after some of its compartments have moved."""
    tree = dict(world.tree)
    for _ in range(draw(st.integers(1, 4))):
        key = draw(st.sampled_from(sorted(tree)))
        here = World(tree)
        target = draw(st.sampled_from([each for each in (ROOT, *tree) if each not in here.down(key)]))
        tree[key] = (target, *tree[key][1:])
    return World(tree, world.policies)


_USERS = [("user", "ocid1.user.moorage..ana", "ana"), ("user", "ocid1.user.moorage..bob", "bob")]
_MACHINES = [("machine", role, role) for role in ROLES]


@st.composite
def requests(draw, world):
    """Anything that can be asked; most of it about some statement of the world, so that much is granted."""
    kind, key, name = draw(st.sampled_from(_USERS + _MACHINES))
    groups = draw(st.frozensets(st.sampled_from(sorted(GROUPS)))) if kind == "user" else frozenset()
    permission = draw(st.sampled_from(ASKED))
    place = draw(st.sampled_from([ROOT, *world.tree]))
    if draw(st.integers(0, 3)):
        said = draw(st.sampled_from([each for _, statements in world.policies.values() for each in statements]))
        permission = draw(st.sampled_from(sorted(_granted(said))))
        place = draw(st.sampled_from(world.down(said.location)))
        if said.subject[0] in {"group", "any-group"}:
            kind, key, name = draw(st.sampled_from(_USERS))
            groups = frozenset(said.subject[1] or GROUPS)
        if said.subject[0] == "dynamic-group":
            (kind, key, name), groups = draw(st.sampled_from(_MACHINES)), frozenset()
    return Request(
        kind=kind,
        id=key,
        name=name,
        groups=groups,
        operation=draw(st.sampled_from([None, "GetContainerImage", "ListContainerRepositories"])),
        address=draw(st.sampled_from(["192.0.2.1", "192.0.2.200", "198.51.100.1", "2001:db8::1"])),
        now=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=draw(st.integers(0, 366 * 86_400))),
        region=draw(st.sampled_from(["", "eu-central-1"])),
        permission=permission,
        place=place,
        names=draw(st.fixed_dictionaries({}, optional=_NAMED)),
        tags=draw(st.sampled_from([None, {}, {"Ops": {"Cost": "Red"}}, {"ops": {"cost": 42}}])),
    )


_NAMED = {
    "target.repo.name": st.sampled_from(NAMES),
    "target.user.name": st.sampled_from(["Ana", "bob"]),
    "target.group.id": st.sampled_from(sorted(GROUPS)),
}
