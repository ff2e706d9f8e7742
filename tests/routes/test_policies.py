"""Policies on the data plane: everybody x everything, in a repository of a compartment, private and public."""

import pytest
from tests.people import PUSHES
from tests.routes.registry import ALL, CATALOG

from moorage.domain.digest import Digest

BLOB = b"a blob to mount"
NAMED = "manage repos in tenancy where target.repo.name = 'app'"
ELSE = "manage repos in tenancy where target.repo.name != 'app'"

# What a policy of the root lets the caller's group; the repository is `app` in the compartment `here`.
GRANTS = {
    "no policy": None,
    "inspect": "inspect repos in compartment here",
    "read": "read repos in compartment here",
    "use": "use repos in compartment here",
    "manage": "manage repos in compartment here",
    "other compartment": "manage repos in compartment there",
    "compartment below": "manage repos in compartment here:below",
    "inspect all": "inspect repos in tenancy",
    "read all": "read repos in tenancy",
    "push-set": PUSHES,
    "named": NAMED,
    "other name": ELSE,
    "this region": "manage repos in tenancy where request.region = 'FRA'",
    "other regions": "manage repos in tenancy where request.region != 'FRA'",
    "administrator": "manage all-resources in tenancy",
}
COLUMNS = ("pull", "push", "delete", "mount", "push new", "catalog")
UP = (200, 202, 202, 201, 404, "public")  # whoever may do everything in the repository, and nothing beside it
HIDDEN = (404, 404, 404, 202, 404, "public")
SEEN = (200, 403, 403, 201, 404, "public")
PRIVATE = {
    "anonymous": (401, 401, 401, 401, 401, 401),
    "no policy": HIDDEN,
    "inspect": HIDDEN,
    "read": SEEN,
    "use": SEEN,
    "manage": UP,
    "other compartment": HIDDEN,
    "compartment below": HIDDEN,
    "inspect all": (*HIDDEN[:5], "all"),
    "read all": (*SEEN[:4], 403, "all"),
    "push-set": (*UP[:4], 202, "all"),
    "named": UP,
    "other name": (*HIDDEN[:4], 202, "public"),
    "this region": (*UP[:4], 202, "all"),
    "other regions": HIDDEN,
    "administrator": (*UP[:4], 202, "all"),
}
# Everybody sees and pulls what is public.
PUBLIC = {
    caller: (200, *({404: 403}.get(status, status) for status in row[1:3]), {202: 201}.get(row[3], row[3]), *row[4:])
    for caller, row in PRIVATE.items()
}


@pytest.fixture(params=["private", "public"])
def place(request, registry):
    """A registry with groups that may different things, and a compartment where every user may do everything."""
    people = registry.people
    here, _ = people.compartment("here"), people.compartment("there")
    people.compartment("below", here)
    own = people.compartment("own")
    people.policy("Own", "Allow any-user to manage repos in compartment own")
    registry.repository("acme/target", compartment_id=own)
    registry.repository("acme/app", compartment_id=here, public=request.param == "public")
    registry.repository("acme/known", public=True)
    client = registry.client("administrator")
    client.push_blob(BLOB)
    data, _ = client.push_image()
    for number, (caller, grant) in enumerate(GRANTS.items()):
        client.push_manifest(f"tag{number}", data)
        people.user(f"user{number}", people.group(caller.replace(" ", "-"), *filter(None, [grant])))
    return registry, request.param == "public"


def answers(registry, user, number):
    """Return what somebody is answered to everything."""
    scopes = [f"repository:acme/{name}:{ALL}" for name in ("app", "target", f"new{number}")]
    headers = [("Authorization", f"Bearer {registry.token(user, *scopes, CATALOG)}")]
    mount = f"/v2/acme/target/blobs/uploads/?mount={Digest.of(BLOB)}&from=acme/app"
    asked = [
        ("GET", "/v2/acme/app/manifests/latest"),
        ("POST", "/v2/acme/app/blobs/uploads/"),
        ("DELETE", f"/v2/acme/app/manifests/tag{number}"),
        ("POST", mount),
        ("POST", f"/v2/acme/new{number}/blobs/uploads/"),
    ]
    statuses = [registry.send(method, target, headers).status for method, target in asked]
    listed = registry.send("GET", "/v2/_catalog", headers)
    if listed.status != 200:
        return (*statuses, listed.status)
    return (*statuses, "all" if "acme/target" in listed.json()["repositories"] else "public")


def test_what_policies_let_everybody_do(place):
    """
    Whoever may not see the repository is answered as if it were not there.
    """
    registry, public = place
    found = {"anonymous": answers(registry, None, 0)}
    for number, caller in enumerate(GRANTS):
        found[caller] = answers(registry, f"user{number}", number)
        registry.people.remove(f"user{number}")

    expected = PUBLIC if public else PRIVATE
    assert {caller: dict(zip(COLUMNS, row, strict=True)) for caller, row in expected.items()} == {
        caller: dict(zip(COLUMNS, row, strict=True)) for caller, row in found.items()
    }


def test_a_repository_that_was_not_there_is_judged_anew_where_it_was_made(registry):
    """
    A token for it was judged as if it were in the root; where it is, other policies may decide.
    """
    people = registry.people
    there = people.compartment("there")
    condition = f"where target.compartment.id != '{there}'"
    people.user("somebody", people.group("Some", f"manage repos in tenancy {condition}"))
    client = registry.client("somebody", "acme/late")
    assert 404 == client.get("tags/list").status
    registry.repository("acme/late", compartment_id=there)

    assert [401, 401] == [client.get("tags/list").status, client.post("blobs/uploads/").status]
    assert [404, 404] == [client.renew().get("tags/list").status, client.post("blobs/uploads/").status]


def test_a_repository_that_is_not_there_and_one_that_is_hidden_are_the_same(registry):
    """
    Status, code and message.
    """
    people = registry.people
    registry.repository("acme/hidden", compartment_id=people.compartment("there"))
    people.user("somebody", people.group("Some", "manage repos in tenancy where target.compartment.name = 'acme'"))
    for user in ("none", "somebody"):
        answered = [registry.client(user, f"acme/{name}").get("tags/list") for name in ("hidden", "absent")]

        assert [404, 404] == [answer.status for answer in answered]
        assert answered[0].body.replace(b"hidden", b"absent") == answered[1].body
