"""What registries are asked through, and what cannot be so behind a gateway."""

from fnmatch import fnmatchcase

import pytest
from tests.routes.registry import behind_a_gateway, directly

FRONTS = {"direct": directly, "gateway": behind_a_gateway}

WHOLE_BODIES = "the gateway takes a body as a whole before it calls anything, and none that no event has room for"
OWN_ANSWERS = "the gateway answers what the template does not route, and whoever has no token"

# Tests that fail behind a gateway, each for a reason that lies in gateways. They are run there all the same: one that
# came to pass would have no place here, and fails as such.
NOT_BEHIND_A_GATEWAY = {
    "test_uploads.py::test_a_stream_of_any_size_in_one_request[*]": WHOLE_BODIES,
    "test_uploads.py::test_a_put_of_any_size_in_one_request[*]": WHOLE_BODIES,
    "test_uploads.py::test_a_client_that_goes_away_can_go_on_where_it_was[*]": WHOLE_BODIES,
    "test_uploads.py::test_a_token_that_ends_during_an_upload_does_not_end_the_upload[*]": WHOLE_BODIES,
    "test_limits.py::test_a_manifest_has_a_limit_of_its_own[*]": WHOLE_BODIES,
    "test_base.py::test_a_path_that_is_there_tells_which_methods_it_takes[*-base]": OWN_ANSWERS,
    "test_base.py::test_methods_of_other_protocols_are_refused[*]": OWN_ANSWERS,
    "test_errors.py::test_every_request_has_an_id_of_its_own_and_one_line[*]": OWN_ANSWERS,
    "test_catalog.py::test_without_a_token_there_is_a_challenge_for_the_catalog[*]": "its challenge names no scope",
    "test_base.py::test_a_host_that_cannot_be_changes_nothing[*-localhost:x]": "it takes no Host but its own domain",
}


def fits_no_gateway(item):
    """Return why a test that is behind the gateway cannot pass there, None for one that does."""
    name = f"{item.path.name}::{item.name}"
    return next((reason for pattern, reason in NOT_BEHIND_A_GATEWAY.items() if _matches(name, pattern)), None)


def expect(items):
    """Behind the gateway is memory alone; return the tests to run, with what is expected of them there."""
    kept = [item for item in items if not _repeated(item)]
    for item in kept:
        if _params(item).get("front") == "gateway" and (reason := fits_no_gateway(item)):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
    return kept


def _matches(name, pattern):
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _params(item):
    return item.callspec.params if hasattr(item, "callspec") else {}


def _repeated(item):
    """Whether a test is behind the gateway on storage that it is on without it."""
    params = _params(item)
    return params.get("front") == "gateway" and params.get("make_backend", "memory") != "memory"
