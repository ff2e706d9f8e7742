"""`python -m tests.bench.costpage`: write docs/cost.md from the prices, the template and what was last measured."""

import re
import sys
import textwrap
from pathlib import Path

from tests.bench.cost import (
    COLD_SHARE,
    DYNAMODB_MS,
    FREE_ALARM_METRICS,
    FULL_CPU_MIB,
    HOURS,
    MILLION,
    RUNTIME_MS,
    S3_MS,
    Model,
    Setup,
    read_prices,
)
from tests.bench.figures import table
from tests.bench.registry import ROOT
from tests.bench.usage import LAYERS, Measured, Usage

from moorage.devserver.template import Template

PAGE = ROOT / "docs" / "cost.md"
REACH = 100  # dollars of a million pulls

_THOUSAND = 1000
_WIDTH = 120
_GIB_A_MONTH = 100  # of images, in the example


def current_model(measured: Measured) -> Model:
    """Return prices and template as they are in the files."""
    return Model(read_prices(), Setup.read(Template.read(ROOT / "template.yaml")), measured.cold_cpu_ms)


def render(model: Model, measured: Measured) -> str:
    """Write the page."""
    return _wrapped(
        "\n".join(
            [
                _head(model, measured),
                _reckoned("A pull", model, measured.pull, MILLION),
                _reckoned("A push", model, measured.push, _THOUSAND),
                _durations(model, measured),
                _changes(model, measured),
                _logs(model, measured),
                _storage(model, measured),
                _idle(model, measured),
                _prices(model),
            ]
        )
    )


def main(page: Path = PAGE) -> int:
    """Write."""
    measured = Measured.read()
    page.write_text(render(current_model(measured), measured), encoding="utf-8")
    return 0


def _head(model: Model, measured: Measured) -> str:
    pulls, pushes = MILLION * model.dollars(measured.pull), _THOUSAND * model.dollars(measured.push)
    return f"""\
# What it costs

**{_money(pulls)} for a million pulls of an image of {LAYERS} layers, {_money(pushes)} for a thousand pushes of it.**
In us-east-1, without free
tiers, without volume discounts, without the bytes that leave AWS.

This page is arithmetic over three things that are in the repository: what one pull and one push were counted to use
(`tests/bench/usage.json`, which `make bench` measures), what AWS charges (`tests/bench/prices.toml`, each price with
its source and date) and what `template.yaml` says (memory, processor, alarms, logs).
`python -m tests.bench.costpage` writes the page anew when one of them changed; a test holds it to them. Prices are as
read there on those dates, not a promise: look at AWS's own pages before you plan with them.
"""


def _reckoned(title: str, model: Model, usage: Usage, times: int) -> str:
    lines = model.lines(usage)
    rows = [
        (line.component, _quantity(line.quantity), line.unit, _unit_price(line.price), _money(times * line.dollars))
        for line in lines
    ]
    rows.append(("together", "", "", "", f"**{_money(times * model.dollars(usage))}**"))
    head = ("component", "of one", "unit", "dollars a unit", f"dollars for {times:,}")
    return f"## {title}\n\n{_SEQUENCES[title]}\n{table(head, rows)}"


_SEQUENCES = {
    "A pull": f"""\
As docker does it: `GET /v2/` without a token, a token, HEAD of the tag, GET of the manifest, of the config and of
{LAYERS} layers; each layer is a redirect, and its bytes come from S3.
""",
    "A push": f"""\
As docker's classic store does it, the dearest way: `GET /v2/` without a token, a token, then HEAD, POST, PATCH and PUT
of {LAYERS} new layers of 1 MiB and of a config, and the manifest. A layer that needs chunks adds a PATCH for every
4 MiB; through the relay it adds none. A row that the sweeps look at later is not in it.
""",
}


