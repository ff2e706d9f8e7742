"""Who may import whom: arrows go one way. And the few things that one place alone may do."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

LIBRARY = Path("layers/core/python")
FUNCTIONS = Path("functions")
HEAVY = {"boto3", "botocore", "pynamodb", "starlette", "mangum", "moto", "uvicorn", "yaml", "click", "werkzeug"}

PURE = {"moorage.domain"}
STORE = {*PURE, "moorage.stores.base", "moorage.stores.keys", "moorage.stores.deadline", "moorage.stores.packing"}
WEB = {*STORE, "moorage.operations", "moorage.web", "starlette", "aws_lambda_powertools"}

# From the longest name that fits: what a module may import beside the standard library and itself.
MAY = {
    "moorage": set(),
    "moorage.domain": PURE,
    "moorage.stores.base": PURE,
    "moorage.stores.keys": PURE,
    "moorage.stores.packing": {*PURE, "moorage.stores.base"},
    "moorage.stores.deadline": PURE,
    "moorage.stores.presign": {*PURE, "botocore"},
    "moorage.stores.memory": STORE,
    "moorage.stores.dynamodb": {*STORE, "moorage.stores.dynamodb", "pynamodb", "botocore"},
    "moorage.stores.dynamodb.keyring": {*STORE, "moorage.stores.presign"},  # of the authorizer: neither library
    "moorage.stores.s3": {*STORE, "moorage.stores.presign", "botocore"},
    "moorage.stores.recovery": {*PURE, "botocore"},
    "moorage.operations": {*STORE, "moorage.operations", "cryptography"},
    "moorage.web": {*STORE, "moorage.web", "starlette", "mangum", "jwt", "cryptography", "aws_lambda_powertools"},
    "moorage.wiring": {*PURE, "moorage.stores", "moorage.web.site", "moorage.web.tokens"},
    "moorage.relay": {
        "moorage.relay",
        "moorage.devserver.process",
        "moorage.devserver.template",
        "moorage.web",
        "moorage.wiring",
        "aws_lambda_powertools",
        "starlette",
        "uvicorn",
    },
    "moorage.devserver": {
        "moorage.devserver",
        "moorage.relay",
        "moorage.domain",
        "moorage.operations",
        "moorage.stores.base",
        "moorage.stores.presign",
        "moorage.web",
        "moorage.wiring",
        *HEAVY,
    },
    "moorage.cli": {
        "moorage.cli",
        *PURE,
        "moorage.operations",
        "moorage.stores.base",
        "moorage.wiring",
        "click",
        "botocore",
        "pynamodb",
    },
    # A doctor knows a registry from outside alone; `moorage.cli.output` is for its words.
    "moorage.cli.doctor": {*PURE, "moorage.cli.output", "click", "cryptography"},
    "moorage.cli.session": {  # which signs tokens, as `tokens` does
        "moorage.cli.files",
        "moorage.cli.output",
        *PURE,
        "moorage.operations",
        "moorage.stores.base",
        "moorage.web.cloud.sessions",
        "moorage.web.tokens",
        "click",
    },
    "v2_pull": WEB,
    "v2_push": WEB,
    "tokens": WEB,
    "artifacts": WEB,
    "identity": WEB,
    "sweeping": {*STORE, "moorage.operations", "aws_lambda_powertools"},
    "authorizer": {*PURE, "moorage.web"},
}
ENVIRONED = {"moorage.devserver", "moorage.cli", "moorage.relay"}
ENTRANCES = {*WEB, "moorage.wiring"}  # an app.py is where a function is put together


def modules():
    """Return the name and the file of every module of the product."""
    found = {}
    for root in (LIBRARY, FUNCTIONS):
        for file in sorted(root.rglob("*.py")):
            name = ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
            found[name] = file
    return found


MODULES = modules()


def imported(file):
    """Return every module that a file names in an import, wherever in the file that is."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports are written in full"
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield whole if whole in MODULES else node.module


def within(name, packages):
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def allowed(module):
    if module.endswith(".app") and module.partition(".")[0] != "moorage":
        return {*ENTRANCES, module.partition(".")[0]}
    fits = max((package for package in MAY if within(module, {package})), key=len)
    return {*MAY[fits], fits} if fits != "moorage" else MAY[fits]


def test_modules_are_found():
    assert {"moorage.domain.errors", "v2_pull.routes", "moorage.devserver.template"} <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_arrows_go_one_way(module):
    """
    What is not in the table is not imported: a store that knows HTTP, a handler that knows DynamoDB, a cycle.
    """
    others = {name for name in imported(MODULES[module]) if name.partition(".")[0] not in sys.stdlib_module_names}

    assert set() == {name for name in others if not within(name, allowed(module))}


@pytest.mark.parametrize(
    "function", ["v2_pull", "v2_push", "tokens", "artifacts", "identity", "sweeping", "authorizer"]
)
def test_no_function_knows_another(function):
    others = {path.name for path in FUNCTIONS.iterdir() if path.is_dir()} - {function}
    files = [file for name, file in MODULES.items() if within(name, {function})]

    assert files
    assert [] == [name for file in files for name in imported(file) if within(name, others)]


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import moorage.domain, " + ", ".join(name for name in MODULES if within(name, PURE)), HEAVY | {"jwt"}),
        ("import moorage.operations.manifests, moorage.operations.uploads, moorage.stores.memory", HEAVY),
        ("import sweeping.uploads", {"starlette", "mangum", "jwt", "pynamodb", "moto", "yaml"}),
        # Powertools asks botocore for its version.
        (
            "import v2_pull.routes, v2_push.routes, tokens.routes, artifacts.routes, identity.routes",
            HEAVY - {"starlette", "botocore"},
        ),
        ("import moorage.wiring", {"boto3", "mangum", "moto", "uvicorn", "yaml", "click"}),
    ],
    ids=["the domain", "operations", "the sweep", "handlers", "what a function is put together from"],
)
def test_what_an_import_loads(statement, absent):
    """
    In a fresh process: a cold start pays for every module.
    """
    script = f"import sys; {statement}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"PYTHONPATH": f"{LIBRARY}:{FUNCTIONS}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 0 == done.returncode, done.stderr
    assert set() == absent & set(done.stdout.split())


def lines(pattern):
    """Return `file: line` of every line of the product that has the pattern."""
    return {
        f"{name}: {line.strip()}"
        for name, file in MODULES.items()
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(pattern, line)
    }


def test_the_environment_is_read_where_processes_begin():
    """
    Functions, commands and the relay hand it to wiring; the local server makes its own.
    """
    readers = {found.partition(":")[0] for found in lines(r"os\.environ|os\.getenv|getenv\(|import environ")}
    functions = {name for name in readers if not name.startswith("moorage")}

    assert {name for name in functions if not name.endswith(".app")} == set()
    assert set() == {name for name in readers - functions if not within(name, ENVIRONED)}


def test_one_place_takes_any_exception():
    """
    The one that answers 500; everything else says what it expects.
    """
    assert {"moorage.web.watch: except Exception as error:"} == lines(r"except( \(?(.*\b)?(Base)?Exception\b|:)")


def test_no_route_module_has_effects():
    """
    Only app.py opens anything when it is imported.
    """
    openers = lines(r"^\w+ = .*\b(open_stores|read_settings|serve)\(")

    assert openers
    assert {True} == {found.partition(":")[0].endswith(".app") for found in openers}
