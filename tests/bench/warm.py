"""CPU time of a request in a function that is warm, through its Lambda handler, on the package that is deployed.

`measure() -> Part`.
"""

from tests.bench.figures import Figure, Part, table
from tests.bench.lambda_process import CALLS, SENT
from tests.bench.packaged import REPOSITORY, packaged

REACH = {"GET manifest": 2.0, "HEAD blob": 1.5, "blob redirect": 1.5}


def measure() -> Part:
    """Send the three requests that pulls are made of, again and again; the least counts."""
    with packaged("v2_pull") as world:
        blob = f"/v2/{REPOSITORY}/blobs/{world.layer}"
        events = {
            "GET manifest": world.event("GET", f"/v2/{REPOSITORY}/manifests/{world.manifest}"),
            "HEAD blob": world.event("HEAD", blob),
            "blob redirect": world.event("GET", blob),
        }
        answer = world.run("v2_pull", events["GET manifest"], events)
    statuses = {name: answer["statuses"][name] for name in REACH}
    if statuses != {"GET manifest": 200, "HEAD blob": 200, "blob redirect": 307}:
        raise ValueError(f"the function did not answer as it should: {statuses}")
    found: dict[str, tuple[float, float, float]] = answer["warm"]
    figures = [
        Figure(
            f"{name} in the handler, warm, CPU",
            "Starlette alone 0.06 ms",
            f"{reach} ms",
            f"{found[name][0]:.2f} ms, of which the store call {found[name][1]:.2f}",
            found[name][0] <= reach,
        )
        for name, reach in REACH.items()
    ]
    rows = [
        [name, f"{ms:.2f}", f"{store:.2f}", f"{ms - store:.2f}", f"{sent:.2f}"]
        for name, (ms, store, sent) in found.items()
    ]
    section = (
        "## Warm requests\n\n"
        "CPU milliseconds of one call of the Lambda handler of `v2_pull`: event in, answer out, one log line. The\n"
        "store call is one GetItem by pynamodb and botocore, signed and parsed, with an answer that was recorded. In\n"
        "the last column it goes over a new socket each time, without TLS. Python 3.13, least of\n"
        f"{CALLS} and of {SENT} calls.\n\n"
        f"{table(['request', 'CPU ms', 'the store call', 'all else', 'with a socket'], rows)}"
    )
    return Part(figures, section, {name: ms for name, (ms, _, _) in found.items()})
