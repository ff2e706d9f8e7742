"""Dollars, from what was used, what the template says and what AWS charges. Arithmetic alone: it measures nothing."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench.registry import ROOT
from tests.bench.usage import AUTHORIZER, Usage, Work

from moorage.devserver.template import Template

PRICES = ROOT / "tests" / "bench" / "prices.toml"

FULL_CPU_MIB = 1769  # memory with which a function has one whole processor
DYNAMODB_MS = 5  # that a call takes on AWS, reckoned
S3_MS = 20
COLD_SHARE = 0.01  # of invocations that start a function first; many more where a registry is seldom used
RUNTIME_MS = 85  # until a function's own code is started: Lambda's part of a cold start
LOG_EVENT_BYTES = 26  # that CloudWatch counts beside each line
HOURS = 730  # of a month
FREE_ALARM_METRICS = 10
REST_API = "rest_api"
HTTP_API = "http_api"

MILLION = 1_000_000
_GIB = 1024**3
_GB = 10**9
# What Lambda writes about each invocation, unless its system log is quiet.
_REQUEST_ID = "c793869b-ee49-115b-a5b6-4fd21e8dedac"
_REPORTED = "Duration: 21.04 ms\tBilled Duration: 22 ms\tMemory Size: 512 MB\tMax Memory Used: 104 MB\t"
PLATFORM_LINES = (
    f"START RequestId: {_REQUEST_ID} Version: $LATEST\n",
    f"END RequestId: {_REQUEST_ID}\n",
    f"REPORT RequestId: {_REQUEST_ID}\t{_REPORTED}\n",
)


@dataclass(frozen=True, slots=True)
class Price:
    """What something costs."""

    unit: str
    dollars: float
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Line:
    """One component of what a pull or a push costs."""

    component: str
    quantity: float  # of one pull or push
    unit: str
    price: float  # dollars of one unit

    @property
    def dollars(self) -> float:
        """Return what one pull or push pays for it."""
        return self.quantity * self.price


@dataclass(frozen=True)
class Setup:
    """What the template decides of the cost, and what a front door other than the template's would."""

    memory_mib: Mapping[str, int]  # by package
    architecture: str
    alarm_metrics: int  # that alarms watch, the relay's aside: an alarm is paid for each of them
    sweeps_an_hour: float
    relay_cpus: float
    relay_gib: float
    own_key: bool  # whether DynamoDB is told to use a key of KMS, whose requests are charged for
    platform_lines: bool = True  # whether Lambda writes its three lines for each invocation
    cold_share: float = COLD_SHARE
    front: str = REST_API  # the price that a request of the spec plane pays
    access_log: bool = True
    authorizers: int | None = None  # invocations of the authorizer for each pull or push; None: one a request

    @classmethod
    def read(cls, template: Template) -> "Setup":
        """Read it off the template."""
        resources: Mapping[str, Any] = template.body["Resources"]
        common = template.body["Globals"]["Function"]
        functions = {
            one["Properties"]["Handler"].partition(".")[0]: {**common, **one["Properties"]}
            for one in resources.values()
            if one["Type"] == "AWS::Serverless::Function"
        }
        (task,) = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::ECS::TaskDefinition"]
        (table,) = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::DynamoDB::Table"]
        (sweeps,) = [schedule for one in template.functions() for schedule in one.schedules]
        logging = [{**common.get("LoggingConfig", {}), **one.get("LoggingConfig", {})} for one in functions.values()]
        return cls(
            memory_mib={name: one["MemorySize"] for name, one in functions.items()},
            architecture=template.body["Parameters"]["Architecture"]["Default"],
            alarm_metrics=sum(map(_watched, resources.values())),
            sweeps_an_hour=3600 / sweeps.total_seconds(),
            relay_cpus=int(task["Cpu"]) / 1024,
            relay_gib=int(task["Memory"]) / 1024,
            own_key=bool(table.get("SSESpecification", {}).get("SSEEnabled")),
            platform_lines=not all(one.get("SystemLogLevel") == "WARN" for one in logging),
        )


