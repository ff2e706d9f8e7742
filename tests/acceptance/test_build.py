"""What `sam build` makes of the template: packages that hold what functions import, compiled for the runtime."""

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".tools"
PYTHON = TOOLS / "python3.13"
PACKAGES = {
    "V2Pull": "v2_pull",
    "V2Push": "v2_push",
    "Tokens": "tokens",
    "Artifacts": "artifacts",
    "Identity": "identity",
    "Sweeping": "sweeping",
    "Authorizer": "authorizer",
}
MIB = 2**20
CEILINGS = {  # MiB unzipped
    "V2Pull": 34,
    "V2Push": 34,
    "Tokens": 34,
    "Artifacts": 35,
    "Identity": 35,
    "Sweeping": 16,
    "Authorizer": 17,
}
ENVIRONMENT = {
    "MOORAGE_TABLE": "table",
    "MOORAGE_BUCKET": "bucket",
    "MOORAGE_NAMESPACE": "acme",
    "MOORAGE_ORIGINS": "https://registry.example.com",
    "AWS_REGION": "eu-central-1",
    "AWS_ACCESS_KEY_ID": "a",
    "AWS_SECRET_ACCESS_KEY": "a",
}
# The first request that each function answers without asking anybody.
FIRST = {
    "V2Pull": ("GET", "/v2/", "401"),
    "V2Push": ("POST", "/v2/acme/app/blobs/uploads/", "401"),
    "Tokens": ("GET", "/20180419/docker/token", "400"),
    "Artifacts": ("GET", "/20160918/container/repositories", "401"),
    "Identity": ("GET", "/n", "401"),
    "Authorizer": ("GET", "/v2/", "Unauthorized"),
}
SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
given = json.load(sys.stdin)
before = set(sys.modules)
app = __import__(given["package"] + ".app", fromlist=["handler"])
said = None
if given["event"]:
    class Context:
        aws_request_id = "1"
        get_remaining_time_in_millis = staticmethod(lambda: 29_000)
    try:
        said = str(app.handler(given["event"], Context)["statusCode"])
    except Exception as error:
        said = str(error)
