"""Runs the specification's two conformance suites and reads what each of their leaves says.

Their exit codes lie: a suite that does not understand its settings exits with 0 and writes nothing, and a filter hides
failures. So the gates read the reports, and want every leaf that there is.
"""

import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml

from .product import Product
from .shell import Shell

MAIN_LEAVES = 780
GINKGO_LEAVES = 79
REASON_LENGTH = 500
SUITE_SECONDS = 600  # half a minute on the local server; SAM takes its time for each request

# What the released version leaves out and the next one has. Switched on in both, so that nothing is left out.
NEWER_SWITCHES = {
    "OCI_API_BLOBS_UPLOAD_CANCEL": "true",
    "OCI_API_BLOBS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_DIGEST_HEADER": "true",
    "OCI_API_MANIFESTS_TAG_PARAM": "true",
}
WORKFLOWS = {f"OCI_TEST_{name}": "1" for name in ("PULL", "PUSH", "CONTENT_DISCOVERY", "CONTENT_MANAGEMENT")}


Tell = Callable[..., None]  # of a report, and remarks


@dataclass(frozen=True)
class Leaf:
    """One case of a suite."""

    name: str
    status: str
    reason: str


@dataclass(frozen=True)
class Report:
    """The leaves of one run, and the parts of the suite with their state."""

    leaves: list[Leaf]
    parts: dict[str, str]

    @property
    def counts(self) -> str:
        """Return one line for a reader."""
        counts = Counter(leaf.status for leaf in self.leaves)
        return ", ".join(f"{number} {status}" for status, number in counts.items())

    @property
    def skipped(self) -> list[str]:
        """Return the names of the leaves that were not run."""
        return sorted(leaf.name for leaf in self.leaves if leaf.status == "skipped")

    @property
    def failed(self) -> list[str]:
        """Return the leaves that neither passed nor were skipped, whatever their status is called."""
        return sorted(leaf.name for leaf in self.leaves if leaf.status not in ("passed", "skipped"))

    @property
    def complaints(self) -> str:
        """Return what the suite said of each leaf that did not pass, a line each."""
        unhappy = (leaf for leaf in self.leaves if leaf.status != "passed")
        return "\n".join(f"{leaf.status}: {leaf.name}: {leaf.reason}" for leaf in unhappy)


def run_main_suite(product: Product, shell: Shell, repository: str, version: str, *, sparse: bool = False) -> Report:
    """Run the suite of the specification's main branch."""
    shell.environment |= {
        "OCI_REGISTRY": product.registry,
        "OCI_TLS": "disabled",
        "OCI_REPO1": f"{repository}/one",
        "OCI_REPO2": f"{repository}/two",
        "OCI_USERNAME": product.administrator.username,
        "OCI_PASSWORD": product.administrator.password,
        "OCI_CACHE_AUTH": "true",
        "OCI_VERSION": version,
        "OCI_DATA_SPARSE": str(sparse).lower(),
        "OCI_RESULTS_DIR": str(shell.home / "results"),
        **NEWER_SWITCHES,
    }
    done = shell.attempt("conformance", seconds=SUITE_SECONDS)
    results = shell.home / "results" / "results.yaml"
    assert results.exists(), f"the suite wrote no results:\n{_tail(done)}"
    content = yaml.safe_load(results.read_text())
    parts = {**content["apis"], **content["data"]}
    return _report(shell.home / "results" / "junit.xml", MAIN_LEAVES, parts, done)


def run_ginkgo_suite(product: Product, shell: Shell, repository: str, crossmount: str) -> Report:
    """Run the suite of the specification's version 1.1, all four workflows."""
    shell.environment |= {
        "OCI_ROOT_URL": f"http://{product.registry}",
        "OCI_NAMESPACE": f"{repository}/one",
        "OCI_CROSSMOUNT_NAMESPACE": f"{repository}/two",
        "OCI_AUTOMATIC_CROSSMOUNT": crossmount,
        "OCI_USERNAME": product.administrator.username,
        "OCI_PASSWORD": product.administrator.password,
        "OCI_REPORT_DIR": str(shell.home),
        **WORKFLOWS,
    }
    done = shell.attempt("conformance-1.1.test", seconds=SUITE_SECONDS)
    return _report(shell.home / "junit.xml", GINKGO_LEAVES, {}, done)


def _report(junit: Path, least: int, parts: dict[str, str], done: subprocess.CompletedProcess[str]) -> Report:
    assert junit.exists(), f"the suite wrote no report:\n{_tail(done)}"
    # The file is of a suite that these tests have just run.
    cases = ET.parse(junit).iter("testcase")  # noqa: S314
    leaves = [_leaf(case) for case in cases if _is_leaf(case.get("name", ""))]
    assert len(leaves) >= least, f"only {len(leaves)} leaves: is the suite set up?\n{_tail(done)}"
    return Report(leaves, parts)


def _is_leaf(name: str) -> bool:
    # Ginkgo reports its own set-up too: "[ReportAfterSuite] ...".
    return not name.startswith("[") or name.startswith("[It]")


def _leaf(case: ET.Element) -> Leaf:
    failure = case.find("failure")
    said = case.findtext("system-out", "") if failure is None else failure.get("message", "")
    reason = " ".join(said.split())[:REASON_LENGTH]
    name = case.get("name", "").removeprefix("[It] OCI Distribution Conformance Tests ")
    return Leaf(name.removeprefix("OCI Conformance Test/"), case.get("status", "unknown"), reason)


def _tail(done: subprocess.CompletedProcess[str]) -> str:
    return f"{done.stdout}\n{done.stderr}"[-6000:]
