"""What a function is deployed with is a reviewed list: a cold start pays for every module."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import lock
import pack
import pytest

from moorage.devserver.template import Template

ROOT = Path(__file__).parents[1]
FUNCTIONS = ["artifacts", "authorizer", "identity", "sweeping", "tokens", "v2_pull", "v2_push"]
DISTRIBUTIONS = {"dateutil": "python-dateutil", "jwt": "pyjwt"}  # by what is imported, where that is another name
COMPILED = {"cryptography": "cffi"}  # what a library needs and loads under a private name
OPTIONAL = {"blinker", "certifi"}  # libraries load them where the development tools have brought them

# Reviewed: a line is added here when a function has a use for it, and a cold start time for it.
DATA_PLANE = """
    anyio aws_lambda_powertools botocore cryptography dateutil jmespath jwt mangum pynamodb six starlette
    typing_extensions urllib3
"""
LOADED = {
    "artifacts": DATA_PLANE,
    "authorizer": "cryptography jwt",
    "identity": DATA_PLANE,
    "sweeping": "aws_lambda_powertools botocore dateutil jmespath pynamodb six typing_extensions urllib3",
    "tokens": DATA_PLANE,
    "v2_pull": DATA_PLANE,
    "v2_push": DATA_PLANE,
}
BASE = """
    base base.blobs base.directory base.images base.manifests base.repositories base.whole
"""
DOMAIN = "access content digest errors identity names regions repository upload"
OURS = {
    "authorizer": {
        "domain": DOMAIN,
        "stores": f"{BASE} deadline dynamodb dynamodb.keyring keys presign",
        "web": "bearer paths site tokens",
    },
    "v2_pull": {
        "domain": f"{DOMAIN} hashing manifest ocid ranges ulid",
        "operations": "assembly blobs buffers contention manifests repositories uploads",
        "stores": f"""
            {BASE} deadline dynamodb dynamodb.counting dynamodb.identity dynamodb.items dynamodb.links dynamodb.listing
            dynamodb.manifests dynamodb.packed dynamodb.repositories dynamodb.table dynamodb.uploads keys presign s3
        """,
        "web": "auth bearer conditions errors paging paths shim site tokens uploads watch",
    },
}
# What libraries that are here would load if something asked for it.
NEVER = {"aws_xray_sdk", "boto3", "pydantic"}
MODULES = {
    "artifacts": 700,
    "authorizer": 300,
    "identity": 700,
    "sweeping": 500,
    "tokens": 650,
    "v2_pull": 650,
    "v2_push": 650,
}


SCRIPT = """
import sys
before, opened = set(sys.modules), set()
sys.addaudithook(lambda event, arguments: event == "open" and opened.add(str(arguments[0])))
import {function}.app
print(*sorted(set(sys.modules) - before))
print(*sorted(path for path in opened if path.endswith(".json") and "/moorage/" in path))
"""


def loaded(function):
    """Return every module that is there when a function has been imported."""
    return started(function)[0]


@cache
def started(function):
    """Import a function in a process of its own; return the modules, and the documents of ours, that it loaded."""
    environment = {
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("functions", "layers/core/python")),
        "MOORAGE_TABLE": "table",
        "MOORAGE_BUCKET": "bucket",
        "MOORAGE_NAMESPACE": "acme",
        "MOORAGE_ORIGINS": "https://registry.example.com",
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "a",
    }
    command = [sys.executable, "-c", SCRIPT.format(function=function)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    modules, documents = done.stdout.splitlines()
    return set(modules.split()), set(documents.split())


def others(modules):
    """Return the packages of other projects, by name: those that pyproject.toml or a lock file could name."""
    tops = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names
    return {name for name in tops if not name.startswith("_")} - {"moorage", *FUNCTIONS, *OPTIONAL}


def ours(listed):
    """Return the modules of a list above by their whole names, packages included."""
    names = {f"moorage.{layer}.{name}" for layer, text in listed.items() for name in text.split()}
    return {"moorage", "moorage.wiring", *(f"moorage.{layer}" for layer in listed), *names}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_loads_what_was_reviewed(function):
    assert set(LOADED[function].split()) == others(loaded(function))


@pytest.mark.parametrize("function", OURS)
def test_a_function_loads_those_modules_of_ours_that_were_reviewed(function):
    assert ours(OURS[function]) == {name for name in loaded(function) if name.partition(".")[0] == "moorage"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_loads_nothing_slow_that_it_can_do_without(function):
    assert set() == NEVER & loaded(function)
    assert len(loaded(function)) <= MODULES[function]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_package_holds_all_of_ours_that_its_function_loads_and_no_more(function):
    """
    It is put together from what is written in imports, and this is what happens.
    """
    packed = {
        ".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for file in pack.sources(function)
        for root in pack.ROOTS
        if file.is_relative_to(root)
    }

    assert {name for name in loaded(function) if name.partition(".")[0] in {"moorage", function}} == packed


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_package_holds_the_documents_that_its_function_reads_and_no_more(function):
    """
    Those that lie beside modules: of the cloud plane, that of the function's own operations.
    """
    expected = {"artifacts", "identity"} & {function}

    assert {str(path) for path in pack.documents(function, pack.sources(function))} == started(function)[1]
    assert expected == {Path(path).stem for path in started(function)[1]}


def locked(function):
    """Return the versions of a function's lock file, by name."""
    lines = (ROOT / "layers" / "deps" / f"{function}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.removesuffix(" \\").split("==") for line in lines if "==" in line)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_package_holds_the_projects_that_its_function_loads_and_no_more(function):
    names = LOADED[function].split()
    expected = {DISTRIBUTIONS.get(name, name).replace("_", "-") for name in names}

    assert expected | {COMPILED[name] for name in names if name in COMPILED} == set(locked(function))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_versions_are_those_of_the_project(function):
    versions = locked(function)

    assert {name: lock.pins()[name] for name in lock.DIRECT[function]} == {
        name: versions[name] for name in lock.DIRECT[function]
    }


def test_functions_agree_on_versions():
    found = {}
    for function in FUNCTIONS:
        for name, version in locked(function).items():
            found.setdefault(name, set()).add(version)

    assert {} == {name: versions for name, versions in found.items() if len(versions) > 1}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_wheel_is_known_by_its_hash(function):
    text = (ROOT / "layers" / "deps" / f"{function}.txt").read_text(encoding="utf-8")
    entries = text.replace("\\\n", "").splitlines()[1:]

    assert entries
    assert [] == [entry for entry in entries if "--hash=sha256:" not in entry]


def test_each_function_of_the_template_has_a_target():
    resources = Template.read(ROOT / "template.yaml").body["Resources"]
    functions = {
        name: one["Properties"]["Handler"].partition(".")[0]
        for name, one in resources.items()
        if one["Type"] == "AWS::Serverless::Function"
    }
    lines = (ROOT / "functions" / "Makefile").read_text(encoding="utf-8").splitlines()
    targets = dict(line.removeprefix("build-").split(": PACKAGE := ") for line in lines if ": PACKAGE := " in line)

    assert set(FUNCTIONS) == set(functions.values())
    assert functions == targets


def test_both_architectures_of_the_template_can_be_built():
    parameter = Template.read(ROOT / "template.yaml").body["Parameters"]["Architecture"]
    makefile = (ROOT / "functions" / "Makefile").read_text(encoding="utf-8")

    assert set(parameter["AllowedValues"]) == set(pack.MACHINES)
    assert f"ARCHITECTURE ?= {parameter['Default']}\n" in makefile
