"""CPU time of a cold start: from the start of the process to its first answer, on the packages that are deployed.

`measure() -> Part`; its results are milliseconds by the name of a function's package.
"""

from collections import Counter
from collections.abc import Mapping

from tests.bench.figures import Figure, Part, table
from tests.bench.packaged import PACKAGES, REPOSITORY, Event, Packaged, packaged

RUNS = 9
REACH = {"v2_pull": 400, "v2_push": 500, "tokens": 500, "authorizer": 150}
ANCHORS = {"authorizer": "platform: Logger, own SigV4, cryptography 96 ms"}
SHOWN = 8  # shares of a start that are listed by name

_OURS = "moorage and the function"
_PYTHON = "Python's own"
# What would lower a start further, and what it would cost to do.
_LOWER = """
What would lower them: the authorizer has neither botocore and pynamodb nor a web framework, and starts in a third of
the time; most of what counts as Python's own is imported by those. To sign the few calls of the pull path by
arithmetic, as the authorizer does, would take most of the difference away, for a client of our own with retries and a
pool. PyJWT imports the X.509 part of cryptography and `urllib.request`, which nothing here uses. One botocore session
for DynamoDB and for presigned URLs, instead of two, is a few milliseconds.
"""


def measure() -> Part:
    """Start every function a few times; the least counts."""
    with packaged(*PACKAGES) as world:
        events = _events(world)
        found = {name: min(world.run(name, event)["cold"] for _ in range(RUNS)) for name, event in events.items()}
        shares = {name: _shares(world.run(name, event, None, "-X", "importtime")) for name, event in events.items()}
    figures = [
        Figure(
            f"cold start of `{name}`, CPU",
            ANCHORS.get(name, "usual stack 960 ms"),
            f"{reach} ms",
            f"{ms:.0f} ms",
            ms <= reach,
        )
        for name, reach in REACH.items()
        for ms in [found[name]]
    ]
    return Part(figures, _section(found, shares), found)


def _events(world: Packaged) -> dict[str, Event]:
    """Return the first request of each function: one that reads keys and rows."""
    scope = {"service": world.address, "scope": f"repository:{REPOSITORY}:pull"}
    pull = world.event("GET", f"/v2/{REPOSITORY}/manifests/{world.manifest}")
    listed = f"compartmentId={world.made.tenancy_id}"
    return {
        "v2_pull": pull,
        "v2_push": world.event("POST", f"/v2/{REPOSITORY}/blobs/uploads/"),
        "tokens": world.event("GET", "/20180419/docker/token", scope, token=False),
        "artifacts": world.signed_event("/20160918/container/repositories", listed),
        "identity": world.signed_event("/20160918/users", listed),
        "authorizer": pull,
        "sweeping": {},
    }


def _shares(text: str) -> Counter[str]:
    """Add up what -X importtime says, in milliseconds, by the package that was imported; it slows what it measures."""
    shares: Counter[str] = Counter()
    for line in text.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        if line.startswith("import time:") and own.strip().isdigit():
            module = rest.partition("|")[2].strip()
            shares[_owner(module.partition(".")[0])] += int(own)
    return Counter({name: round(microseconds / 1000) for name, microseconds in shares.items()})


def _owner(top: str) -> str:
    if top == "moorage" or top in PACKAGES:
        return _OURS
    return top if top in _OTHERS else _PYTHON


_OTHERS = {
    "anyio",
    "aws_lambda_powertools",
    "botocore",
    "cryptography",
    "dateutil",
    "jmespath",
    "jwt",
    "mangum",
    "pynamodb",
    "starlette",
    "typing_extensions",
    "urllib3",
}


def _section(found: Mapping[str, float], shares: Mapping[str, Counter[str]]) -> str:
    rows = [
        [
            f"`{name}`",
            f"{ms:.0f}",
            ", ".join(f"{owner} {share}" for owner, share in shares[name].most_common(SHOWN) if share),
        ]
        for name, ms in found.items()
    ]
    head = ["function", "CPU ms", "of which imports, by whose they are (with `-X importtime`, which adds to them)"]
    return (
        "## Cold start\n\n"
        "CPU milliseconds from the start of the process to the end of the first answer: the interpreter, imports,\n"
        "clients and one request that reads keys and rows, over plain HTTP. Python 3.13, bytecode, least of\n"
        f"{RUNS} processes.\n\n"
        f"{table(head, rows)}{_LOWER}"
    )
