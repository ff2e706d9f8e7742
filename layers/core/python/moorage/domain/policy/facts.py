"""The values of variables in one request; None for a variable that does not apply to it (ocir.md 5.4)."""

from collections.abc import Mapping
from typing import Any

from moorage.domain.access import PrincipalKind
from moorage.domain.networks import within
from moorage.domain.ocid import Kind, unique_of
from moorage.domain.policy.asking import Asking, Target
from moorage.domain.policy.variables import DAY, MONTH, TAGS, TIME, TIMESTAMP, WEEKDAY, WEEKDAYS, show_moment
from moorage.domain.tenancy import Tenancy

MACHINE_TYPE = "role"  # a machine is a role of AWS

Value = str | frozenset[str] | None


class Facts(dict[str, Value]):
    """Variable -> value, in folded case; found out when it is first asked for."""

    def __init__(self, tenancy: Tenancy, asking: Asking, permission: str, target: Target) -> None:
        super().__init__({name: value.casefold() for name, value in target.names.items()})
        self._tenancy = tenancy
        self._asking = asking
        self._target = target
        self["request.permission"] = permission.casefold()

    def __missing__(self, variable: str) -> Value:
        value = self._find(variable)
        self[variable] = value
        return value

    def _find(self, variable: str) -> Value:
        if variable.startswith(TIMESTAMP):
            return self._time(variable)
        if variable.startswith(TAGS):
            return self._tag(variable)
        if variable.startswith("target.compartment."):
            return self._compartment(variable)
        if variable == "request.networkSource.name":
            return self._network_sources()
        if variable.startswith(("request.user.", "request.groups.")):
            return self._user(variable)
        plain = {
            "request.operation": self._asking.operation,
            "request.region": self._asking.region,
            "request.principal.type": MACHINE_TYPE if self._is_machine else "user",
        }
        return (plain.get(variable) or "").casefold() or None

    @property
    def _is_machine(self) -> bool:
        return self._asking.principal.kind == PrincipalKind.MACHINE

    def _user(self, variable: str) -> Value:
        principal = self._asking.principal
        if self._is_machine:
            return None
        if variable == "request.groups.id":
            return frozenset(group.casefold() for group in principal.groups)
        values = {
            "request.user.id": principal.id,
            "request.user.name": principal.name,
            "request.user.mfaTotpVerified": "false",
        }
        return (values.get(variable) or "").casefold() or None

    def _time(self, variable: str) -> str:
        moment = show_moment(self._asking.now)  # 2026-11-29T17:30:00Z
        parts = {TIMESTAMP: moment, MONTH: moment[5:7], DAY: moment[8:10], TIME: moment[11:]}
        return WEEKDAYS[self._weekday()] if variable == WEEKDAY else parts[variable].casefold()

    def _weekday(self) -> int:
        from_utc = self._asking.now.utctimetuple()
        return from_utc.tm_wday

    def _compartment(self, variable: str) -> str | None:
        if (self._asking.operation or "").startswith("List"):
            return None  # a list asks for no compartment in particular
        key = self._target.compartment_id
        if variable == "target.compartment.id":
            return key.casefold()
        node = self._tenancy.compartments.get(key)
        return (node.name if node else unique_of(key, Kind.TENANCY) or "").casefold() or None

    def _tag(self, variable: str) -> str | None:
        of_resource, of_compartment = TAGS
        if variable.startswith(of_compartment):
            node = self._tenancy.compartments.get(self._target.compartment_id)
            return tag_value(node.defined_tags if node else None, variable[len(of_compartment) :])
        return tag_value(self._target.defined_tags, variable[len(of_resource) :])

    def _network_sources(self) -> frozenset[str] | None:
        """Return the names of those that the address is in; the variable does not apply where there is none."""
        sources = self._tenancy.network_sources.values()
        names = (source.name for source in sources if within(self._asking.address, source.networks))
        return frozenset(name.casefold() for name in names) or None


def tag_value(tags: Mapping[str, Mapping[str, Any]] | None, path: str) -> str | None:
    """Return the folded value of a defined tag by `<namespace>.<key>`, which have no case."""
    namespace, _, key = path.casefold().partition(".")
    for name, values in (tags or {}).items():
        for each, value in values.items():
            if (name.casefold(), each.casefold()) == (namespace, key):
                return str(value).casefold()
    return None
