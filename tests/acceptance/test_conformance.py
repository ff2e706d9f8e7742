"""The specification's conformance suites: everything passes, nothing is left out."""

import pytest

from .conformance import Tell, run_ginkgo_suite, run_main_suite
from .product import Product
from .shell import Shell

READ_ONLY_SETUPS = [
    "Content Discovery Setup Populate registry with test tags (no push)",
    "Pull Setup Get tag name from environment",
]
MOUNT = "Push Cross-Repository Blob Mount Cross-mounting"
REFUSED_MOUNT = f"{MOUNT} of nonexistent blob should yield session id"
FINDS_BLOBS = f"{MOUNT} without from, and automatic content discovery enabled should return a 201"
FINDS_NONE = f"{MOUNT} without from, and automatic content discovery disabled should return a 202"


@pytest.mark.parametrize("version", ["stable", "dev"])
def test_main_suite(product: Product, shell: Shell, tell: Tell, version: str) -> None:
    """Every leaf passes; of the parts, only the sparse images are not asked for."""
    report = run_main_suite(product, shell, f"{product.namespace}/conformance/{version}", version)

    tell(report)
    assert report.failed + report.skipped == [], report.complaints
    assert {part: state for part, state in report.parts.items() if state != "Pass"} == {"Sparse Manifests": "Disabled"}


def test_main_suite_with_sparse_images(sparse_product: Product, shell: Shell, tell: Tell) -> None:
    """A registry that is set to take images with missing layers passes everything."""
    repository = f"{sparse_product.namespace}/conformance/sparse"

    report = run_main_suite(sparse_product, shell, repository, "dev", sparse=True)

    tell(report)
    assert report.failed + report.skipped == [], report.complaints
    assert {part: state for part, state in report.parts.items() if state != "Pass"} == {}


def test_ginkgo_suite_where_mounts_find_blobs(product: Product, shell: Shell, tell: Tell) -> None:
    """All four workflows pass; skipped are what read-only registries set up, and what asks for the other setting."""
    report = run_ginkgo_suite(product, shell, f"{product.namespace}/conformance/ginkgo-1", "1")

    tell(report)
    assert report.failed == [], report.complaints
    assert sorted([*READ_ONLY_SETUPS, REFUSED_MOUNT, FINDS_NONE]) == report.skipped


def test_ginkgo_suite_where_mounts_look_nowhere(literal_product: Product, shell: Shell, tell: Tell) -> None:
    """The other setting of the suite describes the opposite registry: ours, with MOORAGE_AUTOMATIC_MOUNT=false."""
    report = run_ginkgo_suite(literal_product, shell, f"{literal_product.namespace}/conformance/ginkgo-0", "0")

    tell(report)
    assert report.failed == [], report.complaints
    assert sorted([*READ_ONLY_SETUPS, REFUSED_MOUNT, FINDS_BLOBS]) == report.skipped
