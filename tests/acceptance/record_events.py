"""`make events`: records the events that functions get under `sam local`, into events/.

Each function is run behind a module that prints its event and hands it on. What `tests/test_functions.py` replays is
what is written here, but for passwords and tokens, which are replaced.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from tests.cloud.signing import signed, unsigned

from moorage.devserver.administrator import Administrator
from moorage.devserver.engine import running_engine
from moorage.devserver.process import become, stop_on_signals
from moorage.devserver.sam import Sam, fill, find_sam, identity, running_api, settings_for, variables_for
from moorage.devserver.strict import running_strict
from moorage.devserver.template import Template

ROOT = Path(__file__).parents[2]
EVENTS = ROOT / "events"
TEMPLATE = ROOT / "template.yaml"
HOST = "registry.example.com"
NAME = "moorage/recorded"
CONFIG, BLOB = b"{}", bytes(range(256))
SCHEDULE_SECONDS = 120

HANDLER = re.compile(r"^( +Handler: )(\w+)\.app\.handler$", re.MULTILINE)
MARK = "RECORDED "
RECORDER = """\
import json
from {package}.app import handler as real
def handler(event, context):
    print({mark!r} + json.dumps({{"package": {package!r}, "event": event}}))
    return real(event, context)
"""
SECRETS = re.compile(r"^(Basic|Bearer|Signature) .+")

Recorded = dict[str, dict[str, Any]]


def main() -> None:
    """Record every event and write it."""
    stop_on_signals()
    environ = {**os.environ, "MOORAGE_ORIGINS": f"https://{HOST}"}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="events-")))
        engine = stack.enter_context(running_engine(environ))
        sam = find_sam(engine, folder, environ)
        sam.run_build(TEMPLATE)
        listen_in(folder / "build")
        endpoints = stack.enter_context(running_strict(folder / "aws", environ, address=engine.listen_address()))
        template = Template.read(TEMPLATE)
        settings = settings_for(template, environ, 443)
        become({**endpoints.environment(), **settings})
        administrator = fill(template, settings, endpoints)
        sam.set_variables(variables_for(settings, endpoints))
        schedule = invoke_schedule(sam, {**sam.environment, **identity(endpoints)})
        with running_api(sam, engine, endpoints) as port:
            sam.log.write_text("")
            client = Client(port, f"{administrator.username}:{administrator.password}")
            recorded = record(client, sam.log) | record_signed(client, administrator, sam.log)
    write({**recorded, "schedule": schedule})


def listen_in(build: Path) -> None:
    """Put the recorder before every handler."""
    template = build / "template.yaml"
    text = template.read_text()
    for folder in (path for path in build.iterdir() if path.is_dir()):
        (package,) = [found for _, found in HANDLER.findall(text) if (folder / found).is_dir()]
        (folder / "recorder.py").write_text(RECORDER.format(package=package, mark=MARK))
    template.write_text(HANDLER.sub(r"\1recorder.handler", text))


class Client:
    """Sends requests as a client of the registry's own name would."""

    def __init__(self, port: int, login: str) -> None:
        self.port = port
        self.headers = {"Host": HOST, "Accept": "*/*", "User-Agent": "docker/28.5.2 go/go1.25.3"}
        self.basic = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()}

    def send(
        self, status: int, method: str, target: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request that must be answered with this status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, target, body, {**self.headers, **headers})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == status, f"{method} {target}: {answer.status} {content!r}"
        return answer, content


def record(client: Client, log: Path) -> Recorded:
    """Log in, push and pull; return the events of it by the names of their files."""
    scope = f"/20180419/docker/token?service={HOST}&scope=repository:{NAME}:pull,push"
    recorded = {"rest_challenge": last(client, log, "v2_pull", 401, "GET", "/v2/", {})[0]}
    recorded["http_token"], (_, token) = last(client, log, "tokens", 200, "GET", scope, client.basic)
    bearer = {"Authorization": "Bearer " + json.loads(token)["token"]}
    uploads = f"/v2/{NAME}/blobs/uploads/"
    recorded["rest_post"], _ = last(
        client, log, "v2_push", 201, "POST", f"{uploads}?digest={digest_of(CONFIG)}", bearer, CONFIG
    )
    recorded["rest_post_session"], (opened, _) = last(client, log, "v2_push", 202, "POST", uploads, bearer)
    location = str(opened.headers["Location"]).removeprefix(f"https://{HOST}")
    recorded["rest_put_blob"], _ = last(
        client, log, "v2_push", 201, "PUT", f"{location}?digest={digest_of(BLOB)}", bearer, BLOB
    )
    manifest = manifest_of(CONFIG, BLOB)
    kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    target = f"/v2/{NAME}/manifests/v1"
    recorded["rest_put_manifest"], _ = last(client, log, "v2_push", 201, "PUT", target, {**bearer, **kind}, manifest)
    accept = {"Accept": f"{kind['Content-Type']}, */*"}
    recorded["rest_get"], _ = last(client, log, "v2_pull", 200, "GET", target, {**bearer, **accept})
    recorded["authorizer"] = events_in(log, "authorizer")[-1]
    recorded["rest_head"], _ = last(client, log, "v2_pull", 200, "HEAD", target, {**bearer, **accept})
    return recorded


