"""The same request again, one after another and at once: who may, what is answered, and when its token is over."""

from functools import partial

import pytest
from tests.cloud.images.docker import Docker, image_of, repository
from tests.cloud.images.test_signatures import SIGNATURES, details
from tests.cloud.plane import refusal

from moorage.domain.digest import Digest
from moorage.stores.base import DirectoryLimits

REPOSITORIES = "/container/repositories"
ABSENT = (404, "NotAuthorizedOrNotFound")
OVER = (409, "InvalidatedRetryToken")
CONFLICT = (409, "Conflict")
STALE = (412, "NoEtagMatch")
TOKEN = {"opc-retry-token": "once"}
LAYER = b"layer"


@pytest.fixture
def bob(plane):
    """A user in the group `makers`, whom no policy grants anything yet."""
    plane.as_()  # with an API key, before docker makes one without
    plane.user("bob", ["makers"])
    return plane.as_("bob")


def grant(plane, verb, compartment=None):
    """Let `makers` do something in a compartment, or everywhere; return what ends that."""
    where = f"compartment {plane.tenancy.compartments[compartment].name}" if compartment else "tenancy"
    policy = plane.policy(f"Allow group makers to {verb} in {where}")
    return lambda: plane.as_().delete(f"/policies/{policy}")


def create(caller, headers=TOKEN, compartment=None, **body):
    where = compartment or caller.plane.tenancy_id
    return caller.post(REPOSITORIES, {"compartmentId": where, "displayName": "app", **body}, headers)


def move(caller, made, compartment, headers=TOKEN):
    path = f"{REPOSITORIES}/{made['id']}/actions/changeCompartment"
    return caller.post(path, {"compartmentId": compartment}, headers)


def where(plane, made):
    return plane.as_().get(f"{REPOSITORIES}/{made['id']}").json()["compartmentId"]


# Who may.


def test_a_creation_again_is_for_those_who_may_create(plane, bob):
    end = grant(plane, "manage repos")
    made = create(bob).json()
    end()

    assert ABSENT == refusal(bob.get(f"{REPOSITORIES}/{made['id']}"))
    assert ABSENT == refusal(create(bob))
    assert ABSENT == refusal(create(bob, displayName="other"))


def test_a_creation_again_tells_what_it_told_the_first_time(plane, bob):
    """
    One who may create and not read hears nothing of what others have pushed since.
    """
    grant(plane, "{REPOSITORY_CREATE}")
    first = create(bob)
    Docker(plane).push("1.0", LAYER)
    again = create(bob)

    assert 1 == plane.as_().get(f"{REPOSITORIES}/{first.json()['id']}").json()["imageCount"]
    assert (200, first.json(), first.headers["etag"]) == (again.status, again.json(), again.headers["etag"])


def test_a_move_again_is_for_those_who_may_move_or_could_have_put_it_there(plane, bob):
    source, target = plane.compartment("c1"), plane.compartment("c2")
    ends = [grant(plane, "manage repos", source), grant(plane, "{REPOSITORY_CREATE}", target)]
    made = repository(plane, compartment=source)

    assert [204, 204] == [move(bob, made, target).status for _ in range(2)]
    ends[1]()
    assert ABSENT == refusal(move(bob, made, target))
    grant(plane, "manage repos", target)
    assert 204 == move(bob, made, target).status


def test_a_move_again_tells_nothing_of_a_repository_that_is_out_of_reach(plane, bob):
    """
    It is moved on to where the caller has no rights; what is left of them says nothing.
    """
    source, target, hidden = (plane.compartment(name) for name in ("c1", "c2", "c3"))
    for compartment in (source, target):
        grant(plane, "manage repos", compartment)
    made = repository(plane, compartment=source)

    assert 204 == move(bob, made, target).status
    assert 204 == move(plane.as_(), made, hidden, {}).status
    assert ABSENT == refusal(move(bob, made, target))


def test_a_token_of_another_request_tells_no_repository_from_none(plane, bob):
    target = plane.compartment("c2")
    grant(plane, "{REPOSITORY_CREATE}", target)
    assert 200 == create(bob, compartment=target).status
    made = repository(plane, "theirs", target)
    image = image_of(plane, Docker(plane, "theirs").push("1.0", LAYER), compartmentIdInSubtree=True)
    remove = f"/container/images/{image['id']}/actions/removeVersion"

    assert ABSENT == refusal(move(bob, made, target))
    assert ABSENT == refusal(move(bob, {"id": f"{made['id'][:-4]}zzzz"}, target))
    assert ABSENT == refusal(bob.post(remove, {"version": "1.0"}, TOKEN))
    assert OVER == refusal(create(bob, compartment=target, displayName="other"))
    grant(plane, "manage repos", target)
    assert OVER == refusal(move(bob, made, target))


