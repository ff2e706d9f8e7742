"""GET /v2/_catalog: what the caller may see."""

from urllib.parse import quote

import pytest
from tests.routes.registry import CATALOG, pages

PUBLIC = [f"acme/public{number}" for number in range(3)]
PRIVATE = [f"acme/private{number}" for number in range(3)]


@pytest.fixture
def filled(registry):
    for name in PRIVATE:
        registry.repository(name)
    for name in PUBLIC:
        registry.repository(name, public=True)
    return registry


def catalog(registry, user, query=""):
    headers = [("Authorization", f"Bearer {registry.token(user, CATALOG)}")]
    return registry.send("GET", f"/v2/_catalog{query}", headers)


@pytest.mark.parametrize("user", ["reader", "writer", "administrator"])
def test_users_see_all_names_in_byte_order(filled, user):
    answer = catalog(filled, user)

    assert (200, "application/json") == (answer.status, answer.headers["content-type"])
    assert {"repositories": [*PRIVATE, *PUBLIC]} == answer.json()


def test_somebody_without_rights_sees_what_is_public(filled):
    assert {"repositories": PUBLIC} == catalog(filled, "none").json()


def test_nobody_in_particular_has_to_log_in(filled):
    answer = catalog(filled, None)

    assert (401, ["UNAUTHORIZED"]) == answer.error
    assert b"log in" in answer.body


def test_without_a_token_there_is_a_challenge_for_the_catalog(registry):
    answer = registry.send("GET", "/v2/_catalog")

    assert (401, ["UNAUTHORIZED"]) == answer.error
    assert f'scope="{CATALOG}"' in answer.headers["www-authenticate"]


def test_a_token_that_was_not_asked_for_the_catalog_is_not_enough(registry):
    headers = [("Authorization", f"Bearer {registry.token('administrator', 'repository:acme/app:pull')}")]

    assert (401, ["UNAUTHORIZED"]) == registry.send("GET", "/v2/_catalog", headers).error


def test_an_empty_registry_has_an_empty_catalog(registry):
    assert {"repositories": []} == catalog(registry, "reader").json()


@pytest.mark.parametrize("n", [1, 2, 5, 6, 100])
@pytest.mark.parametrize(("user", "names"), [("reader", [*PRIVATE, *PUBLIC]), ("none", PUBLIC)])
def test_pages_together_are_the_whole(filled, user, names, n):
    """
    A page may be short when the caller may see few; the links end with the names.
    """
    found = pages(filled.client(user), f"/v2/_catalog?n={n}", "repositories")

    assert names == [name for page in found for name in page]
    assert max(map(len, found)) <= n


@pytest.mark.parametrize("last", ["", "acme/a", "acme/private0", "acme/public0"])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_link_tells_of_no_name_that_may_not_be_seen(filled, n, last):
    for name in ("acme/aaa", "acme/zzz"):
        filled.repository(name)
    left = [name for name in PUBLIC if name > last]

    answer = catalog(filled, "none", f"?n={n}&last={last}")

    assert left[:n] == answer.json()["repositories"]
    more = f'</v2/_catalog?n={n}&last={quote(left[n - 1], safe="")}>; rel="next"' if len(left) > n else None
    assert more == answer.headers.get("link")


def test_the_catalog_of_somebody_without_rights_goes_on_behind_many_names_that_are_not_shown(filled, monkeypatch):
    monkeypatch.setattr("v2_pull.catalog.SCANNED", 2)

    assert {"repositories": PUBLIC} == catalog(filled, "none").json()


def test_a_first_push_makes_a_repository_that_is_listed(registry):
    registry.client("writer", "acme/new").push_image()

    assert ["acme/new"] == catalog(registry, "reader").json()["repositories"]


def test_a_repository_is_not_made_where_that_is_switched_off(make_registry):
    registry = make_registry(create_on_push=False)
    answer = registry.client(name="acme/new").post("blobs/uploads/")

    assert (404, ["NAME_UNKNOWN"]) == answer.error
    assert "administrator" in answer.json()["errors"][0]["message"]
    assert [] == catalog(registry, "reader").json()["repositories"]