def _durations(model: Model, measured: Measured) -> str:
    rows = [
        (
            f"`{name}`, {what}",
            f"{work.invocations}",
            f"{work.cpu_ms / work.invocations:.1f}",
            f"{(work.dynamodb_calls * DYNAMODB_MS + work.s3_calls * S3_MS) / work.invocations:.1f}",
            f"{model.milliseconds(name, work)}",
            f"{model.setup.memory_mib[name]} MiB",
            f"{RUNTIME_MS + measured.cold_cpu_ms[name]:.0f}",
        )
        for what, usage in {"pull": measured.pull, "push": measured.push}.items()
        for name, work in usage.functions.items()
    ]
    memory = [
        (
            f"{mib} MiB",
            *(_money(times * other.dollars(usage)) for usage, times in _both(measured)),
        )
        for mib in (256, 512, 1024, 1769)
        for other in [model.but(memory_mib=dict.fromkeys(model.setup.memory_mib, mib))]
    ]
    head = ("function", "invocations", "CPU ms each", "waiting ms each", "billed ms each", "memory", "cold start ms")
    return f"""\
## How long a function is billed

CPU time was measured in the handlers; a function has {FULL_CPU_MIB} MiB's share of a processor, so at less memory its \
CPU time takes
longer in proportion. Waiting is {DYNAMODB_MS} ms for each call to DynamoDB and {S3_MS} ms for each to S3. The sum is \
rounded up to a millisecond.
One in {1 / COLD_SHARE:.0f} invocations is reckoned cold: {RUNTIME_MS} ms until the runtime is there, and the CPU \
time of the start, which has a whole processor.
The processor that measured is not Graviton; AWS's own may be faster or slower.

{table(head, rows)}
With other memory, for all functions:

{table(("memory", f"{MILLION:,} pulls", f"{_THOUSAND:,} pushes"), memory)}"""


def _changes(model: Model, measured: Measured) -> str:
    others = {
        "as the template has it": model,
        "the authorizer's answer kept for as long as a token lives": model.but(authorizers=1),
        "Lambda's own three lines about each invocation not written": model.but(platform_lines=False),
        "no access log": model.but(access_log=False),
        "an HTTP API in place of the REST API": model.but(front="http_api"),
        "CloudFront before function URLs, without API Gateway and authorizer": model.but(
            front="cloudfront_requests", access_log=False, authorizers=0
        ),
        "every invocation a cold start": model.but(cold_share=1),
        "x86_64 in place of arm64": model.but(architecture="x86_64"),
    }
    rows = [
        (name, *(_money(times * other.dollars(usage)) for usage, times in _both(measured)))
        for name, other in others.items()
    ]
    return f"""\
## What would change it

{table(("", f"{MILLION:,} pulls", f"{_THOUSAND:,} pushes"), rows)}
- The **REST API** is the largest part. It is there because it alone sends `WWW-Authenticate` under its own name, takes
  bodies of any type, and can be private, have a WAF and resource policies.
- An **HTTP API** counts a request for each 512 KB of its body, so a push of large layers pays several times.
- **CloudFront** before function URLs takes the price of API Gateway off, and its bytes leave AWS for less
  ({_unit_price(model.prices["cloudfront_egress"].dollars)} a GB in place of \
{_unit_price(model.prices["egress"].dollars)}, the first 1,000 GB of a month free), which soon is more than all the
  above: a million pulls of 100 MB are 100,000 GB, {_money(100_000 * model.prices["egress"].dollars)} to the internet,
  and nothing to machines in the same region.
- The cache of the authorizer must not be keyed by path alone: a policy that is kept must list what its token allows.
"""


def _logs(model: Model, measured: Measured) -> str:
    pull, push = model.log_parts(measured.pull), model.log_parts(measured.push)
    rows = [(name, f"{pull[name]:,}", f"{push[name]:,}") for name in pull]
    rows.append(("together", f"{model.log_bytes(measured.pull):,}", f"{model.log_bytes(measured.push):,}"))
    return f"""\
## Logs

Bytes, 26 for each line included, which CloudWatch counts:

{table(("", "a pull", "a push"), rows)}"""


