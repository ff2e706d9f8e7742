"""Writes what each function, and the relay, takes of other projects: `python layers/deps/lock.py`.

It is run after a pin in pyproject.toml changed. One file a function, `<package>.txt`, with all versions and the hashes
of the wheels for both architectures of Lambda.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PYPROJECT = HERE.parents[1] / "pyproject.toml"

_TABLE = ("botocore", "pynamodb")
_TOKENS = ("cryptography", "pyjwt")
_WEB = ("aws-lambda-powertools", "mangum", "starlette", *_TABLE, *_TOKENS)
DIRECT = {
    "artifacts": _WEB,
    "authorizer": _TOKENS,
    "identity": _WEB,
    "relay": ("aws-lambda-powertools", "pyyaml", "starlette", "uvicorn", *_TABLE, *_TOKENS),
    "sweeping": ("aws-lambda-powertools", *_TABLE),
    "tokens": _WEB,
    "v2_pull": _WEB,
    "v2_push": _WEB,
}
# cffi reads C with the one, which was done when the wheel was made; anyio connects to hosts by name with the other.
UNNEEDED = {"pycparser", "idna"}
PLATFORMS = ("x86_64", "aarch64")
GLIBC = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")  # Amazon Linux 2023 has 2.34


def platform_options(machine: str) -> list[str]:
    """Return the options that make pip take wheels for Lambda's Python 3.13 on this machine."""
    platforms = [option for glibc in GLIBC for option in ("--platform", f"{glibc}_{machine}")]
    return ["--only-binary=:all:", "--implementation=cp", "--python-version=3.13", *platforms]


def pins() -> dict[str, str]:
    """Return what pyproject.toml pins, by name; botocore has the version of boto3, which is nothing without it."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    found = dict(line.split("==") for line in (*project["dependencies"], *project["optional-dependencies"]["relay"]))
    return {**found, "botocore": found["boto3"]}


def _resolve(names: tuple[str, ...], machine: str) -> dict[str, set[str]]:
    """Return the hashes of each `name==version` that these names need."""
    wanted = [f"{name}=={version}" for name, version in pins().items() if name in names]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report=-"]
    command += ["--target=unused", *platform_options(machine), *wanted]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)  # noqa: S603
    return {
        f"{_name(entry['metadata']['name'])}=={entry['metadata']['version']}": {
            entry["download_info"]["archive_info"]["hashes"]["sha256"]
        }
        for entry in report["install"]
        if _name(entry["metadata"]["name"]) not in UNNEEDED
    }


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def main() -> None:
    """Write every file anew."""
    for package, names in DIRECT.items():
        resolved: dict[str, set[str]] = {}
        for machine in PLATFORMS:
            for requirement, hashes in _resolve(names, machine).items():
                resolved.setdefault(requirement, set()).update(hashes)
        lines = [
            " \\\n    ".join([requirement, *(f"--hash=sha256:{digest}" for digest in sorted(hashes))])
            for requirement, hashes in sorted(resolved.items())
        ]
        text = "\n".join(["# Written by lock.py.", *lines, ""])
        (HERE / f"{package}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