@dataclass(frozen=True)
class Model:
    """Prices, and a setup to use them on."""

    prices: Mapping[str, Price]
    setup: Setup
    cold_cpu_ms: Mapping[str, float]

    def but(self, **changes: Any) -> "Model":
        """Return the model of another setup."""
        return replace(self, setup=replace(self.setup, **changes))

    def lines(self, usage: Usage) -> list[Line]:
        """Return every component, those that cost nothing left out."""
        work = self._work(usage)
        invocations = sum(one.invocations for one in work.values())
        warm = math.fsum(self.gb_seconds(name, one) for name, one in work.items())
        cold = math.fsum(self.cold_gb_seconds(name, one) for name, one in work.items())
        log_bytes = self.log_bytes(usage)
        found = [
            self._per_million("requests to the registry", self._requests(usage), self.setup.front),
            self._per_million("requests for a token", usage.http_requests, HTTP_API),
            self._per_million("invocations", invocations, "lambda_requests"),
            Line("time of functions", warm, "GB-second", self._price(f"lambda_{self.setup.architecture}")),
            Line("their cold starts", cold, "GB-second", self._price(f"lambda_{self.setup.architecture}")),
            self._per_million("reads of rows", usage.read_units, "dynamodb_reads"),
            self._per_million("writes of rows", usage.write_units, "dynamodb_writes"),
            self._per_million("writes of objects", usage.s3_writes, "s3_writes"),
            self._per_million("reads of objects", usage.s3_reads, "s3_reads"),
            self._per_million("downloads of objects", usage.downloads, "s3_reads"),
            Line("logs", log_bytes / _GB, "GB", self._price("logs_written")),
        ]
        return [line for line in found if line.quantity]

    def dollars(self, usage: Usage) -> float:
        """Return what one pull or push costs."""
        return math.fsum(line.dollars for line in self.lines(usage))

    def milliseconds(self, function: str, work: Work) -> int:
        """Return what one invocation is billed: CPU time on its share of a processor, and the calls it waits for."""
        share = min(1.0, self.setup.memory_mib[function] / FULL_CPU_MIB)
        waiting = work.dynamodb_calls * DYNAMODB_MS + work.s3_calls * S3_MS
        return math.ceil((work.cpu_ms / share + waiting) / work.invocations)

    def gb_seconds(self, function: str, work: Work) -> float:
        """Return what all its invocations are billed for."""
        return work.invocations * self.milliseconds(function, work) / 1000 * self._gib(function)

    def cold_gb_seconds(self, function: str, work: Work) -> float:
        """Return what the cold ones among them are billed beside it: a start has a whole processor."""
        start_ms = RUNTIME_MS + self.cold_cpu_ms[function]
        return work.invocations * self.setup.cold_share * start_ms / 1000 * self._gib(function)

    def log_bytes(self, usage: Usage) -> int:
        """Return the bytes that are written: the functions' lines, Lambda's and the gateway's."""
        return sum(self.log_parts(usage).values())

    def log_parts(self, usage: Usage) -> dict[str, int]:
        """Return who writes how many of them."""
        work = self._work(usage)
        invocations = sum(one.invocations for one in work.values())
        platform = sum(len(line) + LOG_EVENT_BYTES for line in PLATFORM_LINES) * self.setup.platform_lines
        access = usage.access_bytes + usage.access_lines * LOG_EVENT_BYTES
        return {
            "the functions' own line for each request": sum(
                one.log_bytes + one.log_lines * LOG_EVENT_BYTES for one in work.values()
            ),
            "Lambda's lines for each invocation": invocations * platform,
            "the gateway's line for each request": access * self.setup.access_log,
        }

    def idle(self, sweep: Usage) -> dict[str, float]:
        """Return dollars of a month without requests, by what costs them; bytes that are stored aside."""
        setup = self.setup
        return {
            "sweeping": setup.sweeps_an_hour * HOURS * self.dollars(sweep),
            "alarms": setup.alarm_metrics * self._price("alarm"),
            "relay": HOURS
            * (
                setup.relay_cpus * self._price("fargate_arm64_cpu")
                + setup.relay_gib * self._price("fargate_arm64_memory")
                + self._price("load_balancer")
                + 3 * self._price("public_address")
            ),
        }

    def _work(self, usage: Usage) -> dict[str, Work]:
        """Return what functions do, the authorizer as often as the setup asks it."""
        found = dict(usage.functions)
        wanted = self.setup.authorizers
        if wanted is not None and AUTHORIZER in found:
            whole = found.pop(AUTHORIZER)
            if wanted:
                found[AUTHORIZER] = _part_of(whole, wanted)
        return found

    def _requests(self, usage: Usage) -> int:
        """Return the requests that the front counts: an HTTP API counts one for each 512 KB of a body."""
        return usage.http_pieces if self.setup.front == HTTP_API else usage.rest_requests

    def _gib(self, function: str) -> float:
        return self.setup.memory_mib[function] / 1024

    def _price(self, name: str) -> float:
        return self.prices[name].dollars

    def _per_million(self, component: str, quantity: float, price: str) -> Line:
        unit = self.prices[price].unit.removeprefix("million ")
        return Line(component, quantity, unit, self._price(price) / MILLION)


def read_prices(path: Path = PRICES) -> dict[str, Price]:
    """Read the table of prices."""
    return {name: Price(**entry) for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()}


def _watched(resource: Mapping[str, Any]) -> int:
    """Return how many metrics a resource watches, when it is an alarm that every deployment has."""
    if resource["Type"] != "AWS::CloudWatch::Alarm" or "Condition" in resource:
        return 0
    several = resource["Properties"].get("Metrics", ())
    return sum("MetricStat" in one for one in several) or 1


def _part_of(work: Work, invocations: int) -> Work:
    share = invocations / work.invocations
    return Work(
        invocations=invocations,
        cpu_ms=work.cpu_ms * share,
        dynamodb_calls=round(work.dynamodb_calls * share),
        s3_calls=round(work.s3_calls * share),
        log_lines=round(work.log_lines * share),
        log_bytes=round(work.log_bytes * share),
    )