def _storage(model: Model, measured: Measured) -> str:
    prices = model.prices
    row_gb = measured.push.row_bytes / 10**9
    rows_month = row_gb * (prices["dynamodb_storage"].dollars + prices["dynamodb_recovery"].dollars)
    rows = [
        ("Moorage, bytes in S3", _unit_price(prices["s3_storage"].dollars), _stored(prices["s3_storage"].dollars)),
        ("Amazon's registry", _unit_price(prices["ecr_storage"].dollars), _stored(prices["ecr_storage"].dollars)),
        ("Oracle's registry", _unit_price(prices["ocir_storage"].dollars), _stored(prices["ocir_storage"].dollars)),
    ]
    return f"""\
## Bytes that are stored

{table(("", "dollars a GB-month", f"{_GIB_A_MONTH} GB for a month"), rows)}
The rows of one image of {LAYERS} layers are {measured.push.rows}, with {measured.push.row_bytes:,} bytes and what the \
indexes copy included: {_money(MILLION * rows_month)} a month for a
million images, point-in-time recovery included. Deleted bytes are paid for as long as they can be restored
(`RestoreDays`), logs at {_unit_price(prices["logs_storage"].dollars)} a GB-month until `LogDays` have passed.
"""


def _stored(dollars: float) -> str:
    return _money(_GIB_A_MONTH * dollars)


def _idle(model: Model, measured: Measured) -> str:
    idle, setup = model.idle(measured.sweep), model.setup
    free = f"an account has {FREE_ALARM_METRICS} free; beyond these each costs {_money(model.prices['alarm'].dollars)}"
    custom = f"{_money(model.prices['custom_metric'].dollars)} each, for the hours in which one is written; 10 are free"
    rows = [
        ("functions, both APIs, certificate, roles, host name in API Gateway", "0", ""),
        ("signing keys", "0", "rows of the table; no key of KMS is rented"),
        ("rows and bytes", "as stored", "see above; point-in-time recovery is charged by the GB of the table"),
        (
            f"the sweep, {setup.sweeps_an_hour:.0f} times an hour",
            _money(idle["sweeping"]),
            "reads an index that is empty",
        ),
        (f"alarms on {setup.alarm_metrics} metrics", f"0 to {_money(idle['alarms'])}", free),
        ("metrics of our own, of refusals and errors", "0", custom),
        ("the relay, when `Relay` is set", _money(idle["relay"]), _relay(setup)),
    ]
    if setup.own_key:
        note = "`aws/dynamodb`, free to have; DynamoDB's requests to it are charged, at most one in 5 minutes a process"
        rows.insert(2, ("the table's key", "0", note))
    return f"""\
## While nobody uses it

Dollars a month of {HOURS} hours:

{table(("", "dollars", ""), rows)}
Free tiers not counted above: 1,000,000 invocations and 400,000 GB-seconds of Lambda a month, 5 GB of logs, 25 GB of
DynamoDB rows, 100 GB of egress. A registry of a small team stays within them, bytes of images aside.
"""


def _relay(setup: Setup) -> str:
    return (
        f"one task of {setup.relay_cpus:g} vCPU and {setup.relay_gib:g} GB at all times, a load balancer, "
        "three public addresses"
    )


def _prices(model: Model) -> str:
    rows = [
        (name.replace("_", " "), _unit_price(price.dollars), price.unit, price.source, price.date)
        for name, price in model.prices.items()
    ]
    return f"## Prices\n\n{table(('', 'dollars', 'for a', 'source', 'date'), rows)}"


def _wrapped(text: str) -> str:
    """Break the lines of prose where they are too long: figures in them have no fixed length."""
    return "\n\n".join(block if block.startswith(("|", "#")) else _filled(block) for block in text.split("\n\n"))


def _filled(block: str) -> str:
    items = re.split(r"\n(?=- )", block.rstrip())
    lines = [
        textwrap.fill(" ".join(item.split()), _WIDTH, subsequent_indent="  " * item.startswith("- ")) for item in items
    ]
    return "\n".join(lines) + "\n" * block.endswith("\n")


def _both(measured: Measured) -> list[tuple[Usage, int]]:
    return [(measured.pull, MILLION), (measured.push, _THOUSAND)]


def _money(dollars: float) -> str:
    return f"${dollars:,.2f}" if dollars >= 0.1 or not dollars else f"${dollars:.3f}"


def _unit_price(dollars: float) -> str:
    return f"{dollars:.10f}".rstrip("0").rstrip(".")


def _quantity(quantity: float) -> str:
    return f"{quantity:,g}" if quantity >= 1 else f"{quantity:.3g}"


if __name__ == "__main__":
    sys.exit(main())
