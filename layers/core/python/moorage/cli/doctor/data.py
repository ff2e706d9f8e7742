"""What passes between a client and the registry: a push, a pull, and the sizes of both."""

import base64
import secrets
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urljoin, urlsplit

from moorage.cli.doctor.checks import Check
from moorage.cli.doctor.client import Answer, Unanswered
from moorage.cli.doctor.findings import CannotGoOn, Problem, Report, Result
from moorage.cli.doctor.visit import Visit, described
from moorage.domain.digest import Digest
from moorage.domain.manifest import OCI_MANIFEST

BODY = 4 * 1024 * 1024  # bytes that one request carries at least, on every way into a registry
LARGER = 2 * BODY  # more than an event of Lambda has room for

BINARY = "BinaryMediaTypes of Api in template.yaml must be */*; any other front must pass bytes on unchanged"
LENGTHS = (
    "MOORAGE_HEAD_BODY (template parameter HeadBody) must be filler; if it is already, the front drops lengths: put"
    " one before it that does not, with compression off, or the relay"
)
DIGEST = "the front must let Docker-Content-Digest pass"
LIMIT = "MOORAGE_BODY_LIMIT (template parameter BodyLimit)"


def push(visit: Visit) -> Iterator[Problem]:
    """Push an image, one blob in each of the ways that clients have. Raises CannotGoOn when that fails."""
    image = visit.image
    _expect(visit.ask("PUT", _closing(_session(visit), image.small), body=image.small), "a blob in one PUT")
    session = _session(visit)
    _expect(visit.ask("PATCH", session, body=image.large), "a blob in a PATCH", 202)
    _expect(visit.ask("PUT", _closing(session, image.large)), "the end of an upload")
    answer = visit.ask("PUT", f"manifests/{image.tag}", {"Content-Type": OCI_MANIFEST}, image.manifest)
    _expect(answer, "a manifest")
    if answer.header("docker-content-digest") != str(Digest.of(image.manifest)):
        yield Problem("the answer to a manifest has no Docker-Content-Digest of it", DIGEST)


def location(visit: Visit) -> Iterator[Problem]:
    """See that an upload goes on where it began: oras and helm refuse another host or port."""
    session = visit.open_session()
    parts = urlsplit(urljoin(visit.client.origin, session))
    if f"{parts.scheme}://{parts.netloc}" != visit.client.origin:
        yield Problem(
            f"an upload goes on at {parts.scheme}://{parts.netloc}",
            "the front must not rewrite Location: the registry sends it as a path",
        )
    _cancel(visit, parts.path)


def head(visit: Visit) -> Iterator[Problem]:
    """See that HEAD tells lengths: docker and containerd fail without them, or write 0 into manifests."""
    image = visit.image
    for target, data in (
        (f"manifests/{image.tag}", image.manifest),
        (f"manifests/{Digest.of(image.manifest)}", image.manifest),
        (f"blobs/{Digest.of(image.small)}", image.small),
        (f"blobs/{Digest.of(image.large)}", image.large),
    ):
        answer = visit.ask("HEAD", target)
        if answer.status == 307:
            answer = visit.client.send("HEAD", answer.header("location"))
        length = answer.header("content-length")
        if answer.status != 200:
            yield Problem(f"HEAD {target} is answered {answer.status}", "the front must let HEAD pass")
        elif length != str(len(data)):
            said = f"Content-Length {length}" if length else "no Content-Length"
            yield Problem(f"HEAD {target} tells {said} for {len(data)} bytes", LENGTHS)


def digests(visit: Visit) -> Iterator[Problem]:
    """See that manifests are told with their digests: without, clients read them twice or fail."""
    for method in ("HEAD", "GET"):
        answer = visit.ask(method, f"manifests/{visit.image.tag}")
        if answer.header("docker-content-digest") != str(Digest.of(visit.image.manifest)):
            yield Problem(f"{method} of a manifest tells no Docker-Content-Digest of it", DIGEST)


def pull(visit: Visit) -> Iterator[Problem]:
    """See that bytes arrive as they were sent, also for a client that would take them compressed."""
    image = visit.image
    for target, data in ((f"manifests/{image.tag}", image.manifest), (f"blobs/{Digest.of(image.small)}", image.small)):
        answer = visit.ask("GET", target, {"Accept-Encoding": "gzip"})
        if answer.header("content-encoding"):
            yield Problem(
                f"GET {target} is sent as {answer.header('content-encoding')}",
                "the front must not compress: MinimumCompressionSize of Api, or compression of a CDN, must be off",
            )
        elif answer.status != 200:
            yield Problem(f"GET {target} is answered {described(answer)}", "the log of the function V2Pull knows why")
        elif answer.body != data:
            encoded = " as base64" if answer.body == base64.b64encode(data) else ""
            yield Problem(f"the bytes of {target} arrive changed{encoded}", BINARY)