def test_a_signature_again_is_for_those_who_may_sign(plane, bob):
    repository(plane)
    image = image_of(plane, Docker(plane).push("1.0", LAYER))
    end = grant(plane, "manage repos")
    assert 200 == bob.post(SIGNATURES, details(image), TOKEN).status
    end()

    refused = bob.post(SIGNATURES, details(image), TOKEN)

    assert (400, "RelatedResourceNotAuthorizedOrNotFound") == refusal(refused)


# What is answered.


def test_a_move_again_is_over_when_the_repository_was_moved_on(plane):
    first, second, made = plane.compartment("c1"), plane.compartment("c2"), repository(plane)

    assert [204, 204] == [move(plane.as_(), made, first).status for _ in range(2)]
    assert 204 == move(plane.as_(), made, second, {}).status
    assert OVER == refusal(move(plane.as_(), made, first))
    assert second == where(plane, made)


def test_a_move_again_is_over_when_the_repository_was_deleted(plane):
    target, made = plane.compartment("c1"), repository(plane)

    assert 204 == move(plane.as_(), made, target).status
    plane.as_().delete(f"{REPOSITORIES}/{made['id']}")
    assert OVER == refusal(move(plane.as_(), made, target))


def test_a_move_to_where_it_is_is_remembered(plane):
    """
    It moves nothing when it comes once more after the repository has gone elsewhere.
    """
    target, made = plane.compartment("c1"), repository(plane)

    assert [204, 204] == [move(plane.as_(), made, plane.tenancy_id).status for _ in range(2)]
    assert 204 == move(plane.as_(), made, target, {}).status
    assert OVER == refusal(move(plane.as_(), made, plane.tenancy_id))
    assert target == where(plane, made)


def test_a_signature_again_is_answered_whatever_became_of_the_image(plane):
    repository(plane)
    docker = Docker(plane)
    image = image_of(plane, docker.push("1.0", LAYER))
    path, caller = f"/container/images/{image['id']}", plane.as_()
    sign = partial(caller.post, SIGNATURES, details(image), TOKEN | {"if-match": caller.get(path).headers["etag"]})
    first = sign()
    docker.expect(201, docker.retag("2.0", LAYER))
    again = sign()

    assert (200, 200, first.json()) == (first.status, again.status, again.json())
    caller.delete(path)
    assert OVER == refusal(sign())


# At once.


@pytest.fixture
def overtake(monkeypatch):
    """Return what sends a request twice, the second of which has looked for the token before the first was done."""

    def twice(plane, send):
        directory = plane.stores.directory
        looked = []

        def remembered(*token):
            looked.append(token)
            return None if len(looked) == 1 else found(*token)

        first = send()
        found = directory.remembered
        with monkeypatch.context() as patch:
            patch.setattr(directory, "remembered", remembered)
            return first, send()

    return twice


@pytest.fixture
def read_before(monkeypatch):
    """Return what makes the next `get` of a store answer what was there before."""

    def reading(store, *key):
        read, before = store.get, [store.get(*key)]
        return lambda: monkeypatch.setattr(store, "get", lambda *of: before.pop() if before else read(*of))

    return reading


@pytest.mark.parametrize("limit", [1, 10])
def test_a_creation_that_is_overtaken_by_itself_is_answered(make_plane, overtake, limit):
    plane = make_plane(repositories=limit)
    first, second = overtake(plane, lambda: create(plane.as_()))

    assert (200, 200) == (first.status, second.status)
    assert first.json() == second.json()


def test_what_fills_a_limit_and_is_overtaken_by_itself_is_answered(make_plane, overtake):
    plane = make_plane(directory=DirectoryLimits(groups=2))
    group = {"compartmentId": plane.tenancy_id, "name": "second", "description": "beside the administrators"}
    first, second = overtake(plane, lambda: plane.as_().post("/groups", group, TOKEN))

    assert (200, 200, first.json()) == (first.status, second.status, second.json())