def record_signed(client: Client, administrator: Administrator, log: Path) -> Recorded:
    """Call both functions of the cloud plane, in each way that a request can be signed in."""
    key = load_pem_private_key(administrator.private_key.encode(), None)
    key_id = f"{administrator.tenancy}/{administrator.user}/{administrator.fingerprint}"

    def call(package: str, method: str, target: str, body: bytes = b"") -> dict[str, Any]:
        request = signed(unsigned(method, target, HOST, datetime.now(UTC), body), key_id, key)
        return last(client, log, package, 200, method, target, dict(request.headers), body or None)[0]

    repositories = "/20160918/container/repositories"
    listed = f"compartmentId={administrator.tenancy}"
    details = {"compartmentId": administrator.tenancy, "displayName": "recorded/app", "isPublic": False}
    return {
        "http_namespace": call("identity", "GET", "/n"),
        "http_users": call("identity", "GET", f"/20160918/users?{listed}"),
        "http_repository": call("artifacts", "POST", repositories, json.dumps(details).encode()),
        "http_repositories": call("artifacts", "GET", f"{repositories}?{listed}&displayName=a+b%2A"),
    }


def last(
    client: Client,
    log: Path,
    package: str,
    status: int,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes | None = None,
) -> tuple[dict[str, Any], tuple[http.client.HTTPResponse, bytes]]:
    """Send a request; return the event that it became, and its answer."""
    answer = client.send(status, method, target, headers, body)
    return events_in(log, package)[-1], answer


def events_in(log: Path, package: str) -> list[dict[str, Any]]:
    """Return what a function's recorder has printed."""
    found = [json.loads(line.removeprefix(MARK)) for line in log.read_text().splitlines() if line.startswith(MARK)]
    return [one["event"] for one in found if one["package"] == package]


def invoke_schedule(sam: Sam, environment: dict[str, str]) -> dict[str, Any]:
    """Invoke the sweep with the event that SAM documents for schedules; return what the function got."""
    source = ["local", "generate-event", "cloudwatch", "scheduled-event", "--region", "eu-central-1"]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(run([str(sam.program), *source], environment)[0])
        file.flush()
        _, said = run(sam.local("invoke", "Sweeping", "--event", file.name), environment)
    (line,) = [line for line in said.splitlines() if line.startswith(MARK)]
    event: dict[str, Any] = json.loads(line.removeprefix(MARK))["event"]
    return event


def run(command: list[str], environment: dict[str, str]) -> tuple[str, str]:
    """Run a command that must succeed; return what it wrote to its two streams."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=SCHEDULE_SECONDS, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


def write(recorded: Recorded) -> None:
    """Write the files, and remove those that are recorded no more."""
    for path in EVENTS.glob("*.json"):
        path.unlink()
    for name, event in recorded.items():
        (EVENTS / f"{name}.json").write_text(json.dumps(without_secrets(event), indent=2, sort_keys=True) + "\n")
        sys.stdout.write(f"events/{name}.json\n")


def without_secrets(value: Any) -> Any:
    """Replace passwords and tokens, wherever they are; their kind stays."""
    match value:
        case dict():
            return {name: without_secrets(one) for name, one in value.items()}
        case list():
            return [without_secrets(one) for one in value]
        case str():
            return SECRETS.sub(r"\1 <secret>", value)
        case _:
            return value


def manifest_of(config: bytes, layer: bytes) -> bytes:
    """Return an image manifest of one layer."""
    described = [{"mediaType": "x/y", "digest": digest_of(data), "size": len(data)} for data in (config, layer)]
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described[0],
            "layers": described[1:],
        }
    ).encode()


def digest_of(data: bytes) -> str:
    """Return the digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


if __name__ == "__main__":
    main()