def redirect(visit: Visit) -> Iterator[Problem]:
    """Follow a pull to storage, as clients do: without the token."""
    large = visit.image.large
    answer = visit.ask("GET", f"blobs/{Digest.of(large)}")
    if answer.status == 200 and answer.body == large:
        return  # the front has followed it
    if answer.status != 307:
        yield Problem(f"GET of a blob is answered {described(answer)}", "the log of the function V2Pull knows why")
        return
    target = answer.header("location")
    parts = urlsplit(urljoin(visit.client.origin, target))
    if parts.scheme == "http" and visit.client.origin.startswith("https:"):
        yield Problem(
            f"a blob is fetched from http://{parts.netloc}, in clear",
            "MOORAGE_PUBLIC_ENDPOINT (template parameter PublicEndpoint) must be of https",
        )
    try:
        whole, part = (visit.client.send("GET", target, headers) for headers in ({}, {"Range": "bytes=10-19"}))
    except Unanswered as error:
        yield Problem(
            f"a blob is fetched from {parts.netloc}: {error}",
            "MOORAGE_PUBLIC_ENDPOINT (template parameter PublicEndpoint) must be an endpoint of S3 that clients reach,"
            " or MOORAGE_BLOB_FRONT (BlobFront) must be host, with a front of the bucket on the registry's own host",
        )
        return
    if whole.status != 200:
        yield Problem(
            f"{parts.netloc} answers {whole.status} to the signed URL of a blob: {_storage_code(whole)}",
            "the clock of this machine; MOORAGE_URL_SECONDS; the role of V2Pull must allow s3:GetObject",
        )
    elif whole.body != large:
        yield Problem(f"{parts.netloc} sends other bytes than were pushed", "what stands in front of the bucket")
    elif (part.status, part.body) != (206, large[10:20]):
        yield Problem(
            f"{parts.netloc} answers a range with {part.status}",
            "what stands in front of the bucket must let Range pass: pulls that break off begin anew",
            Result.WARNING,
        )


def ranges(visit: Visit) -> Iterator[Problem]:
    """Ask for a part of a blob that the function sends itself."""
    small = visit.image.small
    answer = visit.ask("GET", f"blobs/{Digest.of(small)}", {"Range": "bytes=10-19"})
    if (answer.status, answer.body) != (206, small[10:20]):
        yield Problem(
            f"a range is answered {described(answer)}",
            "the front must let Range pass, or as x-amzn-remapped-range: pulls that break off begin anew",
            Result.WARNING,
        )


def body(visit: Visit) -> Iterator[Problem]:
    """Send as much as one request may have."""
    session = _session(visit)
    try:
        answer = visit.ask("PATCH", session, body=secrets.token_bytes(BODY))
    except Unanswered as error:
        yield Problem(f"{BODY} bytes in one request: {error}", _front_limit())
        return
    finally:
        _cancel(visit, session)
    if answer.status == 413 and "limit" in answer.detail:
        yield Problem(
            f"{BODY} bytes in one request are more than the registry takes",
            f"{LIMIT} may be {BODY}, unless the front takes less",
            Result.WARNING,
        )
    elif answer.status != 202:
        yield Problem(f"{BODY} bytes in one request are answered {described(answer)}", _front_limit())


def larger(visit: Visit) -> Iterator[Problem]:
    """Send more than a function can be given: where it does not pass, clients must be told, not left to wait."""
    session = _session(visit)
    try:
        answer = visit.ask("PATCH", session, body=secrets.token_bytes(LARGER))
    except Unanswered as error:
        yield Problem(f"{LARGER} bytes in one request, which may be refused with 413: {error}", _refusal())
        return
    finally:
        _cancel(visit, session)
    if answer.status not in {202, 413}:
        yield Problem(f"{LARGER} bytes in one request are answered {described(answer)}, not 413", _refusal())


def clean_up(visit: Visit, report: Report) -> None:
    """Delete what was pushed, as far as the user may; say what is left."""
    image = visit.image
    for target in (
        f"manifests/{image.tag}",
        f"manifests/{Digest.of(image.manifest)}",
        f"blobs/{Digest.of(image.small)}",
        f"blobs/{Digest.of(image.large)}",
    ):
        try:
            status = visit.ask("DELETE", target).status
        except Unanswered:
            status = 0
        if status not in {202, 404}:
            report.left.append(target)


def _session(visit: Visit) -> str:
    """Start an upload and return its path, whatever host its Location names: one check is about that, not all."""
    parts = urlsplit(visit.open_session())
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _closing(session: str, data: bytes) -> str:
    return f"{session}{'&' if '?' in session else '?'}digest={Digest.of(data)}"


def _expect(answer: Answer, what: str, status: int = 201) -> Answer:
    """Return the answer that was expected. Raises CannotGoOn, with what to do about another one."""
    if answer.status == status:
        return answer
    said = f"{what} is answered {described(answer)}"
    raise CannotGoOn(said, BINARY if answer.code == "DIGEST_INVALID" else "the log of the function V2Push knows why")


def _cancel(visit: Visit, session: str) -> None:
    with suppress(Unanswered):  # it ends by itself in a day
        visit.ask("DELETE", session)


def _front_limit() -> str:
    return (
        f"the front must take bodies of {BODY} bytes (nginx: client_max_body_size); if it cannot, {LIMIT} must be"
        " what it takes, so that clients are told"
    )


def _refusal() -> str:
    return (
        f"{LIMIT} must not be more than the front carries, 4194304 behind API Gateway; the gateway response"
        " REQUEST_TOO_LARGE of Api must be 413"
    )


def _storage_code(answer: Answer) -> str:
    text = answer.body.decode(errors="replace")
    return text.partition("<Code>")[2].partition("</Code>")[0] or "no reason"


CHECKS = (
    Check("push", "blobs and a manifest are taken", push),
    Check("location", "an upload goes on at the same host and port", location),
    Check("head", "HEAD tells true lengths", head),
    Check("digest", "manifests come with their digests", digests),
    Check("pull", "bytes arrive as they were sent", pull),
    Check("redirect", "large blobs are had from where clients are sent", redirect),
    Check("range", "parts of blobs can be had", ranges),
    Check("body", "4 MiB in one request are taken", body),
    Check("larger-body", "8 MiB in one request are taken, or refused with 413", larger),
)
