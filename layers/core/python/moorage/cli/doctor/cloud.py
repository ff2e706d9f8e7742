"""The cloud plane, as `oci` and its SDKs call it: what they can read, and whether their signatures get through."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from urllib.parse import urlencode, urlsplit

from moorage.cli.doctor.checks import Check
from moorage.cli.doctor.client import Answer
from moorage.cli.doctor.findings import CannotGoOn, Problem
from moorage.cli.doctor.signer import Profile
from moorage.cli.doctor.visit import Visit

SKEW = timedelta(seconds=300)  # more is refused
NAMESPACE = "/n"
REPOSITORIES = "/20160918/container/repositories"
UNROUTED = ("/20160918/container", "/20160918/doctor", "/20180419/doctor", "/n/doctor")
FILTERS = ("a%20b*/~", "a+b%2A%2F%7E")  # one value in the two ways that clients write it

ROUTES = (
    "CloudApi in template.yaml must route every path below 20160918, 20180419 and n to a function, and the domain must"
    " map these three to it"
)
DATE = "the front must pass Date on as it came"
HOST = (
    "MOORAGE_ORIGINS (template parameter Origins, or Domain) must list {origin}, and the front must pass Host on; or"
    " the key is not one of an active user of this registry: see that user, tenancy and fingerprint are its own"
)
QUERY = "the front must pass the query on as it came, as CloudApi in template.yaml does with payload format 2.0"


def readable(visit: Visit) -> Iterator[Problem]:
    """See that clients can read a refusal: a code and a message of JSON, and a Date to set their clock by."""
    answer = visit.client.send("GET", NAMESPACE)
    if answer.status != 401 or _code(answer) != "NotAuthenticated":
        yield Problem(f"GET {NAMESPACE} without a signature is answered {_described(answer)}", ROUTES)
    if not answer.header("date"):
        yield Problem(f"401 of {NAMESPACE} has no Date", "the front must let Date pass")
    for path in UNROUTED:
        if not _code(answer := visit.client.send("GET", path)):
            yield Problem(f"GET {path} is answered {answer.status} without a code, which clients cannot read", ROUTES)


def signature(visit: Visit) -> Iterator[Problem]:
    """See that what a signature is over arrives as it was sent."""
    profile = _profile(visit)
    answer = _send(visit, profile, NAMESPACE)
    if answer.status == 401:
        yield _refused(visit, profile, answer)
        return
    if answer.status != 200:
        yield Problem(
            f"GET {NAMESPACE} with a signature is answered {_described(answer)}",
            "the log of the function Identity knows why",
        )
    for text in FILTERS:
        target = f"{REPOSITORIES}?{urlencode({'compartmentId': profile.tenancy})}&displayName={text}"
        answer = _send(visit, profile, target)
        if answer.status == 401:
            yield Problem(f"the signature of a request with the query displayName={text} is refused", QUERY)
        elif answer.status not in {200, 404}:  # 404: the user may not list repositories
            yield Problem(
                f"a list of repositories is answered {_described(answer)}",
                "the log of the function Artifacts knows why",
            )


def _refused(visit: Visit, profile: Profile, answer: Answer) -> Problem:
    """Return why a good signature is refused."""
    what = f"the signature of GET {NAMESPACE} is refused"
    if _skew(answer) > SKEW:
        seconds = _skew(answer).total_seconds()
        return Problem(f"{what}: the registry's clock and this machine's are {seconds:.0f} s apart", "set the clock")
    if _send(visit, profile, NAMESPACE, date_header="x-date").status == 200:
        return Problem(f"{what}, and is good over x-date in the place of Date", DATE)
    return Problem(what, HOST.format(origin=visit.client.origin))


def _send(visit: Visit, profile: Profile, target: str, *, date_header: str = "date") -> Answer:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    host = urlsplit(visit.client.origin).netloc
    return visit.client.send("GET", target, profile.sign("GET", target, host, date, date_header=date_header))


def _profile(visit: Visit) -> Profile:
    if visit.profile is None:
        raise CannotGoOn("there is no API key to sign with: --oci-config")
    return visit.profile


def _skew(answer: Answer) -> timedelta:
    try:
        return abs(parsedate_to_datetime(answer.header("date")) - datetime.now(UTC))
    except (ValueError, TypeError):
        return timedelta()


def _code(answer: Answer) -> str:
    return str(answer.json().get("code", ""))


def _described(answer: Answer) -> str:
    return f"{answer.status} {_code(answer)}".strip()


UNSIGNED = (Check("cloud", "clients of the cloud plane can read what they are answered", readable),)
SIGNED = (Check("signature", "signatures over Date, Host and query arrive as they were sent", signature),)