loaded = {name: getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
print("\\n" + json.dumps([said, loaded]))
"""

STALE = """
import importlib.util, json, pathlib, sys
sources = list(pathlib.Path(sys.argv[1]).rglob("*.py"))
def header(source):
    compiled = pathlib.Path(importlib.util.cache_from_source(source))
    return compiled.read_bytes()[:16] if compiled.is_file() else b""
def expected(source):
    return importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + importlib.util.source_hash(source.read_bytes())
print(json.dumps([len(sources), [str(source) for source in sources if header(source) != expected(source)]]))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the template as it is, for this machine."""
    folder = tmp_path_factory.mktemp("sam")
    command = [TOOLS / "sam" / "bin" / "sam", "build", "--template", ROOT / "template.yaml", "--build-dir", folder]
    command += ["--parameter-overrides", "Architecture=x86_64"]
    environment = {
        **os.environ,
        "ARCHITECTURE": "x86_64",
        "PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    subprocess.run([str(part) for part in command], env=environment, cwd=ROOT, check=True, timeout=300)
    return folder


def make(target: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Build one function as SAM does: with a copy of functions/ as the folder where make runs."""
    command = ["make", "--makefile", str(ROOT / "functions" / "Makefile"), f"build-{target}"]
    environment = {**os.environ, "ARTIFACTS_DIR": str(folder), **environ}
    return subprocess.run(
        command, env=environment, cwd=folder.parent, capture_output=True, text=True, check=False, timeout=120
    )


def content(folder: Path) -> dict[str, tuple[float, str]]:
    """Return time and hash of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file()
    }


def first_answer(package: Path, function: str) -> tuple[str | None, dict[str, str | None]]:
    """Import a function with nothing but its package and Python, and let it answer once; return what it loaded too."""
    event = event_of(*FIRST[function][:2]) if function in FIRST else None
    done = subprocess.run(
        [str(PYTHON), "-I", "-S", "-c", SCRIPT, str(package)],
        env=ENVIRONMENT,
        input=json.dumps({"package": PACKAGES[function], "event": event}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    said, loaded = json.loads(done.stdout.splitlines()[-1])
    return said, loaded


def event_of(method: str, path: str) -> dict[str, object]:
    if not path.startswith("/v2"):
        return http_event_of(method, path)
    event: dict[str, object] = json.loads((ROOT / "events" / "rest_challenge.json").read_text(encoding="utf-8"))
    query = {"service": "elsewhere"}
    return event | {
        "httpMethod": method,
        "path": path,
        "methodArn": "arn",
        "queryStringParameters": query,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()},
    }


def http_event_of(method: str, path: str) -> dict[str, object]:
    """Return an event of the HTTP API, from nobody."""
    event: dict[str, Any] = json.loads((ROOT / "events" / "http_token.json").read_text(encoding="utf-8"))
    event["requestContext"]["http"] |= {"method": method, "path": path}
    headers = {name: value for name, value in event["headers"].items() if name != "Authorization"}
    return event | {"rawPath": path, "rawQueryString": "service=elsewhere", "headers": headers}


@pytest.mark.parametrize("function", PACKAGES)
def test_a_function_answers_with_its_package_alone(built: Path, function: str) -> None:
    """
    And what it loads from elsewhere is Python's own.
    """
    said, loaded = first_answer(built / function, function)

    assert (FIRST[function][2] if function in FIRST else None) == said
    elsewhere = [file for file in loaded.values() if file and not file.startswith(str(built))]
    assert [] == [file for file in elsewhere if "/lib/python3.13/" not in file or "site-packages" in file]


@pytest.mark.parametrize("function", PACKAGES)
def test_a_package_holds_nothing_that_its_function_does_not_import(built: Path, function: str) -> None:
    """
    Of other projects every package, of ours every module.
    """
    package = built / function
    _, loaded = first_answer(package, function)
    files = {Path(file) for file in loaded.values() if file}
    unused = [
        path
        for path in package.iterdir()
        if path.suffix != ".dist-info"
        and path.name != "__pycache__"
        and path not in files
        and not any(path in file.parents for file in files)
    ]
    ours = {file for folder in ("moorage", PACKAGES[function]) for file in (package / folder).rglob("*.py")}

    assert [] == unused
    assert set() == ours - files


@pytest.mark.parametrize("function", PACKAGES)
def test_every_module_is_compiled_and_never_checked_against_its_source(built: Path, function: str) -> None:
    """
    PEP 552: the magic number of the runtime, and flags that say "by hash, unchecked"; the hash is the source's all the
    same. Bytecode of another version, or stale by its time, would be made anew on every cold start.
    """
    done = subprocess.run(
        [str(PYTHON), "-I", "-c", STALE, str(built / function)], stdout=subprocess.PIPE, check=True, timeout=60
    )
    sources, wrong = json.loads(done.stdout)

    assert sources > 50
    assert [] == wrong


@pytest.mark.parametrize("function", PACKAGES)
def test_a_package_stays_small(built: Path, function: str, capsys: pytest.CaptureFixture[str]) -> None:
    size = sum(path.stat().st_size for path in (built / function).rglob("*") if path.is_file())
    with capsys.disabled():
        print(f"\n{function}: {size / MIB:.1f} MiB unzipped")  # noqa: T201

    assert size <= CEILINGS[function] * MIB


def test_botocore_knows_two_services(built: Path) -> None:
    data = built / "V2Pull" / "botocore" / "data"

    assert {"dynamodb", "s3"} == {path.name for path in data.iterdir() if path.is_dir()}


def test_the_same_sources_make_the_same_package(tmp_path: Path) -> None:
    """
    To the byte and to the second, wherever it is built: what has not changed is not deployed again.
    """
    folders = [tmp_path / "one", tmp_path / "a folder with a longer name"]
    made = [make("Authorizer", folder) for folder in folders]

    assert [0, 0] == [one.returncode for one in made], made[0].stderr
    assert content(folders[0])
    assert content(folders[0]) == content(folders[1])


def test_compiled_libraries_are_for_the_processor_of_the_functions(tmp_path: Path) -> None:
    """
    ELF, e_machine: 183 is AArch64, 62 is x86-64. arm64 is the default, as in the template.
    """
    machines = {}
    for name, environ in {"default": {}, "x86_64": {"ARCHITECTURE": "x86_64"}}.items():
        assert 0 == make("Authorizer", tmp_path / name, **environ).returncode
        libraries = list((tmp_path / name).rglob("*.so"))
        machines[name] = {int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries}

    assert {"default": {183}, "x86_64": {62}} == machines


def test_without_the_runtimes_python_the_build_says_what_to_do(tmp_path: Path) -> None:
    """
    Bytecode of another version is as good as none, and nobody would notice but by the bill.
    """
    made = make("Authorizer", tmp_path / "made", PYTHON_3_13="/bin/false")

    assert made.returncode
    assert "set PYTHON_3_13 to the path of one" in made.stderr
    assert not (tmp_path / "made").exists()
