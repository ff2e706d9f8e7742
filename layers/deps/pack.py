"""Puts together what one function is deployed as: itself, what it imports, and bytecode for all of it.

`python3.13 layers/deps/pack.py <package> <architecture> <folder>`; functions/Makefile calls it for `sam build`. The
same sources give the same bytes.
"""

import ast
import compileall
import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from py_compile import PycInvalidationMode

from lock import platform_options

HERE = Path(__file__).resolve().parent
ROOTS = (HERE.parents[1] / "functions", HERE.parent / "core" / "python")
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
RUNTIME = (3, 13)

WIRING = "moorage.wiring"
SERVICES = ("dynamodb", "s3")  # of the hundreds that botocore describes
SERVICE_FILES = ("service-2.json", "endpoint-rule-set-1.json", "paginators-1.json")
SHARED_FILES = ("_retry.json", "endpoints.json", "partitions.json", "sdk-default-configuration.json")
UNUSED = ("bin", "cffi", "*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED", "*.dist-info/sboms")
EPOCH = 315_532_800  # 1980, the first second that a zip file can name


def pack(package: str, architecture: str, target: Path) -> None:
    """Fill a folder with one function."""
    _install(package, architecture, target)
    _trim(target)
    code = sources(package)
    for file in sorted(code | documents(package, code)):
        root = next(root for root in ROOTS if file.is_relative_to(root))
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    _compile(target)
    for path in sorted(target.rglob("*")):
        os.utime(path, (EPOCH, EPOCH))


def sources(package: str) -> set[Path]:
    """Return our own files that a function imports, wherever in a file it does so.

    `wiring` imports an adapter in the function that opens it: those count that the function's app.py names, and those
    that they call.
    """
    opened = _opened(
        name.name
        for node in _nodes(_file(f"{package}.app"))
        if isinstance(node, ast.ImportFrom) and node.module == WIRING
        for name in node.names
    )
    found: set[Path] = set()
    waiting = [f"{package}.app"]
    while waiting:
        module = waiting.pop()
        file = _file(module)
        if file is None or file in found:
            continue
        found.add(file)
        waiting += [module.rpartition(".")[0], *_imports(file, opened if module == WIRING else None)]
    return found


def _opened(named: Iterable[str]) -> set[str]:
    """Return the functions of `wiring` that are named, and those that they call."""
    tree = ast.parse((_file(WIRING) or Path()).read_text(encoding="utf-8"))
    functions = {statement.name: statement for statement in tree.body if isinstance(statement, ast.FunctionDef)}
    found: set[str] = set()
    waiting = list(named)
    while waiting:
        name = waiting.pop()
        if name in functions and name not in found:
            found.add(name)
            waiting += [node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name)]
    return found


def documents(package: str, code: set[Path]) -> set[Path]:
    """Return the documents that lie beside these modules and that one of the function's own names."""
    own = [file for file in code if file.is_relative_to(ROOTS[0] / package)]
    named = {node.value for file in own for node in _nodes(file) if isinstance(node, ast.Constant)}
    return {found for file in code for found in file.parent.glob("*.json") if found.stem in named}


def _file(module: str) -> Path | None:
    """Return where a module of ours is, None when it is not ours, or is no module."""
    path = module.replace(".", "/")
    candidates = [root / form for root in ROOTS for form in (f"{path}.py", f"{path}/__init__.py")]
    return next((file for file in candidates if file.is_file()), None)


def _imports(file: Path, opened: set[str] | None) -> Iterator[str]:
    for node in _nodes(file, opened):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (str(node.module), *(f"{node.module}.{name.name}" for name in node.names))


def _nodes(file: Path | None, opened: set[str] | None = None) -> Iterator[ast.AST]:
    """Yield what is in a file, but for what only a type checker reads, and for functions that are not `opened`."""
    tree = ast.parse(file.read_text(encoding="utf-8")) if file else ast.Module([], [])
    for statement in tree.body:
        checked = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
        closed = isinstance(statement, ast.FunctionDef) and opened is not None and statement.name not in opened
        if not checked and not closed:
            yield from ast.walk(statement)


def _install(package: str, architecture: str, target: Path) -> None:
    """Unpack the wheels that lock.py wrote down, for the machine that will run them."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--root-user-action=ignore", "--require-hashes", "--no-compile", "--upgrade", f"--target={target}"]
    command += [*platform_options(MACHINES[architecture]), f"--requirement={HERE / package}.txt"]
    subprocess.run(command, check=True)  # noqa: S603


def _trim(target: Path) -> None:
    """Remove what no function of ours uses, whatever the function."""
    for pattern in UNUSED:
        for path in target.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    data = target / "botocore" / "data"
    if data.is_dir():
        _trim_services(data)


def _trim_services(data: Path) -> None:
    """Leave of botocore's data two services, in the partitions of AWS that need no other domain for them."""
    kept = set()
    for service in SERVICES:
        newest = max(version for version in (data / service).iterdir() if version.is_dir())
        kept |= {file for name in SERVICE_FILES for file in newest.glob(f"{name}*")}
    kept |= {data / name for name in SHARED_FILES}
    for path in sorted(data.rglob("*"), reverse=True):
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif path not in kept:
            path.unlink()
    # Read at each start: unpacked they cost less than the processor time of unpacking them.
    for path in data.rglob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    endpoints = data / "endpoints.json"
    content = json.loads(endpoints.read_text(encoding="utf-8"))
    for partition in content["partitions"]:
        partition["services"] = {name: partition["services"].get(name, {}) for name in SERVICES}
    endpoints.write_text(json.dumps(content, separators=(",", ":"), sort_keys=True), encoding="utf-8")


def _compile(target: Path) -> None:
    """Compile all, never to be checked against the source: the file system of a function cannot be written to.

    In one process and in order, and with the paths that files have in a function: bytecode differs by both.
    """
    if not compileall.compile_dir(
        target,
        quiet=1,
        force=True,
        stripdir=str(target),
        prependdir="/var/task",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    ):
        raise SystemExit("some file does not compile")


def size(target: Path) -> int:
    """Return the bytes of a package as Lambda counts them, unzipped."""
    return sum(path.stat().st_size for path in target.rglob("*") if path.is_file())


def main(package: str, architecture: str, folder: str) -> None:
    """Pack one function and print what that came to."""
    if sys.version_info[:2] != RUNTIME:
        raise SystemExit(f"bytecode for Python 3.13 is made by Python 3.13, not by {sys.version.split()[0]}")
    if architecture not in MACHINES:
        raise SystemExit(f"ARCHITECTURE is one of {', '.join(MACHINES)}, not {architecture!r}")
    target = Path(folder)
    pack(package, architecture, target)
    print(f"{package} for {architecture}: {size(target) / 2**20:.1f} MiB unzipped")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
