"""Endpoints as users write them: some SDKs double the slash that one ends with, and sign what they send."""

import pytest
from tests.cloud.plane import Plane
from tests.contract.backends import MemoryBackend
from tests.factories import limits
from tests.routes.registry import Registry


@pytest.fixture
def here(runner):
    """A registry without a gateway, which may do with such a path what it likes."""
    return Plane(Registry(MemoryBackend(limits(namespace="acme")), runner))


@pytest.mark.parametrize("target", ["//n", "//20160918/regions"])
def test_an_endpoint_that_ends_with_a_slash_is_as_good(here, target):
    signed = here.as_().request("GET", target)

    assert 200 == here.registry.send("GET", target, [pair for pair in signed.headers if pair[0] != "host"]).status


def test_a_doubled_slash_is_nothing_to_the_other_plane(here):
    assert 404 == here.registry.send("GET", "//v2/").status
