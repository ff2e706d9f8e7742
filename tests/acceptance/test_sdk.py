"""The core list through the real SDKs of four languages: the same steps come to the same."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from .product import Product
from .shell import ROOT, TOOLS, Shell

SOURCES = ROOT / "tests" / "acceptance" / "sdk"
LIBRARIES = TOOLS / "sdk"
STATEMENT = "Allow group P to read repos in compartment P"

EXPECTED = [
    {"step": "tenancy", "same": True},
    {"step": "compartment", "name": "P", "state": "ACTIVE"},
    {"step": "member", "state": "ACTIVE", "user": "P@example.com", "api_keys": True},
    {"step": "policy", "statements": [STATEMENT, STATEMENT.replace("read", "inspect")]},
    {"step": "stale policy", "status": 412, "code": "NoEtagMatch"},
    {"step": "bad policy", "status": 400, "code": "InvalidParameter"},
    {"step": "auth token", "shown": True, "listed": ["made by an SDK"], "again": None},
    {"step": "no auth token", "listed": 0},
    {
        "step": "repository",
        "name": "P/made",
        "namespace": True,
        "public": False,
        "images": 0,
        "state": "AVAILABLE",
        "readme": "# Ä",
        "tags": {"by": "sdk ä"},
    },
    {"step": "same repository", "status": 409, "code": "NotAuthorizedOrResourceAlreadyExists"},
    {"step": "bad repository", "status": 400, "code": "InvalidParameter"},
    {"step": "repositories", "names": ["P/other", "P/made"], "pages": 2, "count": 2},
    {"step": "updated", "immutable": True, "tags": {"by": "another"}, "readme": "# Ä"},
    {"step": "images", "name": "P/app:1.0", "version": "1.0", "state": "AVAILABLE"},
    {"step": "image", "layers": 1, "bytes": True, "versions": ["1.0"], "digest": True},
    {"step": "unversioned", "name": "P/app:1.0@D", "versions": 0},
    {"step": "deleted", "state": "DELETED"},
    {"step": "restored", "name": "P/app:1.0", "state": "AVAILABLE"},
    {"step": "restored twice", "status": 409, "code": "Conflict"},
    {"step": "signature", "listed": True, "state": "AVAILABLE"},
    {"step": "no signature", "listed": 0},
    {"step": "moved", "there": True},
    {"step": "repository gone", "state": "DELETED"},
    {"step": "unknown", "status": 404, "code": "NotAuthorizedOrNotFound"},
]


def command_of(language: str, folder: Path) -> list[str | Path]:
    """Return the command that runs a language's program on the libraries that are installed."""
    if language == "python":
        return [TOOLS / "oci" / "bin" / "python", SOURCES / "python" / "core.py"]
    if language == "typescript":
        shutil.copy(SOURCES / "typescript" / "core.mjs", LIBRARIES / "typescript")
        return [_program("node"), LIBRARIES / "typescript" / "core.mjs"]
    if language == "java":
        return [_program("java"), "-cp", f"{LIBRARIES / 'java'}/*", SOURCES / "java" / "Core.java"]
    program = folder / "core"
    where = TOOLS / "gopath"
    environment = {
        "PATH": f"{TOOLS / 'go' / 'bin'}:/usr/local/go/bin:/usr/lib/go/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "GOPATH": str(where),
        "GOMODCACHE": str(where / "mod"),
        "GOCACHE": str(TOOLS / "gocache"),
        "GOTOOLCHAIN": "local",
        "GOFLAGS": "-p=2 -trimpath -modcacherw -buildvcs=false",
    }
    build = ["go", "build", "-ldflags=-s -w", "-o", program, "."]
    subprocess.run(build, cwd=SOURCES / "go", env=environment, check=True, timeout=300)
    return [program]


def run_core_list(
    language: str, endpoint: str, credentials: dict[str, str], namespace: str, folder: Path
) -> list[dict[str, object]]:
    """Run a language's program and return the steps that it printed."""
    shell = Shell(
        folder / "home",
        MOORAGE_ENDPOINT=endpoint,
        MOORAGE_CONFIG=credentials["oci_config_file"],
        MOORAGE_PROFILE=credentials["oci_profile"],
        MOORAGE_NAMESPACE=namespace,
        MOORAGE_PREFIX=prefix_of(language),
    )
    printed = shell.output(*command_of(language, folder), seconds=300)
    return [json.loads(line) for line in printed.splitlines()]


def prefix_of(language: str) -> str:
    """Return what all that a program makes is named after."""
    return f"sdk-{language}"


def push_image(shell: Shell, registry: str, username: str, password: str, repository: str) -> None:
    """Push an image of one layer as 1.0."""
    (shell.home / "file").write_text(repository)
    layer = shell.home / "layer.tar"
    subprocess.run(["tar", "-cf", layer, "-C", shell.home, "file"], check=True, timeout=60)
    shell.run("crane", "auth", "login", "--insecure", "-u", username, "-p", password, registry)
    shell.run("crane", "append", "--insecure", "-f", layer, "-t", f"{registry}/{repository}:1.0")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing: run tests/acceptance/install.sh")
    return found


@pytest.mark.parametrize("language", ["python", "typescript", "go", "java"])
def test_the_core_list(product: Product, language: str, tmp_path: Path) -> None:
    login = product.administrator
    repository = f"{product.namespace}/{prefix_of(language)}/app"
    push_image(Shell(tmp_path / "crane"), product.registry, login.username, login.password, repository)

    endpoint = f"http://localhost:{product.port}"
    steps = run_core_list(language, endpoint, product.credentials, product.namespace, tmp_path)

    assert EXPECTED == steps
