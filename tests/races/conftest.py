import pytest
from tests.races.steps import Inline

from moorage.operations import assembly, images, manifests, push


@pytest.fixture
def repeatable(monkeypatch):
    """Take out what makes two runs differ: threads for parts, and pauses after a lost race."""
    monkeypatch.setattr(assembly, "ThreadPoolExecutor", Inline)
    for module in (images, manifests, push):
        monkeypatch.setattr(module, "pause", lambda stores, attempt: None)


@pytest.fixture
def small_parts(monkeypatch):
    """Let parts be so small that a blob of 80 KiB has some."""
    monkeypatch.setattr(assembly, "part_size", lambda number: 30 * 1024)