@pytest.mark.parametrize("headers", [TOKEN, TOKEN | {"if-match": "1"}], ids=["plain", "if-match"])
def test_a_move_that_is_overtaken_by_itself_is_answered(plane, bob, overtake, headers):
    """
    Also when what overtakes takes the repository out of the mover's hands.
    """
    source, target = plane.compartment("c1"), plane.compartment("c2")
    grant(plane, "manage repos", source)
    grant(plane, "{REPOSITORY_CREATE}", target)
    made, other = repository(plane, compartment=source), repository(plane, "other", source)

    both = overtake(plane, lambda: move(bob, made, target, headers))
    admins = overtake(plane, lambda: move(plane.as_(), other, target, headers))

    assert [204] * 4 == [answer.status for answer in (*both, *admins)]


@pytest.mark.parametrize("act", ["removeVersion", "restore"])
@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "if-match"])
def test_an_action_on_an_image_that_is_overtaken_by_itself_is_answered(plane, overtake, act, conditional):
    repository(plane)
    path, caller = f"/container/images/{image_of(plane, Docker(plane).push('1.0', LAYER))['id']}", plane.as_()
    if act == "restore":
        caller.delete(path)
    headers = TOKEN | ({"if-match": caller.get(path).headers["etag"]} if conditional else {})

    first, second = overtake(plane, lambda: caller.post(f"{path}/actions/{act}", {"version": "1.0"}, headers))

    assert (200, 200, first.json()) == (first.status, second.status, second.json())


@pytest.mark.parametrize("act", ["removeVersion", "restore"])
def test_an_action_that_was_done_after_its_image_was_read_is_answered(plane, read_before, act):
    repository(plane)
    docker = Docker(plane)
    digest = docker.push("1.0", LAYER)
    path, caller = f"/container/images/{image_of(plane, digest)['id']}", plane.as_()
    if act == "restore":
        caller.delete(path)
    again = read_before(plane.stores.images, docker.repository.id, Digest.parse(digest))

    first = caller.post(f"{path}/actions/{act}", {"version": "1.0"}, TOKEN)
    again()
    second = caller.post(f"{path}/actions/{act}", {"version": "1.0"}, TOKEN)

    assert (200, 200, first.json()) == (first.status, second.status, second.json())


def test_a_move_that_was_done_after_its_repository_was_read_is_answered(plane, read_before):
    target, made = plane.compartment("c1"), repository(plane)
    again = read_before(plane.stores.repositories, Docker(plane).repository.id)

    first = move(plane.as_(), made, target)
    again()

    assert [204, 204] == [first.status, move(plane.as_(), made, target).status]


def test_a_signature_that_is_overtaken_by_itself_is_answered(plane, overtake):
    repository(plane)
    image = image_of(plane, Docker(plane).push("1.0", LAYER))

    first, second = overtake(plane, lambda: plane.as_().post(SIGNATURES, details(image), TOKEN))

    assert (200, 200, first.json()) == (first.status, second.status, second.json())


def test_many_removals_of_a_version_at_once_are_one(plane):
    repository(plane)
    path, caller = f"/container/images/{image_of(plane, Docker(plane).push('1.0', LAYER))['id']}", plane.as_()
    headers = TOKEN | {"if-match": caller.get(path).headers["etag"]}
    request = caller.request("POST", f"{path}/actions/removeVersion", {"version": "1.0"}, headers)

    answers = caller.all_at_once(*[request] * 6)

    assert [200] * 6 == [answer.status for answer in answers]


def test_without_a_token_what_is_overtaken_is_refused(plane):
    repository(plane)
    path, caller = f"/container/images/{image_of(plane, Docker(plane).push('1.0', LAYER))['id']}", plane.as_()
    remove = partial(caller.post, f"{path}/actions/removeVersion", {"version": "1.0"})

    assert 200 == remove().status
    assert ABSENT == refusal(remove())


@pytest.mark.parametrize("conditional", [False, True], ids=["plain", "if-match"])
def test_a_delete_of_an_image_that_is_overtaken_is_refused_as_the_second_is(plane, read_before, conditional):
    repository(plane)
    docker = Docker(plane)
    digest = docker.push("1.0", LAYER)
    path, caller = f"/container/images/{image_of(plane, digest)['id']}", plane.as_()
    headers = {"if-match": caller.get(path).headers["etag"]} if conditional else {}
    again = read_before(plane.stores.images, docker.repository.id, Digest.parse(digest))

    assert 204 == caller.delete(path, headers).status
    second = caller.delete(path, headers)
    again()
    overtaken = caller.delete(path, headers)

    assert (STALE if conditional else CONFLICT) == refusal(second) == refusal(overtaken)
